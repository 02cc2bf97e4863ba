// Secrets inside a jail: files on its own tmpfs that only their owner reads.
#pragma once

#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/spec.hpp"

namespace pkgjail::confine {

inline constexpr const char* secrets_directory = "/run/secrets";
inline constexpr std::size_t most_secret_bytes = 1u << 20;

/// Writes each secret of the description, mode 0400, into /run/secrets of this root, and removes what is
/// there besides. One whose source is gone counts as removed. Error{configuration} where /run is no tmpfs of
/// the jail's own: nothing may reach a disk. Goes descriptor by descriptor, because the jail may run.
void write_secrets(const JailSpec& spec, const base::Tree& root);

} // namespace pkgjail::confine
