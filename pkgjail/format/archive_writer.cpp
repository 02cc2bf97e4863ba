#include "pkgjail/format/archive_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/format/archive_acl.hpp"
#include "pkgjail/format/archive_library.hpp"

namespace pkgjail::format {

namespace {

constexpr std::size_t piece_size = std::size_t{256} << 10;
constexpr std::size_t zeroes_size = std::size_t{1} << 20;
/// libarchive reads no header of more than a MiB.
constexpr std::size_t max_attribute_bytes = std::size_t{768} << 10;

unsigned file_type(TreeMemberType type) {
    switch (type) {
    case TreeMemberType::directory:
        return AE_IFDIR;
    case TreeMemberType::symlink:
        return AE_IFLNK;
    case TreeMemberType::fifo:
        return AE_IFIFO;
    case TreeMemberType::file:
    case TreeMemberType::hard_link:
        break;
    }
    return AE_IFREG;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

struct TreeArchiveWriter::State {
    State(const base::Fd& output_, std::string name_) : output(output_.get()), name(std::move(name_)) {}

    const int output;
    const std::string name;
    base::Digest digest{base::DigestAlgorithm::sha256};
    std::uint64_t bytes = 0;
    std::exception_ptr failure; ///< from our side of the callback
    std::unique_ptr<struct archive, WriteFree> archive{libarchive().write_new()};
    std::unique_ptr<struct archive_entry, EntryFree> entry{libarchive().entry_new()};
    std::string zeroes = std::string(zeroes_size, '\0');
    std::string member; ///< the present one's path, for messages
    std::uint64_t position = 0;

    static la_ssize_t write(struct archive* archive, void* self, const void* buffer, std::size_t length) {
        auto& state = *static_cast<State*>(self);
        try {
            const std::string_view piece(static_cast<const char*>(buffer), length);
            base::write_all(state.output, piece, state.name);
            state.digest.update(piece);
            state.bytes += length;
            return static_cast<la_ssize_t>(length);
        } catch (...) {
            state.failure = std::current_exception();
            libarchive().set_error(archive, EIO, "output failed");
            return -1;
        }
    }

    /// `tolerated`: the least status that is no failure.
    void check(int status, int tolerated = ARCHIVE_OK) {
        if (failure)
            std::rethrow_exception(std::exchange(failure, nullptr));
        if (status >= tolerated)
            return;
        const char* said = libarchive().error_string(archive.get());
        throw base::Error(base::ErrorKind::system, name,
                          fmt::format("{}{}", member.empty() ? "" : "member " + member + ": ",
                                      said != nullptr ? said : "libarchive cannot write it"));
    }

    void open(TarForm form) {
        check(form == TarForm::exported ? libarchive().write_set_format_pax(archive.get())
                                        : libarchive().write_set_format_pax_restricted(archive.get()));
        // Both forms of the same attributes would be twice the size; GNU tar knows this one.
        check(libarchive().write_set_format_option(archive.get(), "pax", "xattrheader", "SCHILY"));
        if (form == TarForm::exported) {
            check(libarchive().write_add_filter_zstd(archive.get()));
            check(libarchive().write_set_filter_option(archive.get(), "zstd", "compression-level", "3"));
        } else {
            check(libarchive().write_add_filter_none(archive.get()));
        }
        check(libarchive().write_set_bytes_per_block(archive.get(), static_cast<int>(piece_size)));
        check(libarchive().write_set_bytes_in_last_block(archive.get(), 1));
        check(libarchive().write_open(archive.get(), this, nullptr, write, nullptr));
    }

    void describe(const TreeMember& m) {
        struct archive_entry* e = libarchive().entry_clear(entry.get());
        libarchive().entry_copy_pathname(e, m.path.c_str());
        libarchive().entry_set_filetype(e, file_type(m.type));
        libarchive().entry_set_perm(e, m.mode);
        libarchive().entry_set_uid(e, m.uid);
        libarchive().entry_set_gid(e, m.gid);
        if (!m.user.empty())
            libarchive().entry_copy_uname(e, m.user.c_str());
        if (!m.group.empty())
            libarchive().entry_copy_gname(e, m.group.c_str());
        libarchive().entry_set_mtime(e, m.modified.tv_sec, m.modified.tv_nsec);
        libarchive().entry_set_size(e, m.type == TreeMemberType::file ? static_cast<la_int64_t>(m.size) : 0);
        if (m.type == TreeMemberType::hard_link)
            libarchive().entry_copy_hardlink(e, m.link_target.c_str());
        else if (m.type == TreeMemberType::symlink)
            libarchive().entry_copy_symlink(e, m.link_target.c_str());
        if (m.sparse) {
            for (const base::Extent& extent : m.extents)
                libarchive().entry_sparse_add_entry(e, static_cast<la_int64_t>(extent.offset),
                                                    static_cast<la_int64_t>(extent.length));
            if (m.extents.empty())
                libarchive().entry_sparse_add_entry(e, 0, 0);
        }
        add_attributes(m);
    }

    void add_attributes(const TreeMember& m) {
        std::size_t total = 0;
        for (const auto& [attribute, value] : m.attributes) {
            total += attribute.size() + value.size();
            if (total > max_attribute_bytes)
                throw base::Error(base::ErrorKind::conflict, m.path,
                                  fmt::format("has extended attributes of more than {} bytes, which an "
                                              "archive cannot hold",
                                              max_attribute_bytes));
            if (!is_access_list(attribute))
                libarchive().entry_xattr_add_entry(entry.get(), attribute.c_str(), value.data(),
                                                   value.size());
            else if (!add_access_list(entry.get(), attribute, value))
                throw base::Error(base::ErrorKind::conflict, m.path,
                                  "has an access list of a form that an archive cannot hold");
        }
    }
};

TreeArchiveWriter::TreeArchiveWriter(const base::Fd& output, std::string name, TarForm form)
    : state_(new State(output, std::move(name))) {
    state_->open(form);
}

TreeArchiveWriter::~TreeArchiveWriter() = default;

void TreeArchiveWriter::begin(const TreeMember& member) {
    State& state = *state_;
    state.member = member.path.substr(0, 200);
    state.position = 0;
    state.describe(member);
    // A name that is no text of the C locale is written as the bytes it is, with a warning.
    const bool plain = is_ascii(member.path) && is_ascii(member.link_target) && is_ascii(member.user) &&
                       is_ascii(member.group);
    state.check(libarchive().write_header(state.archive.get(), state.entry.get()),
                plain ? ARCHIVE_OK : ARCHIVE_WARN);
    // libarchive writes the table of extents before the first byte that it is given, also when that lies in a
    // hole, and not at all without one.
    constexpr std::uint64_t some_of_the_hole = 1;
    if (member.sparse && member.extents.empty())
        write(some_of_the_hole, {});
}

void TreeArchiveWriter::write(std::uint64_t offset, std::string_view bytes) {
    State& state = *state_;
    const auto put = [&](std::string_view piece) {
        const la_ssize_t written = libarchive().write_data(state.archive.get(), piece.data(), piece.size());
        state.check(written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
        if (static_cast<std::size_t>(written) != piece.size())
            throw base::Error(base::ErrorKind::system, state.name,
                              fmt::format("member {}: became longer while it was read", state.member));
        state.position += piece.size();
    };
    while (state.position < offset)
        put(std::string_view(state.zeroes)
                .substr(0, static_cast<std::size_t>(
                               std::min<std::uint64_t>(state.zeroes.size(), offset - state.position))));
    if (!bytes.empty())
        put(bytes);
}

WrittenArchive TreeArchiveWriter::finish() {
    State& state = *state_;
    state.member.clear();
    state.check(libarchive().write_close(state.archive.get()));
    return {state.digest.finish(), state.bytes};
}

} // namespace pkgjail::format
