// A package's record of pkg_summary(5), as pkg_info -X writes it, with the archive's digest.
#pragma once

#include <cstdint>
#include <string>

#include "pkgjail/format/archive.hpp"

namespace pkgjail::format {

/// With the empty line that ends it.
std::string summary_record(const PackageMetadata& metadata, const std::string& file_name,
                           std::uint64_t file_size, const std::string& sha512);

} // namespace pkgjail::format
