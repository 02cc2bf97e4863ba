// metrics, top and ps of jails that do not run.
#include <fstream>

#include <unistd.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "support/catch.hpp"
#include "support/metrics_text.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;
using test::MetricsText;
using test::package;
using test::Shop;

namespace {

MetricsText metrics_of(const Host& host) {
    return test::read_metrics(host.run({"metrics"}).out);
}

/// What promtool says; empty: nothing to complain about.
std::string promtool(const std::string& text) {
    const auto program = base::find_program("promtool");
    if (!program) {
        WARN("not asked of promtool: there is none (Debian's package prometheus has it)");
        return "";
    }
    base::Command command;
    command.argv = {program->string(), "check", "metrics"};
    const base::Output output = base::run(command, std::chrono::seconds(60), text);
    return output.out + output.err + (output.exit.success() ? "" : output.exit.describe());
}

/// As a supervisor leaves it that has stopped its service.
void write_stopped(const Host& host, const std::string& id, const supervise::Counters& counters) {
    const base::HostPath run = store::Layout(host.state()).run(id);
    base::make_directories(run, 0700);
    supervise::RecordedStatus recorded;
    recorded.boot = base::boot_id();
    recorded.status.reason = "stopped by operator";
    recorded.status.sums.ended = counters;
    recorded.status.restarts = 2;
    supervise::write_state(run, recorded);
}

} // namespace

TEST_CASE("metrics of a host without state are well-formed and say so", "[flow][metrics]") {
    const Host host;

    const MetricsText metrics = metrics_of(host);

    CHECK(metrics.faults.empty());
    CHECK(metrics.samples.at("pkgjail_jails") == 0);
    CHECK(promtool(host.run({"metrics"}).out).empty());
    CHECK_FALSE(std::filesystem::exists(host.state()));
}

