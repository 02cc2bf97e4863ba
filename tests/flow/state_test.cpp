// The state directory and the catalog: missing, wrong, damaged, of a newer version, held by another command.
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/flow.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"
#include "support/old_catalog.hpp"
#include "support/wait_until.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;
using test::well;

namespace {

/// A number of the file's header, four bytes with the highest first: 60 is the schema, 68 whose file it is.
void set_header_number(const std::filesystem::path& file, int offset, unsigned value) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(offset);
    for (int shift = 24; shift >= 0; shift -= 8)
        stream.put(static_cast<char>((value >> shift) & 0xffu));
}

} // namespace

TEST_CASE("a host without state is an empty host", "[flow][state]") {
    const Host host;

    CHECK(host.run({"list"}).out == "no jails; pkgjail install PACKAGE makes the first one\n");
    CHECK(host.run({"status"}).out == "no jails; pkgjail install PACKAGE makes the first one\n");
    CHECK(host.run({"list", "--json"}).json()["schema"] == "pkgjail.list/1");
    CHECK(host.run({"list", "--json"}).json()["jails"].empty());
    CHECK(host.run({"status", "--json"}).json()["schema"] == "pkgjail.status/1");
    CHECK(host.run({"logs"}).status == 0);
    CHECK(host.run({"logs", "--json"}).json()["records"].empty());
    CHECK(host.run({"doctor", "--json"}).json()["schema"] == "pkgjail.doctor/1");
    check_fails(host, {"status", "web"}, 5,
                "pkgjail: status: web: there is no jail of this name\n"
                "hint: pkgjail install PACKAGE makes the first one\n");
    check_fails(host, {"exec", "web", "true"}, 5,
                "pkgjail: exec: web: there is no jail of this name\n"
                "hint: pkgjail install PACKAGE makes the first one\n");
    check_fails(host, {"logs", "web"}, 5, "pkgjail: logs: web: there is no jail of this name\n");
    CHECK_FALSE(std::filesystem::exists(host.state()));
}

TEST_CASE("what confines the reader of foreign bytes is told, and what does not", "[flow][state][confined]") {
    const Shop shop({package("web-1.0"), package("more-1.0")});
    const Host& host = shop.host();
    const auto run_without = [&](const char* verb, const char* parts) {
        return host.run({verb}, {{"PKGJAIL_CONFINED_WITHOUT", parts}});
    };
    const CommandResult one_less = run_without("doctor", "landlock");
    const CommandResult none = run_without("doctor", "user root landlock filter");
    const CommandResult update = run_without("update", "user root landlock filter");

    CHECK(run_without("update", "landlock").err.find("nothing but limits") == std::string::npos);
    CHECK_THAT(one_less.out, ContainsSubstring("they do not have Landlock"));
    CHECK_THAT(none.out, ContainsSubstring("they do not have Landlock"));
    CHECK_THAT(none.out, ContainsSubstring("they do not have another user"));
    CHECK_THAT(none.out, ContainsSubstring("they do not have an empty root"));
    CHECK_THAT(none.out, ContainsSubstring("they do not have a filter of system calls"));
    CHECK(update.status == 0);
    CHECK_THAT(update.err, ContainsSubstring("that nothing but limits confines; `pkgjail doctor` says"));
    CHECK(host.run({"doctor"}).out.find("they do not have Landlock") == std::string::npos);
    const std::string file = (shop.path() / "web.tar").string();
    for (const std::vector<std::string>& reads :
         std::vector<std::vector<std::string>>{{"install", "web", "more", "-j", "web"},
                                               {"export", "web", file},
                                               {"import", file, "again"},
                                               {"upgrade", "web"},
                                               {"remove", "more", "-j", "web"}}) {
        const CommandResult result =
            host.run(reads, {{"PKGJAIL_CONFINED_WITHOUT", "user root landlock filter"}});
        INFO(reads.front() << ": " << result.err);
        CHECK(result.status == 0);
        CHECK((result.err.find("nothing but limits confines") != std::string::npos) ==
              (reads.front() != "export"));
    }
}

