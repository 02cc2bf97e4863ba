// audit: known vulnerabilities of jails' packages.
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/vulnerability_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/audit.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json time_json(const std::optional<std::int64_t>& time) {
    return time ? Json(base::format_time(base::from_unix(*time))) : Json(nullptr);
}

Json finding_json(const ops::AuditFinding& finding) {
    const ops::KnownVulnerability& known = finding.known;
    Json ignored = nullptr;
    if (known.ignored)
        ignored = {{"what", known.ignored->what},
                   {"reason", known.ignored->reason},
                   {"until", time_json(known.ignored->until)}};
    return {{"jail", finding.jail},
            {"package", known.pkgname},
            {"type", known.entry.type},
            {"url", known.entry.url},
            {"pattern", known.entry.pattern},
            {"current", finding.current.has_value()},
            {"current_generation", finding.current ? Json(*finding.current) : Json(nullptr)},
            {"generations", finding.generations},
            {"snapshots", finding.snapshots},
            {"counts", known.counts},
            {"ignored", ignored}};
}

Json list_json(const ops::AuditResult& result) {
    return {{"url", result.list.url},
            {"revision", result.list.revision},
            {"written_at", time_json(result.list.written_at)},
            {"checked_at", time_json(result.list.checked_at)},
            {"age_seconds", result.age_seconds},
            {"too_old", result.too_old},
            {"entries", result.list.entries},
            {"signed_by", result.list.signed_by}};
}

/// "generation 4 (current), 3; snapshot before"
std::string places(const ops::AuditFinding& finding) {
    std::string text;
    for (const std::int64_t number : finding.generations)
        text += fmt::format("{}{}{}", text.empty() ? "generation " : ", ", number,
                            number == finding.current ? " (current)" : "");
    if (!finding.snapshots.empty())
        text += fmt::format("{}snapshot {}", text.empty() ? "" : "; ", fmt::join(finding.snapshots, ", "));
    return text;
}

std::string block(const ops::AuditFinding& finding) {
    const ops::KnownVulnerability& known = finding.known;
    std::string text = fmt::format("{}: {}: {}\n    {}\n    {}\n", finding.jail, printable(known.pkgname),
                                   known.entry.is_end_of_life() ? "end of life" : printable(known.entry.type),
                                   printable(known.entry.url), places(finding));
    if (known.ignored) {
        const std::string until = known.ignored->until
                                      ? (known.counts ? ", until " : " until ") +
                                            base::format_time(base::from_unix(*known.ignored->until))
                                      : "";
        text += known.counts ? fmt::format("    was ignored{}: {}\n", until, printable(known.ignored->reason))
                             : fmt::format("    ignored{}: {}\n", until, printable(known.ignored->reason));
    }
    return text;
}

std::string summary(const ops::AuditResult& result) {
    std::set<std::string> vulnerable;
    std::size_t ignored = 0;
    for (const ops::AuditFinding& finding : result.findings)
        if (finding.known.counts)
            vulnerable.insert(finding.known.pkgname);
        else
            ++ignored;
    std::string text = fmt::format(
        "{}, {}: {}{}\n", jail::counted(result.jails.size(), "jail"),
        jail::counted(result.packages, "package"),
        vulnerable.empty() ? std::string("none vulnerable") : fmt::format("{} vulnerable", vulnerable.size()),
        ignored == 0 ? "" : fmt::format(", {} ignored", jail::counted(ignored, "finding")));
    const std::string age = base::format_duration(std::chrono::seconds(result.age_seconds));
    text += result.list.written_at ? "list of " + base::format_time(base::from_unix(*result.list.written_at))
                                   : std::string("list without a date");
    return text +
           fmt::format(", {} old, {}, {}\n", age,
                       result.list.entries == 1 ? "1 entry" : fmt::format("{} entries", result.list.entries),
                       result.list.signed_by.empty() ? "signature not checked" : "signature checked");
}

} // namespace

Json update_json(const ops::VulnerabilityUpdate& update) {
    return {{"url", update.url},
            {"changed", update.changed},
            {"entries", update.entries},
            {"signed_by", update.signed_by}};
}

std::string update_text(const ops::VulnerabilityUpdate& update) {
    return fmt::format("vulnerabilities: {} ({}{})\n", update.changed ? "new list" : "nothing new",
                       update.entries == 1 ? "1 entry" : fmt::format("{} entries", update.entries),
                       update.signed_by.empty() ? "" : ", signed by " + printable(update.signed_by));
}

int cmd_audit(Environment& environment) {
    ops::AuditRequest request;
    request.jails = environment.list("jail…");
    request.current_only = environment.has("current");
    if (environment.has("all") && !request.jails.empty())
        throw Error(ErrorKind::usage, "--all", "stands beside names of jails", "give one of both");
    const ops::Context& context = environment.context();
    Json fetched = nullptr;
    if (environment.has("fetch")) {
        const ops::VulnerabilityUpdate update = ops::fetch_vulnerabilities(context);
        fetched = update_json(update);
        if (context.dry_run)
            environment.say(
                fmt::format("vulnerabilities: would be asked for at {}\n", printable(update.url)));
        else
            environment.say(update_text(update));
    }
    const ops::AuditResult result = ops::audit(context, request);
    if (result.too_old)
        environment.report().warn(
            fmt::format("the list of known vulnerabilities is {} old; what was found since is not in it",
                        base::format_duration(std::chrono::seconds(result.age_seconds))));
    const int status = result.found()   ? exit_finding
                       : result.too_old ? exit_status(ErrorKind::trust)
                                        : exit_done;
    if (environment.json()) {
        Json findings = Json::array();
        for (const ops::AuditFinding& finding : result.findings)
            findings.push_back(finding_json(finding));
        environment.print_json({{"vulnerable", result.found()},
                                {"list", list_json(result)},
                                {"fetched", fetched},
                                {"jails", result.jails},
                                {"packages", result.packages},
                                {"findings", findings}});
        return status;
    }
    std::string text;
    for (const ops::AuditFinding& finding : result.findings)
        if (finding.known.counts || environment.has("ignored"))
            text += block(finding);
    environment.say(text + summary(result));
    return status;
}

} // namespace pkgjail::cli
