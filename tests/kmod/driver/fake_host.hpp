// The driver's host as an imitation: requests go to the module's own sources on the fake kernel, mounts are
// kept in a list that is as strict as a kernel, and processes that enter are processes of the fake kernel.
//
// A Machine outlives the commands that run on it, each of which has a FakeHost: so a command can be killed
// between any two of its steps, and the next one finds what it left.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fake/world.h"
#include "pkgjail/confine/kmod_host.hpp"

namespace kmod_test {

namespace confine = pkgjail::confine;

/// A command was killed. Not an Error: nothing of ours catches it.
struct Killed {};

class Machine {
  public:
    explicit Machine(bool module_loaded = true);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Jails of the kernel, then mounts in their order: "jail web live 1 process\nmount …/root\n".
    std::string show() const;
    /// Runs whatever wants to run for a while.
    void run(unsigned ms) { world_run(ms); }
    /// Processes inside a jail, by the name that the kernel has for it.
    std::vector<proc*> inside(const std::string& name) const;

    /// The process that started going in last.
    proc* last_entered() const { return entered_.back(); }

    // What is wrong with this machine; as it is, everything is right.
    std::set<std::string> modules = {"/usr/pkg/lib/pkgjail/pkgjail.kmod"}; ///< that can be loaded
    std::int64_t securelevel = -1;
    std::optional<std::uint64_t> node = std::uint64_t{210} << 8;
    std::optional<std::int64_t> version; ///< the module says this instead of its own
    std::map<unsigned long, int> failing_requests;
    std::optional<confine::EntryStage> failing_stage;
    int failing_stage_error = 5; ///< EIO
    std::string failing_step;    ///< a step of a root whose text contains this fails
    std::set<std::string> missing_programs;
    std::map<std::string, std::string> operator_files; ///< by path
    /// Before each of the host's acts, by name; may throw Killed.
    std::function<void(const std::string& act)> on_act;
    /// A forked process ends at once with this status when it is let go.
    std::optional<int> ends_with;
    int rlimit_error = 0;       ///< setting one fails so
    unsigned busy_unmounts = 0; ///< so many times, unmounting says EBUSY first

    std::string log; ///< acts that changed something, a line each

  private:
    friend class FakeHost;
    struct Mounted {
        std::string target;
        vnode* top;
    };
    vnode* find(const std::string& target) const;

    std::vector<Mounted> mounts_;
    std::vector<proc*> entered_;
};

class FakeHost final : public confine::KmodHost {
  public:
    explicit FakeHost(Machine& machine);
    ~FakeHost() override;

    std::optional<std::int64_t> sysctl_number(const std::string& name) override;
    std::optional<std::string> load_module(const std::string& module) override;
    std::vector<std::string> module_candidates() override;
    std::optional<std::uint64_t> device_node() override;
    int make_device_node(std::uint32_t major) override;
    int open_device() override;
    int request(unsigned long number, void* data) override;
    confine::RootFacts facts(const confine::JailSpec& spec) override;
    int carry_out(const confine::RootStep& step) override;
    int unmount(const std::string& target, bool force) override;
    std::vector<std::string> mounts_below(const pkgjail::base::HostPath& directory) override;
    int open_directory(const pkgjail::base::HostPath& directory) override;
    void close_directory(int number) override;
    std::optional<std::string> operator_file(const pkgjail::base::HostPath& path) override;
    std::unique_ptr<confine::Entrant> start(const confine::EntryPlan& plan) override;
    void pause(std::chrono::milliseconds time) override;
    int read_rlimit(pid_t pid, unsigned number, confine::ProcessRlimit& found) override;
    int set_rlimit(pid_t pid, unsigned number, const confine::ProcessRlimit& wanted) override;

  private:
    class Calls;
    class FakeEntrant;
    void act(const std::string& what);

    Machine& machine_;
    proc* command_;
    int device_ = -1;
};

/// An error number of the fake kernel (NetBSD's) as this host has it.
int host_errno(int netbsd_error);

} // namespace kmod_test
