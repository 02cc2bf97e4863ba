// catalog check, backup, rebuild; and destroy and rename cut at every step.
#include <algorithm>
#include <fstream>
#include <map>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/in_child.hpp"
#include "flow/keeping.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/old_catalog.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::KeptJail;
using test::names_in;
using test::well;

namespace {

/// Everything that a rebuilt catalog has to know again.
std::string knowledge(const Host& host) {
    std::string text;
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"list", "--json"},
                                               {"status", "--json"},
                                               {"history", "web", "--json"},
                                               {"snapshots", "--json"},
                                               {"limits", "other", "--json"},
                                               {"volume", "list", "--json"}})
        text += well(host, command).json().dump(1) + "\n";
    return text;
}

void remove_catalog(const Host& host) {
    test::remove_catalog(host.state() / "catalog.sqlite");
}

/// A jail with two generations and a snapshot, and a second jail.
class Lives {
  public:
    Lives() {
        jail_.upgrade("1.1");
        well(host(), {"snapshot", "web", "one"});
        well(host(), {"install", "extra", "-j", "other"});
        well(host(), {"hold", "extra", "-j", "other", "--reason", "not today"});
        well(host(), {"limits", "other", "memory=64M", "processes=7"});
        well(host(), {"volume", "attach", "other", "shared:/srv/data:ro"});
    }
    const Host& host() const { return jail_.host(); }
    const KeptJail& jail() const { return jail_; }

  private:
    KeptJail jail_;
};

/// The bytes of a catalog, and of what SQLite keeps beside it.
std::map<std::string, std::string> files_of(const std::filesystem::path& catalog) {
    std::map<std::string, std::string> bytes;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
        if (std::filesystem::exists(catalog.string() + suffix))
            bytes[suffix] = test::read_bytes(catalog.string() + suffix);
    return bytes;
}

std::string first_of(const std::filesystem::path& directory) {
    return std::filesystem::directory_iterator(directory)->path().string();
}

} // namespace

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

TEST_CASE("a catalog that is gone or damaged is made again from what lies there",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);

    SECTION("gone") {
        remove_catalog(host);
    }
    SECTION("damaged") {
        remove_catalog(host);
        test::write_bytes(host.state() / "catalog.sqlite", std::string(8192, 'x'));
    }
    SECTION("sound") {}
    SECTION("the file of shared memory left over") {
        std::filesystem::remove(host.state() / "catalog.sqlite");
    }

    CHECK(host.run({"catalog", "rebuild", "-n"}).status == 0);
    const CommandResult rebuilt = host.run({"catalog", "rebuild", "--json"});

    INFO(rebuilt.out << rebuilt.err);
    REQUIRE(rebuilt.status == 0);
    CHECK(rebuilt.json()["jails"] == 2);
    CHECK(rebuilt.json()["generations"] == 3);
    CHECK(rebuilt.json()["snapshots"] == 1);
    CHECK(knowledge(host) == known);
    test::check_sound(host);
    CHECK(host.run({"update"}).status == 0);
    CHECK(lives.jail().generations() == "1 2*");
    lives.jail().upgrade("1.2");
    CHECK(lives.jail().generations() == "1 2 3*");
    well(host, {"rollback", "web", "1"});
    well(host, {"restore", "web", "one", "--yes"});
    test::check_sound(host);
}

TEST_CASE("the old catalog is kept aside, whole", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);

    const std::string aside = well(host, {"catalog", "rebuild", "--json"}).json()["aside"];

    REQUIRE_FALSE(aside.empty());
    for (const char* suffix : {"", "-wal", "-shm"})
        if (std::filesystem::exists(aside + suffix)) {
            std::filesystem::remove(host.state().string() + "/catalog.sqlite" + suffix);
            std::filesystem::rename(aside + suffix, host.state().string() + "/catalog.sqlite" + suffix);
        }
    CHECK(knowledge(host) == known);
    CHECK(well(host, {"history", "web", "--json"}).json()["generations"].size() == 2);
}

