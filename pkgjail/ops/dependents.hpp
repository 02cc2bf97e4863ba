// Jails that run and require a jail which an operation has to stop for a while: taken down before it and
// brought up after it, in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

class Dependents {
  public:
    /// In the catalog (Jails::set_operation) while such a jail is down: the next command starts it when this
    /// one dies.
    static constexpr std::string_view note = "required jail stopped";

    /// By an earlier command, and nobody has stopped it for good since.
    static bool is_left_down(const catalog::Jail& jail) {
        return jail.operation == note && jail.wanted_running;
    }

    /// Finds those that require it, directly or not, and run, where it runs itself; and those that an earlier
    /// command has left down. Takes their locks; nothing is stopped yet. Error{busy} when another command
    /// holds one, except that of a jail which is down and cannot be started before this one.
    Dependents(Session& session, const catalog::Jail& jail);

    bool are_none() const { return entries_.empty(); }

    /// Notes all of them, then stops each before what it requires. May be called again after bring_up().
    void take_down();
    /// Starts each that is down after what it requires, and takes its note away; not what a person is to
    /// start (left_to_a_person) for one that was down already. All are tried; then throws the first failure
    /// of a service, or the first one if another try is worth while with all of them (is_worth_another_try):
    /// this host failed, another command was in the way, or what is required did not come up. With those the
    /// note stays.
    void bring_up();
    /// The same where another failure is on its way to the operator: what fails here is warned of.
    void bring_up_all_the_same() noexcept;

  private:
    struct Entry {
        catalog::Jail jail;
        JailLock lock;
        bool is_down;       ///< by this command, or since an earlier one
        bool was_left_down; ///< by an earlier one
    };
    void start(const Entry& entry);
    /// Of what `jail` requires, one whose lock is held here and that does not run. Who starts `jail` would
    /// take that lock to start it, and wait for this command itself.
    std::optional<std::string> missing_for(const catalog::Jail& jail) const;

    Session& session_;
    catalog::Jail required_;
    std::vector<Entry> entries_; ///< in the order in which they are stopped
};

} // namespace pkgjail::ops
