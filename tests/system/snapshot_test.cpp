// snapshot, snapshots, drop, restore: with the real redis and nginx.
#include <fstream>
#include <set>
#include <sstream>

#include "support/host_steps.hpp"
#include "support/loop_mount.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// redis in a jail of its name, on a port of its own.
struct Redis {
    explicit Redis(const Host& its_host, std::string its_jail = "redis")
        : host(its_host), jail(std::move(its_jail)), port(std::to_string(test::free_port())) {}

    void install() const {
        const CommandResult result = host.run({"install", "redis", "-j", jail, "--set", "port=" + port});
        INFO(result.out << result.err);
        REQUIRE(result.status == 0);
    }
    std::string cli(std::vector<std::string> words) const {
        words.insert(words.begin(), {"exec", jail, "redis-cli", "-p", port});
        const CommandResult result = host.run(words);
        return result.status == 0 ? result.out : "status " + std::to_string(result.status) + " " + result.err;
    }
    void set(const std::string& key, const std::string& value) const {
        REQUIRE(cli({"set", key, value}) == "OK\n");
        REQUIRE(cli({"save"}) == "OK\n");
    }
    std::string get(const std::string& key) const { return cli({"get", key}); }

    const Host& host;
    std::string jail;
    std::string port;
};

/// "before-restore one": without times, sorted.
std::string names(const Host& host, const std::string& jail) {
    std::multiset<std::string> sorted;
    const auto document = host.run({"snapshots", jail, "--json"}).json();
    for (const auto& snapshot : document["snapshots"]) {
        const std::string name = snapshot["snapshot"];
        sorted.insert(name.starts_with("before-restore-") ? "before-restore" : name);
    }
    std::string text;
    for (const std::string& name : sorted)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

std::string entries(const std::filesystem::path& directory) {
    std::set<std::string> sorted;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        sorted.insert(entry.path().filename().string());
    std::string text;
    for (const std::string& name : sorted)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

std::size_t count(const std::filesystem::path& directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

std::filesystem::path jail_directory(const Host& host) {
    return std::filesystem::directory_iterator(host.state() / "jails")->path();
}

std::string state_of(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0]["state"];
}

} // namespace

TEST_CASE("restore brings back what a snapshot of a running redis has, and keeps what came after",
          "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const Redis redis(host);
    redis.install();
    redis.set("greeting", "hello");
    const int pid = host.run({"status", "redis", "--json"}).json()["jails"][0]["pid"];

    const CommandResult made = host.run({"snapshot", "redis", "good", "--json"});

    INFO(made.out << made.err);
    REQUIRE(made.status == 0);
    CHECK(made.json()["snapshot"] == "good");
    CHECK(made.json()["generation"] == 1);
    CHECK(made.json()["size_bytes"].get<int>() > 0);
    CHECK(host.run({"status", "redis", "--json"}).json()["jails"][0]["pid"] == pid);
    redis.set("greeting", "broken");
    REQUIRE(redis.get("greeting") == "broken\n");

    const CommandResult restored = host.run({"restore", "redis", "good", "--yes", "--json"});

    INFO(restored.out << restored.err);
    REQUIRE(restored.status == 0);
    CHECK(redis.get("greeting") == "hello\n");
    CHECK(restored.json()["generation"] == 2);
    CHECK(restored.json()["started"] == true);
    CHECK(names(host, "redis") == "before-restore good");
    CHECK(host.run({"restore", "redis", restored.json()["kept_as"], "--yes"}).status == 0);
    CHECK(redis.get("greeting") == "broken\n");
    // A snapshot can be restored more than once.
    CHECK(host.run({"restore", "redis", "good", "--yes"}).status == 0);
    CHECK(redis.get("greeting") == "hello\n");
    CHECK(host.run({"doctor", "--json"}).status == 0);
    CHECK(entries(jail_directory(host)) == "config data jail.json root");
}

TEST_CASE("restore puts configuration back as well, of a jail that is stopped", "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    REQUIRE(host.run({"snapshot", "nginx", "good"}).status == 0);
    const auto edited = jail_directory(host) / "config/1/usr/pkg/etc/nginx/nginx.conf";
    std::ofstream(edited) << "this is no configuration\n";
    REQUIRE(host.run({"start", "nginx"}).status == 4);

    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    const CommandResult restored = host.run({"restore", "nginx", "good", "--yes", "--json"});

    INFO(restored.out << restored.err);
    REQUIRE(restored.status == 0);
    CHECK(restored.json()["started"] == false);
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 0);
    CHECK(host.run({"start", "nginx"}).status == 0);
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 200);
}