TEST_CASE("reading verbs change nothing", "[flow][state]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    REQUIRE(shop.host().run({"list"}).status == 0);
    const std::string before = test::listing(shop.host().state());

    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"list"},
                                               {"status"},
                                               {"search", "web"},
                                               {"avail"},
                                               {"info", "web"},
                                               {"logs"},
                                               {"help"},
                                               {"install", "web", "-n"}})
        CHECK(shop.host().run(command).status == 0);

    CHECK(test::listing(shop.host().state()) == before);
}

TEST_CASE("a state directory that others could change is refused", "[flow][state]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();

    SECTION("a symbolic link") {
        const test::TempDir elsewhere;
        std::filesystem::create_directory_symlink(elsewhere.path(), host.state());
        for (const char* verb : {"update", "list"})
            check_fails(host, {verb}, 6,
                        std::string("pkgjail: ") + verb +
                            ": STATE: is a symbolic link where the state directory must be a real directory\n"
                            "hint: name the directory itself with --state\n");
        CHECK(std::filesystem::is_empty(elsewhere.path()));
        std::filesystem::remove(host.state());
    }
    SECTION("writable for the group") {
        std::filesystem::create_directory(host.state());
        REQUIRE(::chmod(host.state().c_str(), 0770) == 0);
        for (const char* verb : {"update", "list"})
            check_fails(host, {verb}, 6,
                        std::string("pkgjail: ") + verb +
                            ": STATE: can be written by group or others\nhint: chmod go-w STATE\n");
    }
    SECTION("a file") {
        std::ofstream(host.state()) << "x";
        check_fails(host, {"update"}, 6, "pkgjail: update: STATE: is not a directory\n");
        std::filesystem::remove(host.state());
    }
    SECTION("below a directory that is open to everybody") {
        const test::TempDir open;
        REQUIRE(::chmod(open.path().c_str(), 0777) == 0);
        const CommandResult result = test::run_in_shell(host, "\"$PKGJAIL\" --config \"$ETC\" --state " +
                                                                  (open / "state").string() + " update");
        CHECK(result.status == 6);
        CHECK_THAT(result.err, ContainsSubstring("can be written by others"));
    }
}

TEST_CASE("a catalog that is none, damaged or newer is told as such", "[flow][state]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    REQUIRE(host.run({"update"}).status == 0);
    const auto file = host.state() / "catalog.sqlite";
    for (const char* suffix : {"-wal", "-shm"}) {
        REQUIRE((!std::filesystem::exists(file.string() + suffix) || std::string(suffix) == "-shm" ||
                 std::filesystem::file_size(file.string() + suffix) == 0));
        std::filesystem::remove(file.string() + suffix);
    }

    SECTION("no database") {
        test::write_bytes(file, std::string(8192, 'x'));
        for (const char* verb : {"list", "update"}) {
            const CommandResult result = host.run({verb});
            INFO(result.err);
            CHECK(result.status == 65);
            CHECK_THAT(result.err, ContainsSubstring("/catalog.sqlite: "));
        }
        CHECK(test::read_bytes(file) == std::string(8192, 'x'));
        CHECK(host.run({"doctor"}).status == 2);
    }
    SECTION("another program's") {
        set_header_number(file, 68, 0x12345678);
        CHECK(host.run({"list"}).status == 65);
        CHECK(host.run({"update"}).status == 65);
    }
    SECTION("a newer schema") {
        set_header_number(file, 60, 999);
        for (const char* verb : {"list", "update"}) {
            const CommandResult result = host.run({verb});
            INFO(result.err);
            CHECK(result.status == 78);
            CHECK_THAT(result.err, ContainsSubstring("written by a newer pkgjail"));
            CHECK_THAT(result.err, ContainsSubstring("999"));
        }
    }
    SECTION("an older schema") {
        set_header_number(file, 60, static_cast<unsigned>(catalog::Catalog::newest_schema() - 1));
        for (const std::vector<std::string>& reads :
             std::vector<std::vector<std::string>>{{"list"}, {"upgrade", "web", "--check"}}) {
            const CommandResult result = host.run(reads);
            INFO(result.err);
            CHECK(result.status == 78);
            CHECK_THAT(result.err, ContainsSubstring("written by an older pkgjail"));
            CHECK_THAT(result.err,
                       ContainsSubstring("hint: any command that changes something brings it up"));
        }
    }
    SECTION("a directory") {
        std::filesystem::remove(file);
        std::filesystem::create_directory(file);
        CHECK(host.run({"list"}).status != 0);
        CHECK(host.run({"update"}).status != 0);
        CHECK(host.run({"list"}).status < 128);
    }
    SECTION("unreadable") {
        if (::geteuid() != 0) {
            REQUIRE(::chmod(file.c_str(), 0) == 0);
            CHECK(host.run({"list"}).status == 77);
            CHECK(host.run({"update"}).status == 77);
            REQUIRE(::chmod(file.c_str(), 0600) == 0);
        }
    }
}

