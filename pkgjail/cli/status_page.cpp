#include "pkgjail/cli/status_page.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::cli {

using supervise::ServiceState;

namespace {

constexpr const char* style = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --line: #d9dee3; --card: #ffffff;
  --ground: #f3f5f7; --good: #14713d; --warn: #8a5a00; --bad: #b3261e; --fill: #2f6fb5; --track: #e3e8ed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a0aab4; --line: #333b43;
  --card: #1b2026; --ground: #12161a; --good: #5fce8d; --warn: #e5b454; --bad: #ff8a80; --fill: #5b9be0;
  --track: #2b333b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 1rem/1.45 system-ui, sans-serif;
  color: var(--ink); background: var(--ground); }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1rem; margin-bottom: 1rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
header p, footer, .soft { color: var(--soft); margin: 0; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem;
  align-items: start; }
article { background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--soft);
  border-radius: .5rem; padding: 1rem; min-width: 0; }
article.good { border-left-color: var(--good); } article.warn { border-left-color: var(--warn); }
article.bad { border-left-color: var(--bad); }
article > div { display: flex; justify-content: space-between; align-items: baseline; gap: 0 1rem; }
h2 { min-width: 0; }
.state { font-weight: 600; white-space: nowrap; }
.word { display: inline-block; max-width: 100%; } time { white-space: nowrap; }
a { color: var(--fill); }
article.good, article.warn, article.bad, article.soft { color: var(--ink); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.reason { margin: .25rem 0 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem .75rem; margin: .75rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.bar { display: block; height: .5rem; margin-top: .2rem; border-radius: .25rem; background: var(--track);
  overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--fill); }
.bar .warn { background: var(--warn); } .bar .bad { background: var(--bad); }
ul { padding-left: 1.2rem; } footer { margin-top: 1rem; font-size: .9rem; overflow-wrap: anywhere; }
)";

const char* state_class(ServiceState state) {
    switch (state_color(state)) {
    case Color::green:
        return "good";
    case Color::yellow:
        return "warn";
    case Color::red:
        return "bad";
    default:
        return "soft";
    }
}

std::string row(const char* name, const std::string& value_html) {
    return value_html.empty() ? "" : fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, value_html);
}

std::optional<std::uint64_t> limit_of(const ops::JailView& view, jail::LimitKind kind) {
    for (const jail::LimitReading& limit : view.status.limits)
        if (limit.kind == kind)
            return limit.effective;
    return std::nullopt;
}

/// A figure in words and, where there is a limit, as a bar; the words alone say everything.
std::string usage_row(const char* name, const std::optional<double>& value, const std::string& text,
                      const std::optional<std::uint64_t>& limit, jail::LimitKind kind) {
    if (!value)
        return "";
    if (!limit || *limit == 0)
        return row(name, html(text));
    const double percent = std::clamp(*value * 100 / static_cast<double>(*limit), 0.0, 100.0);
    const char* color = percent >= 95 ? " class=\"bad\"" : percent >= 80 ? " class=\"warn\"" : "";
    return row(name, fmt::format("{} of {}<span class=\"bar\" aria-hidden=\"true\"><i{} "
                                 "style=\"width:{:.1f}%\"></i></span>",
                                 html(text), html(jail::format_limit(kind, *limit)), color, percent));
}

