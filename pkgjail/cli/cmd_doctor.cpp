// doctor: can this host do it, and does a jail hold?
#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/ops/doctor.hpp"
#include "pkgjail/ops/escape.hpp"

namespace pkgjail::cli {

using base::printable;

namespace {

int check_host(Environment& environment) {
    const auto findings = ops::doctor(environment.context());
    bool bad = false;
    Json list = Json::array();
    std::string text;
    const Screen screen = output_screen();
    for (const ops::Finding& finding : findings) {
        bad = bad || finding.verdict == ops::Verdict::bad;
        const char* word = finding.verdict == ops::Verdict::good   ? "ok"
                           : finding.verdict == ops::Verdict::note ? "note"
                                                                   : "BAD";
        const Color color = finding.verdict == ops::Verdict::good   ? Color::green
                            : finding.verdict == ops::Verdict::note ? Color::yellow
                                                                    : Color::red;
        list.push_back({{"verdict", word},
                        {"subject", finding.subject},
                        {"text", finding.text},
                        {"hint", finding.hint}});
        const std::size_t indent = 6 + std::max<std::size_t>(13, finding.subject.size()) + 1;
        text +=
            colored(fmt::format("{:<4}", word), color, screen) +
            fmt::format("  {:<13} {}\n", finding.subject, folded(printable(finding.text), indent, screen));
        if (!finding.hint.empty())
            text +=
                fmt::format("      {:<13} {}\n", "", folded("hint: " + printable(finding.hint), 20, screen));
    }
    if (environment.json())
        environment.print_json({{"sound", !bad}, {"findings", list}});
    environment.say(text);
    return bad ? exit_finding : exit_done;
}

std::vector<jail::Profile> wanted_profiles(Environment& environment) {
    if (!environment.has("profile"))
        return {jail::Profile::low, jail::Profile::medium, jail::Profile::high};
    const auto profile = jail::find_profile(environment.text("profile"));
    if (!profile)
        throw base::Error(base::ErrorKind::usage, "--profile",
                          "\"" + printable(environment.text("profile")) + "\" is none of low, medium, high");
    return {*profile};
}

/// Every attempt that any column has, in their order.
std::vector<std::string> rows_of(const ops::EscapeReport& report) {
    std::vector<std::string> rows;
    for (const auto& column : report.columns)
        for (const auto& attempt : column.attempts)
            if (std::find(rows.begin(), rows.end(), attempt.what) == rows.end())
                rows.push_back(attempt.what);
    return rows;
}

const confine::Attempt* find_attempt(const ops::EscapeReport::Column& column, const std::string& what) {
    for (const auto& attempt : column.attempts)
        if (attempt.what == what)
            return &attempt;
    return nullptr;
}

Table::Cell cell_of(const confine::Attempt* attempt) {
    if (attempt == nullptr || attempt->held == confine::Held::absent)
        return {"-"};
    switch (attempt->held) {
    case confine::Held::held:
        return {"held", Color::green};
    case confine::Held::given:
        return {"given", Color::yellow};
    default:
        return {"OPEN", Color::red};
    }
}

/// Below the table: why something is not simply held, one line for what several profiles have in common.
std::string remarks(const ops::EscapeReport& report, const Screen& screen) {
    std::string text;
    for (const auto& what : rows_of(report)) {
        std::vector<std::pair<std::string, std::string>> told; // remark → profiles
        for (const auto& column : report.columns) {
            const auto* attempt = find_attempt(column, what);
            if (attempt == nullptr || attempt->held == confine::Held::held)
                continue;
            const std::string word =
                attempt->held == confine::Held::absent ? "not tried" : cell_of(attempt).text;
            const std::string remark = fmt::format("{}: {}: {}", word, what, printable(attempt->detail));
            const std::string profile(jail::profile_name(column.profile));
            const auto same = std::find_if(told.begin(), told.end(),
                                           [&](const auto& other) { return other.first == remark; });
            if (same == told.end())
                told.emplace_back(remark, profile);
            else
                same->second += ", " + profile;
        }
        for (const auto& [remark, profiles] : told)
            text += folded(profiles.find(',') == std::string::npos && report.columns.size() > 1
                               ? remark + " (" + profiles + ")"
                               : remark,
                           2, screen) +
                    "\n";
    }
    return text;
}

int try_escapes(Environment& environment) {
    const auto report = ops::try_escapes(environment.context(), wanted_profiles(environment));
    std::vector<std::string> heads{"ATTEMPT"};
    Json profiles = Json::array();
    for (const auto& column : report.columns) {
        heads.emplace_back(jail::profile_name(column.profile));
        profiles.push_back(jail::profile_name(column.profile));
    }
    Json list = Json::array();
    Table table(heads, 0);
    for (const auto& what : rows_of(report)) {
        std::vector<Table::Cell> cells{{what}};
        Json row{{"attempt", what}};
        for (const auto& column : report.columns) {
            const auto* attempt = find_attempt(column, what);
            cells.push_back(cell_of(attempt));
            if (attempt != nullptr)
                row[std::string(jail::profile_name(column.profile))] = {
                    {"outcome", confine::held_name(attempt->held)}, {"detail", attempt->detail}};
        }
        table.add(std::move(cells));
        list.push_back(std::move(row));
    }
    if (environment.json())
        environment.print_json({{"held", report.held()},
                                {"kernel", report.kernel},
                                {"driver", report.driver.name},
                                {"detail", report.driver.detail},
                                {"profiles", profiles},
                                {"attempts", list}});
    const Screen screen = output_screen();
    environment.say(
        folded(fmt::format("{}, {}: {}", report.kernel, report.driver.name, printable(report.driver.detail)),
               0, screen) +
        "\n\n" + table.render(screen) + "\n" + remarks(report, screen) +
        (report.held() ? "Everything held that a profile promises.\n" : "What is OPEN did not hold.\n"));
    return report.held() ? exit_done : exit_finding;
}

} // namespace

int cmd_doctor(Environment& environment) {
    if (environment.has("escape"))
        return try_escapes(environment);
    if (environment.has("profile"))
        throw base::Error(base::ErrorKind::usage, "--profile", "goes with --escape only");
    return check_host(environment);
}

} // namespace pkgjail::cli
