// history: a jail's generations, and the audit trail.
#include <limits>

#include <fmt/core.h>

#include "pkgjail/base/accounts.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/acts.hpp"
#include "pkgjail/ops/history.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

std::size_t lines_option(Environment& environment) {
    const std::string text = environment.has("lines") ? environment.text("lines") : "50";
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Error(ErrorKind::usage, "--lines", fmt::format("found \"{}\", allowed: a number", text));
    const std::size_t count = std::stoul(text);
    return count == 0 ? std::numeric_limits<std::size_t>::max() : count;
}

/// An empty outcome is all that a command could leave that was killed.
std::string outcome_text(const ops::Act& act) {
    return act.outcome.empty() ? "under way, or killed" : act.outcome;
}

int show_acts(Environment& environment, const std::string& jail) {
    const auto acts = ops::acts(environment.context(), jail, lines_option(environment));
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::Act& act : acts)
            list.push_back({{"at", base::format_time(base::from_unix(act.at))},
                            {"uid", act.uid},
                            {"user", act.user},
                            {"verb", act.verb},
                            {"jail", act.target},
                            {"command", act.command_line},
                            {"outcome", act.outcome},
                            {"exit_status", act.exit_status}});
        environment.print_json({{"acts", list}});
        return exit_done;
    }
    if (acts.empty()) {
        environment.say("nothing was done yet\n");
        return exit_done;
    }
    std::string text;
    const Screen screen = output_screen();
    for (const ops::Act& act : acts) {
        text += fmt::format("{}  {:<8} {}\n", base::format_time(base::from_unix(act.at)), printable(act.user),
                            printable(act.command_line));
        if (act.outcome != "done") {
            const std::string outcome = folded(printable(outcome_text(act)), 6, screen);
            const Color color = act.outcome.empty() ? Color::yellow : Color::red;
            text +=
                "      " +
                (act.exit_status == 0 && !act.outcome.empty() ? outcome : colored(outcome, color, screen)) +
                "\n";
        }
    }
    environment.say(text);
    return exit_done;
}

Json generation_json(const ops::HistoryEntry& entry) {
    const catalog::Generation& generation = entry.generation;
    Json conflicts = Json::array();
    for (const catalog::ConfigConflict& conflict : generation.conflicts)
        conflicts.push_back(
            {{"path", conflict.path}, {"what", conflict.what}, {"decision", conflict.decision}});
    Json configuration = nullptr;
    if (const auto& merge = generation.merge)
        configuration = {{"added", merge->added},
                         {"replaced", merge->replaced},
                         {"removed", merge->removed},
                         {"kept", merge->kept},
                         {"merged", merge->merged}};
    return {{"generation", generation.number},
            {"current", entry.current},
            {"created_at", base::format_time(base::from_unix(generation.created_at))},
            {"command", generation.command},
            {"reason", generation.reason},
            {"outcome", generation.outcome},
            {"image", generation.image_id},
            {"changes", entry.changes},
            {"trust", entry.trust},
            {"files",
             {{"added", entry.files.added},
              {"removed", entry.files.removed},
              {"changed", entry.files.changed},
              {"size_bytes", entry.files.size_bytes}}},
            {"configuration", configuration},
            {"conflicts", conflicts}};
}

/// "3 added, 1 removed": what is not zero.
std::string counts(const std::vector<std::pair<std::int64_t, const char*>>& numbers) {
    std::string text;
    for (const auto& [number, word] : numbers)
        if (number != 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, word);
    return text;
}

std::string files_text(const catalog::ImageChanges& files) {
    std::string text =
        counts({{files.added, "added"}, {files.removed, "removed"}, {files.changed, "changed"}});
    if (files.size_bytes == 0)
        return text;
    const std::int64_t size = files.size_bytes < 0 ? -files.size_bytes : files.size_bytes;
    return text + fmt::format("{}{}{}", text.empty() ? "" : "; ", files.size_bytes < 0 ? "-" : "+",
                              jail::format_size(static_cast<std::uint64_t>(size)));
}

std::string configuration_text(const catalog::Generation& generation) {
    const catalog::ConfigMerge merge = generation.merge.value_or(catalog::ConfigMerge{});
    std::int64_t open = 0, decided = 0;
    for (const catalog::ConfigConflict& conflict : generation.conflicts)
        ++(conflict.is_open() ? open : decided);
    return counts({{merge.added, "added"},
                   {merge.replaced, "replaced"},
                   {merge.removed, "removed"},
                   {merge.merged, "merged"},
                   {merge.kept, "kept as yours"},
                   {open, open == 1 ? "open conflict" : "open conflicts"},
                   {decided, decided == 1 ? "settled conflict" : "settled conflicts"}});
}

std::string generation_text(const ops::HistoryEntry& entry, const Screen& screen) {
    constexpr std::size_t indent = 6;
    const auto line = [&](const std::string& words) {
        return words.empty() ? "" : "      " + folded(words, indent, screen) + "\n";
    };
    const catalog::Generation& generation = entry.generation;
    const std::string head = fmt::format("{}{:>3}  {}  ", entry.current ? "*" : " ", generation.number,
                                         base::format_time(base::from_unix(generation.created_at)));
    std::string text = colored(head + folded(printable(generation.command), head.size(), screen),
                               entry.current ? Color::bold : Color::none, screen) +
                       "\n";
    text += line(printable(generation.reason));
    if (generation.outcome != "done")
        text += line(printable(generation.outcome));
    for (const std::string& change : entry.changes)
        text += line(printable(change));
    for (const auto& [proof, pkgnames] : entry.trust) {
        const std::string packages = jail::counted(pkgnames.size(), "package");
        text += line(proof == "none" ? "not authenticated: " + packages
                                     : fmt::format("believed: {}, {}", packages, printable(proof)));
    }
    if (const std::string files = files_text(entry.files); !files.empty())
        text += line("files: " + files);
    if (const std::string configuration = configuration_text(generation); !configuration.empty())
        text += line("configuration: " + configuration);
    return text;
}

int show_generations(Environment& environment, const std::string& jail) {
    const auto entries = ops::history(environment.context(), jail);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::HistoryEntry& entry : entries)
            list.push_back(generation_json(entry));
        environment.print_json({{"jail", jail}, {"generations", list}});
        return exit_done;
    }
    std::string text;
    const Screen screen = output_screen();
    for (const ops::HistoryEntry& entry : entries)
        text += generation_text(entry, screen);
    environment.say(text);
    return exit_done;
}

} // namespace

int cmd_history(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (environment.has("jail") && !environment.has("acts")) {
        if (environment.has("lines"))
            throw Error(ErrorKind::usage, "--lines", "is for acts; a jail's generations are all shown",
                        "pkgjail history --acts JAIL");
        return show_generations(environment, jail);
    }
    return show_acts(environment, jail);
}

} // namespace pkgjail::cli
