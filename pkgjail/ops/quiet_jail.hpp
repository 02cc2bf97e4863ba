// A jail whose files may be copied: its service has made them whole, or its processes stand still, or both,
// as the recipe says ([data] pre-snapshot, post-snapshot, snapshot-pause).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/pause_guard.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// Quiets the jail where it runs, and has it go on at the end, whatever happens in between:
///     pre-snapshot → pause → (the caller copies) → resume → post-snapshot
/// A jail that does not run is quiet. Should this command be killed, a process of its own has the jail go on
/// at once, and the note "pause" or "quiet" in the catalog is for the next command. The caller holds the
/// jail's lock, and has no note of its own there. Error{conflict} where recovery could not take away another
/// command's (not_put_right). Error{busy} while its service is being started or stopped: processes could come
/// that nobody has paused. Error{system} when pre-snapshot fails; then post-snapshot has been run.
class QuietJail {
  public:
    QuietJail(Session& session, const catalog::Jail& jail);
    QuietJail(const QuietJail&) = delete;
    QuietJail& operator=(const QuietJail&) = delete;
    ~QuietJail();

    /// Before the end, with failures told: Error{system} when post-snapshot fails, because the service may
    /// then not do its work.
    void resume();

    /// Whether an interrupted command's note is one of this class.
    static bool is_note(const std::string& note);
    /// What the next command does about it.
    static void resume_after_crash(Session& session, const catalog::Jail& jail);

  private:
    void quiet();
    void resume_or_warn() noexcept;

    Session& session_;
    catalog::Jail jail_;
    std::optional<PauseGuard> guard_;
    std::unique_ptr<confine::Driver> driver_; ///< empty: nothing is to be undone
    jail::SnapshotCommands commands_;
};

} // namespace pkgjail::ops
