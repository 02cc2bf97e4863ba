#include "pkgjail/ops/copied_state.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pkgjail/base/directory_mark.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// Of a supervisor that was launched here: then it is the directory itself, moved in a way that gave it a new
/// inode.
bool has_supervisor(const base::HostPath& runs, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return supervise::supervisor_lock_is_held(runs / name);
    });
}

} // namespace

void take_runs(const Context& context) {
    const base::HostPath runs = context.layout.runs();
    auto mark = base::directory_mark(runs);
    if (mark && !mark->is_of_another && !mark->is_old)
        return;
    const base::Lock alone =
        base::Lock::take(context.layout.runs_lock(), base::LockMode::exclusive, runs.string(),
                         context.command_line, std::max(context.patience, std::chrono::milliseconds(10'000)));
    mark = base::directory_mark(runs);
    if (!mark || !mark->is_of_another) {
        if (!mark || mark->is_old)
            base::mark_directory(runs, mark && mark->was_copy);
        return;
    }
    const base::Tree tree = base::Tree::open(runs);
    const auto names = tree.list(base::RootPath());
    if (has_supervisor(runs, names)) {
        base::mark_directory(runs, false);
        return;
    }
    for (const std::string& name : names)
        if (name != base::directory_mark_name)
            tree.remove_all(base::RootPath().entry(name));
    base::step("copied.emptied");
    base::mark_directory(runs, true);
    context.reporter.warn(
        fmt::format("{} is a copy of another state directory; what runs there does not run here",
                    context.layout.state().string()));
}

bool is_copied_state(const Context& context) {
    const auto mark = base::directory_mark(context.layout.runs());
    return mark && (mark->is_of_another || mark->was_copy);
}

void refuse_beside_original(const Context& context, const catalog::Jail& jail) {
    const base::HostPath run = context.layout.run(jail.id);
    if (!is_copied_state(context) || is_running(supervise::read_status(run)))
        return;
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    if (!driver->exists(jail_handle(jail), run))
        return;
    const auto processes = driver->processes(jail_handle(jail), run);
    if (processes.empty())
        return;
    throw Error(
        ErrorKind::conflict, jail.name,
        fmt::format("runs where {} was copied from (process {}), and can run in one place of a host only",
                    context.layout.state().string(), processes.front()),
        fmt::format("stop it there first (--state names the directory); if that directory is gone: kill {}",
                    processes.front()));
}

} // namespace pkgjail::ops
