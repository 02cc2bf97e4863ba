#include "pkgjail/format/archive_tar.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive_header.hpp"
#include "pkgjail/format/archive_library.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t max_header_bytes = 2u << 20; ///< of one member, with its extension headers

std::string text_or_empty(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

const char* kind_of(unsigned type) {
    switch (type) {
    case AE_IFDIR:
        return "a directory";
    case AE_IFCHR:
        return "a character device";
    case AE_IFBLK:
        return "a block device";
    case AE_IFIFO:
        return "a FIFO";
    case AE_IFSOCK:
        return "a socket";
    default:
        return "of an unknown kind";
    }
}

// What is wrong with a member's name; empty: nothing.
std::string fault_of_path(std::string_view path) {
    if (path.empty())
        return "its name is empty";
    if (path.front() == '/')
        return "its name is absolute; names are relative to the prefix";
    try {
        base::RootPath::parse(path);
    } catch (const base::Error& error) {
        return "its name " + error.cause();
    }
    return {};
}

bool has_extended_attributes(struct archive_entry* entry) {
    constexpr int every_acl =
        ARCHIVE_ENTRY_ACL_TYPE_ACCESS | ARCHIVE_ENTRY_ACL_TYPE_DEFAULT | ARCHIVE_ENTRY_ACL_TYPE_NFS4;
    return libarchive().entry_xattr_count(entry) > 0 || libarchive().entry_acl_count(entry, every_acl) > 0 ||
           libarchive().entry_fflags_text(entry) != nullptr;
}

} // namespace

struct TarReader::State {
    State(ByteSource& input_, std::string name_, std::uint64_t max_members_)
        : input(input_), name(std::move(name_)), max_members(max_members_) {}

    ByteSource& input;
    const std::string name;
    const std::uint64_t max_members;
    std::unique_ptr<struct archive, ReadFree> archive{libarchive().read_new()};
    std::exception_ptr
        failure; ///< from our side of the callback: exceptions must not pass through libarchive
    bool opened = false;