std::optional<double> as_double(const std::optional<std::uint64_t>& number) {
    return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

std::string conflicts_row(const ops::JailView& view) {
    const auto open =
        std::count_if(view.generation.conflicts.begin(), view.generation.conflicts.end(),
                      [](const catalog::ConfigConflict& conflict) { return conflict.is_open(); });
    if (open == 0)
        return "";
    std::string paths;
    for (const catalog::ConfigConflict& conflict : view.generation.conflicts)
        if (conflict.is_open())
            paths += (paths.empty() ? "" : ", ") + html(conflict.path);
    return row("Conflicts", "<span class=\"warn\">" + paths + "</span>");
}

/// Whole words on a line where they have room, although they have hyphens.
std::string words_html(const std::string& text) {
    std::string result;
    std::istringstream words(text);
    for (std::string word; words >> word;)
        result += (result.empty() ? "" : " ") + ("<span class=\"word\">" + html(word) + "</span>");
    return result;
}

/// "2026-11-22 10:39:23 UTC".
std::string time_html(base::WallTime time) {
    const std::string machine = base::format_time(time);
    std::string text = machine.substr(0, machine.find('Z')) + " UTC";
    if (const auto at = text.find('T'); at < text.find(' '))
        text[at] = ' ';
    return fmt::format("<time datetime=\"{}\">{}</time>", machine, text);
}

/// "3 ready, 1 failed", in the colours of the states.
std::string counts_html(const Page& page) {
    std::vector<std::pair<ServiceState, int>> counts;
    for (const PageJail& jail : page.jails) {
        const ServiceState state = jail.view->status.state;
        const auto found =
            std::find_if(counts.begin(), counts.end(), [&](const auto& one) { return one.first == state; });
        if (found == counts.end())
            counts.emplace_back(state, 1);
        else
            ++found->second;
    }
    std::sort(counts.begin(), counts.end());
    std::string text;
    for (const auto& [state, count] : counts)
        text += fmt::format("{}<span class=\"{}\">{} {}</span>", text.empty() ? "" : ", ", state_class(state),
                            count, supervise::state_name(state));
    return text.empty() ? "" : "<p>" + text + "</p>";
}

std::string article(const PageJail& jail) {
    const ops::JailView& view = *jail.view;
    const auto& usage = view.usage;
    const char* color = state_class(view.status.state);
    std::string text =
        fmt::format("<article class=\"{1}\">\n<div><h2>{0}</h2><span class=\"state {1}\">{2}</span></div>\n",
                    html(view.jail.name), color, supervise::state_name(view.status.state));
    if (view.status.state == ServiceState::ready)
        text += "<p class=\"reason soft\">" + html(state_text(view.status)) + "</p>\n";
    else if (!view.status.reason.empty())
        text += "<p class=\"reason\">" + html(view.status.reason) + "</p>\n";
    text += "<dl>\n" + row("Package", html(ops::service_package(view)));
    std::string addresses;
    for (const std::string& address : view.addresses)
        addresses += (addresses.empty() ? "" : ", ") + html(address);
    text += row("Address", addresses);
    text += usage_row("CPU", jail.cpu_percent, fmt::format("{:.1f}%", jail.cpu_percent.value_or(0)),
                      limit_of(view, jail::LimitKind::cpu), jail::LimitKind::cpu);
    text +=
        usage_row("Memory", as_double(usage.memory_bytes), jail::format_size(usage.memory_bytes.value_or(0)),
                  limit_of(view, jail::LimitKind::memory), jail::LimitKind::memory);
    text += usage_row("Processes", as_double(usage.processes), std::to_string(usage.processes.value_or(0)),
                      limit_of(view, jail::LimitKind::processes), jail::LimitKind::processes);
    if (learns(view.status))
        text += row("Profile", fmt::format("<span class=\"warn\">not held to {}: it learns</span>",
                                           jail::profile_name(*view.status.learning)));
    if (view.status.restarts > 0)
        text += row("Restarts", std::to_string(view.status.restarts));
    text += row("Last change",
                fmt::format("<span class=\"word\">generation {},</span> {}<br><span class=\"soft\">{}</span>",
                            view.generation.number, time_html(base::from_unix(view.generation.created_at)),
                            words_html(view.generation.command)));
    if (view.image) {
        std::string packages = std::to_string(view.image->packages.size());
        packages += jail.upgradable == 0
                        ? ", all up to date"
                        : fmt::format(", <span class=\"warn\">{} newer</span>", jail.upgradable);
        if (view.vulnerable.value_or(0) > 0)
            packages += fmt::format(", <span class=\"bad\">{} vulnerable</span>", *view.vulnerable);
        text += row("Packages", packages);
    }
    return text + conflicts_row(view) + "</dl>\n</article>\n";
}

} // namespace

std::string html(const std::string& text) {
    std::string result;
    for (const char c : base::printable(text))
        switch (c) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        case '\'':
            result += "&#39;";
            break;
        default:
            result += c;
        }
    return result;
}

std::string status_page(const Page& page) {
    const auto ready = std::count_if(page.jails.begin(), page.jails.end(), [](const PageJail& jail) {
        return jail.view->status.state == ServiceState::ready;
    });
    std::string text =
        fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta http-equiv=\"refresh\" content=\"15\">\n"
                    "<title>{0}: {1} of {2} jails ready</title>\n<style>{3}</style>\n</head>\n<body>\n"
                    "<header><h1>{0}</h1>{5}<p>{4}</p></header>\n<main>\n",
                    html(page.host), ready, page.jails.size(), style, time_html(page.at), counts_html(page));
    for (const PageJail& jail : page.jails)
        text += article(jail);
    text += "</main>\n";
    if (page.jails.empty())
        text += "<p>There are no jails yet.</p>\n";
    if (!page.warnings.empty()) {
        text += "<ul>\n";
        for (const std::string& warning : page.warnings)
            text += "<li class=\"warn\">" + html(warning) + "</li>\n";
        text += "</ul>\n";
    }
    return text + fmt::format("<footer>pkgjail {} · <a href=\"/metrics\">metrics</a> · "
                              "<a href=\"/api/status\">status as JSON</a></footer>\n</body>\n</html>\n",
                              html(page.version));
}

} // namespace pkgjail::cli
