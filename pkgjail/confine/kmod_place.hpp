// A jail's place on disk: its root put together there, and taken apart.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/confine/kmod_host.hpp"
#include "pkgjail/confine/kmod_root.hpp"

namespace pkgjail::confine {

/// Makes the place's directories and carries out the steps in order. When one fails those before it are
/// undone in reverse, and Error{system} names the step. The directories stay; take_apart removes them.
void assemble_root(KmodHost& host, const base::HostPath& place, const std::vector<RootStep>& steps,
                   const std::string& jail);

/// Unmounts whatever the kernel has mounted at the place, the latest first, by force where something still
/// holds it after some patience, and removes the place. No process of the jail may live any more. Throws
/// Error{system} and leaves the place when a mount does not go.
void take_apart(KmodHost& host, const base::HostPath& place, const std::string& handle);

} // namespace pkgjail::confine
