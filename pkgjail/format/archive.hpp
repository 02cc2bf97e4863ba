// The binary package archive, read as a stream: metadata members first, in their strict order, then exactly
// the files of the packing list. Hostile until proven otherwise. The only user of libarchive for reading
// packages.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/format/build_info.hpp"
#include "pkgjail/format/plist.hpp"
#include "pkgjail/format/signed_package.hpp"

namespace pkgjail::format {

/// Ceilings on what an archive may make us do; a package that passes one is Error{corrupt}.
struct ArchiveLimits {
    std::uint64_t max_metadata_bytes = 8u << 20;    ///< each metadata member
    std::uint64_t max_unpacked_bytes = 16ull << 30; ///< decoder's output, all members together
    std::uint64_t max_members = 2'000'000;
    /// A regular file for which the packing list has no MD5 is Error{trust}; pkg_create writes one for each,
    /// only very old packages need this off.
    bool require_digests = true;
};

/// The members before the files.
struct PackageMetadata {
    std::map<std::string, std::string> members; ///< "+CONTENTS" → text, everything that was there, verbatim
    Plist plist;
    BuildInfo build_info;
    std::string comment;                   ///< +COMMENT without the newline
    std::optional<std::uint64_t> size_pkg; ///< +SIZE_PKG, bytes
    /// Of a signed package, not judged: its blocks are those that +PKG_HASH names and the pkgname is the
    /// signed one, but who signed it is for the caller to find out. nullopt: not signed.
    std::optional<SignatureParts> signature;

    const std::string* member(const std::string& name) const; ///< nullptr: not there
};

enum class MemberType { file, symlink, hard_link };

/// One payload member's header.
struct ArchiveMember {
    /// Relative to the prefix; checked: no "..", no leading "/" or "./", no empty component.
    std::string path;
    MemberType type = MemberType::file;
    unsigned mode = 0; ///< permission and set-id bits
    std::string user;  ///< names as stored; may be empty
    std::string group;
    std::uint64_t uid = 0;
    std::uint64_t gid = 0;
    std::uint64_t size = 0; ///< of a file
    struct timespec modified {};
    /// Of a symbolic link: verbatim; of a hard link: path of an earlier file member, relative to the prefix.
    std::string link_target;
    /// Access lists, extended attributes or file flags were there; the caller drops and counts them.
    bool has_extended_attributes = false;
};

/// Reads one package, signed or not, in one pass and with bounded memory; writes nothing anywhere. What is in
/// it is decompressed and taken apart by a confined process, which goes on while its answers are used. Order
/// of use: the constructor, metadata(), then next() and, for files, read() until next() gives nullopt: only
/// then has everything been checked, up to the archive's last byte. Every error names the package;
/// Error{corrupt} unless said otherwise. After an error the reader is of no more use.
class ArchiveReader {
  public:
    /// Compression by content (whatever libarchive reads without running programs), never by suffix; tar
    /// only. Reads the metadata and checks it: strict order, each once, plain bounded files without NUL
    /// bytes, +CONTENTS, +COMMENT, +DESC and +BUILD_INFO present. Error{trust} when a signed package is not
    /// what was signed. `name` is for messages. The descriptor is read from its present position, stays the
    /// caller's and must outlive the reader.
    /// What is read of the descriptor goes into `file_digest` as well, where there is one.
    ArchiveReader(const base::Fd& fd, std::string name, ArchiveLimits limits = {},
                  base::Digest* file_digest = nullptr);
    ArchiveReader(ArchiveReader&&) noexcept;
    ArchiveReader& operator=(ArchiveReader&&) noexcept;
    ~ArchiveReader();

    const PackageMetadata& metadata() const;
    /// The next payload member, nullopt at the end. Members must be exactly the packing list's files in the
    /// list's order (none may be missing, additional or there twice); a type other than file, symbolic or
    /// hard link, a sparse file, a link with content, or a name that leaves the prefix is refused, naming the
    /// member. What the caller left of the present file is read and checked first.
    std::optional<ArchiveMember> next();
    /// Up to `capacity` (not 0) bytes of the present file; 0 at its end, and for links. A file's MD5 is
    /// compared with the list's at its end, a link's target (or the MD5 of the file it is a second name of)
    /// in next(): Error{trust} when they differ.
    std::size_t read(char* buffer, std::size_t capacity);
    /// From now on read() compares no MD5, and the caller does: throws wrong_content() before anything of the
    /// package is used.
    void leave_content_to_caller();
    /// Of the present file, as the packing list promises it; nullopt: it does not, and need not.
    std::optional<std::string> promised_md5() const;
    /// After that: the bytes of the descriptor that nobody needed, for `file_digest`.
    void read_rest();

  private:
    friend PackageMetadata read_package_metadata(const base::Fd& fd, std::string name, ArchiveLimits limits);
    struct State;
    std::unique_ptr<State> state_;
};

/// Error{trust} for a file of the package with another MD5 than its packing list promises.
base::Error wrong_content(const std::string& archive, const std::string& path, const std::string& found,
                          const std::string& promised);

/// Only the metadata; what follows it is not looked at.
PackageMetadata read_package_metadata(const base::Fd& fd, std::string name, ArchiveLimits limits = {});

} // namespace pkgjail::format