TEST_CASE("names of snapshots: taken, unknown, made of the time, not allowed", "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "nginx", "--no-start"}).status == 0);

    CHECK(host.run({"snapshots", "--json"}).json()["snapshots"].empty());
    CHECK(host.run({"snapshot", "nginx", "one"}).status == 0);
    CHECK(host.run({"snapshot", "nginx", "one"}).status == 6);
    CHECK(host.run({"snapshot", "nginx", "../one"}).status == 64);
    CHECK(host.run({"snapshot", "apache"}).status == 5);
    CHECK(host.run({"snapshot", "nginx"}).status == 0);
    CHECK(host.run({"snapshot", "nginx"}).status == 0);
    CHECK(host.run({"snapshots", "nginx", "--json"}).json()["snapshots"].size() == 3);
    CHECK(host.run({"snapshot", "nginx", "two", "--dry-run"}).status == 0);
    CHECK(host.run({"snapshots", "nginx", "--json"}).json()["snapshots"].size() == 3);
    CHECK_THAT(host.run({"restore", "nginx", "onne", "--yes"}).err, ContainsSubstring("one"));
    CHECK(host.run({"restore", "nginx", "two", "--yes"}).status == 5);
    CHECK(host.run({"drop", "nginx", "two", "--yes"}).status == 5);
    // Nobody to ask: nothing is lost.
    CHECK(host.run({"restore", "nginx", "one"}).status == 64);
    CHECK(host.run({"drop", "nginx", "one"}).status == 64);
    CHECK(host.run({"drop", "nginx", "one", "--yes"}).status == 0);
    CHECK(host.run({"drop", "nginx", "one", "--yes"}).status == 5);
    CHECK(count(host.state() / "snapshots") == 2);
    CHECK(host.run({"destroy", "nginx"}).status == 6);
    CHECK(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
    CHECK(std::filesystem::is_empty(host.state() / "snapshots"));
    CHECK(std::filesystem::is_empty(host.state() / "images"));
}

TEST_CASE("an image stays as long as a snapshot needs it", "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "jq", "less", "-j", "tools"}).status == 0);
    REQUIRE(host.run({"snapshot", "tools", "with-less"}).status == 0);
    REQUIRE(host.run({"remove", "less", "-j", "tools"}).status == 0);
    REQUIRE(host.run({"exec", "tools", "/usr/pkg/bin/less", "--version"}).status != 0);

    REQUIRE(host.run({"restore", "tools", "with-less", "--yes"}).status == 0);

    CHECK(host.run({"exec", "tools", "/usr/pkg/bin/less", "--version"}).status == 0);
}

TEST_CASE("a snapshot killed at any step leaves redis running and no half snapshot",
          "[system][snapshot][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const Redis redis(host);
    redis.install();
    redis.set("greeting", "hello");
    const std::vector<std::string> steps = steps_of(host, {"snapshot", "redis", "learned"});
    REQUIRE(steps.size() >= 7);
    REQUIRE(host.run({"drop", "redis", "learned", "--yes"}).status == 0);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        CHECK(host.run({"snapshot", "redis", "one"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        // Any changing command puts it right.
        const CommandResult next = host.run({"start", "redis"});
        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(redis.get("greeting") == "hello\n");
        const std::string left = names(host, "redis");
        CHECK((left.empty() || left == "one"));
        CHECK(count(host.state() / "snapshots") == (left.empty() ? 0 : 1));
        CHECK(host.run({"doctor", "--json"}).status == 0);
        if (!left.empty())
            CHECK(host.run({"drop", "redis", "one", "--yes"}).status == 0);
    }
}

TEST_CASE("a restore killed at any step is done or was not", "[system][snapshot][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const Redis redis(host);
    redis.install();
    redis.set("greeting", "old");
    REQUIRE(host.run({"snapshot", "redis", "old"}).status == 0);
    const std::vector<std::string> restore = {"restore", "redis", "old", "--yes"};
    const std::vector<std::string> steps = steps_of(host, restore);
    REQUIRE(steps.size() >= 12);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        const auto document = host.run({"snapshots", "redis", "--json"}).json();
        for (const auto& snapshot : document["snapshots"])
            if (snapshot["snapshot"] != "old")
                host.run({"drop", "redis", snapshot["snapshot"], "--yes"});
        redis.set("greeting", "new");
        CHECK(host.run(restore, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        const CommandResult next = host.run({"start", "redis"});

        INFO(next.out << next.err);
        CHECK(next.status == 0);
        const std::string value = redis.get("greeting");
        const std::string left = names(host, "redis");
        CHECK(((value == "new\n" && left == "old") || (value == "old\n" && left == "before-restore old")));
        CHECK(count(host.state() / "snapshots") == (value == "new\n" ? 1 : 2));
        CHECK(entries(jail_directory(host)) == "config data jail.json root");
        CHECK(host.run({"doctor", "--json"}).status == 0);
    }
}

TEST_CASE("a step of snapshot or restore that meets a full disk leaves redis as it was",
          "[system][snapshot][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const Redis redis(host);
    redis.install();
    redis.set("greeting", "old");
    REQUIRE(host.run({"snapshot", "redis", "old"}).status == 0);
    redis.set("greeting", "new");

    for (const std::string step :
         {"pause.noted", "pause.paused", "snapshot.data_copied", "snapshot.copied", "snapshot.synced"}) {
        INFO("fails at " << step);
        CHECK(host.run({"snapshot", "redis", "one"}, {{"PKGJAIL_FAIL_AT", step}}).status == 1);
        CHECK(redis.get("greeting") == "new\n");
        CHECK(count(host.state() / "snapshots") == 1);
    }
    for (const std::string step :
         {"restore.config_copied", "restore.prepared", "restore.noted", "restore.stopped", "snapshot.synced",
          "restore.aside_made", "restore.data_aside", "restore.data_placed"}) {
        INFO("fails at " << step);
        CHECK(host.run({"restore", "redis", "old", "--yes"}, {{"PKGJAIL_FAIL_AT", step}}).status == 1);
        CHECK(redis.get("greeting") == "new\n");
        CHECK(names(host, "redis") == "old");
        CHECK(count(host.state() / "snapshots") == 1);
        CHECK(entries(jail_directory(host)) == "config data jail.json root");
        CHECK(state_of(host, "redis") == "ready");
    }
}

TEST_CASE("a really full file system fails snapshot and restore, not the jail", "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = test::LoopMount::make("tmpfs", 160);
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    const int port = test::free_port();
    const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/";
    const CommandResult installed = host.run({"install", "nginx", "--set", "port=" + std::to_string(port)});
    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    const auto jail = std::filesystem::directory_iterator(mounted->top() / "state/jails")->path();
    std::ofstream(jail / "data/var/big") << std::string(8u << 20, 'x');
    REQUIRE(host.run({"snapshot", "nginx", "one"}).status == 0);
    std::ofstream filler(jail / "data/var/filler");
    const auto free = std::filesystem::space(mounted->top()).available;
    for (std::uintmax_t written = 0; written + (3u << 20) < free; written += 1u << 20)
        filler << std::string(1u << 20, 'x');
    filler.close();

    const CommandResult snapshot = host.run({"snapshot", "nginx", "two"});
    const CommandResult restore = host.run({"restore", "nginx", "one", "--yes"});

    CHECK(snapshot.status == 1);
    CHECK_THAT(snapshot.err, ContainsSubstring("No space left on device"));
    CHECK(restore.status == 1);
    CHECK(test::http_status(url) == 200);
    CHECK(count(mounted->top() / "state/snapshots") == 1);
    CHECK(entries(jail) == "config data jail.json root");
    std::filesystem::remove(jail / "data/var/filler");
    CHECK(host.run({"restore", "nginx", "one", "--yes"}).status == 0);
    CHECK(test::http_status(url) == 200);
}

TEST_CASE("on btrfs a snapshot is a subvolume, and restore and destroy know it", "[system][snapshot][root]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = test::LoopMount::make("btrfs", 400);
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    const CommandResult installed =
        host.run({"install", "redis", "--set", "port=" + std::to_string(test::free_port())});
    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);

    const CommandResult made = host.run({"snapshot", "redis", "one", "--json"});
    INFO(made.out << made.err);
    REQUIRE(made.status == 0);
    CHECK(made.json()["method"] == "subvolume");
    CHECK(host.run({"restore", "redis", "one", "--yes"}).status == 0);
    CHECK(host.run({"snapshot", "redis", "two", "--json"}).json()["method"] == "subvolume");
    CHECK(host.run({"drop", "redis", "one", "--yes"}).status == 0);
    CHECK(host.run({"destroy", "redis", "--with-data", "--yes"}).status == 0);
    CHECK(std::filesystem::is_empty(mounted->top() / "state/snapshots"));
    CHECK(std::filesystem::is_empty(mounted->top() / "state/jails"));
}
