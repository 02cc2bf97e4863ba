// What the driver of the kernel module needs of the kernel, in one small interface: the real one is NetBSD's,
// the one of the tests leads into an imitation of the kernel in the same process. Errors are errno values of
// this host; 0 is success.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/kmod_entry.hpp"
#include "pkgjail/confine/kmod_root.hpp"

namespace pkgjail::confine {

/// A process on its way into a jail, or inside. One that was not let go ends when this is destroyed: its gate
/// closes without the word.
class Entrant {
  public:
    virtual ~Entrant() = default;
    virtual base::ProcessId process() const = 0;
    /// Waits until it stands before exec, or has failed. An outcome is told once.
    virtual EntryOutcome await_ready() = 0;
    /// Lets it go on and waits until it has become its program, or has failed: nullopt is success.
    virtual std::optional<EntryOutcome> let_go() = 0;
    /// Waits for its end and reaps it.
    virtual base::Exit wait() = 0;
};

/// setrlimit(2) of one process; ~0: none.
struct ProcessRlimit {
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
    bool operator==(const ProcessRlimit&) const = default;
};

class KmodHost {
  public:
    virtual ~KmodHost() = default;

    // The module.
    virtual std::optional<std::int64_t> sysctl_number(const std::string& name) = 0;
    /// modload(8) of a path, or of a name that the kernel looks for. What it complains of; nullopt is
    /// success.
    virtual std::optional<std::string> load_module(const std::string& module) = 0;
    /// The modules to try, in order.
    virtual std::vector<std::string> module_candidates() = 0;
    /// Number of the device that /dev/pkgjail stands for; nullopt: no such character device.
    virtual std::optional<std::uint64_t> device_node() = 0;
    /// Makes /dev/pkgjail (0600, root) for a major number, in the place of whatever has the name.
    virtual int make_device_node(std::uint32_t major) = 0;
    virtual int open_device() = 0;
    /// An ioctl on the open device.
    virtual int request(unsigned long number, void* data) = 0;

    // The root.
    virtual RootFacts facts(const JailSpec& spec) = 0;
    virtual int carry_out(const RootStep& step) = 0;
    virtual int unmount(const std::string& target, bool force) = 0;
    /// Mount points at or below a directory, in the kernel's order.
    virtual std::vector<std::string> mounts_below(const base::HostPath& directory) = 0;
    /// Opens a directory for CREATE. A number below 0 is an errno, negated.
    virtual int open_directory(const base::HostPath& directory) = 0;
    virtual void close_directory(int number) = 0;

    /// A file of the operator's, as it is; nullopt: there is none.
    virtual std::optional<std::string> operator_file(const base::HostPath& path) = 0;

    // Processes.
    /// Starts the process that carries out `plan`. Throws Error{system}.
    virtual std::unique_ptr<Entrant> start(const EntryPlan& plan) = 0;
    virtual void pause(std::chrono::milliseconds time) = 0;
    /// A limit of one process, by its PKGJAIL_RLIMIT_* number; process 0 is this one. ESRCH: it is gone.
    virtual int read_rlimit(pid_t pid, unsigned number, ProcessRlimit& found) = 0;
    /// What the kernel does not allow that much of may become less.
    virtual int set_rlimit(pid_t pid, unsigned number, const ProcessRlimit& wanted) = 0;
};

/// Major number of a device number as NetBSD has them, on any host.
constexpr std::uint32_t netbsd_major(std::uint64_t device) {
    return static_cast<std::uint32_t>(device >> 8 & 0xfff);
}

} // namespace pkgjail::confine
