// What runs on this host for a state directory: the processes of jails that process_driver.cpp made, and
// supervisors.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pkgjail/base/process.hpp"

namespace pkgjail::test {

/// In the environment of whatever runs in a jail: the jail's run directory.
constexpr const char* run_variable = "PKGJAIL_TEST_RUN";
/// Beside the state directory's parent: a supervisor's environment, NAME=VALUE in each line. Its launcher
/// gives it none but its own.
constexpr const char* supervisor_environment = "supervisor.env";

std::vector<base::ProcessId> processes_of_run(const std::filesystem::path& run_directory);

/// Jails, supervisors and pkgjail's own processes, whatever the state directory knows of them; a line each,
/// sorted: "ID runs /bin/sleep 1.1d", "ID runs, paused, …", "ID is supervised", "a pkgjail runs".
std::string running_on(const std::filesystem::path& state);
/// Ends all of them, each by its number and the time of its start, supervisors first.
void end_running_on(const std::filesystem::path& state);

} // namespace pkgjail::test
