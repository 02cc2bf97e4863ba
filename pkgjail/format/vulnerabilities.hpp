// pkg-vulnerabilities: the list of known vulnerabilities of packages that pkgsrc publishes, format 1.1.0.
//
// This part reads the text and checks the checksums in it. A checksum says that nothing was damaged, not who
// wrote it: signatures are judged elsewhere (repo/vulnerability_list).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::format {

/// One line of the list.
struct Vulnerability {
    std::string pattern; ///< of the packages that have it; a Pattern of this text can be made
    std::string type;    ///< free text: "denial-of-service"; "eol": no longer maintained by anybody
    std::string url;     ///< where one reads about it; bytes as they stand there, without white space
    bool is_end_of_life() const { return type == "eol"; }
};

/// What stands around the entries.
struct VulnerabilityHead {
    std::string revision;                ///< "1.6187", of the "# $NetBSD" line; empty: there is none
    std::optional<std::int64_t> written; ///< the time in that line, Unix seconds
    bool has_checksum = false;           ///< a known one; all of those fit
    bool claims_pgp = false;             ///< it is an OpenPGP message in clear text
};

struct VulnerabilityList {
    VulnerabilityHead head;
    std::vector<Vulnerability> entries; ///< in the list's order
};

/// What to do about a list that is not the one that was published.
inline constexpr std::string_view damaged_list_hint = "it was damaged or changed; fetch it again";

/// Reads the text of a list as pkg_admin check-pkg-vulnerabilities does. `name` is for messages. Throws
/// Error{trust} when a checksum is not that of the lines before it; Error{corrupt}, with line number, for
/// anything but blank lines, "Hash:" and "# $NetBSD" before "#FORMAT 1.1.0", an entry of fewer than three
/// words or whose pattern is none, a line without its end, a byte 0, and a message that begins as OpenPGP and
/// has no signature.
VulnerabilityList parse_vulnerabilities(std::string_view text, std::string_view name);
/// The same, by a confined process.
VulnerabilityList read_vulnerabilities(std::string_view text, std::string_view name);

/// The text of a list as it is published: plain, or gzip, bzip2, xz or zstd by content, decompressed by a
/// confined process. Error{corrupt} beyond `max_bytes` of text.
std::string read_vulnerability_text(const base::Fd& fd, std::string_view name,
                                    std::uint64_t max_bytes = 256ull << 20);

/// Where an entry with this pattern is to be kept, so that bases_to_ask finds it for every package that it
/// matches; nullopt: one cannot tell, it is to be tried on all.
std::optional<std::vector<std::string>> bases_to_keep(std::string_view pattern);

/// All bases that a package of this name may be listed under: itself and what precedes each "-" of it,
/// longest first.
std::vector<std::string> bases_to_ask(std::string_view pkgname);

} // namespace pkgjail::format
