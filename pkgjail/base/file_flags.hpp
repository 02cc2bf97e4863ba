// File flags of BSD systems (chflags(2)), which stand against removal whoever asks. Root of a jail may set
// them on what is its own.
#pragma once

#include <string>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// Takes away what hinders removing entries of an open directory. What cannot be taken away, as system flags
/// above security level 0, stays; the removal then says so.
void free_directory(const Fd& directory) noexcept;
/// The same for an entry itself, of whatever type; no link is followed. True when there was something and it
/// is gone.
bool free_entry(const Fd& parent, const std::string& name) noexcept;

} // namespace pkgjail::base
