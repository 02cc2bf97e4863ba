#include "pkgjail/ops/acts.hpp"

#include <algorithm>
#include <map>

#include "pkgjail/base/accounts.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

std::vector<Act> acts(const Context& context, const std::string& jail, std::size_t count) {
    std::vector<Act> result;
    auto catalog = open_for_reading(context);
    if (catalog) {
        std::map<std::int64_t, std::string> names;
        const std::optional<std::string> target = jail.empty() ? std::nullopt : std::optional(jail);
        for (catalog::Action& action : catalog::Actions(*catalog).latest(target, count)) {
            std::string& name = names[action.uid];
            if (name.empty())
                name = base::host_user_name(static_cast<std::uint32_t>(action.uid));
            result.push_back({std::move(action), name});
        }
    }
    if (!jail.empty() && result.empty()) {
        if (!catalog)
            throw base::Error(base::ErrorKind::not_found, jail, "there is no jail of this name");
        require_jail(*catalog, jail);
    }
    std::reverse(result.begin(), result.end());
    return result;
}

namespace {

void record(const Context& context) {
    catalog::Catalog::open_read_only(context.layout.catalog()); // what is empty is no catalog
    auto catalog = catalog::Catalog::open(context.layout.catalog(), std::chrono::seconds(1));
    for (const FailedAct& act : *context.failed_acts)
        if (!act.outcome.empty())
            catalog::Actions(catalog).explain(act.id, act.at, act.outcome, act.exit_status);
}

} // namespace

void explain_failed_acts(const Context& context, const std::string& why, int exit_status) {
    for (FailedAct& act : *context.failed_acts)
        if (act.outcome.empty())
            act = {act.id, act.at, why, exit_status};
}

void record_failed_acts(const Context& context) {
    if (context.failed_acts->empty())
        return;
    try {
        // The sessions are over. Whoever holds this lock alone may be about to put another catalog in place,
        // and one that is gone must not be made here: it would know of no jail.
        const auto lock =
            base::Lock::try_take(context.layout.store_lock(), base::LockMode::shared, "history");
        if (lock && base::exists(context.layout.catalog()))
            record(context);
    } catch (const base::Error&) {
        // The failure itself is told all the same, and may well be that of the catalog.
    }
    context.failed_acts->clear();
}

} // namespace pkgjail::ops
