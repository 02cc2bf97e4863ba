// Limit disk: what a jail's own directory (configuration of all generations, data, mount points) takes on the
// file system. Held by the kernel where its file system can: a project quota (ext4, xfs), a quota group of
// its data (btrfs), a quota of its data's dataset (zfs). Elsewhere it is measured by walking, and the
// supervisor acts on it.
#pragma once

#include <cstdint>
#include <optional>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/limit.hpp"

namespace pkgjail::confine {

/// Where the kernel counts by projects: gives the jail's files one, unless they have it. That walks through
/// all of them, so whoever has others waiting for him has it done before; set_disk_limit() finds it done.
void give_disk_project(const base::HostPath& storage);
/// Gives the kernel this ceiling, or takes it away, where it holds one. Nothing where it does not.
void set_disk_limit(const base::HostPath& storage, const std::optional<std::uint64_t>& bytes);
/// Read back from the kernel; advisory where it is measured.
jail::LimitReading read_disk_limit(const base::HostPath& storage, std::uint64_t wanted);

/// Data that have become a snapshot's by a rename count for their jail no more.
void release_disk(const base::HostPath& data);

/// Bytes in use as the kernel counts them for its limit; nullopt where it does not.
std::optional<std::uint64_t> counted_disk_use(const base::HostPath& storage);
/// The same by walking through everything: it takes its time.
std::uint64_t measured_disk_use(const base::HostPath& storage);
inline std::uint64_t disk_use(const base::HostPath& storage) {
    const auto counted = counted_disk_use(storage);
    return counted ? *counted : measured_disk_use(storage);
}

/// Where disk is measured, a service that takes so much is ended, and not started: a quarter more than it
/// may have.
constexpr std::uint64_t too_much_disk(std::uint64_t limit) {
    return limit + limit / 4;
}

} // namespace pkgjail::confine
