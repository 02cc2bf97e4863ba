// Project quotas of ext4 and xfs: a ceiling on what the files of a directory tree take together, which the
// kernel holds. Each file carries the number of its project, and new ones inherit it from their directory.
// Where there are none, every question is answered so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// Whether the file system of a directory counts projects and holds them to their ceilings. Empty: it does;
/// else why not, for people.
std::string project_quota_problem(const HostPath& directory);

/// The project of a directory that its new files inherit; 0: none.
std::uint32_t project_of(const HostPath& directory);
/// Gives a directory and everything in it this project; 0: none any more. The directory itself is the last to
/// get it, so that one that has it has it all. Files may be made and removed in it meanwhile.
void give_project(const HostPath& directory, std::uint32_t project);

struct ProjectUse {
    std::uint64_t used_bytes = 0;
    std::optional<std::uint64_t> limit_bytes; ///< unset: none
};
ProjectUse read_project(const HostPath& directory, std::uint32_t project);
/// Unset: no ceiling. Error{denied} or {system}.
void set_project_limit(const HostPath& directory, std::uint32_t project,
                       const std::optional<std::uint64_t>& bytes);

} // namespace pkgjail::base
