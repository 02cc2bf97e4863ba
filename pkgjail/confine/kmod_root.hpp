// How a jail's root is put together on NetBSD, as data: a pure function of the description, a line a step, in
// the order of doing. It is undone in reverse. NetBSD has no mount namespaces, so each jail gets a directory
// of its own, and whatever is mounted at or below it belongs to that jail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// A device that every jail may open, named as in /dev.
struct JailDevice {
    const char* name;
    unsigned mode;
    bool read;
    bool write;
};
/// The whole list, the same for every jail. /dev has nothing else in it.
const std::vector<JailDevice>& jail_devices();

/// One of them as this host has it.
struct HostDevice {
    JailDevice device;
    std::uint64_t number; ///< st_rdev of the host's node
};

/// What the table has to know of the host.
struct RootFacts {
    std::vector<HostDevice> devices;
    bool shared_memory = false; ///< the jail's /var has a directory shm, where POSIX shared memory lives
};

/// One step. Every mount is nosuid; what stands in a description is nodev as well.
struct RootStep {
    enum class Kind {
        null,    ///< `source` is mounted at `target`
        memory,  ///< a fresh tmpfs at `target`
        devices, ///< the nodes of `devices` are made in the directory `target`
    };
    Kind kind = Kind::null;
    std::string source;
    std::string target; ///< path on the host
    bool read_only = false;
    bool no_exec = false;
    bool no_devices = true;
    std::uint64_t size_bytes = 0; ///< memory
    unsigned mode = 0755;         ///< memory: of the top directory
    std::vector<HostDevice> devices;

    bool is_mount() const { return kind == Kind::null || kind == Kind::memory; }
};

/// The directories in a jail's place that must be there before: where its root is mounted together, and where
/// the nodes of its /dev are made.
inline constexpr const char* place_root = "root";
inline constexpr const char* place_devices = "dev";

std::vector<RootStep> root_steps(const JailSpec& spec, const base::HostPath& place, const RootFacts& facts);

/// "null /usr/lib → /…/root/usr/lib ro nosuid nodev".
std::string show(const RootStep& step);

} // namespace pkgjail::confine
