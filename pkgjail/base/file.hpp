// Files of the host's that pkgjail trusts: its own state, its configuration. Trees that an archive or a
// jail's root can shape are touched through base::Tree only.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// Opens with O_CLOEXEC. Throws system_error with the path as object.
Fd open_file(const HostPath& path, int flags, unsigned mode = 0600);

/// Makes the new file `temporary`, beside `target`, whose name it will have; whoever reads a failure knows
/// that name only, so it is the object.
Fd create_beside(const HostPath& target, const HostPath& temporary, unsigned mode = 0600);

/// Error{not_found} about `file` when the directory that it is to be made in is not there.
void require_directory_of(const HostPath& file);
/// What write_file_atomically would meet at `file`, as far as it can be known without writing; the same
/// error.
void require_replaceable(const HostPath& file);
std::optional<Fd> open_file_if_exists(const HostPath& path, int flags);

/// Whole file. Throws Error{corrupt} when it is longer than `max_bytes`, or is not a regular file.
std::string read_file(const HostPath& path, std::size_t max_bytes = 16u << 20);
std::optional<std::string> read_file_if_exists(const HostPath& path, std::size_t max_bytes = 16u << 20);
/// The rest of what the descriptor has, up to `max_bytes`; throws Error{corrupt} beyond. `name` is for
/// messages.
std::string read_all(const Fd& fd, std::string_view name, std::size_t max_bytes = 16u << 20);

/// All of it, through short writes and EINTR. `name` is for messages.
void write_all(int fd, std::string_view bytes, std::string_view name);

/// Replaces `path` as one step: random temporary name beside it (O_EXCL), write, fsync, rename, fsync of the
/// directory. Readers see the old or the new content, also after a power cut.
void write_file_atomically(const HostPath& path, std::string_view bytes, unsigned mode = 0600);

/// The same for a file that must not be there yet; Error{conflict} when it is.
void write_new_file_atomically(const HostPath& path, std::string_view bytes, unsigned mode);

void make_directories(const HostPath& path, unsigned mode);
void sync_directory(const HostPath& path);
/// Waits until all that is below `dir` is on disk: with the whole of its file system on Linux, where one call
/// does that, and file by file elsewhere.
void sync_file_system(const Fd& dir);
/// rename(2) with both names in the message, then both directories synced.
void rename_durably(const HostPath& from, const HostPath& to);

/// Whether opening with O_NOFOLLOW failed because it met a link: ELOOP, on NetBSD EFTYPE.
constexpr bool says_link(int error) {
#ifdef EFTYPE
    if (error == EFTYPE)
        return true;
#endif
    return error == ELOOP;
}

/// Bytes free for us on the file system of `path`.
std::uint64_t free_bytes(const HostPath& path);

/// Lower-case hexadecimal of `count` random bytes from the kernel.
std::string random_hex(std::size_t count);

} // namespace pkgjail::base
