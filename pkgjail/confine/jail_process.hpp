// Looking at a jail's process from outside (Linux): whether it stands where it should.
#pragma once

#include <string>

#include <sys/types.h>

#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// Throws Error{denied} unless the process's working directory lies on a mount of its own mount namespace. A
/// working directory reached by a descriptor that somebody forgot to close is on the host's mounts and would
/// open the host's tree to "..".
void check_stands_inside(pid_t pid, const std::string& jail);

/// Throws Error{denied} unless every mount of `spec` is in the mount namespace of process `pid`, at its
/// place. While a jail is made, somebody who can write to a mount point's directory (another jail, through a
/// shared one) may put a link there, and some runtimes follow it.
void check_mounts_stand(pid_t pid, const JailSpec& spec);

/// Throws unless `directory` can be reached inside the root of process `pid` without passing through a link
/// of /proc: Error{not_found} when it is missing, Error{denied} when it is reached by such a link or is no
/// directory.
void check_directory_inside(pid_t pid, const std::string& directory, const std::string& jail);

/// Throws Error{not_found} when `program` is missing inside the root of process `pid`, Error{denied} when it
/// cannot be executed by anybody. A name without a slash is looked for in `search_path` (PATH), one with a
/// slash that is not absolute is left to the runtime.
void check_program_inside(pid_t pid, const std::string& program, const std::string& search_path,
                          const std::string& jail);

} // namespace pkgjail::confine
