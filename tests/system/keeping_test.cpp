// What survives with real services: a rebuilt catalog under a running jail, full file systems, commands that
// are killed or meet a full disk at each step, a foreign mount below a jail.
#include <fstream>
#include <set>

#include <sys/mount.h>

#include "support/loop_mount.hpp"
#include "system/nginx.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// Fills the file system up to so many bytes.
void fill(const std::filesystem::path& top, std::uintmax_t leave) {
    std::ofstream filler(top / "filler", std::ios::app);
    const std::string block(64u << 10, 'x');
    while (std::filesystem::space(top).free > leave + block.size() && (filler << block) && filler.flush()) {
    }
}

} // namespace

TEST_CASE("a catalog rebuilt under a running jail knows it, and everything goes on",
          "[system][root][keeping]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    REQUIRE(host.run({"snapshot", "nginx", "one"}).status == 0);
    const int pid = host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"];
    for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(host.state().string() + "/catalog.sqlite" + suffix);

    const CommandResult rebuilt = host.run({"catalog", "rebuild"});

    INFO(rebuilt.out << rebuilt.err);
    REQUIRE(rebuilt.status == 0);
    check_sound(host);
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"] == pid);
    use_edition(host, "2026Q4");
    const CommandResult upgraded = host.run({"upgrade", "nginx"});
    INFO(upgraded.out << upgraded.err);
    CHECK(upgraded.status == 0);
    CHECK(generations(host, "nginx") == "1 2*");
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(host.run({"restart", "nginx"}).status == 0);
    CHECK(host.run({"restore", "nginx", "one", "--yes"}).status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
    check_sound(host);
}

TEST_CASE("a rebuild refuses a jail that runs another generation than its record says",
          "[system][root][keeping]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    const auto record = std::filesystem::directory_iterator(host.state() / "jails")->path() / "jail.json";
    std::ifstream file(record);
    const std::string old((std::istreambuf_iterator<char>(file)), {});
    use_edition(host, "2026Q4");
    REQUIRE(host.run({"upgrade", "nginx"}).status == 0);
    std::ofstream(record) << old;

    const CommandResult refused = host.run({"catalog", "rebuild"});

    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("runs generation 2, and its jail.json says that 1 is current"));
    CHECK(test::http_status(test::url(port)) == 200);
}

TEST_CASE("on a full file system every command fails with its name, and the service goes on",
          "[system][root][keeping]") {
    if (!test::can_run_jails())
        return;
    for (const std::uintmax_t left : {std::uintmax_t{3u << 20}, std::uintmax_t{0}}) {
        const auto mounted = test::LoopMount::make("ext4", 192);
        if (!mounted)
            return;
        const auto top = mounted->top();
        const Host host(test::demo_repository("2026Q3"), top / "state");
        test::nginx::shorten_quiet_period(host);
        const int port = test::nginx::install(host);
        const auto jail = std::filesystem::directory_iterator(top / "state/jails")->path();
        std::ofstream(jail / "data/var/big") << std::string(6u << 20, 'x');
        use_edition(host, "2026Q4");
        fill(top, left);
        const std::vector<std::vector<std::string>> commands = {
            {"install", "redis", "--no-start"},
            {"upgrade", "nginx"},
            {"snapshot", "nginx", "one"},
            {"clone", "nginx", "copy", "--no-start", "--set", "port=" + std::to_string(test::free_port())},
        };

        for (const auto& command : commands) {
            INFO(command.front() << " with " << left << " bytes left");
            const CommandResult failed = host.run(command);
            INFO(failed.out << failed.err);
            CHECK(failed.status == 1);
            const bool is_clear = failed.err.find("No space left on device") != std::string::npos ||
                                  failed.err.find("disk is full") != std::string::npos;
            CHECK(is_clear);
            CHECK_THAT(failed.err, ContainsSubstring("file system"));
            CHECK_THAT(failed.err, ContainsSubstring(top.string()));
            CHECK(test::http_status(test::url(port)) == 200);
        }
        CHECK(generations(host, "nginx") == "1*");

        std::filesystem::remove(top / "filler");
        CHECK(test::http_status(test::url(port)) == 200);
        for (const auto& command : commands) {
            const CommandResult again = host.run(command);
            INFO(command.front() << ": " << again.out << again.err);
            CHECK(again.status == 0);
        }
        CHECK(generations(host, "nginx") == "1 2*");
        CHECK(test::http_status(test::url(port)) == 200);
        check_sound(host);
    }
}

