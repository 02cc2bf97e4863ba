// Stopping a service that runs and starting it again: what `restart` does, and whoever starts a jail that
// runs without being up.
#pragma once

#include <optional>

#include "pkgjail/jail/profile.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

/// A jail that is down for a moment, from the constructor to done() or failed(). The caller holds its lock,
/// has looked it up under that, and starts it in between.
class DownForRestart {
  public:
    /// Looks for room to start it again and stops it, those that run and require it before. It is meant to
    /// run from then on, and noted as "restart", so that the next command starts it when this one dies; a
    /// note that asks for more than a start stays as it is.
    DownForRestart(Session& session, const catalog::Jail& jail);

    /// It runs: brings up those that require it. Throws as Dependents::bring_up().
    void done();
    /// It does not, because of `why`: the note stays where another try is worth while. Those that require it
    /// come up, or it is said why they cannot. Nothing after done().
    void failed(const base::Error& why);

  private:
    void clear_note();

    Session& session_;
    const catalog::Jail jail_;
    Dependents dependents_;
    bool has_own_note_ = false;
    bool is_over_ = false;
};

/// All of it. Throws as start_jail() and Dependents::bring_up() do.
supervise::ServiceStatus restart_jail(Session& session, const catalog::Jail& jail,
                                      std::optional<jail::Profile> learning = {});

} // namespace pkgjail::ops
