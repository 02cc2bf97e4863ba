// A jail whose processes stand still while its files are copied.
#pragma once

#include <memory>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// Pauses the jail where it runs, and has it go on at the end, whatever happens in between. The note "pause"
/// in the catalog is for the next command, should this one be killed. The caller holds the jail's lock.
/// Error{busy} while its service is being started or stopped: processes could come that nobody has paused.
class PausedJail {
  public:
    PausedJail(Session& session, const catalog::Jail& jail);
    PausedJail(const PausedJail&) = delete;
    PausedJail& operator=(const PausedJail&) = delete;
    ~PausedJail();

    /// Before the end, with failures told.
    void resume();

    static constexpr const char* note = "pause";
    /// What the next command does about a dead one's note.
    static void resume_after_crash(Session& session, const catalog::Jail& jail);

  private:
    Session& session_;
    catalog::Jail jail_;
    std::unique_ptr<confine::Driver> driver_; ///< empty: nothing is paused
};

} // namespace pkgjail::ops
