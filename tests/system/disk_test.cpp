// Limit disk, on file systems that hold it and on those that do not.
#include <csignal>
#include <thread>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/project_quota.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/host_steps.hpp"
#include "support/loop_mount.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::LoopMount;

namespace {

constexpr std::uint64_t mib = 1u << 20;

nlohmann::json disk(const Host& host, const std::string& jail) {
    const auto all = host.run({"limits", jail, "--json"}).json();
    for (const auto& one : all["limits"])
        if (one["limit"] == "disk")
            return one;
    return {};
}

std::string state(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0]["state"];
}

/// Writes so many MiB into the jail's data; what dd said.
std::string write(const Host& host, const std::string& jail, unsigned mebibytes,
                  const std::string& name = "fill") {
    return host
        .run({"exec", jail, "dd", "if=/dev/zero", "of=/var/" + name, "bs=1M", "conv=fsync",
              "count=" + std::to_string(mebibytes)})
        .err;
}

void check_held(const Host& host, const std::string& mechanism) {
    const std::string port = std::to_string(test::free_port());
    well(host, {"install", "nginx", "--set", "port=" + port, "--limit", "disk=64M", "--limit",
                "io-write=none", "--limit", "io-read=none"});
    INFO(disk(host, "nginx").dump());
    CHECK(disk(host, "nginx")["enforcement"] == "enforced");
    CHECK(disk(host, "nginx")["effective"] == 64 * mib);
    CHECK_THAT(disk(host, "nginx")["mechanism"].get<std::string>(), ContainsSubstring(mechanism));
    CHECK(disk(host, "nginx")["use"].get<std::uint64_t>() < 16 * mib);

    const std::string over = write(host, "nginx", 100);
    CHECK((over.find("quota exceeded") != std::string::npos ||
           over.find("No space left") != std::string::npos));
    CHECK(disk(host, "nginx")["use"].get<std::uint64_t>() > 50 * mib);
    CHECK(disk(host, "nginx")["use"].get<std::uint64_t>() <= 65 * mib);
    CHECK(state(host, "nginx") == "ready"); // nobody ends it
    CHECK_THAT(host.run({"metrics"}).out,
               ContainsSubstring("pkgjail_jail_disk_limit_bytes{jail=\"nginx\"} 67108864"));
    CHECK_THAT(host.run({"metrics"}).out, ContainsSubstring("pkgjail_jail_disk_bytes{jail=\"nginx\"} "));
    bool told = false;
    for (int tries = 0; tries < 150 && !told; ++tries) {
        told = host.run({"logs", "nginx"}).out.find("limit disk is met") != std::string::npos;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    CHECK(told);

    well(host, {"limits", "nginx", "disk=120M"}); // live
    CHECK(disk(host, "nginx")["effective"] == 120 * mib);
    CHECK(write(host, "nginx", 80).find("exceeded") == std::string::npos);
    well(host, {"limits", "nginx", "disk=none"});
    CHECK(write(host, "nginx", 140).find("exceeded") == std::string::npos);
    well(host, {"limits", "nginx", "disk=40M"}); // below what is used: held from now on
    CHECK(disk(host, "nginx")["effective"] == 40 * mib);
    const std::string more = write(host, "nginx", 5, "more");
    CHECK((more.find("exceeded") != std::string::npos || more.find("No space left") != std::string::npos));
    well(host, {"exec", "nginx", "rm", "-f", "/var/fill", "/var/more"});

    // It is the jail's own: another one is not held to it, and a restored one is.
    well(host, {"snapshot", "nginx", "small"});
    well(host, {"restore", "nginx", "small", "--yes"});
    CHECK(disk(host, "nginx")["effective"] == 40 * mib);
    CHECK(disk(host, "nginx")["enforcement"] == "enforced");
    const std::string again = write(host, "nginx", 60);
    CHECK((again.find("exceeded") != std::string::npos || again.find("No space left") != std::string::npos));
    well(host,
         {"clone", "nginx", "other", "--no-start", "--set", "port=" + std::to_string(test::free_port())});
    well(host, {"limits", "other", "disk=none"});
    CHECK(write(host, "other", 60).find("exceeded") == std::string::npos);
    well(host, {"destroy", "nginx", "other", "--with-data", "--yes"});
}

} // namespace

TEST_CASE("a project quota of xfs holds a jail to its disk limit", "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = LoopMount::make("xfs", 600, "prjquota");
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    check_held(host, "quota of project ");
}

TEST_CASE("a project quota of ext4 holds a jail to its disk limit", "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = LoopMount::make("ext4", 600, "prjquota");
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    check_held(host, "quota of project ");
}

TEST_CASE("a quota group of btrfs holds a jail to its disk limit", "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = LoopMount::make("btrfs", 900);
    if (!mounted)
        return;
    const auto program = base::find_program("btrfs");
    REQUIRE(program);
    base::Command enable;
    enable.argv = {program->string(), "quota", "enable", mounted->top().string()};
    REQUIRE(base::run(enable, std::chrono::seconds(30)).exit.success());
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    check_held(host, "quota group");
}

