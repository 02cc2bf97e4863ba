// Starting and stopping within an operation: what `install`, `start`, `restart`, `upgrade` share.
#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

bool is_running(const supervise::ServiceStatus& status);
/// Ready, or unhealthy for the moment.
bool is_up(const supervise::ServiceStatus& status);

enum class Gate {
    ready, ///< done when the service is ready
    quiet, ///< and then stays so for the recipe's quiet period: any exit in it is a failure
};

/// Out of a start: what failed is a jail that is required, of which object and cause tell. It says nothing
/// about the jail that was to be started, nor about its generation.
class RequiredJailFailed : public base::Error {
  public:
    explicit RequiredJailFailed(const base::Error& why) : Error(why) {}
};

/// Starts what the jail requires and is not ready yet, each in order and said; then launches the jail's
/// supervisor and returns when the service has passed the gate. The caller holds the jail's lock. Throws as
/// ops::start does, and RequiredJailFailed where it does not come to the jail itself; a service that does not
/// get there is stopped again, so that nothing is left half-running.
/// `learning`: as in JailStart.
supervise::ServiceStatus start_jail(Session& session, const catalog::Jail& jail, Gate gate = Gate::ready,
                                    std::optional<jail::Profile> learning = {});
/// Of a service that somebody else has started: watches it for what is left of its quiet period, and says
/// whether it was ready all that time, without one restart. It is not touched.
bool stays_ready(const Context& context, const catalog::Jail& jail);
/// False when nothing ran. Who requires the jail is the caller's to care for (dependents.hpp).
bool stop_jail(Session& session, const catalog::Jail& jail);

/// A start under way, so that several can be: the waiting is a thread's. The destructor waits.
class JailStart {
  public:
    /// Checks what can be checked and has the supervisor launched. What the jail requires is the caller's to
    /// start; RequiredJailFailed when it is not up by the end of the checks.
    /// `learning`: what this profile denies is not denied but learned, and said so.
    JailStart(Session& session, const catalog::Jail& jail, std::optional<jail::Profile> learning = {});
    /// Whether finish() would return or throw at once.
    bool is_settled() const;
    /// As start_jail(). Of what it requires and is not up any more by then, it is warned.
    supervise::ServiceStatus finish(Gate gate = Gate::ready);

  private:
    void take_edited_recipe(Session& session, const jail::RenderedRecipe& recipe);
    [[noreturn]] void give_up(const std::string& why);
    void tell_who_went_down() const;
    supervise::ServiceStatus watch_quiet(const supervise::ServiceStatus& first);

    const Context& context_;
    catalog::Jail jail_;
    base::HostPath run_;
    std::vector<catalog::Jail> required_;
    base::WallTime since_;
    std::chrono::milliseconds quiet_{0};
    std::future<supervise::ServiceStatus> settled_;
};

/// Of a service that ran and could not be started again: whether this host failed, a full disk for example,
/// or another command was in the way, or a jail that it requires does not run, and not the service. Then the
/// note on the jail stays, so that the next command tries again.
bool is_worth_another_try(const base::Error& why);
/// When that is, in words: "the next command that changes something tries again".
std::string next_try(const base::Error& why);
/// What the jail requires, and itself as the last one, in the order in which they are started.
/// RequiredJailFailed: another one's recipe cannot be read. Error{not_found}: it is not there at all.
std::vector<std::string> start_order_of(Session& session, const catalog::Jail& jail);

/// For who starts a jail because of a note: of what it requires one that is not to be started for it, because
/// it was stopped; or because it did not get ready when it was started last, and would cost every command
/// that time again.
std::optional<RequiredJailFailed> left_to_a_person(Session& session, const catalog::Jail& jail);

/// Writes down whether the jail is meant to run.
void want_running(Session& session, const catalog::Jail& jail, bool wanted);
/// The same without the jail's record, which is the caller's to write.
void want_in_catalog(Session& session, catalog::Jail jail, bool wanted);

/// For a jail that others wait for and that runs without being ready: gives its probe the time to succeed
/// again. Error{unhealthy} when it does not.
void wait_until_well(const Context& context, const catalog::Jail& jail);

/// What a start takes: a run directory, a log, the growth of the catalog.
constexpr std::uint64_t needed_to_start = 4u << 20;

/// To be asked before a service is stopped that is to run again: on a full file system nothing can be
/// started, not even what ran before. Error{system} when less than a few megabytes are free where the state
/// is; of a jail that runs also what require_disk_below_limit() throws, and what opening the driver does.
void require_room_to_start(const Context& context, const catalog::Jail& jail);
/// Error{conflict} when the jail's service would be ended at once, because of limit disk where the supervisor
/// holds it.
void require_disk_below_limit(const Context& context, const catalog::Jail& jail, const jail::Limits& limits);
/// Before a supervisor is to put these limits in force: has the jail's files counted for limit disk, which
/// may take long where there are many, and a supervisor does nothing else meanwhile.
void prepare_disk_limit(const Context& context, const catalog::Jail& jail, const jail::Limits& limits);

} // namespace pkgjail::ops
