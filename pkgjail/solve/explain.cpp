// The sentences of a refusal: what Search met on its way, each told once, with the chain of packages that led
// there.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/solve/search.hpp"

namespace pkgjail::solve {
namespace {

/// "a-1.2, a-1.1, a-1.0 and 7 more"
std::string list_versions(const std::vector<Candidate>& candidates) {
    constexpr std::size_t shown = 5;
    std::vector<std::string> names;
    for (const Candidate& candidate : candidates)
        names.push_back(candidate.pkgname());
    if (names.size() <= shown)
        return fmt::format("{}", fmt::join(names, ", "));
    const std::size_t more = names.size() - shown;
    names.resize(shown);
    return fmt::format("{} and {} more", fmt::join(names, ", "), more);
}

} // namespace

/// "app-1.0 ← web-3.1 ← request"
std::string Search::chain(const std::string& pkgname, const Requirement& why) const {
    std::string text = pkgname;
    const Requirement* step = &why;
    while (step->level != 0) {
        const Decision& decision = decisions_[step->level - 1];
        text += " ← " + decision.candidate->pkgname();
        step = &decision.why;
    }
    return text + (step->pattern != nullptr ? " ← request" : " ← installed");
}

/// "app-1.0 needs liba>=2 (wanted by: app-1.0 ← request)"
std::string Search::wish(const Requirement& requirement) const {
    if (requirement.level == 0)
        return requirement.pattern != nullptr
                   ? fmt::format("the request wants {}", requirement.pattern->text())
                   : fmt::format("{} is installed", requirement.keep->package.pkgname);
    const Decision& decision = decisions_[requirement.level - 1];
    return fmt::format("{} needs {} (wanted by: {})", decision.candidate->pkgname(),
                       requirement.pattern->text(), chain(decision.candidate->pkgname(), decision.why));
}

void Search::tell(const std::string& key, std::string text, std::string hint) {
    // Older versions of one package mostly fail for one reason: the first, most wanted one speaks for all.
    constexpr std::size_t most = 5;
    if (told_.insert(key).second && reasons_.size() < most)
        reasons_.push_back({std::move(text), std::move(hint)});
}

/// `who` needs it; null: the request does.
void Search::tell_missing(const KnownPattern& pattern, const Candidate* who, const Requirement& why) {
    std::string need = "the request wants " + pattern.text();
    std::string wanted;
    if (who != nullptr) {
        need = fmt::format("{} needs {}", who->pkgname(), pattern.text());
        wanted = fmt::format(" (wanted by: {})", chain(who->pkgname(), why));
    }
    const std::string key = "nothing for " + pattern.text();
    for (const std::string& base : pattern.bases().value_or(std::vector<std::string>())) {
        if (candidates_.is_removed(base)) {
            const Present* gone = candidates_.present(base);
            return tell(key,
                        fmt::format("{}, but {} is to be removed{}", need,
                                    gone != nullptr ? gone->package.pkgname : base, wanted),
                        "");
        }
        const std::vector<Candidate>& there = candidates_.of_base(base);
        if (there.empty())
            continue;
        if (const Present* held = candidates_.present(base); held != nullptr && held->held)
            return tell(key, fmt::format("{}, but {} is held{}", need, held->package.pkgname, wanted),
                        "release the hold first");
        return tell(key,
                    fmt::format("{}, and no {} satisfies that: there is {}{}", need, base,
                                list_versions(there), wanted),
                    "pkgjail update looks for newer packages");
    }
    tell(key, fmt::format("{}, which nothing provides{}", need, wanted),
         "add the repository that has it, or run pkgjail update");
}

void Search::tell_clash(const std::string& base) {
    const std::vector<Requirement> asked = asked_of(base);
    const std::vector<Candidate>& there = candidates_.of_base(base);
    const auto possible = [&](const std::vector<const Requirement*>& patterns) {
        return std::any_of(there.begin(), there.end(), [&](const Candidate& candidate) {
            return std::all_of(patterns.begin(), patterns.end(), [&](const Requirement* requirement) {
                return requirement->pattern->selects(candidate.pkgname());
            });
        });
    };
    const std::string end = fmt::format("; there is {}", list_versions(there));
    for (std::size_t i = 0; i < asked.size(); ++i) {
        for (std::size_t j = i + 1; j < asked.size(); ++j) {
            if (possible({&asked[i], &asked[j]}))
                continue;
            return tell(
                fmt::format("{} and {} on {}", asked[i].pattern->text(), asked[j].pattern->text(), base),
                fmt::format("no {} is right for both: {}, and {}{}", base, wish(asked[i]), wish(asked[j]),
                            end),
                asked[i].level == asked[j].level ? "" : "give one of them a jail of its own");
        }
    }
    std::vector<const Requirement*> all;
    std::vector<std::string> wishes;
    for (const Requirement& requirement : asked) {
        all.push_back(&requirement);
        wishes.push_back(wish(requirement));
    }
    // Where a version is right for all of them, it was something else that stopped it, and that is told by
    // itself.
    if (asked.size() > 2 && !possible(all))
        tell("all on " + base,
             fmt::format("no {} is right for all of these: {}{}", base, fmt::join(wishes, "; "), end), "");
}

void Search::tell_conflict(const Candidate& candidate, const Requirement& why, const Decision& other) {
    const bool forward =
        std::any_of(candidate.conflicts.begin(), candidate.conflicts.end(),
                    [&](const KnownPattern* p) { return p->matches(other.candidate->pkgname()); });
    const Candidate& from = forward ? candidate : *other.candidate;
    const Candidate& to = forward ? *other.candidate : candidate;
    const auto pattern = std::find_if(from.conflicts.begin(), from.conflicts.end(),
                                      [&](const KnownPattern* p) { return p->matches(to.pkgname()); });
    const std::string first = chain(candidate.pkgname(), why);
    const std::string second = chain(other.candidate->pkgname(), other.why);
    tell(fmt::format("{} against {}", std::min(from.base, to.base), std::max(from.base, to.base)),
         fmt::format("{} conflicts with {} (by its pattern {}); wanted by: {}; and: {}", from.pkgname(),
                     to.pkgname(), (*pattern)->text(), forward ? first : second, forward ? second : first),
         "give one of them a jail of its own");
}

void Search::tell_fault(const Candidate& candidate, const Requirement& why) {
    tell("fault of " + candidate.pkgname(),
         fmt::format("{} cannot be used: its pattern {} is none: {} (wanted by: {})", candidate.pkgname(),
                     candidate.fault->text(), candidate.fault->fault(), chain(candidate.pkgname(), why)),
         "the package or its index is damaged; tell who runs the repository");
}

} // namespace pkgjail::solve
