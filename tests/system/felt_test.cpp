// Limits as real processes feel them: what goes beyond is stopped, and the host goes on.
#include <algorithm>
#include <csignal>
#include <set>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/process.hpp"
#include "system/services.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::CommandResult;
using test::Host;
using test::install;
using test::service;
using test::status;
using test::stays;
using test::wait_for;
using test::write_recipe;

namespace {

CommandResult inside(const Host& host, const std::string& script) {
    return host.run({"exec", "test", "/bin/sh", "-c", script});
}

nlohmann::json limit(const Host& host, const std::string& name) {
    const nlohmann::json document = host.run({"limits", "test", "--json"}).json();
    for (const nlohmann::json& one : document["limits"])
        if (one["limit"] == name)
            return one;
    return {};
}

double metric(const Host& host, const std::string& name) {
    const std::string text = "\n" + host.run({"metrics"}).out;
    const std::size_t at = text.find("\n" + name + "{jail=\"test\"} ");
    return at == std::string::npos ? -1 : std::stod(text.substr(text.find(' ', at) + 1));
}

} // namespace

TEST_CASE("an allocator is stopped at the memory limit, counted, and the service lives on",
          "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", stays) + "[limits]\nmemory = 64M\n");
    REQUIRE(install(host).status == 0);
    if (limit(host, "memory")["enforcement"] != "enforced") {
        WARN("skipped: " << limit(host, "memory")["mechanism"]);
        return;
    }
    const nlohmann::json before = status(host);

    // tail keeps a line without an end in memory.
    const CommandResult greedy = inside(host, "head -c 400M /dev/zero | tail > /dev/null");

    CHECK(greedy.status == 137);
    CHECK(metric(host, "pkgjail_jail_memory_kills_total") >= 1);
    CHECK(metric(host, "pkgjail_jail_memory_peak_bytes") <= double(65u << 20));
    const nlohmann::json after = status(host);
    CHECK(after["state"] == "ready");
    CHECK(after["pid"] == before["pid"]);
}

TEST_CASE("a fork bomb stays within its limit, the host answers meanwhile, and stopping ends all of it",
          "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    // The processor limit keeps the tests beside this one going.
    write_recipe(host, service("", "trap '' CHLD; bomb() { bomb | bomb & }; sleep 0.5; bomb; " + stays) +
                           "[limits]\nprocesses = 40\ncpu = 50%\n");
    REQUIRE(install(host).status == 0);
    REQUIRE(wait_for([&] { return limit(host, "processes")["hits"].get<std::uint64_t>() > 0; }));

    std::uint64_t most = 0;
    for (int round = 0; round < 20; ++round, std::this_thread::sleep_for(50ms)) {
        // Each of these is a new process of the host.
        const nlohmann::json now = status(host);
        most = std::max(most, now["usage"]["processes"].get<std::uint64_t>());
    }
    CHECK(most > 1);
    CHECK(most <= 40);
    const nlohmann::json running = status(host);

    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK(status(host)["state"] == "stopped");
    CHECK(test::of_process(running["pid"], "Pid").empty());
    CHECK(host.run({"ps", "test", "--json"}).json()["processes"].empty());
}

TEST_CASE("a process that opens more files than its limit is told so", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", stays) + "[limits]\nfiles = 32\n");
    REQUIRE(install(host).status == 0);

    // tee has all of them open at the same time.
    const auto open = [&](int count) {
        return inside(host, fmt::format("tee $(seq -f /tmp/f%g {}) < /dev/null", count));
    };
    CHECK(open(20).status == 0);
    const CommandResult many = open(40);
    CHECK(many.status == 1);
    CHECK_THAT(many.err, ContainsSubstring("Too many open files"));
    CHECK_THAT(inside(host, "ulimit -n 33").err, ContainsSubstring("ulimit"));
}

TEST_CASE("dd reads no faster than its limit, where the kernel can hold it", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", stays) + "[limits]\nio-read = 4M\n");
    REQUIRE(install(host).status == 0);
    const nlohmann::json reading = limit(host, "io-read");
    if (reading["enforcement"] != "enforced") {
        // Not held, so it has to be said so.
        CHECK_FALSE(reading["mechanism"].get<std::string>().empty());
        WARN("not held here: " << reading["mechanism"]);
        return;
    }
    REQUIRE(inside(host, "head -c 16M /dev/urandom > /var/big && sync").status == 0);

    const auto begin = base::steady_now();
    const CommandResult read = inside(host, "dd if=/var/big of=/dev/null bs=256k iflag=direct");
    const double seconds = std::chrono::duration<double>(base::steady_now() - begin).count();

    INFO(read.err);
    REQUIRE(read.status == 0);
    CHECK(seconds > 16.0 / 4 * 0.85); // a kernel that holds nobody back needs a fraction of a second
}

TEST_CASE("a flood in one jail costs the log of another nothing", "[system][root][logs]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("pkgjail.conf", "[log]\nmax-size = 1M\nfiles = 2\n");
    host.write_config("recipes.d/flood.recipe", "[recipe]\nsummary = a test\npackage = tree\n" +
                                                    service("", "exec yes 0123456789012345678901234567890"));
    write_recipe(host, service("", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.1; done; "
                                   "echo over; exec sleep 1000"));
    REQUIRE(host.run({"install", "tree", "-j", "flood", "--recipe", "flood"}).status == 0);
    const double begun = host.run({"status", "flood", "--json"}).json()["jails"][0]["usage"]["cpu_usec"];

    REQUIRE(install(host).status == 0);
    REQUIRE(wait_for([&] { return test::logged(host).find(" out over\n") != std::string::npos; }));

    const std::string calm = test::logged(host);
    for (int number = 1; number <= 40; ++number)
        CHECK_THAT(calm, ContainsSubstring(fmt::format(" out line {}\n", number)));
    CHECK(status(host)["log_records_dropped"] == 0);
    const nlohmann::json flood = host.run({"status", "flood", "--json"}).json()["jails"][0];
    CHECK(flood["state"] == "ready");
    CHECK(flood["restarts"] == 0);
    CHECK(flood["usage"]["cpu_usec"].get<double>() > begun); // it was not held up
    std::uintmax_t bytes = 0;                                // it goes on being rotated
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "log"))
        if (entry.path().filename().string().starts_with("flood.log")) {
            std::error_code rotated_away;
            const std::uintmax_t size = entry.file_size(rotated_away);
            bytes += rotated_away ? 0 : size;
        }
    CHECK(bytes < (3u << 20));
    CHECK(host.run({"stop", "flood"}).status == 0);
}
