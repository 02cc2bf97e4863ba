#include "pkgjail/ops/quiet_jail.hpp"

#include <csignal>
#include <set>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/process.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/supervise/probe.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using supervise::ServiceState;

namespace {

constexpr const char* pause_note = "pause";
constexpr const char* quiet_note = "quiet"; ///< a pre-snapshot command may have run

/// As the service is started: its user, environment and working directory.
confine::JailSpec service_spec(Session& session, const catalog::Jail& jail,
                               const std::optional<jail::RenderedRecipe>& recipe) {
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    return supervised_service(session.context(), jail, generation->image_id, recipe).spec;
}

/// Ends what a command whose time was over has left in the jail. We are the new parent of its first process,
/// which leads a session of its own; what that had started is the child of the jail's first process by then,
/// and known by the session.
void end_adopted(const confine::Driver& driver, const confine::JailSpec& spec, const base::HostPath& run) {
    std::set<pid_t> sessions;
    for (const pid_t pid : driver.processes(spec.handle, run)) {
        siginfo_t info{};
        // ECHILD for a process of somebody else's, such as the service; looks without taking the exit.
        if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            sessions.insert(::getsid(pid));
    }
    sessions.erase(::getsid(0)); // of a driver that gives none of its own
    for (int round = 0; round < 1000 && !sessions.empty(); ++round) {
        bool alone = true;
        for (const pid_t pid : driver.processes(spec.handle, run)) {
            const auto process = base::identify_process(pid); // a zombie counts as gone
            if (!process || !sessions.contains(::getsid(pid)))
                continue;
            alone = false;
            base::send_signal(*process, SIGKILL);
            ::waitpid(pid, nullptr, WNOHANG);
        }
        if (alone)
            return;
        ::usleep(1000);
    }
}

/// Throws Error{system} with the command's last words.
void run_inside(Session& session, const catalog::Jail& jail, confine::Driver& driver,
                const jail::SnapshotCommands& commands, bool before) {
    const Context& context = session.context();
    const base::HostPath run = context.layout.run(jail.id);
    const confine::JailSpec spec = service_spec(session, jail, rendered_recipe(context, jail));
    const jail::Probe command{jail::Probe::Kind::command, "", before ? commands.before : commands.after};
    confine::become_reaper();
    const supervise::ProbeResult result = supervise::run_probe(command, commands.timeout, driver, spec, run);
    if (result.healthy)
        return;
    end_adopted(driver, spec, run);
    throw Error(
        ErrorKind::system, jail.name,
        fmt::format("{} of its recipe failed: {}", before ? "pre-snapshot" : "post-snapshot", result.detail),
        before ? "nothing was copied; repair what the command complains about, and try again"
               : "what pre-snapshot did to the service may still be in force");
}

} // namespace

QuietJail::QuietJail(Session& session, const catalog::Jail& jail) : session_(session), jail_(jail) {
    const Context& context = session.context();
    const base::HostPath run = context.layout.run(jail_.id);
    const supervise::ServiceStatus status = supervise::read_status(run);
    require_in_place(jail_); // or the copy has what a dead command left
    if (!is_running(status))
        return;
    if (jail_.operation) // there is one note, and this needs its own
        throw not_put_right(jail_);
    auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    if (status.state == ServiceState::backoff || status.state == ServiceState::stopping ||
        !driver->exists(jail_handle(jail_), run))
        throw Error(
            ErrorKind::busy, jail_.name,
            fmt::format("its service is {}, and cannot be paused", supervise::state_name(status.state)),
            "try again when it is ready, or stop it");
    if (const auto recipe = rendered_recipe(context, jail_))
        commands_ = recipe->snapshot;
    catalog::Jails(session.catalog())
        .set_operation(jail_.id, commands_.before.empty() ? pause_note : quiet_note);
    driver_ = std::move(driver);
    try {
        quiet();
    } catch (...) {
        resume_or_warn();
        throw;
    }
}

QuietJail::~QuietJail() {
    resume_or_warn();
}

void QuietJail::resume_or_warn() noexcept {
    try {
        resume();
    } catch (const std::exception& error) {
        session_.context().reporter.warn(error.what());
    }
}

void QuietJail::quiet() {
    const Context& context = session_.context();
    base::step("pause.noted");
    if (!commands_.before.empty()) {
        context.reporter.doing("quiet " + jail_.name);
        run_inside(session_, jail_, *driver_, commands_, true);
        base::step("pause.quiet");
    }
    if (commands_.pause) {
        context.reporter.doing("pause " + jail_.name);
        const base::HostPath run = context.layout.run(jail_.id);
        guard_.emplace([&] { driver_->resume(jail_handle(jail_), run); });
        driver_->pause(jail_handle(jail_), run);
        base::step("pause.paused");
    }
}

void QuietJail::resume() {
    if (!driver_)
        return;
    // When this fails the guard tries once more, and the note stays for the next command.
    if (guard_) {
        driver_->resume(jail_handle(jail_), session_.context().layout.run(jail_.id));
        guard_->dismiss();
        guard_.reset();
    }
    const std::unique_ptr<confine::Driver> driver = std::move(driver_);
    const auto settled = [&] { catalog::Jails(session_.catalog()).set_operation(jail_.id, std::nullopt); };
    try {
        base::step("pause.resumed");
        if (!commands_.after.empty())
            run_inside(session_, jail_, *driver, commands_, false);
    } catch (...) {
        settled(); // it is told now; another try is for a person to decide
        throw;
    }
    settled();
}

bool QuietJail::is_note(const std::string& note) {
    return note == pause_note || note == quiet_note;
}

void QuietJail::resume_after_crash(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const base::HostPath run = context.layout.run(jail.id);
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    if (driver->exists(jail_handle(jail), run)) {
        driver->resume(jail_handle(jail), run);
        try {
            const auto recipe = rendered_recipe(context, jail);
            if (jail.operation == quiet_note && recipe && !recipe->snapshot.after.empty())
                run_inside(session, jail, *driver, recipe->snapshot, false);
        } catch (const Error& error) {
            context.reporter.warn(error.what()); // it was tried and told; a person decides from here
        }
    }
    catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
}

} // namespace pkgjail::ops