TEST_CASE("files are counted for a disk limit before the supervisor hears of it", "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = LoopMount::make("xfs", 600, "prjquota");
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    well(host, {"install", "nginx", "--set", "port=" + std::to_string(test::free_port())});
    const std::string id = host.run({"status", "nginx", "--json"}).json()["jails"][0]["id"];
    const base::HostPath data = store::Layout(host.state()).jail_data(id);
    REQUIRE(base::project_of(data) == 0);

    CHECK(host.run({"limits", "nginx", "disk=64M"}, {{"PKGJAIL_STOP_AT", "limits.disk_counted"}}).status ==
          128 + SIGKILL);

    CHECK(base::project_of(data) != 0);
    CHECK(base::project_of(data / "var") == base::project_of(data));
    CHECK(disk(host, "nginx").value("effective", 0) == 0); // it was not told
    well(host, {"limits", "nginx", "disk=64M"});
    CHECK(disk(host, "nginx")["effective"] == 64 * mib);

    well(host,
         {"clone", "nginx", "other", "--no-start", "--set", "port=" + std::to_string(test::free_port())});
    const std::string other = host.run({"status", "other", "--json"}).json()["jails"][0]["id"];
    const base::HostPath copy = store::Layout(host.state()).jail_data(other);
    REQUIRE(base::project_of(copy) != base::project_of(data));
    CHECK(host.run({"start", "other"}, {{"PKGJAIL_STOP_AT", "start.begun"}}).status == 128 + SIGKILL);
    CHECK(base::project_of(copy) != 0);
    CHECK(base::project_of(copy) != base::project_of(data));
}

TEST_CASE("whoever is root inside cannot take files out of the jail's quota", "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const auto mounted = LoopMount::make("xfs", 600, "prjquota");
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    well(host,
         {"install", "nginx", "--set", "port=" + std::to_string(test::free_port()), "--limit", "disk=64M"});
    const std::string id = host.run({"status", "nginx", "--json"}).json()["jails"][0]["id"];
    const store::Layout layout(host.state());
    const std::uint32_t project = base::project_of(layout.jail_data(id));
    REQUIRE(project != 0);
    well(host, {"exec", "nginx", "mkdir", "/var/out"});

    // chattr where the base has it, and the call itself where it has python.
    host.run({"exec", "nginx", "chattr", "-p", "0", "/var/out"});
    host.run({"exec", "nginx", "chattr", "-P", "/var/out"});

    CHECK(base::project_of(layout.jail_data(id) / "var" / "out") == project);
}

TEST_CASE("where nothing counts, disk is measured, told, and a service far beyond it is ended",
          "[system][root][disk]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    well(host,
         {"install", "nginx", "--set", "port=" + std::to_string(test::free_port()), "--limit", "disk=32M"});
    if (disk(host, "nginx")["enforcement"] == "enforced") {
        WARN("skipped: the file system of the tests has quotas");
        return;
    }
    CHECK(disk(host, "nginx")["enforcement"] == "advisory");
    CHECK_THAT(disk(host, "nginx")["mechanism"].get<std::string>(),
               ContainsSubstring("measured from time to time"));
    CHECK(host.run({"limits", "nginx", "require=enforced"}).status != 0);
    CHECK(disk(host, "nginx")["use"].get<std::uint64_t>() < 16 * mib);
    const auto await = [&](const auto& condition) {
        for (int tries = 0; tries < 400; ++tries) {
            if (condition())
                return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return false;
    };
    const auto told = [&](const std::string& text) {
        return host.run({"logs", "nginx", "--lines", "0"}).out.find(text) != std::string::npos;
    };

    write(host, "nginx", 34);
    CHECK(await([&] { return told("limit disk is met"); }));
    CHECK(state(host, "nginx") == "ready");
    well(host, {"restart", "nginx"}); // a little over is no reason to stay down
    write(host, "nginx", 48);
    CHECK(await([&] { return state(host, "nginx") == "failed"; }));
    CHECK(told("a quarter more disk than it may have"));
    CHECK(
        base::read_file(store::Layout(host.state())
                                .jail_data(host.run({"status", "nginx", "--json"}).json()["jails"][0]["id"]) /
                            "var" / "fill",
                        100 * mib)
            .size() == 48 * mib); // nothing is removed

    const CommandResult refused = host.run({"start", "nginx"});
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("a quarter more than its limit of 32M, and would be ended"));
    well(host, {"exec", "nginx", "rm", "-f", "/var/fill"});
    well(host, {"start", "nginx"});
    write(host, "nginx", 48);
    CHECK(host.run({"restart", "nginx"}).status == 6); // before it is stopped
    CHECK(host.run({"limits", "nginx", "disk=100M"}).status == 0);
    well(host, {"restart", "nginx"});
}
