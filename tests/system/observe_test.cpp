// metrics, ps, top and the log of jails that really run.
#include <csignal>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/metrics_text.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// A jail whose service is a shell script.
void install_script(const Host& host, const std::string& name, const std::string& script) {
    host.write_config("recipes.d/" + name + ".recipe", "[recipe]\nsummary = a script\npackage = tree\n"
                                                       "[service]\ncommand = /bin/sh -c '" +
                                                           script + "'\n");
    const CommandResult result = host.run({"install", "tree", "-j", name, "--recipe", name});
    INFO(result.err);
    REQUIRE(result.status == 0);
}

double metric(const Host& host, const std::string& name) {
    const test::MetricsText metrics = test::read_metrics(host.run({"metrics"}).out);
    CHECK(metrics.faults.empty());
    const auto found = metrics.samples.find(name);
    INFO(name);
    REQUIRE(found != metrics.samples.end());
    return found->second;
}

/// Waits until `what` says so; false after two minutes.
bool wait_until(const std::function<bool()>& what) {
    for (int attempt = 0; attempt < 600; ++attempt) {
        if (what())
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return false;
}

} // namespace

TEST_CASE("counters of a jail go on over a restart, a killed supervisor and a stop",
          "[system][metrics][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install_script(host, "busy", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 1000");
    const std::string cpu = "pkgjail_jail_cpu_seconds_total{jail=\"busy\"}";
    REQUIRE(wait_until([&] { return metric(host, cpu) > 0.05; }));
    CHECK(metric(host, "pkgjail_jail_up{jail=\"busy\"}") == 1);
    CHECK(metric(host, "pkgjail_jail_healthy{jail=\"busy\"}") == 1);
    CHECK(metric(host, "pkgjail_jail_memory_bytes{jail=\"busy\"}") > 0);
    CHECK(metric(host, "pkgjail_jail_memory_limit_bytes{jail=\"busy\"}") > 0);

    const double before = metric(host, cpu);
    REQUIRE(host.run({"restart", "busy"}).status == 0);
    const double restarted = metric(host, cpu);
    CHECK(restarted >= before);

    const int supervisor = host.run({"status", "busy", "--json"}).json()["jails"][0]["supervisor_pid"];
    REQUIRE(::kill(supervisor, SIGKILL) == 0);
    REQUIRE(wait_until([&] {
        return host.run({"status", "busy", "--json"}).json()["jails"][0]["state"] == "unsupervised";
    }));
    const double unsupervised = metric(host, cpu);
    CHECK(unsupervised >= restarted);
    REQUIRE(host.run({"stop", "busy"}).status == 0);
    const double stopped = metric(host, cpu);
    CHECK(stopped >= unsupervised);
    CHECK(metric(host, "pkgjail_jail_up{jail=\"busy\"}") == 0);
    REQUIRE(host.run({"start", "busy"}).status == 0);
    CHECK(metric(host, cpu) >= stopped);
}

TEST_CASE("ps shows a jail's processes from both sides, with nothing that steers a terminal",
          "[system][ps][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install_script(
        host, "calm",
        "odd=\"/var/$(printf \"\\033[2J\")\"; ln -sf /bin/sleep \"$odd\"; \"$odd\" 1000 & exec sleep 1001");

    const CommandResult as_json = host.run({"ps", "calm", "--json"});
    const CommandResult plain = host.run({"ps", "calm"});
    const nlohmann::json shown = as_json.json();

    std::string text;
    for (const auto& process : shown["processes"])
        text += fmt::format("{} {} {}\n", process["inner_pid"] == 1 ? "first" : "other",
                            process["user"].get<std::string>(),
                            fmt::join(process["command"].get<std::vector<std::string>>(), " "));
    CHECK(text == "first root sleep 1001\nother root /var/\033[2J 1000\n");
    CHECK(as_json.out.find('\033') == std::string::npos);
    CHECK(plain.out.find('\033') == std::string::npos);
    CHECK_THAT(plain.out, ContainsSubstring("/var/\\x1b[2J 1000") && ContainsSubstring("sleep 1001"));
    const auto line = host.run({"top", "--json", "--interval", "300ms"}).json()["jails"][0];
    CHECK(line["state"] == "ready");
    CHECK(line["cpu_percent"].get<double>() < 50);
    CHECK(line["usage"]["processes"] == 2);
}

TEST_CASE("a flood of output ends neither service nor supervisor, and every record is accounted for",
          "[system][logs][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    // Nothing may be lost to rotation.
    host.write_config("pkgjail.conf", "[log]\nmax-size = 1G\n");
    constexpr std::uint64_t lines = 2'000'000;
    const std::string line(99, 'x');
    install_script(host, "flood",
                   fmt::format("yes {} | head -n {}; echo over >&2; exec sleep 1000", line, lines));
    // The word itself may be dropped: the shell has become something else then.
    REQUIRE(wait_until([&] {
        const nlohmann::json shown = host.run({"ps", "flood", "--json"}).json();
        return shown["processes"].size() == 1 &&
               shown["processes"][0]["command"] == nlohmann::json({"sleep", "1000"});
    }));
    // The counts in the state file follow once a second.
    std::this_thread::sleep_for(std::chrono::seconds(3));

    const auto status = host.run({"status", "flood", "--json"}).json()["jails"][0];
    CHECK(status["state"] == "ready");
    CHECK(status["restarts"] == 0);
    const std::uint64_t dropped = status["log_records_dropped"];
    CHECK(metric(host, "pkgjail_jail_log_records_dropped_total{jail=\"flood\"}") ==
          static_cast<double>(dropped));
    std::uint64_t kept = 0, told = 0;
    std::ifstream log(host.state() / "log" / "flood.log");
    for (std::string record; std::getline(log, record);) {
        kept += record.ends_with(line) || record.ends_with(" err over") ? 1 : 0;
        if (const std::size_t at = record.find(" sup "); record.find("dropped before this") != record.npos)
            told += std::stoull(record.substr(at + 5));
    }
    INFO("kept " << kept << ", dropped " << dropped << ", told " << told);
    CHECK(kept + dropped == lines + 1);
    CHECK((dropped == 0) == (told == 0));
    CHECK(told <= dropped);
    REQUIRE(host.run({"stop", "flood"}).status == 0);
}
