// What the files of driver_oci share.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/process.hpp"

namespace pkgjail::confine {

/// How long one call of the runtime may take.
inline constexpr auto runtime_patience = std::chrono::seconds(60);

/// The jail's, as create() wrote it down; nullopt when it has ended.
std::optional<base::ProcessId> first_process(const base::HostPath& run_directory);
base::Error not_running(const std::string& handle);

} // namespace pkgjail::confine
