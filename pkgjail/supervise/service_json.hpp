// RUN/service.json: what a supervisor is told, as text and back. It may hold secrets of the service's
// environment: mode 0600.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::supervise {

std::string to_json(const SupervisedService& service);
/// Throws Error{corrupt}.
SupervisedService service_from_json(std::string_view text);

base::HostPath service_file(const base::HostPath& run_directory); ///< RUN/service.json
/// Throws Error{not_found} or Error{corrupt} naming the file.
SupervisedService read_service(const base::HostPath& run_directory);
/// The jail's name, for messages; the directory's where nothing was launched in it.
std::string jail_of(const base::HostPath& run_directory);

} // namespace pkgjail::supervise