TEST_CASE("a command that changes something brings an older catalog up to date before it asks it",
          "[flow][state]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    well(host, {"update"});
    const auto file = host.state() / "catalog.sqlite";
    const auto make_older = [&] { test::make_old_catalog(file, catalog::Catalog::newest_schema() - 1); };

    for (const std::vector<std::string>& changes :
         std::vector<std::vector<std::string>>{{"start", "--wanted"},
                                               {"start", "--all"},
                                               {"stop", "--all"},
                                               {"reset-failed", "--all"},
                                               {"apply"},
                                               {"gc"},
                                               {"destroy", "web", "--yes"},
                                               {"install", "web"}}) {
        make_older();
        CHECK(host.run({"list"}).status == 78);
        const CommandResult result = host.run(changes);
        INFO(changes.front() << ": " << result.err);
        CHECK(result.status == (changes.front() == "destroy" ? 5 : 0));
        CHECK(host.run({"list"}).status == 0);
        CHECK(host.run({"catalog", "check"}).status == 0);
        well(host, {"update"});
    }
    {
        // Not while another command may be putting another catalog in place.
        make_older();
        const std::string before = test::read_bytes(file);
        auto held = base::Lock::try_take(store::Layout(host.state()).store_lock(), base::LockMode::exclusive,
                                         "catalog rebuild");
        REQUIRE(held);
        const auto steps = host.state() / "steps";
        auto start = std::async(std::launch::async, [&] {
            return host.run({"start", "--wanted"}, {{"PKGJAIL_STEP_LOG", steps.string()}});
        });
        const bool is_waiting = test::wait_until([&] { return std::filesystem::exists(steps); });
        std::this_thread::sleep_for(std::chrono::milliseconds(100)); // for one that does not wait
        const std::string meanwhile = test::read_bytes(file);
        held.reset();
        const CommandResult waited = start.get();
        CHECK(is_waiting);
        CHECK(waited.status == 0);
        CHECK(meanwhile == before);
        CHECK(host.run({"list"}).status == 0);
    }
    for (const std::vector<std::string>& reads : std::vector<std::vector<std::string>>{
             {"start", "-n", "--all"}, {"upgrade", "--all", "--check"}, {"apply", "-n"}, {"gc", "-n"}}) {
        make_older();
        const std::string before = test::read_bytes(file);
        const CommandResult result = host.run(reads);
        INFO(reads.front() << ": " << result.err);
        CHECK(result.status == 78);
        CHECK_THAT(result.err, ContainsSubstring("written by an older pkgjail"));
        CHECK(test::read_bytes(file) == before);
    }
}

