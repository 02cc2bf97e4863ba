#include "pkgjail/ops/processes.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::ops {

namespace {

/// A jail's root may have made anything of the file; numbers are shown then.
std::map<std::uint32_t, std::string> names_of(const Context& context, const catalog::Jail& jail) {
    try {
        return store::user_names(base::Tree::open(context.layout.jail_config(jail.id, jail.current)));
    } catch (const base::Error& error) {
        context.reporter.warn(std::string("names of users: ") + error.what());
        return {};
    }
}

} // namespace

std::vector<JailProcess> processes(const Context& context, const std::string& name) {
    const JailView view = jail_view(context, name);
    std::vector<JailProcess> result;
    if (!is_running(view.status))
        return result;
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    const auto names = names_of(context, view.jail);
    for (const pid_t pid : driver->processes(jail_handle(view.jail), context.layout.run(view.jail.id)))
        if (auto facts = base::describe_process(pid)) {
            const auto known = names.find(facts->uid);
            std::string user = known == names.end() ? std::to_string(facts->uid) : known->second;
            result.push_back({std::move(*facts), std::move(user)});
        }
    std::sort(result.begin(), result.end(),
              [](const JailProcess& a, const JailProcess& b) { return a.facts.pid < b.facts.pid; });
    return result;
}

} // namespace pkgjail::ops
