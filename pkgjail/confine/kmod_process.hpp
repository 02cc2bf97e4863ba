// Processes that go into a jail, as real processes: fork, the pipes of the hand-over, and the system calls of
// the stages. POSIX, so that all but the module's own answer is tested anywhere.
#pragma once

#include <memory>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/confine/kmod_host.hpp"

namespace pkgjail::confine {

/// First number beyond those that have a meaning.
inline constexpr int entry_numbers = 16;

/// The stages by system calls. Made before the fork, with all the memory that they need.
class SystemEntryCalls : public EntryCalls {
  public:
    /// `gate` and `report` are the child's ends, with numbers of `entry_numbers` or above.
    SystemEntryCalls(const EntryPlan& plan, int gate, int report);
    int new_session() noexcept override;
    int arrange_descriptors(const EntryPlan& plan) noexcept override;
    int open_device() noexcept override;
    int change_root(const EntryPlan& plan) noexcept override;
    int enter(pkgjail_enter& request) noexcept override;
    int close_device() noexcept override;
    int become(const Identity& identity) noexcept override;
    int change_directory(const std::string& path) noexcept override;
    int may_execute(const std::string& program) noexcept override;
    int execute(const std::string& program, const EntryPlan& plan) noexcept override;

  private:
    int gate_;
    int report_;
    int device_ = -1;
    std::vector<char*> argv_;
    std::vector<char*> environment_;
};

/// Makes the calls of one entry; the ends are the child's and closed by it.
using MakeEntryCalls = std::unique_ptr<EntryCalls> (*)(const EntryPlan& plan, int gate, int report);

/// Forks a process that carries out `plan`. Throws Error{system}.
std::unique_ptr<Entrant> fork_entrant(const EntryPlan& plan, MakeEntryCalls make_calls);

/// The real calls.
std::unique_ptr<EntryCalls> system_entry_calls(const EntryPlan& plan, int gate, int report);

} // namespace pkgjail::confine
