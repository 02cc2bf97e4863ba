// What to do so that a jail holds what the operator wants: request + what there is → a plan, or a refusal with reasons. Values in, values
// out; no disk, no SQL, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pkgjail::solve {

/// A package that a repository offers (or a file that the operator gave).
struct Offer {
    std::string pkgname;
    std::string repository;
    int order = 0; ///< of the repository: lower is preferred among equal versions
    std::string build_date;
    std::vector<std::string> depends;
    std::vector<std::string> conflicts;
    std::vector<std::string> supersedes;
    std::uint64_t download_bytes = 0;
    std::uint64_t installed_bytes = 0;
};

/// Everything on offer, looked up by need; implemented over the catalog by ops, over text files by tests. Pointers stay valid as long as the universe.
class Universe {
  public:
    virtual ~Universe() = default;
    virtual const std::vector<Offer>& of_base(const std::string& pkgbase) = 0;
    /// Every base on offer, sorted; for patterns that name no base, and for "did you mean".
    virtual const std::vector<std::string>& bases() = 0;
    /// Offers whose SUPERSEDES patterns may match a package of this base.
    virtual const std::vector<Offer>& superseding(const std::string& pkgbase) = 0;
};

/// A package of the jail as it is.
struct Present {
    Offer package;          ///< as it was when it was installed; repository may be empty
    bool automatic = false; ///< only there because another needs it
    bool held = false;
};

struct Request {
    std::vector<std::string> install; ///< patterns; wanted explicitly
    std::vector<std::string> remove;  ///< pkgbases or patterns of present packages
    bool upgrade = false;             ///< take newer versions (and rebuilds) of everything present that is not held
    std::vector<std::string> upgrade_only; ///< with upgrade: only these bases and what they need
    bool remove_unneeded = false;     ///< drop automatic packages that nothing needs any more
    std::vector<Present> present;     ///< in any order
};

enum class StepKind { install, upgrade, downgrade, refresh, remove, keep };
std::string_view step_name(StepKind kind);

/// One package's fate.
struct Step {
    StepKind kind = StepKind::keep;
    std::string pkgname;  ///< what will be there (or what goes, for remove)
    std::string previous; ///< what was there; empty for install
    std::string reason;   ///< "requested", "needed by nginx-1.26.1", "superseded by newleaf-2.0"
};

/// The answer: immutable, printable, comparable.
struct Plan {
    /// The jail's whole package set afterwards, in dependency order (what is needed first), each with its source.
    struct Member {
        Offer package;
        bool automatic = false;
        bool already_present = false; ///< unchanged from the present set
    };
    std::vector<Member> result;
    std::vector<Step> steps; ///< removals first, then in dependency order; keep steps are left out
    bool changes_nothing() const { return steps.empty(); }
};

/// Why not: each reason stands alone and says what to do where something can be done.
struct Refusal {
    struct Reason {
        std::string text; ///< "app-1.0 needs libfoo>=2, which nothing provides (wanted by: app-1.0 ← web-3.1 ← request)"
        std::string hint;
    };
    std::vector<Reason> reasons;
    bool not_found = false; ///< a requested name is in no repository (exit 5 rather than 8)
};

using Answer = std::variant<Plan, Refusal>;

/// Deterministic: the same question gives the same answer. All patterns on one base are taken together (backtracking over candidates, best version first, then
/// repository order, then the bytewise smaller name); present packages are kept where they still satisfy unless `upgrade`.
Answer solve(const Request& request, Universe& universe);

/// As the tests and --dry-run show it: "install nginx-1.26.1 (requested)\n" …
std::string show(const Plan& plan);
std::string show(const Refusal& refusal);

} // namespace pkgjail::solve
