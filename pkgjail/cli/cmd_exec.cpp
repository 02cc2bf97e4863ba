// exec, shell, logs: a look inside.
#include <algorithm>
#include <csignal>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/exec.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/supervise/service_log.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

int run_inside(Environment& environment, std::vector<std::string> command) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, environment.verb(), "no jail given",
                    fmt::format("pkgjail {} JAIL", environment.verb()));
    ops::ExecRequest request;
    request.jail = environment.text("jail");
    request.command = std::move(command);
    if (environment.has("user"))
        request.user = environment.text("user");
    request.terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    const base::Exit exit = ops::exec(environment.context(), request);
    return exit.signalled ? 128 + exit.value : exit.value; // as a shell tells it
}

std::optional<base::WallTime> since_option(Environment& environment) {
    if (!environment.has("since"))
        return std::nullopt;
    const std::string text = environment.text("since");
    if (const auto time = base::parse_time(text))
        return time;
    if (const auto duration = jail::parse_duration(text))
        return base::wall_now() - *duration;
    throw Error(
        ErrorKind::usage, "--since",
        fmt::format(
            "found \"{}\", allowed: a time such as 2026-11-21T23:40:00Z, or a duration such as 10m, 2h",
            text));
}

std::size_t lines_option(Environment& environment) {
    if (!environment.has("lines"))
        return 100;
    const std::string text = environment.text("lines");
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Error(ErrorKind::usage, "--lines", fmt::format("found \"{}\", allowed: a number", text));
    return std::stoul(text);
}

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int) {
    interrupted = 1;
}

struct JailRecord {
    std::string jail;
    supervise::LogRecord record;
};

void show(Environment& environment, const JailRecord& line, bool several) {
    const std::string text = printable(line.record.text);
    if (environment.has("raw"))
        environment.say(text + "\n");
    else if (several)
        environment.say(fmt::format("{} {} {} {}\n", base::format_time(line.record.time), line.jail,
                                    line.record.stream, text));
    else
        environment.say(
            fmt::format("{} {} {}\n", base::format_time(line.record.time), line.record.stream, text));
}

} // namespace

int cmd_exec(Environment& environment) {
    const std::vector<std::string> command = environment.list("command…");
    if (command.empty())
        throw Error(ErrorKind::usage, "exec", "no command given",
                    "pkgjail exec JAIL COMMAND…, or pkgjail shell JAIL");
    return run_inside(environment, command);
}

int cmd_shell(Environment& environment) {
    return run_inside(environment, {});
}

int cmd_logs(Environment& environment) {
    std::vector<std::string> jails = environment.list("jail…");
    if (jails.empty())
        jails = ops::jail_names(environment.context());
    const bool several = jails.size() > 1;
    if (environment.has("follow") && (several || jails.empty()))
        throw Error(ErrorKind::usage, "--follow", "follows one jail at a time", "pkgjail logs -f JAIL");
    const auto since = since_option(environment);
    const std::size_t count = lines_option(environment);
    std::vector<JailRecord> records;
    for (const std::string& jail : jails)
        for (supervise::LogRecord& record :
             supervise::read_log(ops::log_file(environment.context(), jail), since, count))
            records.push_back({jail, std::move(record)});
    std::stable_sort(records.begin(), records.end(),
                     [](const JailRecord& a, const JailRecord& b) { return a.record.time < b.record.time; });
    if (environment.json()) {
        Json list = Json::array();
        for (const JailRecord& line : records)
            list.push_back({{"time", base::format_time_precise(line.record.time)},
                            {"jail", line.jail},
                            {"stream", line.record.stream},
                            {"text", line.record.text}});
        environment.print_json({{"records", list}});
        return exit_done;
    }
    for (const JailRecord& line : records)
        show(environment, line, several);
    if (environment.has("follow")) {
        static_cast<void>(std::signal(SIGINT, interrupt));
        static_cast<void>(std::signal(SIGTERM, interrupt));
        supervise::follow_log(
            ops::log_file(environment.context(), jails.front()),
            [&](const supervise::LogRecord& record) {
                show(environment, {jails.front(), record}, false);
            },
            [] { return interrupted == 0 && !reader_has_gone(); });
    }
    return exit_done;
}

} // namespace pkgjail::cli
