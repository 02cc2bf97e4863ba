// A whole package read and shown as text, so that tests compare what a person can read.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/format/archive.hpp"

namespace pkgjail::test {

/// An open file that holds `bytes`, at its beginning, and has no name any more.
base::Fd file_of(std::string_view bytes);

/// Name, comment and names of the metadata members in one line, then a line per payload member with all that
/// its header says and its content. Reads `chunk` bytes at a time; 0: lets the reader skip all content
/// itself.
std::string read_package(std::string_view bytes, format::ArchiveLimits limits = {}, std::size_t chunk = 4096);

/// What reading `bytes` is refused with, as "KIND: message"; "read" if it is not.
std::string refusal_of(std::string_view bytes, format::ArchiveLimits limits = {}, std::size_t chunk = 4096);

} // namespace pkgjail::test
