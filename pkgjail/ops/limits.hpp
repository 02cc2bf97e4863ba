// `pkgjail limits`: a jail's limits, where they come from, what is used of them, and changing them at once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

class Session;

struct LimitsRequest {
    std::string jail;
    /// Name ("memory", "require") to value as written; "default": the operator's own goes, and what template
    /// and recipe say holds again.
    std::map<std::string, std::string> changes;
    std::string limits_template; ///< another template; empty: as it is
};

/// One limit of a jail.
struct LimitView {
    jail::LimitKind kind = jail::LimitKind::cpu;
    std::optional<std::uint64_t> wanted; ///< unset: no ceiling
    std::string source; ///< "template web", "recipe nginx", "operator"; empty: nobody sets it
    std::optional<jail::LimitReading> reading; ///< while the jail runs
    std::optional<std::uint64_t> use;          ///< in the limit's unit; rates are over `watched_usec`
    std::optional<std::uint64_t> hits; ///< how often it was met since the start; cpu: microseconds held back
};

struct LimitsResult {
    std::string jail;
    std::string limits_template;
    bool require_enforced = false;
    bool running = false;
    std::optional<std::uint64_t> watched_usec; ///< the rates are over so long, up to now
    bool changed = false;                      ///< something was, or in a dry run would be, changed
    std::vector<LimitView> limits;             ///< every kind there is, in their order
};

/// Error{usage} for the first that is no limit, or no value of it, as it was typed.
void check_limit_changes(const std::map<std::string, std::string>& changes);

/// Reads. Rates need two looks: the earlier one is the supervisor's, or where it has none one that is made
/// here, with a tenth of a second in between.
LimitsResult limits(const Context& context, const std::string& jail);
/// Changes; a jail that runs has them before this returns. Error{usage} for what is no limit or no value of
/// it, Error{denied} when the kernel refuses: then nothing is changed.
LimitsResult change_limits(const Context& context, const LimitsRequest& request);

/// Whether a dead command may have left a running jail with limits that the catalog does not have; puts those
/// of the catalog in force, and takes the note away. The caller holds the jail's lock.
bool is_note_of_limits(const std::string& note);
void put_limits_back(Session& session, const catalog::Jail& jail);

} // namespace pkgjail::ops