    std::string_view pending;           ///< of the input's present piece, not handed to libarchive yet
    std::string header;                 ///< what libarchive was handed for the present header
    std::uint64_t content_ahead = 0;    ///< of the present member, padding included, not handed over yet
    std::uint64_t content_expected = 0; ///< of the present member, not read by our caller yet
    std::uint64_t members = 0;
    std::string member; ///< the present one's name, for messages

    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, name, std::move(cause));
    }
    [[noreturn]] void fail_member(std::string_view cause) const {
        fail(fmt::format("member {}: {}", member, cause));
    }
    // libarchive takes a failed read for an ordinary end where it only looks whether more follows.
    void check_input() {
        if (failure)
            std::rethrow_exception(std::exchange(failure, nullptr));
    }
    [[noreturn]] void fail_reading() {
        check_input();
        fail(fmt::format("not the tar archive of a package, or a damaged one: {}",
                         text_or_empty(libarchive().error_string(archive.get()))));
    }

    // One block while a header is read, so that nothing behind it is touched; otherwise as much content as
    // there is.
    std::string_view hand_over() {
        if (pending.empty())
            pending = input.next();
        const bool is_content = content_ahead > 0;
        const std::uint64_t wanted = is_content ? content_ahead : block_size - header.size() % block_size;
        const std::string_view piece =
            pending.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, pending.size())));
        pending.remove_prefix(piece.size());
        if (is_content) {
            content_ahead -= piece.size();
        } else {
            header += piece;
            if (header.size() > max_header_bytes)
                fail(fmt::format("a header of more than {} bytes after member {}", max_header_bytes, member));
        }
        return piece;
    }

    static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
        auto& state = *static_cast<State*>(self);
        try {
            const std::string_view piece = state.hand_over();
            *buffer = piece.data();
            return static_cast<la_ssize_t>(piece.size());
        } catch (...) {
            state.failure = std::current_exception();
            libarchive().set_error(archive, EIO, "input failed");
            return ARCHIVE_FATAL;
        }
    }

    void open() {
        opened = true;
        libarchive().read_support_filter_none(archive.get());
        libarchive().read_support_format_tar(archive.get());
        if (libarchive().read_open(archive.get(), this, nullptr, read, nullptr) != ARCHIVE_OK)
            fail_reading();
    }

    // Two blocks of zeros and nothing after them: an archive that was cut, or continued by somebody else,
    // shows here.
    void check_end() {
        const auto all_zero = [](std::string_view bytes) {
            return bytes.find_first_not_of('\0') == bytes.npos;
        };
        if (header.size() < 2 * block_size || !all_zero(header))
            fail("it ends too early: the end-of-archive mark is missing");
        while (!pending.empty() || !(pending = input.next()).empty()) {
            if (!all_zero(pending))
                fail("something follows the end of the archive");
            pending = {};
        }
    }

    ArchiveMember member_of(struct archive_entry* entry) {
        ArchiveMember result;
        ExtendedNames extended;
        const std::string header_fault = read_extended_names(header, extended);
        const auto prefer = [](std::string& bytes, const char* otherwise) {
            return bytes.empty() ? text_or_empty(otherwise) : std::move(bytes);
        };
        result.path = prefer(extended.path, libarchive().entry_pathname(entry));
        member = result.path.substr(0, 200);
        if (!header_fault.empty())
            fail_member(header_fault);
        if (const std::string fault = fault_of_path(result.path); !fault.empty())
            fail_member(fault);
        if (const char* target = libarchive().entry_hardlink(entry)) {
            result.type = MemberType::hard_link;
            result.link_target = prefer(extended.link_target, target);
        } else if (libarchive().entry_filetype(entry) == AE_IFLNK) {
            result.type = MemberType::symlink;
            result.link_target = prefer(extended.link_target, libarchive().entry_symlink(entry));
        } else if (libarchive().entry_filetype(entry) != AE_IFREG) {
            fail_member(fmt::format("{}; only files and links are allowed",
                                    kind_of(libarchive().entry_filetype(entry))));
        }
        if (libarchive().entry_sparse_count(entry) > 0)
            fail_member("a sparse file");
        const la_int64_t size = libarchive().entry_size(entry);
        const la_int64_t uid = libarchive().entry_uid(entry);
        const la_int64_t gid = libarchive().entry_gid(entry);
        if (size < 0 || uid < 0 || gid < 0)
            fail_member("a negative size or owner");
        result.size = static_cast<std::uint64_t>(size);
        result.uid = static_cast<std::uint64_t>(uid);
        result.gid = static_cast<std::uint64_t>(gid);
        if (result.type != MemberType::file && result.size != 0)
            fail_member("a link with content");
        result.mode = libarchive().entry_perm(entry) & 07777u;
        result.user = prefer(extended.user, libarchive().entry_uname(entry));
        result.group = prefer(extended.group, libarchive().entry_gname(entry));
        result.modified.tv_sec = libarchive().entry_mtime(entry);
        result.modified.tv_nsec = libarchive().entry_mtime_nsec(entry);
        result.has_extended_attributes = has_extended_attributes(entry);
        return result;
    }
};

TarReader::TarReader(ByteSource& input, std::string name, std::uint64_t max_members)
    : state_(new State(input, std::move(name), max_members)) {}

TarReader::~TarReader() = default;

std::optional<ArchiveMember> TarReader::next() {
    State& state = *state_;
    if (!state.opened)
        state.open();
    else
        state.header.clear();
    struct archive_entry* entry = nullptr;
    const int status = libarchive().read_next_header(state.archive.get(), &entry);
    state.check_input();
    if (status == ARCHIVE_EOF) {
        state.check_end();
        return std::nullopt;
    }
    // A warning is about what we do not take from libarchive: names in a character set, attributes.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
        state.fail_reading();
    if (++state.members > state.max_members)
        state.fail(fmt::format("more than the {} members that are allowed", state.max_members));
    ArchiveMember member = state.member_of(entry);
    state.content_expected = member.size;
    state.content_ahead = (member.size + block_size - 1) / block_size * block_size;
    return member;
}

std::size_t TarReader::read(char* buffer, std::size_t capacity) {
    State& state = *state_;
    if (state.content_expected == 0)
        return 0;
    const la_ssize_t got = libarchive().read_data(state.archive.get(), buffer, capacity);
    state.check_input();
    if (got < 0)
        state.fail_reading();
    if (got == 0)
        state.fail_member("shorter than its header says");
    state.content_expected -= static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
}

} // namespace pkgjail::format