TEST_CASE("a jail that another command holds is busy, and who holds it is said", "[flow][state]") {
    const Shop shop({package("web-1.0", {"none>=1"})});
    const Host& host = shop.host();
    REQUIRE(host.run({"update"}).status == 0);
    const store::Layout layout(host.state());
    auto held = base::Lock::try_take(layout.jail_lock("web"), base::LockMode::exclusive, "upgrade web");
    REQUIRE(held);
    const std::string holder = "held by process " + std::to_string(::getpid()) + ": upgrade web";

    const CommandResult busy = host.run({"install", "web"});
    INFO(busy.err);
    CHECK(busy.status == 75);
    CHECK_THAT(busy.err, ContainsSubstring("pkgjail: install: jail web: "));
    CHECK_THAT(busy.err, ContainsSubstring(holder));
    const auto json = host.run({"install", "web", "--json"});
    CHECK(json.status == 75);
    CHECK(json.json()["error"]["kind"] == "busy");
    CHECK(host.run({"install", "web", "--wait", "1"}).status == 75);

    std::thread release([&held] {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        held.reset();
    });
    const CommandResult waited = host.run({"install", "web", "--wait", "60"});
    release.join();
    INFO(waited.err);
    CHECK(waited.status == 8); // it got as far as the plan
}

TEST_CASE("who is not root is told so", "[flow][state]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    if (::geteuid() != 0) {
        const CommandResult result =
            test::run_in_shell(host, "\"$PKGJAIL\" --state /var/db/none/of/this --config \"$ETC\" update");
        INFO(result.err);
        CHECK(result.status == 77);
        return;
    }
    if (!base::find_program("setpriv")) {
        WARN("skipped: setpriv is needed to become somebody else");
        return;
    }
    REQUIRE(host.run({"update"}).status == 0);
    // The directory above belongs to root alone; somebody else is let through, but not into the state.
    REQUIRE(::chmod(host.state().parent_path().c_str(), 0755) == 0);
    const auto as_nobody = [&](const std::string& arguments) {
        return test::run_in_shell(
            host,
            "setpriv --reuid=65534 --regid=65534 --clear-groups \"$PKGJAIL\" --config \"$ETC\" " + arguments);
    };

    for (const char* verb : {"update", "list", "install web", "destroy --all --yes", "status"}) {
        const CommandResult result = as_nobody(std::string("--state \"$STATE\" ") + verb);
        INFO(verb << ": " << result.err);
        CHECK(result.status == 77);
        CHECK_THAT(result.err, ContainsSubstring("belongs to another user (uid 0)"));
        CHECK_THAT(result.err, ContainsSubstring("hint: run pkgjail as root"));
    }
    const CommandResult nowhere = as_nobody("--state /var/db/none/of/this update");
    INFO(nowhere.err);
    CHECK(nowhere.status == 77);
    CHECK_THAT(nowhere.err, ContainsSubstring("hint: run pkgjail as root"));
    CHECK(as_nobody("help").status == 0);
}

TEST_CASE("on a file system that is mounted read-only, readers read and changers say what is wrong",
          "[flow][state]") {
    if (::geteuid() != 0) {
        WARN("skipped: only root mounts");
        return;
    }
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    if (test::run_in_shell(host, "unshare --mount true").status != 0) {
        WARN("skipped: this root may not mount");
        return;
    }
    REQUIRE(host.run({"install", "web", "--no-start"}).status == 0);
    const auto read_only = [&](const std::string& arguments) {
        return test::run_in_shell(host, "unshare --mount sh -c 'mount --bind \"$1\" \"$1\" && mount -o "
                                        "remount,bind,ro \"$1\" && state=$1 etc=$2 program=$3 && shift 3 && "
                                        "exec \"$program\" --state \"$state\" --config \"$etc\" \"$@\"' "
                                        "sh \"$STATE\" \"$ETC\" \"$PKGJAIL\" " +
                                            arguments);
    };

    for (const char* verb : {"list", "status", "files web", "verify", "catalog check"}) {
        const CommandResult result = read_only(verb);
        INFO(verb << ": " << result.err);
        CHECK(result.status == 0);
    }
    for (const char* verb : {"hold web -j web", "destroy web --yes", "install web -j other", "gc"}) {
        const CommandResult result = read_only(verb);
        INFO(verb << ": " << result.err);
        CHECK(result.status == 1);
        CHECK_THAT(result.err, ContainsSubstring("Read-only file system\n"));
        CHECK_THAT(result.err, ContainsSubstring("hint: mount the file system that holds it for writing"));
    }
    CHECK_THAT(host.run({"list"}).out, ContainsSubstring("web"));
}
