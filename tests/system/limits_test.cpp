// Limits as processes feel them, and changed under a service that runs.
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/pkgjail_command.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::CommandResult;
using test::Host;

namespace {

nlohmann::json limit(const Host& host, const std::string& name) {
    const auto all = host.run({"limits", "nginx", "--json"}).json();
    for (const auto& one : all["limits"])
        if (one["limit"] == name)
            return one;
    return {};
}

} // namespace

TEST_CASE("limits of a running jail change at once and stay", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port), "--limit", "memory=300M"})
                .status == 0);
    const auto before = host.run({"status", "nginx", "--json"}).json()["jails"][0];
    CHECK(limit(host, "memory")["effective"] == 300u << 20);
    CHECK(limit(host, "memory")["source"] == "operator");
    CHECK(limit(host, "cpu")["source"] == "template web");

    CommandResult changed = host.run({"limits", "nginx", "memory=128M", "cpu=20%", "processes=12", "--json"});
    INFO(changed.out << changed.err);
    REQUIRE(changed.status == 0);
    CHECK(changed.json()["changed"] == true);
    CHECK(
        host.run({"limits", "nginx", "memory=128M", "cpu=20%", "processes=12", "--json"}).json()["changed"] ==
        false);
    for (const auto& [name, value] :
         std::map<std::string, std::uint64_t>{{"memory", 128u << 20}, {"cpu", 20}, {"processes", 12}}) {
        INFO(name);
        CHECK(limit(host, name)["effective"] == value);
        CHECK(limit(host, name)["enforcement"] == "enforced");
    }
    CHECK(host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"] == before["pid"]);

    // What is refused changes nothing.
    const CommandResult too_little = host.run({"limits", "nginx", "memory=1M", "cpu=30%"});
    CHECK(too_little.status == 77);
    CHECK_THAT(too_little.err, ContainsSubstring("the jail uses more than 1M and cannot give it back") &&
                                   ContainsSubstring("choose more than that; pkgjail status nginx"));
    CHECK(limit(host, "memory")["effective"] == 128u << 20);
    CHECK(limit(host, "cpu")["effective"] == 20);

    // Nor does what is in force and cannot be recorded.
    CHECK(host.run({"limits", "nginx", "cpu=40%"}, {{"PKGJAIL_FAIL_AT", "limits.in_force"}}).status == 1);
    CHECK(limit(host, "cpu")["effective"] == 20);
    CHECK(limit(host, "cpu")["wanted"] == 20);

    REQUIRE(host.run({"restart", "nginx"}).status == 0);
    CHECK(limit(host, "memory")["effective"] == 128u << 20);
    REQUIRE(host.run({"limits", "nginx", "memory=default"}).status == 0);
    CHECK(limit(host, "memory")["source"] == "template web");
}

namespace {

/// Lets the control groups of a process go before others while it lives: what else runs on a machine must not
/// look like a limit. Weights are no limits.
class Precedence {
  public:
    explicit Precedence(int pid) {
        std::ifstream groups(fmt::format("/proc/{}/cgroup", pid));
        for (std::string line; std::getline(groups, line);) { // "4:cpu,cpuacct:/pkgjail/…", "0::/…"
            const std::size_t first = line.find(':'), second = line.find(':', first + 1);
            const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
            const bool unified = controllers == ",,";
            if (!unified && controllers.find(",cpu,") == std::string::npos)
                continue;
            for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/cpu",
                                      "/sys/fs/cgroup/cpu,cpuacct"})
                for (std::filesystem::path group = line.substr(second + 1); group != "/" && !group.empty();
                     group = group.parent_path())
                    raise(std::filesystem::path(mount + group.string()) /
                              (unified ? "cpu.weight" : "cpu.shares"),
                          unified ? "10000" : "262144");
        }
    }
    Precedence(const Precedence&) = delete;
    Precedence& operator=(const Precedence&) = delete;
    ~Precedence() {
        for (const auto& [file, value] : before_)
            std::ofstream(file) << value;
    }

  private:
    void raise(const std::filesystem::path& file, const char* value) {
        std::ifstream now(file);
        std::string old;
        if (now >> old && before_.emplace(file.string(), old).second)
            std::ofstream(file) << value;
    }
    std::map<std::string, std::string> before_;
};

} // namespace

