// pkg_summary(5): a repository's index, one record a package.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/format/byte_source.hpp"

namespace pkgjail::format {

struct SummaryRecord {
    std::string pkgname;
    std::vector<std::string> depends;
    std::vector<std::string> conflicts;
    std::vector<std::string> supersedes;
    std::vector<std::string> provides;
    std::vector<std::string> requires_; ///< shared libraries, absolute paths
    std::string comment;
    std::string description; ///< lines joined by "\n"
    std::uint64_t size_pkg = 0;
    std::string build_date;
    std::string categories;
    std::string homepage;
    std::string license;
    std::string machine_arch;
    std::string opsys;
    std::string os_version;
    std::string pkgpath;
    std::string pkgtools_version;
    std::string pkg_options;
    std::string prev_pkgpath;
    std::string file_name;                  ///< "<pkgname>.tgz" when the record has none
    std::optional<std::uint64_t> file_size; ///< bytes of the archive
    std::string cksum_algorithm;            ///< lower case: "sha1", "sha512"; empty: none
    std::string cksum;                      ///< lower-case hexadecimal
};

/// Reads an index as a stream, in a confined process, decompressing by content (gz, bz2, xz, zst or plain),
/// and hands each record to `take`. Memory is that of one record. Values are bytes as they stand there; empty
/// ones are as if missing, but for lines of DESCRIPTION. Unknown variables are passed over. A PKGNAME without
/// a version gets "-0.0"; of several FILE_CKSUM lines the strongest counts.
///
/// Throws Error{corrupt} with line number: no PKGNAME or two, a line without "=", a pkgname or FILE_NAME that
/// is not one (a "/" in it), a number that is none, a record of more than 4 MiB, an end within a record (each
/// ends in an empty line); without one: decompressed output beyond `max_bytes`, damaged or truncated
/// compression. What `take` throws passes through.
void read_summary(const base::Fd& fd, std::string_view name, const std::function<void(SummaryRecord&&)>& take,
                  std::uint64_t max_bytes = 1ull << 30);

/// What that process does when it has decompressed it: the same for a text.
void parse_summary(ByteSource& text, std::string_view name, const std::function<void(SummaryRecord&&)>& take);

} // namespace pkgjail::format
