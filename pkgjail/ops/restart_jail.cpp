#include "pkgjail/ops/restart_jail.hpp"

#include <utility>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/jail_parts.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

namespace {

const catalog::Jail& that_can_start(Session& session, const catalog::Jail& jail) {
    require_room_to_start(session.context(), jail);
    require_parts(session, jail);
    return jail;
}

} // namespace

DownForRestart::DownForRestart(Session& session, const catalog::Jail& jail)
    : session_(session), jail_(that_can_start(session, jail)), dependents_(session, jail) {
    want_running(session_, jail_, true);
    has_own_note_ = !jail_.operation || only_asks_for_a_start(*jail_.operation);
    if (has_own_note_)
        catalog::Jails(session_.catalog()).set_operation(jail_.id, "restart");
    try {
        dependents_.take_down();
        stop_jail(session_, jail_);
        base::step("restart.stopped");
    } catch (const base::Error& error) {
        failed(error);
        throw;
    }
}

void DownForRestart::clear_note() {
    if (has_own_note_)
        catalog::Jails(session_.catalog()).set_operation(jail_.id, std::nullopt);
}

void DownForRestart::done() {
    clear_note();
    is_over_ = true;
    dependents_.bring_up();
}

void DownForRestart::failed(const base::Error& why) {
    if (std::exchange(is_over_, true))
        return;
    try {
        if (!is_worth_another_try(why))
            clear_note();
    } catch (const base::Error& error) { // must not hide the other one
        session_.context().reporter.warn(error.what());
    }
    dependents_.bring_up_all_the_same();
}

supervise::ServiceStatus restart_jail(Session& session, const catalog::Jail& jail,
                                      std::optional<jail::Profile> learning) {
    DownForRestart down(session, jail);
    try {
        const supervise::ServiceStatus status = start_jail(session, jail, Gate::ready, learning);
        down.done();
        return status;
    } catch (const base::Error& error) {
        down.failed(error);
        throw;
    }
}

} // namespace pkgjail::ops
