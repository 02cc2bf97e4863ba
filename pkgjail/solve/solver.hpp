// What to do so that a jail holds what the operator wants: request + what there is → a plan, or a refusal
// with reasons. Values in, values out; no disk, no SQL, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pkgjail::solve {

class PatternTable;

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

/// Everything on offer, looked up by need; implemented over the catalog by ops, over text files by tests.
/// Pointers stay valid as long as the universe.
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
    bool upgrade = false; ///< take newer versions (and rebuilds) of everything present that is not held
    std::vector<std::string>
        upgrade_only;             ///< with upgrade: only these bases; others change only where these need it
    bool remove_unneeded = false; ///< drop automatic packages that nothing needs any more
    std::vector<Present> present; ///< in any order; one of a base
    /// How many candidates are tried before it is given up. Real requests need about as many as there are
    /// packages.
    std::size_t max_steps = 200'000;
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
    /// The jail's whole package set afterwards, in dependency order (what is needed first), each with its
    /// source.
    struct Member {
        Offer package;
        bool automatic = false;
        bool already_present = false; ///< unchanged from the present set
    };
    std::vector<Member> result;
    /// Removals first (what needs others before what it needs), then in dependency order. A keep step is
    /// there only where an automatic package is now wanted for itself.
    std::vector<Step> steps;
    bool changes_nothing() const { return steps.empty(); }
};

/// Why not: each reason stands alone and says what to do where something can be done.
struct Refusal {
    struct Reason {
        std::string text; ///< "app-1.0 needs libfoo>=2, which nothing provides (wanted by: app-1.0 ← web-3.1
                          ///< ← request)"
        std::string hint;
    };
    std::vector<Reason> reasons;
    bool not_found = false; ///< a requested name is in no repository (exit 5 rather than 8)
};

using Answer = std::variant<Plan, Refusal>;

/// Deterministic: the same question gives the same answer.
///
/// One version of a base at most. All patterns on one base are taken together (backtracking over candidates,
/// best version first, then repository order, then the bytewise smaller name; of one pkgname in several
/// repositories only the first repository's). A dependency is satisfied by what its pattern selects()
/// (format::Pattern), whatever its base; a conflict is what a conflict pattern matches().
/// - Present packages are kept where they still satisfy, unless `upgrade`; where they do not, they change. A
/// held one
///   neither changes nor goes.
/// - `upgrade` never takes an older version by itself; a pattern can force one, which is a `downgrade`. One
/// pkgname with
///   another build date is a `refresh`.
/// - A present package may be replaced by one that supersedes it: by `upgrade` (unless its own base has a
/// newer version that
///   is not superseded), or when something that is wanted does. The mark "explicit" goes over to the new one.
/// - Nothing present is removed to make room: a conflict with it is a refusal.
Answer solve(const Request& request, Universe& universe);
/// `patterns` may be kept for another question, which has many of them again.
Answer solve(const Request& request, Universe& universe, PatternTable& patterns);

/// As the tests and --dry-run show it: "install nginx-1.26.1 (requested)\n" …; "nothing to do\n".
std::string show(const Plan& plan);
std::string show(const Refusal& refusal);

} // namespace pkgjail::solve
