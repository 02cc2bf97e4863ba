// Opening what is mounted by_descriptor: a directory or file of the host that others may change.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

/// Why nothing at this path may ever be mounted into a jail, by its name alone: the root, the kernel's file
/// systems, sockets by which the host is governed, what lies in one of `closed` and what holds one of them.
/// Empty: it may.
std::string source_problem(const base::HostPath& source, const std::vector<base::HostPath>& closed);

/// Goes to the source component by component and follows no link; each directory on the way is compared with
/// those of `spec.closed` themselves, whatever names lead there. Error{denied} for what may not be mounted,
/// Error{corrupt} for a link, Error{not_found}, Error{configuration} for what is neither directory nor
/// regular file.
base::Fd open_source(const JailSpec& spec, const Mount& mount);

/// The description as the OCI runtime is to see it: what is mounted by_descriptor comes from a place of its
/// own in `bundle`, which is made here.
JailSpec with_own_sources(const JailSpec& spec, const base::HostPath& bundle);
bool has_own_sources(const JailSpec& spec);

/// Linux: runs `work` in a mount namespace that it shares with nobody, in which each of the places of
/// with_own_sources() has been made the source that it stands for. The namespace ends with `work` and with
/// whatever that has started in it. Throws what opening the sources throws, and what `work` throws.
void run_with_own_sources(const JailSpec& spec, const base::HostPath& bundle,
                          const std::function<void()>& work);

} // namespace pkgjail::confine
