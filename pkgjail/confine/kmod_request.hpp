// A description in the words of the kernel module, and the module's answers in ours. Pure functions: what a
// jail may do and have on NetBSD can be read here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/kmod_abi.hpp"
#include "pkgjail/confine/kmod_root.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// What a profile and a network mode allow: PKGJAIL_ALLOW_* bits.
std::uint64_t kmod_policy(const JailSpec& spec);

/// The limits that the module knows. Core dumps are off unless a limit says otherwise. Throws
/// Error{configuration} for a value that it cannot hold.
pkgjail_limits kmod_limits(const JailSpec& spec);

/// The whole CREATE request but the root's descriptor. Throws Error{configuration} for what does not fit: a
/// handle longer than a jail's name there, too many ports or addresses.
pkgjail_create kmod_create(const JailSpec& spec, const std::vector<HostDevice>& devices);

/// Resource use, of a measurement. `period_ms` is the module's sampling period: one throttled round.
Usage kmod_usage(const pkgjail_stat& stat, std::uint32_t period_ms);

/// What is in force of one wanted limit, as the module says it. What no hook of the kernel reaches is
/// unavailable, with the reason.
jail::LimitReading kmod_reading(jail::LimitKind kind, std::uint64_t wanted, const pkgjail_stat& stat);

} // namespace pkgjail::confine
