#include "pkgjail/ops/exec.hpp"

#include <sys/wait.h>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/ops/copied_state.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

base::Exit wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            throw base::system_error(errno, "first process of the jail", "waitpid");
    base::Exit exit;
    exit.signalled = WIFSIGNALED(status);
    exit.value = exit.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
    return exit;
}

/// The same root and confinement, for the time of one command. The handle is another one, so a start of the
/// service meanwhile is not disturbed.
base::Exit run_alone(const Context& context, confine::Driver& driver, confine::JailSpec spec,
                     const confine::ExecRequest& request) {
    const base::Lock alive = share_store(context, "exec");
    spec.handle = temporary_handle("exec");
    if (spec.network == jail::NetworkMode::private_)
        spec.network = jail::NetworkMode::none; // the address is the service's
    // The first process of a jail is named by its path; the shell looks the program up as it would for a
    // person.
    spec.command = {"/bin/sh", "-c", "exec \"$@\"", "sh"};
    spec.command.insert(spec.command.end(), request.command.begin(), request.command.end());
    spec.environment = request.environment;
    spec.identity = request.identity;
    spec.working_directory = request.working_directory;
    const base::HostPath run = context.layout.run(spec.handle);
    base::make_directories(run, 0700);
    confine::become_reaper();
    base::Exit exit;
    try {
        const base::ProcessId first = driver.create(spec, run, {0, 1, 2});
        driver.start(spec, run);
        exit = wait_for(first.pid);
    } catch (...) {
        driver.remove(spec.handle, run);
        base::remove_directory(run);
        throw;
    }
    driver.remove(spec.handle, run);
    base::remove_directory(run);
    return exit;
}

/// A user whom somebody has just named, and not a recipe.
confine::Identity identity_of(const Context& context, const catalog::Jail& jail, const std::string& user) {
    try {
        return store::find_identity(base::Tree::open(context.layout.jail_config(jail.id, jail.current)), user,
                                    "");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::configuration || error.object() != user)
            throw;
        throw Error(ErrorKind::not_found, user, error.cause(),
                    fmt::format("pkgjail exec {} cat /etc/passwd shows those there are", jail.name));
    }
}

} // namespace

base::Exit exec(const Context& context, const ExecRequest& request) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, request.jail, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const catalog::Jail jail = require_jail(*catalog, request.jail);
    const auto generation = catalog::Jails(*catalog).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    const auto recipe = rendered_recipe(context, jail);
    const confine::JailSpec spec = jail_spec(context, jail, generation->image_id, recipe);
    catalog.reset(); // the command may go on for days, and others may need the catalog for themselves

    confine::ExecRequest inner;
    inner.command = request.command.empty() ? std::vector<std::string>{"/bin/sh"} : request.command;
    inner.identity = identity_of(context, jail, request.user);
    inner.environment = jail_environment(context.config.prefix, inner.identity.uid == 0 ? "/root" : "/");
    inner.terminal = request.terminal;
    if (request.terminal)
        inner.environment["TERM"] = "xterm";
    refuse_beside_original(context, jail);
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    const base::HostPath run = context.layout.run(jail.id);
    if (driver->exists(spec.handle, run))
        return driver->exec(spec, run, inner);
    require_in_place(jail); // or what it writes is lost
    make_mount_points(context, jail, recipe);
    return run_alone(context, *driver, spec, inner);
}

} // namespace pkgjail::ops
