// libarchive, loaded when an archive is read or made: it and what it needs, an XML parser and its tables of
// Unicode among them, take a third of the time in which a command without archives is over.
#pragma once

#include <archive.h>
#include <archive_entry.h>

namespace pkgjail::format {

/// The functions of libarchive that are called here, without their "archive_". X is called with each.
// clang-format off
#define PKGJAIL_LIBARCHIVE_FUNCTIONS(X) \
    X(entry_acl_add_entry) X(entry_acl_count) X(entry_acl_next) X(entry_acl_reset) X(entry_clear)          \
    X(entry_copy_gname) X(entry_copy_hardlink) X(entry_copy_pathname) X(entry_copy_symlink)                \
    X(entry_copy_uname) X(entry_fflags_text) X(entry_filetype) X(entry_free) X(entry_gid) X(entry_gname)   \
    X(entry_hardlink) X(entry_mtime) X(entry_mtime_nsec) X(entry_new) X(entry_pathname) X(entry_perm)      \
    X(entry_set_filetype) X(entry_set_gid) X(entry_set_mtime) X(entry_set_pathname) X(entry_set_perm)      \
    X(entry_set_size) X(entry_set_uid) X(entry_size) X(entry_sparse_add_entry) X(entry_sparse_count)       \
    X(entry_symlink) X(entry_uid) X(entry_uname) X(entry_xattr_add_entry) X(entry_xattr_count)             \
    X(entry_xattr_next) X(entry_xattr_reset) X(error_string) X(filter_code) X(filter_count) X(read_data)   \
    X(read_data_block) X(read_free) X(read_new) X(read_next_header) X(read_open) X(read_set_option)        \
    X(read_support_filter_bzip2) X(read_support_filter_compress) X(read_support_filter_gzip)               \
    X(read_support_filter_lz4) X(read_support_filter_lzip) X(read_support_filter_lzma)                     \
    X(read_support_filter_none) X(read_support_filter_xz) X(read_support_filter_zstd)                      \
    X(read_support_format_empty) X(read_support_format_raw) X(read_support_format_tar) X(set_error)        \
    X(write_add_filter_bzip2) X(write_add_filter_gzip) X(write_add_filter_none) X(write_add_filter_xz)     \
    X(write_add_filter_zstd) X(write_close) X(write_data) X(write_free) X(write_header) X(write_new)       \
    X(write_open) X(write_set_bytes_in_last_block) X(write_set_bytes_per_block)                            \
    X(write_set_filter_option) X(write_set_format_option) X(write_set_format_pax)                          \
    X(write_set_format_pax_restricted) X(write_set_format_raw)
// clang-format on

struct ArchiveLibrary {
#define PKGJAIL_DECLARE(name) decltype(&::archive_##name) name;
    PKGJAIL_LIBARCHIVE_FUNCTIONS(PKGJAIL_DECLARE)
#undef PKGJAIL_DECLARE
};

/// Loads it at the first call, for the life of the process. Error{system} when it cannot be loaded, at each
/// call.
const ArchiveLibrary& libarchive();

// For std::unique_ptr.
struct ReadFree {
    void operator()(struct archive* archive) const { libarchive().read_free(archive); }
};
struct WriteFree {
    void operator()(struct archive* archive) const { libarchive().write_free(archive); }
};
struct EntryFree {
    void operator()(struct archive_entry* entry) const { libarchive().entry_free(entry); }
};

} // namespace pkgjail::format
