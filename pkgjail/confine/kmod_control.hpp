// The module's requests in words of ours: what is asked, and what each errno means. Knows jails by their name
// in the kernel, which is the handle.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pkgjail/confine/kmod_abi.hpp"
#include "pkgjail/confine/kmod_host.hpp"

namespace pkgjail::confine {

class KmodControl {
  public:
    /// Loads the module when it is not there, makes the device node when it is missing or names another
    /// device, and compares the versions. Throws Error{denied} with what is missing and how to get it.
    explicit KmodControl(KmodHost& host);

    const pkgjail_version& version() const { return version_; }
    /// What had to be done, a line each.
    const std::vector<std::string>& notes() const { return notes_; }

    std::optional<pkgjail_stat> find(const std::string& handle) const;
    pkgjail_stat measure(const pkgjail_ref& ref, const std::string& handle) const;
    /// Throws Error{conflict} for a name or a port that is taken.
    pkgjail_ref create(pkgjail_create& request, const std::string& jail) const;
    void set_limits(const pkgjail_ref& ref, const pkgjail_limits& limits, const std::string& handle) const;
    void signal(const pkgjail_ref& ref, int signal_number, const std::string& handle) const;
    void pause(const pkgjail_ref& ref, bool on, const std::string& handle) const;
    std::vector<pid_t> members(const pkgjail_ref& ref, const std::string& handle) const;
    /// Kills every process for good and removes the jail. Returns when the kernel has forgotten it. Throws
    /// Error{busy} when a process does not end within `patience`.
    void end(const pkgjail_ref& ref, const std::string& handle, std::chrono::milliseconds patience) const;

  private:
    void load();
    void make_node();
    void greet();

    KmodHost& host_;
    pkgjail_version version_{};
    std::vector<std::string> notes_;
};

} // namespace pkgjail::confine
