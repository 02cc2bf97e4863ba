// What is kept and what goes: generations by number and age, gc, du.
#include <algorithm>
#include <fstream>

#ifdef __linux__
#include <sys/mount.h>
#endif

#include "flow/keeping.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/framework_script.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::KeptJail;
using test::names_in;
using test::well;

namespace {

std::size_t count(const std::filesystem::path& directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

/// "generation generation 1 of jail web" and so on, a line each.
std::string garbage(const nlohmann::json& document) {
    std::string text;
    for (const auto& one : document["garbage"])
        text += one["kind"].get<std::string>() + " " +
                (one["kind"] == "image" ? "" : one["name"].get<std::string>()) + "\n";
    return text;
}

} // namespace

TEST_CASE("an upgrade takes the generations beyond the policy with it", "[flow][keeping]") {
    const KeptJail jail;
    jail.keep(1, "0s");

    jail.upgrade("1.1");
    CHECK(jail.generations() == "1 2*"); // 1 is what a rollback goes to
    jail.upgrade("1.2");
    CHECK(jail.generations() == "2 3*");
    jail.upgrade("1.3");

    CHECK(jail.generations() == "3 4*");
    CHECK(names_in(jail.jail_directory() / "config") == "3 4");
    CHECK(count(jail.host().state() / "images") == 2);
    test::check_sound(jail.host());
    well(jail.host(), {"rollback", "web"});
    CHECK(jail.generations() == "3* 4");
}

TEST_CASE("a generation is kept while it is young, and without limits nothing goes", "[flow][keeping]") {
    const KeptJail jail;
    jail.keep(1, "1d");

    jail.upgrade("1.1");
    jail.upgrade("1.2");
    jail.upgrade("1.3");

    CHECK(jail.generations() == "1 2 3 4*");
    CHECK(well(jail.host(), {"gc"}).out == "nothing to remove\n");
    CHECK(jail.generations() == "1 2 3 4*");
}

TEST_CASE("after a rollback the newest and the current generation stay, and what is before it",
          "[flow][keeping]") {
    const KeptJail jail;
    for (const char* version : {"1.1", "1.2", "1.3", "1.4"})
        jail.upgrade(version);
    well(jail.host(), {"rollback", "web", "3"});
    jail.keep(1, "0s");

    well(jail.host(), {"gc"});

    CHECK(jail.generations() == "2 3* 5");
    test::check_sound(jail.host());
}

TEST_CASE("gc -n lists what gc then does, and sizes are what becomes free", "[flow][keeping][gc]") {
    const KeptJail jail;
    const Host& host = jail.host();
    for (const char* version : {"1.1", "1.2", "1.3"})
        jail.upgrade(version);
    std::ofstream(host.state() / "log/gone.log.1") << "what a jail said that is gone";
    std::ofstream(host.state() / "log/web.log") << "what a jail said that is here";
    jail.keep(1, "0s");
    well(host, {"list"});
    const std::string before = test::listing(host.state());

    const auto dry = well(host, {"gc", "-n", "--json"}).json();

    CHECK(test::listing(host.state()) == before);
    CHECK(garbage(dry) == "generation generation 1 of jail web\n"
                          "generation generation 2 of jail web\n"
                          "image \nimage \n"
                          "log gone.log.1\n");
    // Images share lib: 3 MB that do not become free with the two that go.
    for (const auto& one : dry["garbage"])
        if (one["kind"] == "image") {
            CHECK(one["apparent_bytes"] > 3'000'000);
            CHECK(one["freed_bytes"] < 1'000'000);
            CHECK(one["freed_bytes"] > 100'000);
        }
    const auto occupied = [&] {
        std::uint64_t sum = 0;
        for (const char* directory : {"images", "jails", "log", "cache"})
            sum += test::du_bytes(host.state() / directory);
        return sum;
    };
    const std::uint64_t occupied_before = occupied();
    const auto real = well(host, {"gc", "--json"}).json();
    CHECK(garbage(real) == garbage(dry));
    CHECK(real["freed_bytes"] == dry["freed_bytes"]);
    CHECK(occupied_before - occupied() == real["freed_bytes"].get<std::uint64_t>());
    CHECK(names_in(host.state() / "log").find("gone") == std::string::npos);
    CHECK(std::filesystem::exists(host.state() / "log/web.log"));
    CHECK(jail.generations() == "3 4*");
    test::check_sound(host);
    CHECK(well(host, {"gc", "--json"}).json()["garbage"].empty());
}

TEST_CASE("what two images that go have in common is freed once", "[flow][keeping][gc]") {
    const KeptJail jail;
    const Host& host = jail.host();
    jail.upgrade("1.1");
    jail.keep(1, "0s");
    well(host, {"install", "extra", "-j", "other"});
    well(host, {"snapshot", "web", "old"});
    const std::uint64_t before = test::du_bytes(host.state() / "images");

    well(host, {"destroy", "web", "--with-data", "--yes"}); // both of its images, and all of lib

    CHECK(count(host.state() / "images") == 1);
    CHECK(before - test::du_bytes(host.state() / "images") > 3'000'000);
    test::check_sound(host);
}

TEST_CASE("gc leaves an image that a command is about to use, and a jail that one works on",
          "[flow][keeping][gc]") {
    const KeptJail jail;
    const Host& host = jail.host();
    jail.upgrade("1.1");
    jail.upgrade("1.2");
    jail.keep(1, "0s");
    const store::Layout layout(host.state());
    std::vector<base::Lock> uses;
    for (const auto& image : std::filesystem::directory_iterator(layout.images())) {
        const auto record = nlohmann::json::parse(base::read_file(image.path() / "image.json"));
        auto use = base::Lock::try_take(layout.image_lock(record["build_key"]), base::LockMode::shared,
                                        "install web");
        REQUIRE(use);
        uses.push_back(std::move(*use));
    }

    {
        const auto held =
            base::Lock::try_take(layout.jail_lock("web"), base::LockMode::exclusive, "upgrade web");
        REQUIRE(held);
        const CommandResult busy = host.run({"gc"});
        INFO(busy.out << busy.err);
        CHECK(busy.status == 3);
        CHECK_THAT(busy.err, ContainsSubstring("another command is at work on the jail"));
        CHECK(jail.generations() == "1 2 3*");
    }
    const CommandResult used = host.run({"gc"});
    INFO(used.out << used.err);
    CHECK(used.status == 3);
    CHECK_THAT(used.err, ContainsSubstring("it is in use by now"));
    CHECK(jail.generations() == "2 3*");
    CHECK(count(layout.images()) == 3);
    uses.clear();
    CHECK(host.run({"gc"}).status == 0);
    CHECK(count(layout.images()) == 2);
}

TEST_CASE("gc removes archives that were not used for long, but for those of jails", "[flow][keeping][gc]") {
    const KeptJail jail;
    const Host& host = jail.host();
    well(host, {"install", "extra", "-j", "web"});
    well(host, {"remove", "extra", "-j", "web"});
    const std::string before = names_in(host.state() / "cache");
    host.write_config("pkgjail.conf", "[cache]\nkeep-for = 0s\n");

    const auto removed = well(host, {"gc", "--json"}).json();

    CHECK(before != names_in(host.state() / "cache"));
    CHECK(removed["garbage"].size() == 2); // the archive of extra, and the line that leads to it
    for (const auto& one : removed["garbage"])
        CHECK(one["kind"] == "archive");
    CHECK(well(host, {"gc", "--json"}).json()["garbage"].empty());
}

TEST_CASE("gc killed at any step leaves a whole state, and the next one goes on",
          "[flow][keeping][gc][crash]") {
    for (std::size_t at = 0;; ++at) {
        const KeptJail jail;
        const Host& host = jail.host();
        jail.upgrade("1.1");
        jail.upgrade("1.2");
        jail.keep(1, "0s");
        std::ofstream(host.state() / "log/gone.log") << "x";
        static std::vector<std::string> steps;
        if (at == 0) {
            steps = test::steps_of(host, {"gc"});
            REQUIRE(steps.size() >= 5);
            continue;
        }
        if (at > steps.size())
            return;
        const std::string step = steps.at(at - 1);
        INFO("killed at " << step);
        CHECK(host.run({"gc"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        const CommandResult again = host.run({"gc"});
        INFO(again.out << again.err);
        CHECK(again.status == 0);
        CHECK(jail.generations() == "2 3*");
        CHECK(names_in(jail.jail_directory() / "config") == "2 3");
        CHECK(count(host.state() / "images") == 2);
        CHECK_FALSE(std::filesystem::exists(host.state() / "log/gone.log"));
        test::check_sound(host);
    }
}

TEST_CASE("gc says once what stays, and why", "[flow][keeping][gc]") {
    const KeptJail jail;
    for (const char* version : {"1.1", "1.2"})
        jail.upgrade(version);
    jail.keep(1, "0s");

    const CommandResult result = jail.host().run({"gc"}, {{"PKGJAIL_FAIL_AT", "prune.forgotten"}});

    CHECK(result.status == 3);
    CHECK_THAT(
        result.err,
        ContainsSubstring("pkgjail: note: generation 1 of jail web stays: prune.forgotten: no space left\n"));
}

TEST_CASE("what an interrupted command prepared of a configuration goes with the next one",
          "[flow][keeping]") {
    const KeptJail jail;
    const auto config = jail.jail_directory() / "config";
    std::filesystem::create_directories(config / "7/etc");

    const CommandResult next = jail.host().run({"update"});

    CHECK_THAT(next.err, ContainsSubstring("configuration 7 of jail web"));
    CHECK(names_in(config) == "1");
}

namespace {

/// A jail of svc-1.0, of which there is 1.1 with more data.
class GrowingData {
  public:
    GrowingData() : shop_({svc("1.0", "")}) {
        well(host(), {"update"});
        well(host(), {"install", "svc"});
        shop_.offer({svc("1.1", "DIR: /var/db/svc m 0750\nDIR: /var/db/svc/sub m 0700\n"
                                "FILE: /var/db/svc/first c share/examples/svc/first 0640\n")});
        well(host(), {"update"});
    }
    const Host& host() const { return shop_.host(); }
    std::filesystem::path directory() const {
        return std::filesystem::directory_iterator(host().state() / "jails")->path();
    }
    std::filesystem::path data() const { return directory() / "data/var/db"; }
    void cut_upgrade(const std::string& step) const {
        const CommandResult cut = host().run({"upgrade", "svc"}, {{"PKGJAIL_STOP_AT", step}});
        INFO(cut.err);
        REQUIRE(cut.status == 128 + 9);
    }
    /// What was being made in this directory when the upgrade was cut.
    static std::filesystem::path unplaced_in(const std::filesystem::path& directory) {
        for (const auto& entry : std::filesystem::directory_iterator(directory))
            if (entry.path().filename().string().starts_with(".pkgjail-") &&
                entry.path().filename() != ".pkgjail-0123")
                return entry.path();
        return {};
    }

  private:
    static test::PackageSpec svc(const std::string& version, const std::string& data) {
        test::PackageSpec spec = test::package("svc-" + version);
        spec.files.push_back({"share/examples/svc/first", "first\n"});
        spec.install_script = test::framework_script(data.empty() ? "DIR: etc/svc m\n" : data);
        return spec;
    }
    test::Shop shop_;
};

} // namespace

TEST_CASE("what a killed upgrade was adding to a jail's data goes with the next command, and nothing else",
          "[flow][keeping][crash]") {
    const GrowingData jail;
    const auto others = jail.data() / ".pkgjail-0123";
    std::filesystem::create_directory(others);
    for (const char* const step :
         {"generation.data_noted", "generation.directory_made", "generation.file_made"}) {
        INFO(step);
        jail.cut_upgrade(step);
        CHECK(std::filesystem::exists(jail.directory() / "unplaced"));
        const bool has_parent = std::filesystem::exists(jail.data() / "svc");
        const auto unplaced = GrowingData::unplaced_in(has_parent ? jail.data() / "svc" : jail.data());
        CHECK(unplaced.empty() == (std::string(step) == "generation.data_noted"));

        well(jail.host(), {"update"});

        CHECK_FALSE(std::filesystem::exists(unplaced));
        CHECK_FALSE(std::filesystem::exists(jail.directory() / "unplaced"));
        CHECK(std::filesystem::exists(others));
    }

    well(jail.host(), {"upgrade", "svc"});

    CHECK(
        test::listing(jail.data()).find(".pkgjail-", test::listing(jail.data()).find(".pkgjail-0123") + 1) ==
        std::string::npos);
    CHECK(names_in(jail.data() / "svc") == "first sub");
    CHECK_FALSE(std::filesystem::exists(jail.directory() / "unplaced"));
    test::check_sound(jail.host());
}

TEST_CASE("nothing is lost to the removal of what a killed upgrade was adding, and it is not led away",
          "[flow][keeping][crash]") {
    const GrowingData jail;
    const test::TempDir away;
    test::write_bytes(away / "canary", "kept");
    std::filesystem::path kept;
    std::string content = "kept";
    SECTION("somebody uses the directory by the name that it has") {
        jail.cut_upgrade("generation.directory_made");
        kept = GrowingData::unplaced_in(jail.data()) / "mine";
        test::write_bytes(kept, content);
    }
    SECTION("a link has its name") {
        jail.cut_upgrade("generation.directory_made");
        kept = GrowingData::unplaced_in(jail.data());
        std::filesystem::remove(kept);
        std::filesystem::create_symlink(away / "canary", kept);
    }
    SECTION("a link has the name of the directory that it is in") {
        jail.cut_upgrade("generation.file_made");
        const auto unplaced = GrowingData::unplaced_in(jail.data() / "svc");
        kept = away / unplaced.filename();
        test::write_bytes(kept, content);
        std::filesystem::rename(jail.data() / "svc", jail.data() / "moved");
        std::filesystem::create_symlink(away.path(), jail.data() / "svc");
    }

    well(jail.host(), {"update"});

    CHECK(test::read_bytes(kept) == content);
    CHECK(test::read_bytes(away / "canary") == "kept");
    CHECK_FALSE(std::filesystem::exists(jail.directory() / "unplaced"));
}

TEST_CASE("lock files of a destroyed jail and of images that are gone go with the next command",
          "[flow][keeping]") {
    const KeptJail jail;
    jail.upgrade("1.1");
    const auto locks = jail.host().state() / "lock";
    well(jail.host(), {"clone", "web", "other"});
    well(jail.host(), {"update"});
    CHECK(count(locks) == 5); // of the store, of two jails and of two images

    well(jail.host(), {"destroy", "web", "--with-data", "--yes"});
    well(jail.host(), {"update"});
    CHECK(count(locks) == 3);
    CHECK(std::filesystem::exists(locks / "jail-other"));

    well(jail.host(), {"destroy", "--all", "--with-data", "--yes"});
    well(jail.host(), {"update"});
    CHECK(names_in(locks) == "store");
}

TEST_CASE("doctor tells of the data that a destroy kept, until they are removed", "[flow][keeping]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const std::filesystem::path kept = jail.jail_directory();
    const auto told = [&] { return host.run({"doctor"}).out.find("kept data") != std::string::npos; };
    CHECK_FALSE(told());

    well(host, {"destroy", "web"});

    CHECK(told());
    std::string text = host.run({"doctor", "--json"}).out;
    CHECK(text.find(": rm -r " + kept.string() + "\"") != std::string::npos);
#ifdef __linux__
    const std::string data = (kept / "data").string();
    if (::mount("none", data.c_str(), "tmpfs", 0, "size=64k") != 0) {
        WARN("nothing can be mounted here");
    } else {
        text = host.run({"doctor", "--json"}).out;
        CHECK(::umount(data.c_str()) == 0);
        CHECK(text.find(": umount " + data + " && rm -r " + kept.string() +
                        "; what is on none stays there\"") != std::string::npos);
    }
#endif
    std::filesystem::remove_all(kept);
    CHECK_FALSE(told());
}

TEST_CASE("du says what du(1) says, and who shares what", "[flow][keeping][du]") {
    const KeptJail jail;
    const Host& host = jail.host();
    well(host, {"install", "web", "-j", "twin"});
    well(host, {"install", "lib", "-j", "alone"}); // the same files as hard links
    std::ofstream(jail.jail_directory() / "data/var/db.file") << std::string(200'000, 'd');
    well(host, {"snapshot", "web", "one"});

    const auto document = well(host, {"du", "--json"}).json();

    CHECK(document["total"]["disk_bytes"] == test::du_bytes(host.state()));
    CHECK(document["images"]["disk_bytes"].get<std::uint64_t>() <
          document["images"]["apparent_bytes"].get<std::uint64_t>());
    std::map<std::string, nlohmann::json> jails;
    for (const auto& one : document["jails"])
        jails[one["jail"]] = one;
    CHECK(jails["web"]["shared_with"] == nlohmann::json({"alone", "twin"}));
    CHECK(jails["web"]["shares"][0]["jails"] == nlohmann::json({"twin", "web"}));
    CHECK(jails["web"]["shares"][0]["linked_jails"] == nlohmann::json({"alone"}));
    CHECK(jails["web"]["images"]["exclusive_bytes"] == 0);
    CHECK(jails["alone"]["images"]["exclusive_bytes"] < 1'000'000); // lib is elsewhere too
    CHECK(jails["web"]["data"]["disk_bytes"] >= 200'000);
    CHECK(jails["web"]["snapshots"]["disk_bytes"] >= 200'000);
    CHECK(jails["twin"]["snapshots"]["disk_bytes"] == 0);

    const std::uint64_t before = test::du_bytes(host.state() / "jails") +
                                 test::du_bytes(host.state() / "snapshots") +
                                 test::du_bytes(host.state() / "images");
    well(host, {"destroy", "web", "--with-data", "--yes"});
    const std::uint64_t after = test::du_bytes(host.state() / "jails") +
                                test::du_bytes(host.state() / "snapshots") +
                                test::du_bytes(host.state() / "images");
    CHECK(before - after == jails["web"]["total"]["exclusive_bytes"].get<std::uint64_t>());
    CHECK(host.run({"du", "web"}).status == 5);
    CHECK_THAT(well(host, {"du", "twin"}).out, ContainsSubstring("SHARED WITH"));
}
