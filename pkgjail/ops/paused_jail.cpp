#include "pkgjail/ops/paused_jail.hpp"

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using supervise::ServiceState;

PausedJail::PausedJail(Session& session, const catalog::Jail& jail) : session_(session), jail_(jail) {
    const Context& context = session_.context();
    const base::HostPath run = context.layout.run(jail_.id);
    const supervise::ServiceStatus status = supervise::read_status(run);
    if (status.state == ServiceState::stopped || status.state == ServiceState::failed)
        return;
    auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    if (status.state == ServiceState::backoff || status.state == ServiceState::stopping ||
        !driver->exists(jail_handle(jail_), run))
        throw Error(
            ErrorKind::busy, jail_.name,
            fmt::format("its service is {}, and cannot be paused", supervise::state_name(status.state)),
            "try again when it is ready, or stop it");
    catalog::Jails jails(session_.catalog());
    jails.set_operation(jail_.id, note);
    driver_ = std::move(driver);
    try {
        base::step("pause.noted");
        context.reporter.doing("pause " + jail_.name);
        driver_->pause(jail_handle(jail_), run);
        base::step("pause.paused");
    } catch (...) {
        resume();
        throw;
    }
}

PausedJail::~PausedJail() {
    try {
        resume();
    } catch (const Error& error) {
        // The note stays, so the next command tries again.
        session_.context().reporter.warn(
            fmt::format("jail {} was paused and does not go on: {}", jail_.name, error.what()));
    }
}

void PausedJail::resume() {
    if (!driver_)
        return;
    driver_->resume(jail_handle(jail_), session_.context().layout.run(jail_.id));
    driver_.reset();
    catalog::Jails(session_.catalog()).set_operation(jail_.id, std::nullopt);
}

void PausedJail::resume_after_crash(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const base::HostPath run = context.layout.run(jail.id);
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    if (driver->exists(jail_handle(jail), run))
        driver->resume(jail_handle(jail), run);
    catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
}

} // namespace pkgjail::ops
