// catalog check and backup, and a catalog that got lost.
#include <fstream>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/in_child.hpp"
#include "flow/lives.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::first_of;
using test::Host;
using test::knowledge;
using test::Lives;
using test::names_in;
using test::remove_catalog;
using test::well;

TEST_CASE("catalog check finds what is missing, changed and unknown", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    CHECK(well(host, {"catalog", "check"}).out == "the catalog is sound, and the disk is as it says\n");
    const std::string before = test::listing(host.state());
    std::string finding;

    SECTION("a configuration that is gone") {
        std::filesystem::remove_all(lives.jail().jail_directory() / "config/1");
        finding = "jail web: the configuration of generation 1 is not on disk";
    }
    SECTION("data that are gone") {
        std::filesystem::remove_all(lives.jail().jail_directory() / "data");
        finding = "jail web: its data are not on disk";
    }
    SECTION("an image that is gone") {
        std::filesystem::remove_all(first_of(host.state() / "images"));
        finding = ": is not on disk";
    }
    SECTION("a changed file of an image") {
        std::ofstream(first_of(host.state() / "images") + "/tree/share/added") << "x";
        finding = "/tree/share/added: ";
    }
    SECTION("an image that nobody knows") {
        std::filesystem::create_directory(host.state() / "images/unknown");
        finding = "image unknown is on disk and not in the catalog";
    }
    SECTION("a directory with a name that no jail can have") {
        std::filesystem::create_directory(host.state() / "jails/two\nlines");
        finding = "lines is on disk and not in the catalog";
    }
    SECTION("jail.json of another opinion") {
        const auto record = lives.jail().jail_directory() / "jail.json";
        std::ofstream(record) << "{}";
        finding = "tells something else than the catalog";
    }
    SECTION("a snapshot without its data") {
        std::filesystem::remove_all(first_of(host.state() / "snapshots") + "/data");
        finding = "snapshot one of jail web: its data is not on disk";
    }

    const CommandResult result = host.run({"catalog", "check"});

    CHECK(test::listing(host.state()) != before);
    INFO(result.out << result.err);
    CHECK(result.status == 2);
    CHECK_THAT(result.out, ContainsSubstring(finding));
    const auto json = host.run({"catalog", "check", "--json"});
    CHECK(json.status == 2);
    CHECK(json.json()["findings"].size() >= 1);
}

TEST_CASE("a backup is one whole file and replaces none unasked", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    const test::TempDir elsewhere;
    const auto file = elsewhere / "catalog.backup";
    const std::string known = knowledge(host);

    well(host, {"catalog", "backup", file.string()});

    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(names_in(elsewhere.path()) == "catalog.backup");
    const CommandResult again = host.run({"catalog", "backup", file.string()});
    CHECK(again.status == 6);
    CHECK_THAT(again.err, ContainsSubstring("--force"));
    CHECK(host.run({"-n", "catalog", "backup", file.string()}).status == 6);
    well(host, {"-n", "catalog", "backup", file.string(), "--force"});
    CHECK_THAT(well(host, {"-n", "catalog", "backup", (elsewhere / "other").string()}).out,
               ContainsSubstring("other would be written\n"));
    CHECK(names_in(elsewhere.path()) == "catalog.backup");
    well(host, {"catalog", "backup", file.string(), "--force"});
    CHECK(names_in(elsewhere.path()) == "catalog.backup");
    CHECK(host.run({"catalog", "backup", (elsewhere / "none/there").string()}).status == 5);
    CHECK(host.run({"catalog", "backup"}).status == 64);
    remove_catalog(host);
    CHECK(host.run({"-n", "catalog", "backup", (elsewhere / "other").string()}).status == 65);
    std::filesystem::copy_file(file, host.state() / "catalog.sqlite");
    CHECK(knowledge(host) == known);
    test::check_sound(host);
}

TEST_CASE("a backup killed or failing leaves the file that was there", "[flow][catalog][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const test::TempDir elsewhere;
    const auto file = elsewhere / "catalog.backup";
    test::write_bytes(file, "an older one");

    for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"})
        CHECK(
            host.run({"catalog", "backup", file.string(), "--force"}, {{variable, "backup.copied"}}).status !=
            0);

    CHECK(test::read_bytes(file) == "an older one");
    well(host, {"catalog", "backup", file.string(), "--force"});
    CHECK(test::read_bytes(file).starts_with("SQLite format 3"));
}