TEST_CASE("upgrade and rollback that fail at any step leave a whole generation answering",
          "[system][root][keeping][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    use_edition(host, "2026Q4");
    const std::vector<std::string> upgrade_steps = steps_of(host, {"upgrade", "nginx"});
    const std::vector<std::string> rollback_steps = steps_of(host, {"rollback", "nginx", "1"});
    REQUIRE(rollback_steps.size() >= 6);
    const auto after = [&](const std::string& what) {
        INFO(what);
        const CommandResult next = host.run({"start", "nginx"});
        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(test::http_status(test::url(port)) == 200);
        check_sound(host);
    };

    for (const std::string& step : upgrade_steps) {
        INFO("upgrade fails at " << step);
        REQUIRE(host.run({"rollback", "nginx", "1"}).status == 0);
        const CommandResult failed = host.run({"upgrade", "nginx"}, {{"PKGJAIL_FAIL_AT", step}});
        INFO(failed.out << failed.err);
        CHECK(failed.status < 128);
        // Before the service is stopped nothing of it may be touched, and while it is it comes back.
        if (!step.starts_with("start."))
            CHECK(test::http_status(test::url(port)) == 200);
        after("upgrade " + step);
    }
    for (const std::string& step : rollback_steps)
        for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
            INFO("rollback, " << variable << " " << step);
            const CommandResult there = host.run({"rollback", "nginx", "2"});
            INFO(there.out << there.err);
            REQUIRE(there.status == 0);
            const CommandResult failed = host.run({"rollback", "nginx", "1"}, {{variable, step}});
            INFO(failed.out << failed.err);
            if (std::string(variable) == "PKGJAIL_STOP_AT")
                CHECK(failed.status == 128 + 9);
            after(std::string(variable) + " " + step);
        }
}

TEST_CASE("a clone that meets a full disk at any step is a jail or nothing",
          "[system][root][keeping][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    const std::vector<std::string> clone = {
        "clone", "nginx", "copy", "--no-start", "--set", "port=" + std::to_string(test::free_port())};
    const std::vector<std::string> steps = steps_of(host, clone);
    REQUIRE(host.run({"destroy", "copy", "--with-data", "--yes"}).status == 0);

    for (const std::string& step : steps) {
        INFO("fails at " << step);
        const bool is_done = step == "mark.removed"; // then that is only told
        CHECK(host.run(clone, {{"PKGJAIL_FAIL_AT", step}}).status == (is_done ? 0 : 1));
        CHECK(test::http_status(test::url(port)) == 200);
        REQUIRE(host.run({"update"}).status == 0);
        check_sound(host);
        if (host.run({"status", "copy"}).status == 0)
            REQUIRE(host.run({"destroy", "copy", "--with-data", "--yes"}).status == 0);
    }
}

TEST_CASE("destroy refuses a jail with a foreign mount below it, by the mount's name",
          "[system][root][keeping]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "jq", "-j", "tools"}).status == 0);
    const auto jail = std::filesystem::directory_iterator(host.state() / "jails")->path();
    const std::string place = (jail / "data/var/foreign").string();
    std::filesystem::create_directory(place);
    REQUIRE(::mount("none", place.c_str(), "tmpfs", 0, "size=64k") == 0);
    std::ofstream(place + "/precious") << "somebody's";

    const CommandResult with_data = host.run({"destroy", "tools", "--with-data", "--yes"});
    const CommandResult without = host.run({"destroy", "tools"});

    CHECK(with_data.status == 75);
    CHECK_THAT(with_data.err, ContainsSubstring(place));
    CHECK(without.status == 75);
    CHECK(std::filesystem::exists(place + "/precious"));
    CHECK(host.run({"exec", "tools", "/usr/pkg/bin/jq", "--version"}).status == 0);
    REQUIRE(::umount(place.c_str()) == 0);
    CHECK(host.run({"destroy", "tools", "--with-data", "--yes"}).status == 0);
    CHECK(std::filesystem::is_empty(host.state() / "jails"));
}

TEST_CASE("a redis that has just started has the limits of its process", "[system][root][keeping]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const CommandResult installed =
        host.run({"install", "redis", "--set", "port=" + std::to_string(test::free_port())});
    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);

    for (int time = 0; time < 5; ++time) {
        REQUIRE(host.run({"restart", "redis"}).status == 0);
        const auto status = host.run({"status", "redis", "--json"}).json();
        for (const auto& limit : status["jails"][0]["limits"])
            CHECK(limit["mechanism"] != "the first process is gone");
    }
}