TEST_CASE("what a rebuild puts aside is byte for byte what it found", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string file = (host.state() / "catalog.sqlite").string();
    const std::string known = knowledge(host);
    // Its frames are in the WAL alone, and its jail.json is a step behind.
    REQUIRE(host.run({"limits", "other", "processes=9"}, {{"PKGJAIL_STOP_AT", "limits.committed"}}).status ==
            128 + 9);
    REQUIRE(std::filesystem::file_size(file + "-wal") > 0);
    SECTION("sound") {}
    SECTION("without the file of shared memory") {
        std::filesystem::remove(file + "-shm");
    }
    SECTION("damaged in the WAL") {
        std::fstream bytes(file + "-wal", std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(0);
        bytes << std::string(64, '\xff');
    }
    SECTION("no database at all") {
        test::write_bytes(file, std::string(8192, 'x'));
    }
    SECTION("with a copy that a killed one has left") {
        REQUIRE(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.copied"}}).status == 128 + 9);
        REQUIRE(names_in(host.state()).find("new-catalog-copy.sqlite") != std::string::npos);
    }
    const auto found = files_of(file);

    well(host, {"-n", "catalog", "rebuild"});
    CHECK(files_of(file) == found);
    const std::string aside = well(host, {"catalog", "rebuild", "--json"}).json()["aside"];

    CHECK(files_of(aside) == found);
    CHECK(names_in(host.state()).find("new-") == std::string::npos);
    CHECK(knowledge(host) == known);
}

TEST_CASE("a catalog that another program writes to is not put aside", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const base::HostPath file = host.state() / "catalog.sqlite";
    {
        catalog::Database other(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
        SECTION("a transaction") {
            other.execute("BEGIN IMMEDIATE");
        }
        SECTION("alone") {
            other.execute("PRAGMA locking_mode = EXCLUSIVE");
            other.execute("BEGIN EXCLUSIVE");
        }
        SECTION("without a WAL") {
            other.execute("PRAGMA journal_mode = DELETE");
            other.execute("BEGIN IMMEDIATE");
        }

        const CommandResult refused = host.run({"catalog", "rebuild"});

        INFO(refused.err);
        CHECK(refused.status == 75);
        CHECK_THAT(refused.err, ContainsSubstring("catalog.sqlite: another program is writing to it"));
        CHECK(names_in(host.state()).find("catalog.sqlite.") == std::string::npos);
    }
    well(host, {"catalog", "rebuild"});
}

TEST_CASE("what a rebuild would lose is refused, and nothing is changed", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto jail = lives.jail().jail_directory();
    std::string told;

    SECTION("a jail without its record") {
        std::filesystem::remove(jail / "jail.json");
        told = jail.filename().string();
    }
    SECTION("a jail with a record that is none") {
        std::ofstream(jail / "jail.json") << "{\"schema\": \"pkgjail.jail/1\"}";
        told = "jail.json: cannot be understood";
    }
    SECTION("an image with another manifest") {
        std::ofstream(first_of(host.state() / "images") + "/manifest", std::ios::app)
            << "d 0755 0 0 0 - - /tree/added\n";
        told = "images/";
    }
    SECTION("a snapshot of no jail") {
        std::filesystem::create_directory(host.state() / "snapshots/0123456789abcdef");
        told = "snapshots/0123456789abcdef";
    }
    SECTION("a jail without data") {
        std::filesystem::remove_all(jail / "data");
        told = "its data are not there";
    }
    remove_catalog(host);
    const std::string before = test::listing(host.state() / "jails") + test::listing(host.state() / "images");

    const CommandResult result = host.run({"catalog", "rebuild"});

    INFO(result.out << result.err);
    CHECK(result.status == 65);
    CHECK_THAT(result.err, ContainsSubstring(told));
    CHECK_THAT(result.err, ContainsSubstring("hint: "));
    CHECK(test::listing(host.state() / "jails") + test::listing(host.state() / "images") == before);
    CHECK_FALSE(std::filesystem::exists(host.state() / "catalog.sqlite"));
}

TEST_CASE("a configuration that cannot be looked at is not taken for one that is gone",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto config = lives.jail().jail_directory() / "config";
    std::filesystem::rename(config, host.state() / "aside");
    std::filesystem::create_symlink("config", config); // the kernel gives up, as on a failing disk

    const CommandResult result = host.run({"catalog", "rebuild"});

    CHECK(result.status == 1);
    CHECK_THAT(result.err, ContainsSubstring("symbolic links"));
    std::filesystem::remove(config);
    std::filesystem::rename(host.state() / "aside", config);
    CHECK(well(host, {"catalog", "rebuild", "--json"}).json()["generations"] == 3);
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

TEST_CASE("a damaged file of an image hinders no rebuild, which names it", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);
    std::string image; // the first one with a program
    for (const auto& one : std::filesystem::directory_iterator(host.state() / "images"))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(one.path() / "tree"))
            if (image.empty() && entry.is_regular_file() && entry.path().parent_path().filename() == "sbin") {
                std::filesystem::permissions(entry.path(), std::filesystem::perms(0755));
                std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary) << 'X';
                image = one.path().string();
            }
    REQUIRE(host.run({"verify"}).status == 2);
    remove_catalog(host);
    const std::string told =
        "image " + std::filesystem::path(image).filename().string().substr(0, 12) + " is damaged: /tree/";

    const CommandResult would = well(host, {"-n", "catalog", "rebuild"});
    const CommandResult rebuilt = well(host, {"catalog", "rebuild"});

    CHECK_THAT(would.out + would.err, ContainsSubstring(told));
    CHECK_THAT(rebuilt.out + rebuilt.err, ContainsSubstring(told));
    CHECK(knowledge(host) == known);
    CHECK(host.run({"verify"}).status == 2);
}

TEST_CASE("a backup in the catalog's place costs no jail that is newer than it", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    well(host, {"install", "extra", "-j", "newer"});
    const auto jail = kept.jail_directory("newer");
    test::write_bytes(jail / "data/var/precious", "value");
    well(host, {"volume", "create", "files"});
    well(host, {"snapshot", "newer", "one"});
    well(host, {"snapshot", "web", "two"});
    const auto all = [&] {
        std::string names;
        for (const char* directory : {"jails", "images", "snapshots", "volumes"})
            names += names_in(host.state() / directory) + "\n";
        return names;
    };
    const std::string before = all();
    const std::string contents = test::listing(jail);
    const std::string known = well(host, {"list", "--json"}).out + well(host, {"snapshots", "--json"}).out;
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");

    const CommandResult held = well(host, {"hold", "lib", "-j", "web"});
    CHECK_THAT(held.err, ContainsSubstring("the catalog does not know jail newer (" +
                                           jail.filename().string() + "), snapshot "));
    CHECK_THAT(held.err, ContainsSubstring("pkgjail catalog rebuild"));
    CHECK(held.err.find("removed") == std::string::npos);
    const CommandResult doctor = host.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("does not know jail newer"));
    const CommandResult again = host.run({"install", "extra", "-j", "newer"});
    CHECK(again.status == 65);
    CHECK_THAT(again.err, ContainsSubstring("hint: pkgjail catalog rebuild"));
    CHECK(host.run({"gc"}).status == 65);
    CHECK(host.run({"-n", "gc"}).status == 65);
    well(host, {"unhold", "lib", "-j", "web"});
    CHECK(all() == before);
    CHECK(test::listing(jail) == contents);

    well(host, {"catalog", "rebuild"});
    CHECK(well(host, {"list", "--json"}).out + well(host, {"snapshots", "--json"}).out == known);
    CHECK(well(host, {"hold", "lib", "-j", "web"}).err.find("does not know") == std::string::npos);
    test::check_sound(host);
}