TEST_CASE("a catalog that got lost is not made anew beside others at work", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    const store::Layout layout(host.state());
    const std::string before = names_in(layout.jails()) + names_in(layout.images());
    remove_catalog(host);
    {
        const auto held = base::Lock::try_take(layout.store_lock(), base::LockMode::shared, "install");
        REQUIRE(held);

        const CommandResult result = host.run({"update"});

        CHECK(result.status == 65);
        CHECK_THAT(result.err, ContainsSubstring("hint: pkgjail catalog rebuild"));
        CHECK_FALSE(std::filesystem::exists(layout.catalog()));
    }
    CHECK(host.run({"update"}).status == 65); // an empty one would have had everything swept
    CHECK(names_in(layout.jails()) + names_in(layout.images()) == before);
    well(host, {"catalog", "rebuild"});
}

TEST_CASE("a catalog that got lost is no empty host for a command that only reads", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    const store::Layout layout(host.state());
    remove_catalog(host);
    if (GENERATE(false, true))
        test::write_bytes(layout.catalog(), "");

    const std::vector<std::vector<std::string>> reading{{"list"},
                                                        {"status"},
                                                        {"verify"},
                                                        {"metrics"},
                                                        {"history", "web"},
                                                        {"gc", "-n"},
                                                        {"start", "--wanted"},
                                                        {"catalog", "check"},
                                                        {"install", "-n", "extra"}};
    for (const std::vector<std::string>& command : reading) {
        INFO(command.front());
        const CommandResult result = host.run(command);
        CHECK(result.status == 65);
        CHECK(result.out.empty());
        CHECK_THAT(result.err, ContainsSubstring("is missing or empty, but there are images, jails"));
        CHECK_THAT(result.err, ContainsSubstring("hint: pkgjail catalog rebuild"));
    }
    const CommandResult doctor = host.run({"doctor", "--json"});
    CHECK(doctor.status == 2);
    bool is_told = false;
    const nlohmann::json found = doctor.json();
    for (const auto& finding : found["findings"])
        is_told = is_told || (finding["subject"] == "catalog" && finding["verdict"] == "BAD");
    CHECK(is_told);

    well(host, {"catalog", "rebuild"});
    CHECK_THAT(well(host, {"list"}).out, ContainsSubstring("web"));
}

TEST_CASE("only data that destroy kept, and no catalog, is an empty host", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    const store::Layout layout(host.state());
    well(host, {"drop", "web", "one", "--yes"});
    well(host, {"destroy", "web", "other", "--yes"});
    well(host, {"volume", "destroy", "shared", "--yes"});
    well(host, {"gc"});
    REQUIRE(names_in(layout.jails()) != "");
    remove_catalog(host);

    CHECK_THAT(well(host, {"status"}).out, ContainsSubstring("no jails"));
}

TEST_CASE("a jail's directory that cannot be read keeps no command from its work", "[flow][catalog]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto jail = lives.jail().jail_directory();
    // What is swept before it comes to that jail is told all the same.
    std::filesystem::create_directory(host.state() / "jails/new-cut");
    const auto give_to = [&](uid_t user) {
        REQUIRE(::lchown(host.state().c_str(), user, user) == 0);
        for (const auto& entry : std::filesystem::recursive_directory_iterator(host.state()))
            REQUIRE(::lchown(entry.path().c_str(), user, user) == 0);
    };
    const bool is_root = ::geteuid() == 0; // whom no mode stops
    if (is_root) {
        give_to(65534);
        std::filesystem::permissions(host.state().parent_path(), std::filesystem::perms(0755));
    }
    REQUIRE(::chmod(jail.c_str(), 0) == 0);

    const int status = test::status_of_child([&] {
        if (is_root && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 251;
        const CommandResult ran = host.run({"hold", "extra", "-j", "other"});
        test::write_bytes(host.state() / "told", ran.err);
        return ran.status;
    });

    REQUIRE(::chmod(jail.c_str(), 0755) == 0);
    const std::string told = test::read_bytes(host.state() / "told");
    std::filesystem::remove(host.state() / "told");
    if (is_root)
        give_to(0);
    INFO(told);
    CHECK(status == 0);
    CHECK_THAT(told, ContainsSubstring("half-made or half-removed jail new-cut"));
    CHECK_THAT(told, ContainsSubstring("jail web: "));
    CHECK(lives.jail().generations() == "1 2*");
    test::check_sound(host);
}
