// clang-format off
// The files of the cache directory and what each is called.
//
//     sha256-HEX             an archive; the name says what its bytes must be
//     sha512-HEX, sha1-HEX   a line of text: the sha256 of the archive that has this digest
//     key-HEX                the same, for archives without a digest in the index: HEX is made of where it comes
//                            from and when it was built
//     LABEL.part, …          a download under way (partial_file.hpp)
//     fetch-*, index-*       a finished download that nobody has looked at yet; or a directory (scratch.hpp)
// clang-format on
#pragma once

#include <optional>
#include <string>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/repo/cache.hpp"

namespace pkgjail::repo {

/// The name that says which archive is wanted: "sha512-…", "sha256-…", "key-…". Throws Error{corrupt} for a
/// digest that is none.
std::string entry_label(const WantedArchive& wanted);
inline std::string archive_name(const std::string& sha256) {
    return "sha256-" + sha256;
}
/// nullopt for "key-…", which says nothing about the bytes.
std::optional<base::DigestAlgorithm> label_algorithm(const std::string& label);

/// Which archive belongs to `label`, by its line of text or, for sha256, by itself.
std::optional<std::string> resolve_label(const base::HostPath& directory, const std::string& label);
void record_label(const base::HostPath& directory, const std::string& label, const std::string& sha256);

/// What reading an archive once, from its beginning, tells.
struct Reading {
    std::uint64_t size = 0;
    std::string sha256;
    std::string digest; ///< by `algorithm`; the sha256 again when there is none
};
/// The descriptor stands at the beginning afterwards.
Reading read_archive(const base::Fd& fd, const base::HostPath& path,
                     std::optional<base::DigestAlgorithm> algorithm);

/// Which kind of file of the cache a name is.
enum class CacheFile { archive, label, unfinished, foreign };
CacheFile classify(const std::string& name);

} // namespace pkgjail::repo