TEST_CASE("an image that only a lost jail needs stays when the last known one goes",
          "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"install", "extra", "-j", "older"});
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    well(host, {"clone", "older", "newer"});
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");
    const std::string images = names_in(host.state() / "images");

    well(host, {"destroy", "older", "--with-data", "--yes"});

    CHECK(names_in(host.state() / "images") == images);
    well(host, {"catalog", "rebuild"});
    CHECK_THAT(well(host, {"list"}).out, ContainsSubstring("newer"));
    test::check_sound(host);
}

TEST_CASE("beside a lost jail a known one's newer generation stays for the rebuild",
          "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    kept.upgrade("1.1");
    well(host, {"install", "extra", "-j", "newer"});
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");

    CHECK_THAT(well(host, {"update"}).err, ContainsSubstring("nothing is cleared away"));
    CHECK(kept.generations() == "1*");
    well(host, {"catalog", "rebuild"});
    CHECK(kept.generations() == "1 2*");
    test::check_sound(host);
}

TEST_CASE("what a pkgjail without marks left stays until somebody decides", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const auto leave = [&](const std::vector<std::string>& command, const char* step, const char* directory) {
        REQUIRE(host.run(command, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / directory))
            std::filesystem::remove(entry.path() / "uncommitted");
    };
    leave({"install", "extra", "-j", "cut"}, "jail.placed", "jails");
    leave({"snapshot", "web", "cut"}, "snapshot.placed", "snapshots");
    const std::string jails = names_in(host.state() / "jails");
    const bool has_record = GENERATE(true, false);
    if (!has_record) // half removed
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / "snapshots"))
            std::filesystem::remove(entry.path() / "snapshot.json");

    CHECK_THAT(well(host, {"hold", "lib", "-j", "web"}).err, ContainsSubstring("nothing is cleared away"));
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") != "");
    CHECK_THAT(host.run({"doctor"}).out, ContainsSubstring("pkgjail catalog rebuild"));
    const CommandResult rebuilt = host.run({"catalog", "rebuild"});
    if (!has_record) {
        CHECK(rebuilt.status == 65);
        CHECK_THAT(rebuilt.err, ContainsSubstring("move it out of the state directory"));
        const std::string half = first_of(host.state() / "snapshots");
        const test::TempDir elsewhere;
        std::filesystem::rename(half, elsewhere / "half");
        well(host, {"catalog", "rebuild"});
    } else {
        CHECK(rebuilt.status == 0);
        well(host, {"drop", "web", "cut", "--yes"});
    }
    well(host, {"destroy", "cut", "--with-data", "--yes"});
    CHECK(names_in(host.state() / "snapshots") == "");
    CHECK(well(host, {"list"}).out.find("cut") == std::string::npos);
    test::check_sound(host);
}

