// logs: what services wrote, of several jails in the order of time.
#include <algorithm>
#include <csignal>
#include <thread>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/regular_expression.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/supervise/service_log.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using supervise::LogRecord;

namespace {

std::optional<base::WallTime> time_option(Environment& environment, const std::string& option) {
    if (!environment.has(option))
        return std::nullopt;
    const std::string text = environment.text(option);
    if (const auto time = base::parse_time(text))
        return time;
    if (const auto duration = jail::parse_duration(text))
        return base::wall_now() - *duration;
    throw Error(
        ErrorKind::usage, "--" + option,
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

/// -n is --dry-run, also for who is used to other programs' -n LINES, whose number is taken for a jail then.
void refuse_number(Environment& environment, const std::vector<std::string>& jails) {
    if (!environment.has("dry-run") || jails.empty())
        return;
    const auto there = ops::jail_names(environment.context());
    for (const std::string& name : jails)
        if (name.find_first_not_of("0123456789") == std::string::npos &&
            std::find(there.begin(), there.end(), name) == there.end())
            throw Error(ErrorKind::not_found, name, "there is no jail of this name, and -n is --dry-run",
                        fmt::format("--lines {} shows the last ones", name));
}

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int) {
    interrupted = 1;
}

struct JailRecord {
    std::string jail;
    LogRecord record;
};

void sort_by_time(std::vector<JailRecord>& records) {
    std::stable_sort(records.begin(), records.end(),
                     [](const JailRecord& a, const JailRecord& b) { return a.record.time < b.record.time; });
}

Json record_json(const JailRecord& line) {
    return {{"time", base::format_time_precise(line.record.time)},
            {"jail", line.jail},
            {"stream", line.record.stream},
            {"text", line.record.text}};
}

/// Prints records as they come, many at once where many are there.
class Printer {
  public:
    Printer(Environment& environment, bool several) : environment_(environment), several_(several) {}
    void print_all(const std::vector<JailRecord>& records) const {
        constexpr std::size_t at_once = 64u << 10;
        std::string lines;
        for (const JailRecord& line : records) {
            lines += line_of(line);
            if (lines.size() >= at_once)
                give(lines);
        }
        if (!lines.empty())
            give(lines);
    }

  private:
    std::string line_of(const JailRecord& line) const {
        // Of what goes on without end there is no one document: each record is one, on a line of its own.
        if (environment_.json())
            return record_json(line).dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
        const std::string text = base::printable(line.record.text);
        if (environment_.has("raw"))
            return text + "\n";
        if (several_)
            return fmt::format("{} {} {} {}\n", base::format_time(line.record.time), line.jail,
                               line.record.stream, text);
        return fmt::format("{} {} {}\n", base::format_time(line.record.time), line.record.stream, text);
    }
    void give(std::string& lines) const {
        if (environment_.json())
            print(lines);
        else
            environment_.say(lines);
        lines.clear();
    }

    Environment& environment_;
    bool several_;
};

/// What there is, and then what comes. Reads with the same eyes, so that nothing is lost or shown twice in
/// between.
void follow(Environment& environment, const std::vector<ops::JailLog>& logs, supervise::LogQuery query) {
    static_cast<void>(std::signal(SIGINT, interrupt));
    static_cast<void>(std::signal(SIGTERM, interrupt));
    struct Followed {
        std::string jail;
        supervise::LogFollower log;
    };
    std::vector<Followed> followed;
    for (const ops::JailLog& log : logs)
        followed.push_back({log.jail, {log.file, supervise::LogFollower::Begin::at_the_oldest}});
    const Printer printer(environment, logs.size() > 1);
    const auto keep_last = [&](std::vector<JailRecord>& records, std::size_t count) {
        if (count > 0 && records.size() > count)
            records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(count));
    };
    std::size_t last_count = query.last_count;
    while (interrupted == 0 && !reader_has_gone()) {
        std::vector<JailRecord> records;
        for (Followed& one : followed) {
            std::vector<JailRecord> its;
            one.log.poll([&](LogRecord&& record) {
                if (!query.takes(record))
                    return;
                its.push_back({one.jail, std::move(record)});
                if (last_count > 0 && its.size() >= 2 * last_count)
                    keep_last(its, last_count);
            });
            keep_last(its, last_count);
            std::move(its.begin(), its.end(), std::back_inserter(records));
        }
        last_count = 0; // what comes from now on is shown whole
        sort_by_time(records);
        printer.print_all(records);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

} // namespace

int cmd_logs(Environment& environment) {
    supervise::LogQuery query;
    query.since = time_option(environment, "since");
    query.until = time_option(environment, "until");
    query.last_count = lines_option(environment);
    std::optional<base::RegularExpression> expression;
    if (environment.has("grep")) {
        expression.emplace(environment.text("grep"), "--grep");
        query.wanted = [&](const LogRecord& record) { return expression->matches(record.text); };
    }
    if (environment.has("follow") && query.until)
        throw Error(ErrorKind::usage, "--until", "ends what --follow asks to go on with");
    refuse_number(environment, environment.list("jail…"));
    const std::vector<ops::JailLog> logs = ops::logs(environment.context(), environment.list("jail…"));
    if (environment.has("follow")) {
        if (logs.empty())
            throw Error(ErrorKind::not_found, "--follow", "there are no jails to follow",
                        "pkgjail install PACKAGE makes the first one");
        follow(environment, logs, query);
        return exit_done;
    }
    std::vector<JailRecord> records;
    for (const ops::JailLog& log : logs)
        for (LogRecord& record : supervise::read_log(log.file, query))
            records.push_back({log.jail, std::move(record)});
    sort_by_time(records);
    if (environment.json()) {
        Json list = Json::array();
        for (const JailRecord& line : records)
            list.push_back(record_json(line));
        environment.print_json({{"records", list}});
        return exit_done;
    }
    Printer(environment, logs.size() > 1).print_all(records);
    return exit_done;
}

} // namespace pkgjail::cli
