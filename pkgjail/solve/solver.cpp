#include "pkgjail/solve/solver.hpp"

#include <fmt/format.h>

#include "pkgjail/solve/check_request.hpp"
#include "pkgjail/solve/make_plan.hpp"
#include "pkgjail/solve/search.hpp"

namespace pkgjail::solve {

Answer solve(const Request& request, Universe& universe) {
    PatternTable patterns;
    return solve(request, universe, patterns);
}

Answer solve(const Request& request, Universe& universe, PatternTable& patterns) {
    Refusal refusal;
    std::set<std::string> removed = find_removed(request, patterns, refusal);
    if (refusal.reasons.empty())
        check_dependants(request, removed, patterns, refusal);
    Candidates candidates(request, universe, patterns, std::move(removed));
    check_wishes(request, candidates, patterns, refusal);
    if (!refusal.reasons.empty())
        return refusal;

    Search search(request, candidates, patterns);
    Search::Outcome outcome = search.run(false);
    if (outcome == Search::Outcome::solved)
        return make_plan(request, search, candidates, patterns);
    // The same way again, this time taking notes: most requests can be met and should not pay for sentences.
    outcome = search.run(true);
    refusal.reasons = search.reasons();
    if (outcome == Search::Outcome::given_up)
        refusal.reasons.insert(refusal.reasons.begin(),
                               {fmt::format("gave up after {} tries, without an answer", request.max_steps),
                                "ask for exact versions of some of the packages, or for fewer at once"});
    else if (refusal.reasons.empty())
        refusal.reasons.push_back({"no set of packages satisfies all of the request", ""});
    return refusal;
}

std::string_view step_name(StepKind kind) {
    switch (kind) {
    case StepKind::install:
        return "install";
    case StepKind::upgrade:
        return "upgrade";
    case StepKind::downgrade:
        return "downgrade";
    case StepKind::refresh:
        return "refresh";
    case StepKind::remove:
        return "remove";
    case StepKind::keep:
        return "keep";
    }
    return "";
}

std::string show(const Plan& plan) {
    std::string text;
    for (const Step& step : plan.steps) {
        const bool moves = step.kind == StepKind::upgrade || step.kind == StepKind::downgrade;
        text += fmt::format("{} {}{} ({})\n", step_name(step.kind),
                            moves ? step.previous + " to " : std::string(), step.pkgname, step.reason);
    }
    return text.empty() ? "nothing to do\n" : text;
}

std::string show(const Refusal& refusal) {
    std::string text;
    for (const Refusal::Reason& reason : refusal.reasons) {
        text += (refusal.not_found ? "not found: " : "refused: ") + reason.text + "\n";
        if (!reason.hint.empty())
            text += "    hint: " + reason.hint + "\n";
    }
    return text;
}

} // namespace pkgjail::solve
