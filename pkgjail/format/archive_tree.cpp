#include "pkgjail/format/archive_tree.hpp"

#include <cerrno>
#include <exception>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/format/archive_acl.hpp"
#include "pkgjail/format/archive_decoder.hpp"
#include "pkgjail/format/archive_library.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::format {

namespace {

std::string text_or_empty(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

const char* kind_of(unsigned type) {
    switch (type) {
    case AE_IFCHR:
        return "a character device";
    case AE_IFBLK:
        return "a block device";
    case AE_IFSOCK:
        return "a socket";
    default:
        return "of an unknown kind";
    }
}

/// The largest number means "leave it as it is" to chown.
bool is_owner(la_int64_t number) {
    return number >= 0 && number < std::numeric_limits<std::uint32_t>::max();
}

} // namespace

struct TreeReader::State {
    State(ByteSource& input, std::string name_, std::function<void(std::uint64_t)> reached_)
        : name(std::move(name_)), tell_reached(std::move(reached_)),
          decoder(input, name, std::numeric_limits<std::uint64_t>::max()) {}

    const std::string name;
    const std::function<void(std::uint64_t)> tell_reached;
    ArchiveDecoder decoder;
    std::unique_ptr<struct archive, ReadFree> archive{libarchive().read_new()};
    std::exception_ptr failure;
    bool opened = false;
    bool has_data = false; ///< the present member's is not read to its end
    std::uint64_t unpacked = 0;
    std::uint64_t members = 0;
    std::uint64_t present_size = 0;
    std::uint64_t reached = 0; ///< in the present file
    std::string member;

    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, name, std::move(cause));
    }
    [[noreturn]] void fail_member(std::string_view cause) const {
        fail(fmt::format("member {}: {}", member, cause));
    }
    void check_input() {
        if (failure)
            std::rethrow_exception(std::exchange(failure, nullptr));
    }
    [[noreturn]] void fail_reading() {
        check_input();
        fail(fmt::format("not a tar archive, or a damaged one: {}",
                         text_or_empty(libarchive().error_string(archive.get()))));
    }

    static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
        auto& state = *static_cast<State*>(self);
        try {
            const std::string_view piece = state.decoder.next();
            state.unpacked += piece.size();
            state.tell_reached(state.unpacked);
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
        // Whatever follows the end mark is looked at too, and found to be too much.
        libarchive().read_set_option(archive.get(), "tar", "read_concatenated_archives", "1");
        if (libarchive().read_open(archive.get(), this, nullptr, read, nullptr) != ARCHIVE_OK)
            fail_reading();
    }

    TreeMember member_of(struct archive_entry* entry) {
        TreeMember result;
        result.path = text_or_empty(libarchive().entry_pathname(entry));
        if (result.path.ends_with('/') && libarchive().entry_filetype(entry) == AE_IFDIR)
            result.path.pop_back(); // as tar writes directories
        member = result.path.substr(0, 200);
        if (const std::string fault = fault_of_tree_path(result.path); !fault.empty())
            fail_member(fault);
        result.mode = libarchive().entry_perm(entry) & 07777u;
        take_type(entry, result);
        const la_int64_t size = libarchive().entry_size(entry);
        if (size < 0 || !is_owner(libarchive().entry_uid(entry)) || !is_owner(libarchive().entry_gid(entry)))
            fail_member("a size or an owner that no file can have");
        if (result.type == TreeMemberType::file)
            result.size = static_cast<std::uint64_t>(size);
        else if (size != 0)
            fail_member("no regular file, and it has content");
        result.uid = static_cast<std::uint32_t>(libarchive().entry_uid(entry));
        result.gid = static_cast<std::uint32_t>(libarchive().entry_gid(entry));
        result.user = text_or_empty(libarchive().entry_uname(entry));
        result.group = text_or_empty(libarchive().entry_gname(entry));
        result.modified.tv_sec = libarchive().entry_mtime(entry);
        result.modified.tv_nsec = libarchive().entry_mtime_nsec(entry);
        result.sparse = libarchive().entry_sparse_count(entry) > 0;
        take_attributes(entry, result);
        return result;
    }

    void take_type(struct archive_entry* entry, TreeMember& result) {
        const unsigned type = libarchive().entry_filetype(entry);
        if (const char* target = libarchive().entry_hardlink(entry)) {
            result.type = TreeMemberType::hard_link;
            result.link_target = target;
            if (const std::string fault = fault_of_tree_path(result.link_target); !fault.empty())
                fail_member("a hard link to " + fault);
        } else if (type == AE_IFLNK) {
            result.type = TreeMemberType::symlink;
            result.link_target = text_or_empty(libarchive().entry_symlink(entry));
            result.mode = 0777;
            if (result.link_target.empty() || result.link_target.size() > base::RootPath::max_length)
                fail_member("a symbolic link to nothing, or to a name that is too long");
        } else if (type == AE_IFDIR) {
            result.type = TreeMemberType::directory;
        } else if (type == AE_IFIFO) {
            result.type = TreeMemberType::fifo;
        } else if (type != AE_IFREG) {
            fail_member(
                fmt::format("{}; only files, directories, links and FIFOs are allowed", kind_of(type)));
        }
    }

    void take_attributes(struct archive_entry* entry, TreeMember& result) {
        libarchive().entry_xattr_reset(entry);
        const char* attribute = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        while (libarchive().entry_xattr_next(entry, &attribute, &value, &size) == ARCHIVE_OK)
            if (!result.attributes.emplace(attribute, std::string(static_cast<const char*>(value), size))
                     .second)
                fail_member(fmt::format("the extended attribute {} twice", attribute));
        for (const auto& [name_, bytes] : result.attributes)
            if (is_access_list(name_))
                fail_member("an access list among the extended attributes");
        if (const std::string fault = take_access_lists(entry, result); !fault.empty())
            fail_member(fault);
    }
};

TreeReader::TreeReader(ByteSource& input, std::string name, std::function<void(std::uint64_t)> reached)
    : state_(new State(input, std::move(name), std::move(reached))) {}

TreeReader::~TreeReader() = default;

std::optional<TreeMember> TreeReader::next() {
    State& state = *state_;
    if (!state.opened)
        state.open();
    while (read()) {
    }
    struct archive_entry* entry = nullptr;
    const int status = libarchive().read_next_header(state.archive.get(), &entry);
    state.check_input();
    if (status == ARCHIVE_EOF) {
        if (state.members == 0)
            state.fail("is empty, and no archive");
        return std::nullopt;
    }
    // A warning is about names in a character set, which come as the bytes they are or not at all.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
        state.fail_reading();
    ++state.members;
    TreeMember member = state.member_of(entry);
    state.present_size = member.size;
    state.reached = 0;
    state.has_data = member.type == TreeMemberType::file;
    return member;
}

std::optional<TreeArchiveReader::Piece> TreeReader::read() {
    State& state = *state_;
    while (state.has_data) {
        const void* buffer = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = libarchive().read_data_block(state.archive.get(), &buffer, &size, &offset);
        state.check_input();
        if (status == ARCHIVE_EOF) {
            state.has_data = false;
            break;
        }
        if (status != ARCHIVE_OK)
            state.fail_reading();
        if (size == 0)
            continue;
        const auto begin = static_cast<std::uint64_t>(offset);
        if (offset < 0 || begin < state.reached || begin > state.present_size ||
            size > state.present_size - begin)
            state.fail_member("data outside of the file, or out of order");
        state.reached = begin + size;
        return TreeArchiveReader::Piece{begin, std::string_view(static_cast<const char*>(buffer), size)};
    }
    return std::nullopt;
}

} // namespace pkgjail::format