TEST_CASE("with a jail goes what a restore that cannot be undone has set aside",
          "[flow][catalog][lost][crash]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"snapshot", "web", "one"});
    const std::string snapshot = first_of(host.state() / "snapshots");
    REQUIRE(
        host.run({"restore", "web", "one", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.aside_made"}}).status ==
        128 + 9);
    std::string aside;
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "snapshots"))
        if (entry.path() != snapshot)
            aside = entry.path().filename().string();
    REQUIRE_FALSE(aside.empty());
    const auto in_the_way = host.state() / "snapshots" / ("gone-" + aside);
    std::filesystem::create_directories(in_the_way / "full");
    {
        const auto held =
            base::Lock::try_take(store::Layout(host.state()).store_lock(), base::LockMode::shared, "install");
        REQUIRE(held); // or it would be swept first
        const CommandResult destroyed = host.run({"destroy", "web", "--with-data", "--yes"});
        INFO(destroyed.err);
        CHECK(destroyed.status != 0);
        CHECK_THAT(destroyed.err, ContainsSubstring("the next command tries again"));
    }

    const CommandResult next = well(host, {"install", "extra", "-j", "other"});
    CHECK(next.err.find("does not know") == std::string::npos);
    CHECK(names_in(host.state() / "snapshots") == "");
    test::check_sound(host);
}

