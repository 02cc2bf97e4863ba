// Facts about this host, in the words that packages use.
#pragma once

#include <cstdint>
#include <string>

namespace pkgjail::base {

/// pkgsrc's OPSYS: "NetBSD", "Linux".
std::string host_opsys();
/// Kernel release as pkgsrc compares it: on Linux the leading [0-9.]* of uname -r.
std::string host_os_version();
/// NetBSD's MACHINE_ARCH names, also on Linux: "x86_64", "aarch64", "i386", ….
std::string host_machine_arch();
std::string host_name();
std::uint64_t host_memory_bytes();
unsigned host_cpus();

} // namespace pkgjail::base