TEST_CASE("a spinner gets its share of the processor, within a tenth", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/spin.recipe", "[recipe]\nsummary = a test\npackage = tree\n"
                                               "[service]\ncommand = /bin/sh -c \"while :; do :; done\"\n"
                                               "stop-timeout = 1s\n[limits]\ncpu = 30%\n");
    REQUIRE(host.run({"install", "tree", "-j", "spin", "--recipe", "spin"}).status == 0);
    struct Use {
        double cpu_usec;
        double held_back_usec;
    };
    const auto use = [&] {
        const auto usage = host.run({"status", "spin", "--json"}).json()["jails"][0]["usage"];
        return Use{usage["cpu_usec"].get<double>(), usage["throttled_usec"].get<double>()};
    };
    if (host.run({"status", "spin", "--json"}).json()["jails"][0]["usage"]["throttled_usec"].is_null()) {
        WARN("skipped: no control group holds anybody back here");
        return;
    }

    // Looked at twice by the command itself, as the supervisor has not looked yet.
    const auto at_once = host.run({"limits", "spin", "--json"}).json();
    CHECK(at_once["watched_usec"].get<double>() >= 100'000);
    CHECK(at_once["limits"][0]["use"].is_number());

    const Precedence precedence(host.run({"status", "spin", "--json"}).json()["jails"][0]["pid"]);

    // Never more than its share, whatever else runs. Less only where the machine had none left for it: then
    // the kernel did not hold it back for the rest of the time, and another five seconds are looked at.
    constexpr int rounds = 8;
    double share = 0, asleep = 0;
    for (int round = 0; round < rounds; ++round) {
        const auto begin = base::steady_now();
        const Use first = use();
        const auto begun = base::steady_now();
        std::this_thread::sleep_for(5s);
        const auto ending = base::steady_now();
        const Use last = use();
        const auto end = base::steady_now();
        const auto usec = [](auto from, auto to) {
            return std::chrono::duration<double, std::micro>(to - from).count();
        };
        // A command looks at some moment of its own: the longest time that it can be, and the shortest.
        const double longest = usec(begin, end), shortest = usec(begun, ending);
        const double used = last.cpu_usec - first.cpu_usec;
        share = used / shortest;
        asleep = (last.held_back_usec - first.held_back_usec) / longest;
        INFO("round " << round << ": " << used << " of " << shortest << " to " << longest);
        CHECK(used <= longest * 0.30 * 1.10);
        if (used >= longest * 0.30 * 0.90)
            break;
        share = 0;
    }
    INFO("held back for " << asleep << " of the last round");
    if (share == 0 && asleep < 0.60)
        WARN("the machine was too busy to give it its share");
    else
        CHECK(share >= 0.27);

    // By now since the supervisor's own look; the kernel lets a jail go on for a period at most.
    const auto later = host.run({"limits", "spin", "--json"}).json();
    CHECK(later["limits"][0]["limit"] == "cpu");
    CHECK(later["limits"][0]["use"].get<double>() > 0);
    CHECK(later["limits"][0]["use"].get<double>() <= 33 + 3'000'000 / later["watched_usec"].get<double>());
}

TEST_CASE("a service that meets its process limit has it in its log", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(test::free_port())}).status == 0);
    REQUIRE(host.run({"limits", "nginx", "processes=10"}).status == 0);

    host.run({"exec", "nginx", "timeout", "2", "sh", "-c", "while :; do sleep 1 & done"});

    bool told = false;
    for (int tries = 0; tries < 300 && !told; ++tries) {
        told = host.run({"logs", "nginx"}).out.find("limit processes was met") != std::string::npos;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    CHECK(told);
    CHECK(limit(host, "processes")["hits"].get<std::uint64_t>() > 0);
}