TEST_CASE("metrics tell of each jail, its packages and what is newer", "[flow][metrics]") {
    const Shop shop({package("web-1.1"), package("lib-2.0")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    test::record_jail(shop.host(), "web", {"lib-2.0", "web-1.0"});
    test::record_jail(shop.host(), "old", {"lib-1.9", "web-1.0", "gone-3.0"});

    const std::string text = shop.host().run({"metrics"}).out;
    const MetricsText metrics = test::read_metrics(text);

    CHECK(metrics.faults.empty());
    CHECK(promtool(text).empty());
    CHECK(metrics.samples.at("pkgjail_jails") == 2);
    CHECK(metrics.samples.at("pkgjail_jail_up{jail=\"web\"}") == 0);
    CHECK(metrics.samples.at("pkgjail_jail_state{jail=\"web\",state=\"stopped\"}") == 1);
    CHECK(metrics.samples.at("pkgjail_jail_state{jail=\"web\",state=\"ready\"}") == 0);
    CHECK(metrics.samples.at("pkgjail_jail_packages{jail=\"web\"}") == 2);
    CHECK(metrics.samples.at("pkgjail_jail_packages_upgradable{jail=\"web\"}") == 1);
    CHECK(metrics.samples.at("pkgjail_jail_packages_upgradable{jail=\"old\"}") == 2);
    CHECK(metrics.samples.at("pkgjail_jail_image_bytes{jail=\"web\"}") == 1000);
    CHECK(metrics.samples.at("pkgjail_jail_generation_created_timestamp_seconds{jail=\"web\"}") ==
          1'700'000'000);
    CHECK(metrics.samples.at("pkgjail_jail_snapshots{jail=\"web\"}") == 0);
    CHECK_FALSE(metrics.samples.contains("pkgjail_jail_data_bytes{jail=\"web\"}"));
    CHECK(metrics.samples.at("pkgjail_repository_packages{repository=\"demo\"}") == 2);
    CHECK(metrics.types.at("pkgjail_jail_restarts_total") == "counter");
}

TEST_CASE("foreign text in labels cannot break the format", "[flow][metrics]") {
    const Host host;
    const std::string nasty = "a\"} 1\nx\\y\x1b[2J\xff-1.0";
    test::record_jail(host, "web", {nasty});

    const std::string text = host.run({"metrics"}).out;
    const MetricsText metrics = test::read_metrics(text);

    CHECK(metrics.faults.empty());
    CHECK(promtool(text).empty());
    std::string info;
    for (const auto& [key, value] : metrics.samples)
        if (key.starts_with("pkgjail_jail_info"))
            info = key;
    CHECK_THAT(info, ContainsSubstring("package=\"a\"} 1\\x0ax\\y\\x1b[2J\\xff-1.0\"}"));
}

TEST_CASE("counters of a stopped jail are those of its last runs", "[flow][metrics]") {
    const Host host;
    const std::string id = test::record_jail(host, "web", {"web-1.0"});
    supervise::Counters counters;
    counters.cpu_usec = 1'500'000;
    counters.memory_limit_hits = 7;
    counters.memory_kills = 4;
    counters.restarts = 3;
    write_stopped(host, id, counters);

    const MetricsText metrics = metrics_of(host);

    CHECK(metrics.samples.at("pkgjail_jail_cpu_seconds_total{jail=\"web\"}") == 1.5);
    CHECK(metrics.samples.at("pkgjail_jail_limit_hits_total{jail=\"web\",limit=\"memory\"}") == 7);
    CHECK(metrics.samples.at("pkgjail_jail_memory_kills_total{jail=\"web\"}") == 4);
    CHECK(metrics.types.at("pkgjail_jail_memory_kills_total") == "counter");
    CHECK(metrics.samples.at("pkgjail_jail_restarts_total{jail=\"web\"}") == 5);
    CHECK_FALSE(metrics.samples.contains("pkgjail_jail_io_read_bytes_total{jail=\"web\"}"));
}

TEST_CASE("each further service of a jail has its own state and counters", "[flow][metrics]") {
    const Host host;
    const base::HostPath run = store::Layout(host.state()).run(test::record_jail(host, "web", {"web-1.0"}));
    base::make_directories(run, 0700);
    // This process is the supervisor, for it holds the lock.
    const auto lock = base::Lock::take(supervise::lock_file(run), base::LockMode::exclusive, "web", "test",
                                       std::chrono::milliseconds(0));
    supervise::RecordedStatus recorded;
    recorded.boot = base::boot_id();
    recorded.status.state = supervise::ServiceState::unhealthy;
    recorded.status.supervisor = recorded.status.service = base::identify_process(::getpid());
    recorded.status.further = {
        {"worker", supervise::ServiceState::ready, "", recorded.status.service, 3, "", ""},
        {"cron", supervise::ServiceState::failed, "exit status 1", {}, 5, "", ""}};
    supervise::write_state(run, recorded);

    const std::string text = host.run({"metrics"}).out;
    const MetricsText metrics = test::read_metrics(text);

    CHECK(metrics.faults.empty());
    CHECK(promtool(text).empty());
    const auto sample = [&](const std::string& name, const std::string& labels) {
        return metrics.samples.at("pkgjail_service_" + name + "{jail=\"web\"," + labels + "}");
    };
    CHECK(sample("up", "service=\"worker\"") == 1);
    CHECK(sample("up", "service=\"cron\"") == 0);
    CHECK(sample("healthy", "service=\"worker\"") == 1);
    CHECK(sample("healthy", "service=\"cron\"") == 0);
    CHECK(sample("state", "service=\"cron\",state=\"failed\"") == 1);
    CHECK(sample("state", "service=\"cron\",state=\"ready\"") == 0);
    CHECK(sample("restarts_total", "service=\"worker\"") == 3);
    CHECK(metrics.types.at("pkgjail_service_restarts_total") == "counter");
}

TEST_CASE("a text file of metrics is replaced in one step and can be read by all", "[flow][metrics]") {
    const Host host;
    const test::TempDir directory;
    const auto file = directory / "pkgjail.prom";
    std::ofstream(file) << "old";

    CHECK(host.run({"metrics", "--textfile", file.string()}).out.empty());

    CHECK(test::read_metrics(base::read_file(file)).samples.at("pkgjail_jails") == 0);
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0644));
    CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
    check_fails(host, {"metrics", "--textfile", ""}, 64,
                "pkgjail: metrics: --textfile: found \"\", allowed: anything that is not empty\n"
                "hint: pkgjail metrics [--textfile FILE]\n");
    CHECK(host.run({"metrics", "--json"}).json()["metrics"][0]["name"] == "pkgjail_build_info");
}

TEST_CASE("top and ps of jails that do not run say so", "[flow][top]") {
    const Host host;
    CHECK(host.run({"top", "--once"}).out == "no jails; pkgjail install PACKAGE makes the first one\n");
    check_fails(host, {"ps", "web"}, 5,
                "pkgjail: ps: web: there is no jail of this name\n"
                "hint: pkgjail install PACKAGE makes the first one\n");
    test::record_jail(host, "web", {"web-1.0"});

    CHECK(host.run({"top", "--once", "--interval", "100ms"}).out ==
          "JAIL  STATE    CPU  MEMORY  PROCS  READ  WRITE\n"
          "web   stopped  -    -       -      -     -\n");
    const auto line = host.run({"top", "--json", "--interval", "100ms"}).json()["jails"][0];
    CHECK(line["jail"] == "web");
    CHECK(line["cpu_percent"].is_null());
    CHECK(host.run({"ps", "web"}).out == "jail web: no processes, it does not run\n");
    CHECK(host.run({"ps", "web", "--json"}).json()["processes"].empty());
    check_fails(host, {"top", "--interval", "1ms"}, 64,
                "pkgjail: top: --interval: found \"1ms\", allowed: a time from 100ms to 1h\n");
    CHECK(host.run({"top"}).err == "pkgjail: top: standard input and output are no terminal\n"
                                   "hint: pkgjail top --once prints one table\n");
}