TEST_CASE("what was not committed when its command died, or was to go, is swept",
          "[flow][catalog][lost][crash]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"snapshot", "web", "one"});
    const std::string jails = names_in(host.state() / "jails");
    const std::string snapshots = names_in(host.state() / "snapshots");
    const auto kill = [&](const std::vector<std::string>& command, const char* step) {
        INFO(step);
        REQUIRE(host.run(command, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
    };
    const auto next = [&] {
        const CommandResult result = well(host, {"hold", "lib", "-j", "web"});
        well(host, {"unhold", "lib", "-j", "web"});
        return result.err;
    };

    kill({"install", "extra", "-j", "cut"}, "jail.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "jails") == jails);
    kill({"clone", "web", "cut"}, "clone.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "jails") == jails);
    kill({"snapshot", "web", "cut"}, "snapshot.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "snapshots") == snapshots);
    kill({"install", "extra", "-j", "cut"}, "jail.placed");
    kill({"hold", "lib", "-j", "web"}, "mark.trashed");
    CHECK_THAT(next(), ContainsSubstring("half-removed jail"));
    kill({"snapshot", "web", "cut"}, "snapshot.placed");
    kill({"hold", "lib", "-j", "web"}, "mark.trashed");
    CHECK_THAT(next(), ContainsSubstring("half-removed snapshot"));
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") == snapshots);

    kill({"install", "extra", "-j", "made"}, "install.committed");
    const auto made = kept.jail_directory("made");
    CHECK(std::filesystem::exists(made / "uncommitted"));
    CHECK(next().empty());
    CHECK_FALSE(std::filesystem::exists(made / "uncommitted"));
    well(host, {"snapshot", "made", "one"});
    kill({"drop", "made", "one", "--yes"}, "mark.made");
    CHECK(next().empty());
    CHECK_THAT(well(host, {"snapshots", "made"}).out, ContainsSubstring("one"));
    kill({"drop", "made", "one", "--yes"}, "drop.forgotten");
    CHECK_THAT(next(), ContainsSubstring("snapshot"));
    well(host, {"snapshot", "made", "two"});
    kill({"destroy", "made", "--with-data", "--yes"}, "mark.made");
    CHECK(next().empty());
    CHECK_FALSE(std::filesystem::exists(made / "uncommitted"));
    kill({"destroy", "made", "--with-data", "--yes"}, "destroy.forgotten");
    next();
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") == snapshots);
    test::check_sound(host);
}

TEST_CASE("an image whose directory is gone is built again, as doctor says", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const auto jail = kept.jail_directory();
    test::write_bytes(jail / "data/var/precious", "value");
    const std::string image = first_of(host.state() / "images");
    const std::string before = test::read_bytes(image + "/manifest");
    std::filesystem::remove_all(image);

    const CommandResult doctor = host.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("pkgjail install web -j web builds it again"));
    const std::string which = GENERATE("web", "second");
    const CommandResult again = well(host, {"install", "web", "-j", which});

    INFO(again.out << again.err);
    CHECK(test::read_bytes(image + "/manifest") == before);
    CHECK(host.run({"doctor"}).out.find(" is not on disk") == std::string::npos);
    well(host, {"verify"});
    CHECK(test::read_bytes(jail / "data/var/precious") == "value");
    CHECK(kept.generations() == "1*");
    test::check_sound(host);
}

TEST_CASE("a rebuild waits for nobody who is at work", "[flow][catalog][rebuild]") {
    const Lives lives;
    const store::Layout layout(lives.host().state());
    const auto held = base::Lock::try_take(layout.store_lock(), base::LockMode::shared, "install");
    REQUIRE(held);

    CHECK(lives.host().run({"catalog", "rebuild"}).status == 75);
}

TEST_CASE("a rebuild killed or failing at any step can be run again", "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);
    const std::vector<std::string> steps = test::steps_of(host, {"catalog", "rebuild"});
    REQUIRE(steps.size() >= 4);

    for (const std::string& step : steps)
        for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
            INFO(variable << " " << step);
            CHECK(host.run({"catalog", "rebuild"}, {{variable, step}}).status ==
                  (std::string(variable) == "PKGJAIL_STOP_AT" ? 128 + 9 : 1));
            // Either the catalog is whole, or a changing command refuses to work without it.
            const CommandResult next = host.run({"update"});
            CHECK((next.status == 0 || next.status == 65));
            well(host, {"catalog", "rebuild"});
            CHECK(knowledge(host) == known);
            test::check_sound(host);
        }
}

TEST_CASE("a rebuild that was cut before it had looked at what it made costs no jail",
          "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto precious = lives.jail().jail_directory() / "data/var/precious";
    std::ofstream(precious) << "kept";
    const std::string known = knowledge(host);
    remove_catalog(host);
    const auto cut = [&](const char* variable, const char* step) {
        return host.run({"catalog", "rebuild"}, {{variable, step}}).status;
    };

    CHECK(cut("PKGJAIL_STOP_AT", "rebuild.committed") == 128 + 9);
    CHECK(cut("PKGJAIL_FAIL_AT", "rebuild.committed") == 1);
    CHECK(cut("PKGJAIL_STOP_AT", "rebuild.committed") == 128 + 9);
    CHECK(host.run({"update"}).status == 65);
    well(host, {"catalog", "rebuild"});

    CHECK(knowledge(host) == known);
    CHECK(std::filesystem::exists(precious));
    test::check_sound(host);
}

TEST_CASE("the WAL of the old catalog is not read into a rebuilt one", "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto wal = host.state() / "catalog.sqlite-wal";
    const std::string known = knowledge(host);
    for (const char* const variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
        INFO(variable);
        // Its frames are in the WAL alone.
        REQUIRE(
            host.run({"limits", "other", "processes=9"}, {{"PKGJAIL_STOP_AT", "limits.committed"}}).status ==
            128 + 9);
        REQUIRE(std::filesystem::file_size(wal) > 0);
        CHECK(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.moved"}}).status == 128 + 9);
        REQUIRE(std::filesystem::exists(wal));

        CHECK(host.run({"catalog", "rebuild"}, {{variable, "rebuild.continued"}}).status != 0);

        CHECK((!std::filesystem::exists(wal) || std::filesystem::file_size(wal) == 0));
        well(host, {"catalog", "rebuild"});
        test::check_sound(host);
        well(host, {"limits", "other", "processes=7"});
        CHECK(knowledge(host) == known);
    }
}

TEST_CASE("a rebuild after a restore that was cut loses no data", "[flow][catalog][rebuild][crash]") {
    const std::vector<std::string> restore = {"restore", "web", "one", "--yes"};
    std::vector<std::vector<std::string>> cuts; // where the restore dies, and where who undoes it
    {
        const Lives lives;
        for (const std::string& step : test::steps_of(lives.host(), restore))
            if (step.starts_with("restore."))
                cuts.push_back({step});
    }
    REQUIRE(cuts.size() >= 8);
    for (const char* step : {"snapshot.trashed", "restore.undone"})
        for (const char* before : {"restore.aside_made", "restore.data_aside", "restore.data_placed"})
            cuts.push_back({before, step});

    for (const bool is_lost : {false, true})
        for (const std::vector<std::string>& cut : cuts) {
            INFO(cut.back() << " after " << cut.front() << (is_lost ? ", catalog lost" : ""));
            const Lives lives;
            const Host& host = lives.host();
            std::ofstream(lives.jail().jail_directory() / "data/var/precious") << "kept";
            REQUIRE(host.run(restore, {{"PKGJAIL_STOP_AT", cut.front()}}).status == 128 + 9);
            if (cut.size() > 1)
                REQUIRE(host.run({"gc"}, {{"PKGJAIL_STOP_AT", cut.back()}}).status == 128 + 9);
            if (is_lost)
                remove_catalog(host);

            well(host, {"-n", "catalog", "rebuild"});
            well(host, {"catalog", "rebuild"});

            well(host, {"gc"});
            test::check_sound(host);
            // What the jail had is its own again, or a snapshot of its own.
            const auto precious = lives.jail().jail_directory() / "data/var/precious";
            const std::string name = well(host, {"snapshots", "web", "--json"}).json()["snapshots"].dump();
            if (!std::filesystem::exists(precious)) {
                const std::size_t begin = name.find("before-restore-");
                REQUIRE(begin != std::string::npos);
                CHECK((is_lost || cut.front() == "restore.committed"));
                well(host, {"restore", "web", name.substr(begin, name.find('"', begin) - begin), "--yes"});
            }
            CHECK(test::read_bytes(precious) == "kept");
            CHECK(name.find("\"one\"") != std::string::npos);
            test::check_sound(host);
        }
}

TEST_CASE("a snapshot that has lost its data is not taken for what a cut restore left",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    well(host, {"restore", "web", "one", "--yes"});
    const std::string aside =
        well(host, {"snapshots", "web", "--json"}).json()["snapshots"].back()["id"].get<std::string>();
    REQUIRE(std::filesystem::remove_all(host.state() / "snapshots" / aside / "data") > 0);
    SECTION("after the restore") {}
    SECTION("also when the jail has gone back") {
        well(host, {"rollback", "web", "2"});
    }

    const CommandResult refused = host.run({"catalog", "rebuild"});

    INFO(refused.err);
    CHECK(refused.status == 65);
    CHECK_THAT(refused.err, ContainsSubstring(aside));
    CHECK_THAT(refused.err, ContainsSubstring("is not whole"));
}

TEST_CASE("a catalog of another schema is no damaged one, and a rebuild says so",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto version = [&](int number) {
        catalog::Database database(host.state() / "catalog.sqlite", catalog::Database::Mode::read_write,
                                   std::chrono::seconds(5));
        database.execute(("PRAGMA user_version = " + std::to_string(number)).c_str());
    };
    version(9999);
    const CommandResult refused = host.run({"catalog", "rebuild"});
    INFO(refused.err);
    CHECK(refused.status == 78);
    CHECK(names_in(host.state()).find("catalog.sqlite.") == std::string::npos); // nothing was put aside
}

/// What migration 15 did is undone: the catalog as the version before that left it.
void set_back(const base::HostPath& file) {
    catalog::Database database(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
    database.execute("CREATE TABLE jail_setting (jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,"
                     " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (jail_id, key))"
                     " STRICT, WITHOUT ROWID;"
                     "INSERT INTO jail_setting SELECT jail_id, key, value FROM generation_setting"
                     " JOIN jail USING (jail_id) WHERE number = current_generation;"
                     "DROP TABLE generation_setting; DROP TABLE snapshot_setting;"
                     "PRAGMA user_version = 14");
}

/// The same, with a signed repository that this host knows, and a note on jail web.
void make_older(const base::HostPath& file) {
    {
        catalog::RepositoryTrust trust;
        trust.name = trust.identity = "signed";
        trust.serial = 7;
        catalog::Catalog catalog = catalog::Catalog::open(file);
        catalog::RepositoryTrusts(catalog).remember(trust);
        catalog::Jails jails(catalog);
        jails.set_operation(jails.find("web")->id, "restart");
    }
    set_back(file);
}

/// Of jail web.
std::string known_note(const Host& host) {
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    return catalog::Jails(made).find("web")->operation.value_or("");
}

std::uint64_t known_serial(const Host& host) {
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    const auto trusts = catalog::RepositoryTrusts(made).all();
    return trusts.size() == 1 ? trusts.front().serial : 0;
}

TEST_CASE("a catalog of an older schema is rebuilt, damaged or not", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const base::HostPath file = host.state() / "catalog.sqlite";
    const std::string known = knowledge(host);
    make_older(file);
    SECTION("sound, and -n changes nothing") {
        const auto before = files_of(file);
        CHECK(well(host, {"-n", "catalog", "rebuild", "--json"}).json()["jails"] == 2);
        CHECK(files_of(file) == before);
        CHECK(names_in(host.state()).find("new-") == std::string::npos);
    }
    SECTION("damaged where it is to be changed") {
        std::int64_t page = 0, size = 0;
        {
            catalog::Database database(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
            const auto number = [&](const char* sql) {
                catalog::Statement statement(database, sql);
                auto row = statement.use();
                return row.next() ? row.integer(0) : 0;
            };
            page = number("SELECT rootpage FROM sqlite_schema WHERE name = 'jail_setting'");
            size = number("PRAGMA page_size");
        }
        REQUIRE(page > 1);
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp((page - 1) * size);
        bytes << std::string(static_cast<std::size_t>(size), '\xff');
    }

    const auto found = files_of(file);

    const CommandResult rebuilt = well(host, {"catalog", "rebuild", "--json"});

    CHECK(rebuilt.err.find("taken back") == std::string::npos);
    CHECK(files_of(rebuilt.json()["aside"].get<std::string>()) == found);
    CHECK(rebuilt.err.find("forgotten") == std::string::npos);
    CHECK(known_note(host) == "restart");
    CHECK(known_serial(host) == 7);
    CHECK(knowledge(host) == known);
    test::check_sound(host);
}

TEST_CASE("a rebuild that was cut before an upgrade of pkgjail forgets nothing", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    make_older(host.state() / "catalog.sqlite");
    well(host, {"catalog", "rebuild"});
    REQUIRE(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.aside"}}).status == 128 + 9);
    const base::HostPath staging = store::Layout(host.state()).catalog_staging();
    set_back(staging);

    CHECK(well(host, {"catalog", "rebuild"}).err.find("forgotten") == std::string::npos);

    CHECK(known_serial(host) == 7);
    CHECK(known_note(host) == "restart");
    test::check_sound(host);
}

TEST_CASE("damage of one part of the old catalog takes no other part along", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    catalog::RepositoryTrust trust;
    trust.name = trust.identity = "signed";
    trust.serial = 7;
    catalog::RepositoryMemory memory;
    memory.name = "unsigned";
    memory.url = "file:///All";
    memory.newest_build = 1'700'000'000;
    {
        catalog::Catalog catalog = catalog::Catalog::open(host.state() / "catalog.sqlite");
        catalog::RepositoryTrusts(catalog).remember(trust);
        catalog::RepositoryMemories(catalog).remember(memory);
        catalog::Jails jails(catalog);
        jails.set_operation(jails.find("other")->id, "restart");
    }
    struct Part {
        const char* damage;
        const char* note;
        const char* left;
    };
    const Part part = GENERATE(
        Part{"SELECT 1", "", "signed unsigned restart"},
        Part{"DROP TABLE repository_missed",
             "how new unsigned indexes were, so that the next update takes an old copy as well",
             "signed restart"},
        Part{"DROP TABLE repository_trust",
             "which signed indexes and keys were taken back, so that the next update takes any that is "
             "signed now",
             "unsigned restart"},
        Part{"ALTER TABLE jail RENAME COLUMN operation TO lost", "what a killed command had not finished",
             "signed unsigned"});
    INFO(part.damage);
    catalog::Database(host.state() / "catalog.sqlite", catalog::Database::Mode::read_write,
                      std::chrono::seconds(5))
        .execute(part.damage);

    const CommandResult rebuilt = well(host, {"catalog", "rebuild"});

    const std::string note = part.note;
    const std::size_t begin = rebuilt.err.find("forgotten with the old catalog (");
    CHECK((begin == std::string::npos) == note.empty());
    if (!note.empty()) {
        CHECK_THAT(rebuilt.err, ContainsSubstring("): " + note + "\n"));
        CHECK(rebuilt.err.find("forgotten", begin + 1) == std::string::npos);
    }
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    std::string left;
    const auto add = [&](const std::string& word) { left += (left.empty() ? "" : " ") + word; };
    for (const catalog::RepositoryTrust& each : catalog::RepositoryTrusts(made).all()) {
        CHECK(each.serial == 7);
        add(each.name);
    }
    for (const catalog::RepositoryMemory& each : catalog::RepositoryMemories(made).all())
        if (each.name == memory.name) {
            CHECK(each == memory);
            add(each.name);
        }
    for (const catalog::Jail& each : catalog::Jails(made).all())
        if (each.operation)
            add(*each.operation);
    CHECK(left == part.left);
}

TEST_CASE("account numbers are had again from images and from jails", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto passwd = lives.jail().jail_directory() / "config/2/etc/passwd";
    std::ofstream(passwd, std::ios::app) << "longgone:*:20007:20007::/nonexistent:/sbin/nologin\n"
                                         << "evil:*:0:0::/:/bin/sh\n"
                                         << "low:*:33:33::/:/bin/sh\n";
    remove_catalog(host);

    well(host, {"catalog", "rebuild"});

    auto catalog = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    catalog::Accounts accounts(catalog);
    CHECK(accounts.find(catalog::AccountKind::user, "longgone") == 20007u);
    CHECK_FALSE(accounts.find(catalog::AccountKind::user, "evil"));
    CHECK_FALSE(accounts.find(catalog::AccountKind::user, "low"));
}

TEST_CASE("destroy killed or failing at any step can be run again", "[flow][destroy][crash]") {
    for (const bool with_data : {true, false}) {
        std::vector<std::string> destroy = {"destroy", "web", "--yes"};
        if (with_data)
            destroy.push_back("--with-data");
        std::vector<std::string> steps;
        {
            const KeptJail jail;
            steps = test::steps_of(jail.host(), destroy);
            REQUIRE(steps.size() >= 4);
        }
        for (const std::string& step : steps)
            for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
                INFO(variable << " " << step << (with_data ? " with data" : ""));
                const KeptJail jail;
                const Host& host = jail.host();
                well(host, {"install", "extra", "-j", "other"});
                const auto directory = jail.jail_directory();
                std::ofstream(directory / "data/var/precious") << "kept";
                CHECK(host.run(destroy, {{variable, step}}).status != 0);

                const CommandResult again = host.run(destroy);

                INFO(again.out << again.err);
                CHECK((again.status == 0 || again.status == 5)); // 5: it was forgotten already
                well(host, {"update"});
                CHECK(host.run({"status", "web"}).status == 5);
                CHECK(std::filesystem::exists(directory / "data/var/precious") != with_data);
                CHECK(std::filesystem::exists(directory) != with_data);
                well(host, {"gc"});
                CHECK(names_in(host.state() / "run").find(directory.filename().string()) ==
                      std::string::npos);
                CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "images"),
                                    std::filesystem::directory_iterator()) == 1);
                CHECK(host.run({"status", "other"}).status == 0);
                test::check_sound(host);
            }
    }
}

TEST_CASE("what a command had made ready and not placed goes, and nothing that only looks like it",
          "[flow][catalog][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    well(host, {"volume", "create", "files"});
    const auto volume = std::filesystem::directory_iterator(host.state() / "volumes")->path();
    const auto config = directory / "config/1";
    for (const char* const name : {".pkgjail/new", ".pkgjail/old"})
        std::filesystem::create_directories(config / name);
    const std::vector<std::filesystem::path> ours = {config / ".pkgjail/new/x",
                                                     directory / ".pkgjail-0123",
                                                     volume / ".pkgjail-0123",
                                                     host.state() / "new-catalog.sqlite",
                                                     host.state() / "new-catalog.sqlite-wal",
                                                     host.state() / "new-catalog-copy.sqlite",
                                                     host.state() / "new-catalog-copy.sqlite-wal"};
    const std::vector<std::filesystem::path> others = {
        config / ".pkgjail/old/entry", // maybe the only copy
        config / "etc/.pkgjail-0123", directory / "data/.pkgjail-0123", volume / "data/.pkgjail-0123"};
    for (const auto& paths : {ours, others})
        for (const auto& path : paths)
            std::ofstream(path) << "x";

    well(host, {"update"});

    for (const auto& path : ours) {
        INFO(path);
        CHECK_FALSE(std::filesystem::exists(path));
    }
    for (const auto& path : others) {
        INFO(path);
        CHECK(std::filesystem::exists(path));
    }
}

TEST_CASE("a jail whose files are gone is not taken for one that was destroyed", "[flow][destroy][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    well(host, {"snapshot", "web", "one"});
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().filename() != "data")
            std::filesystem::remove_all(entry.path());

    well(host, {"update"});

    CHECK(host.run({"snapshots", "web"}).out.find("one") != std::string::npos);
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "snapshots"),
                        std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("a destroy that was cut before its commit is finished by the next command, with the data kept",
          "[flow][destroy][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    std::ofstream(directory / "data/var/precious") << "kept";
    REQUIRE(host.run({"destroy", "web", "--yes"}, {{"PKGJAIL_STOP_AT", "destroy.emptied"}}).status ==
            128 + 9);

    const CommandResult next = well(host, {"update"});

    CHECK_THAT(next.err, ContainsSubstring("jail web: its interrupted destroy is done"));
    CHECK(host.run({"status", "web"}).status == 5);
    CHECK(std::filesystem::exists(directory / "data/var/precious"));
    well(host, {"gc"});
    test::check_sound(host);
}

TEST_CASE("rename killed or failing at any step has the one name or the other", "[flow][rename][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    std::ofstream(host.state() / "log/web.log") << "words\n";
    const std::vector<std::string> steps = test::steps_of(host, {"rename", "web", "site"});
    REQUIRE(steps.size() >= 3);
    well(host, {"rename", "site", "web"});

    for (const std::string& step : steps)
        for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
            INFO(variable << " " << step);
            CHECK(host.run({"rename", "web", "site"}, {{variable, step}}).status != 0);
            well(host, {"update"});
            const bool renamed = host.run({"status", "site"}).status == 0;
            CHECK(host.run({"status", renamed ? "web" : "site"}).status == 5);
            CHECK(std::filesystem::exists(host.state() / "log" / (renamed ? "site.log" : "web.log")));
            if (renamed)
                well(host, {"rename", "site", "web"});
            test::check_sound(host);
        }
}

TEST_CASE(
    "a rename writes the recipe's files with the name in them in each generation, and keeps an edited one",
    "[flow][rename]") {
    const test::Shop shop({test::package("web-1.0"), test::package("extra-1.0")});
    const Host& host = shop.host();
    const std::string recipe = "[recipe]\nsummary = a test\npackage = web\n[service]\ncommand = /bin/true\n"
                               "[data]\npath = /srv/www\n";
    const auto files = [](const std::vector<std::string>& paths) {
        std::string text;
        for (const std::string& path : paths)
            text += "[file " + path + "]\nsource = name.in\n";
        return text;
    };
    host.write_config("recipes.d/name.in", "name = ${jail}\n");
    well(host, {"update"});
    // So there is none of them outside of the configuration.
    for (const char* path : {"/var/www/index.html", "/srv/www/index.html"}) {
        host.write_config("recipes.d/web.recipe", recipe + files({path}));
        CHECK(host.run({"install", "web", "--no-start"}).status == 78);
    }
    host.write_config("recipes.d/web.recipe", recipe + files({"/etc/a.conf", "${prefix}/etc/b.conf"}));
    well(host, {"install", "web", "--no-start"});
    well(host, {"install", "extra", "-j", "web"});
    const auto jail = std::filesystem::directory_iterator(host.state() / "jails")->path();
    const auto text = [&](const std::string& path) { return test::read_bytes(jail / "config" / path); };
    test::write_bytes(jail / "config/2/etc/a.conf", "edited = web\n");

    const auto told = well(host, {"rename", "web", "site", "--json"}).json();

    CHECK(told["written"].dump() == R"(["/etc/a.conf","/usr/pkg/etc/b.conf"])");
    CHECK(told["edited"].dump() == R"(["/etc/a.conf"])");
    CHECK(text("1/etc/a.conf") == "name = site\n");
    CHECK(text("2/etc/a.conf") == "edited = web\n");
    CHECK(text("1/usr/pkg/etc/b.conf") == "name = site\n");
    CHECK(text("2/usr/pkg/etc/b.conf") == "name = site\n");
    test::check_sound(host);
}
