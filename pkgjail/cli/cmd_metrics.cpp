// metrics, ps: figures of jails, for Prometheus and for people.
#include <filesystem>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/prometheus_text.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/processes.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json families_json(const std::vector<ops::MetricFamily>& families) {
    Json list = Json::array();
    for (const ops::MetricFamily& family : families) {
        Json samples = Json::array();
        for (const ops::MetricSample& sample : family.samples) {
            Json labels = Json::object();
            for (const auto& [name, value] : sample.labels)
                labels[name] = value;
            samples.push_back({{"labels", labels}, {"value", Json::parse(sample.value)}});
        }
        list.push_back({{"name", family.name},
                        {"type", family.kind == ops::MetricFamily::Kind::counter ? "counter" : "gauge"},
                        {"help", family.help},
                        {"samples", samples}});
    }
    return list;
}

/// "12.3s", "4m 10s".
std::string cpu_time(std::uint64_t microseconds) {
    if (microseconds < 60'000'000)
        return fmt::format("{:.1f}s", static_cast<double>(microseconds) / 1e6);
    return base::format_duration(std::chrono::seconds(microseconds / 1'000'000));
}

/// What it was started with, or in brackets its name, as ps(1) does for those that have nothing.
std::string command_text(const base::ProcessFacts& facts) {
    return facts.command.empty() ? "[" + facts.name + "]" : fmt::format("{}", fmt::join(facts.command, " "));
}

} // namespace

int cmd_metrics(Environment& environment) {
    const auto families = ops::metrics(environment.context(), PKGJAIL_VERSION);
    if (environment.has("textfile")) {
        const std::string file = environment.text("textfile");
        if (file.empty())
            throw Error(ErrorKind::usage, "--textfile", "found \"\", allowed: a file");
        if (environment.context().dry_run)
            base::require_replaceable(std::filesystem::absolute(file));
        else // for a collector that runs as somebody else
            base::write_file_atomically(std::filesystem::absolute(file), prometheus_text(families), 0644);
        if (environment.json())
            environment.print_json({{"textfile", file}});
        return exit_done;
    }
    if (environment.json())
        environment.print_json({{"metrics", families_json(families)}});
    else
        print(prometheus_text(families));
    return exit_done;
}

int cmd_ps(Environment& environment) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, "ps", "no jail given", "pkgjail ps JAIL");
    const std::string jail = environment.text("jail");
    const auto processes = ops::processes(environment.context(), jail);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::JailProcess& process : processes)
            list.push_back({{"pid", process.facts.pid},
                            {"inner_pid", process.facts.inner_pid},
                            {"uid", process.facts.uid},
                            {"user", process.user},
                            {"memory_bytes", process.facts.memory_bytes},
                            {"cpu_usec", process.facts.cpu_usec},
                            {"name", process.facts.name},
                            {"command", process.facts.command}});
        environment.print_json({{"jail", jail}, {"processes", list}});
        return exit_done;
    }
    if (processes.empty()) {
        environment.say(fmt::format("jail {}: no processes, it does not run\n", jail));
        return exit_done;
    }
    Table table({"PID", "INSIDE", "USER", "MEMORY", "CPU", "COMMAND"}, 5);
    for (const ops::JailProcess& process : processes)
        table.add({{std::to_string(process.facts.pid)},
                   {std::to_string(process.facts.inner_pid)},
                   {printable(process.user)},
                   {jail::format_size(process.facts.memory_bytes)},
                   {cpu_time(process.facts.cpu_usec)},
                   {printable(command_text(process.facts))}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

} // namespace pkgjail::cli
