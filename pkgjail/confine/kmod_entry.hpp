// How a process goes into a jail of the kernel module: the stages between fork and exec, in one table. Each
// can fail; the process that started it is told the stage and the errno, and the one that wanted in ends.
//
// Between fork and exec nothing may allocate or lock, so everything that is needed stands in the plan before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/kmod_abi.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// In the order of doing.
enum class EntryStage : std::int32_t {
    session,     ///< leader of a session of its own; the module wants that
    descriptors, ///< 0-2 as given, the two of the hand-over, nothing else
    device,      ///< its own /dev/pkgjail, while there is one to see
    root,        ///< chroot, and the working directory below it
    enter,       ///< the module takes it in: identity, limits, for good
    release,     ///< the device is closed again
    identity,    ///< groups, group, user
    directory,   ///< the working directory, as seen from inside
    program,     ///< there, and may be executed
    ready,       ///< not a failure: it waits for the word to go
    exec,
};

struct EntryOutcome {
    EntryStage stage = EntryStage::ready;
    std::int32_t error = 0;
    bool ready() const { return stage == EntryStage::ready; }
};

struct EntryPlan {
    std::string jail; ///< for messages
    pkgjail_ref ref{};
    std::string root;              ///< directory on the host
    int streams[3] = {-1, -1, -1}; ///< -1 is /dev/null
    bool terminal = false;         ///< stream 0 becomes the controlling terminal
    Identity identity;
    std::string working_directory;
    std::vector<std::string> command;
    std::vector<std::string> environment; ///< NAME=value
    bool holds = false;                   ///< as JailSpec::holds
    std::vector<std::string> programs;    ///< files to try, in order; the first that is there is run
};

/// The numbers under which the process keeps its five descriptors until exec, and the mask of them that ENTER
/// lets stay open.
inline constexpr int entry_gate = 3;   ///< the word to go arrives here
inline constexpr int entry_report = 4; ///< outcomes go out here
inline constexpr std::uint64_t entry_keep = 0x1f;

/// What the stages do, each returning 0 or an errno. Safe after fork.
class EntryCalls {
  public:
    virtual ~EntryCalls() = default;
    virtual int new_session() noexcept = 0;
    virtual int arrange_descriptors(const EntryPlan& plan) noexcept = 0;
    virtual int open_device() noexcept = 0;
    virtual int change_root(const EntryPlan& plan) noexcept = 0;
    virtual int enter(pkgjail_enter& request) noexcept = 0;
    virtual int close_device() noexcept = 0;
    virtual int become(const Identity& identity) noexcept = 0;
    virtual int change_directory(const std::string& path) noexcept = 0;
    virtual int may_execute(const std::string& program) noexcept = 0;
    /// Returns only when it fails.
    virtual int execute(const std::string& program, const EntryPlan& plan) noexcept = 0;
};

/// All stages up to the word to go.
EntryOutcome prepare_entry(const EntryPlan& plan, EntryCalls& calls) noexcept;
/// The rest. Returns only when it fails.
EntryOutcome finish_entry(const EntryPlan& plan, EntryCalls& calls) noexcept;

/// Where a program is looked for: the path itself when it has a slash, else each directory of PATH.
std::vector<std::string> program_candidates(const std::string& program, const std::string& search_path);

/// An outcome that is a failure, for people: what is wrong with program, directory or kernel.
base::Error entry_error(const EntryPlan& plan, const EntryOutcome& outcome);

} // namespace pkgjail::confine
