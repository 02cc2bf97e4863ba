#include "pkgjail/format/archive_decoder.hpp"

#include <cerrno>
#include <exception>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive_library.hpp"
#include "pkgjail/format/gzip_check.hpp"

namespace pkgjail::format {
namespace {

using Archive = std::unique_ptr<struct archive, ReadFree>;

using Filter = decltype(&ArchiveLibrary::read_support_filter_gzip);
constexpr Filter filters[] = {
    &ArchiveLibrary::read_support_filter_gzip, &ArchiveLibrary::read_support_filter_bzip2,
    &ArchiveLibrary::read_support_filter_xz,   &ArchiveLibrary::read_support_filter_zstd,
    &ArchiveLibrary::read_support_filter_lzma, &ArchiveLibrary::read_support_filter_lzip,
    &ArchiveLibrary::read_support_filter_lz4,  &ArchiveLibrary::read_support_filter_compress,
};

// A libarchive built without a compressor's library would run the host's program of that name instead; it
// says so by a warning.
bool is_built_in(Filter filter) {
    const Archive probe(libarchive().read_new());
    return (libarchive().*filter)(probe.get()) == ARCHIVE_OK;
}

} // namespace

struct ArchiveDecoder::State {
    State(ByteSource& input_, std::string name_, std::uint64_t max_bytes_)
        : input(input_), name(std::move(name_)), max_bytes(max_bytes_) {}

    ByteSource& input;
    const std::string name;
    const std::uint64_t max_bytes;
    std::uint64_t bytes = 0; ///< of output so far
    Archive archive{libarchive().read_new()};
    std::exception_ptr failure; ///< from `input`: exceptions must not pass through libarchive
    GzipCheck gzip;
    bool is_gzip = false;
    bool opened = false;
    bool ended = false;

    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, name, std::move(cause));
    }
    // libarchive takes a failed read for an ordinary end where it only looks whether more follows.
    void check_input() {
        if (failure)
            std::rethrow_exception(std::exchange(failure, nullptr));
    }
    [[noreturn]] void fail_reading() {
        check_input();
        const char* said = libarchive().error_string(archive.get());
        fail(fmt::format("cannot be decompressed: {}",
                         said != nullptr ? said : "the compressed data is damaged"));
    }

    static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
        auto& state = *static_cast<State*>(self);
        try {
            const std::string_view piece = state.input.next();
            state.gzip.compressed(piece);
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
        for (const Filter filter : filters)
            if (is_built_in(filter))
                (libarchive().*filter)(archive.get());
        libarchive().read_support_format_raw(archive.get());
        libarchive().read_support_format_empty(archive.get());
        if (libarchive().read_open(archive.get(), this, nullptr, read, nullptr) != ARCHIVE_OK)
            fail_reading();
        struct archive_entry* entry = nullptr;
        const int status = libarchive().read_next_header(archive.get(), &entry);
        check_input();
        if (status == ARCHIVE_EOF) {
            ended = true; // not a byte of input, or of output
            return;
        }
        if (status != ARCHIVE_OK)
            fail_reading();
        // The input itself counts as one.
        if (libarchive().filter_count(archive.get()) > 2)
            fail("compressed more than once");
        is_gzip = libarchive().filter_code(archive.get(), 0) == ARCHIVE_FILTER_GZIP;
    }

    // libarchive may stop before the last byte, but the input has checks of its own at its end.
    void finish() {
        ended = true;
        for (std::string_view piece = input.next(); !piece.empty(); piece = input.next())
            gzip.compressed(piece);
        if (is_gzip && !gzip.holds())
            fail("damaged: the check sum at the end of the gzip data is not that of the data");
    }
};

ArchiveDecoder::ArchiveDecoder(ByteSource& input, std::string name, std::uint64_t max_bytes)
    : state_(new State(input, std::move(name), max_bytes)) {}

ArchiveDecoder::~ArchiveDecoder() = default;

std::string_view ArchiveDecoder::next() {
    State& state = *state_;
    if (!state.opened)
        state.open();
    while (!state.ended) {
        const void* buffer = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = libarchive().read_data_block(state.archive.get(), &buffer, &size, &offset);
        state.check_input();
        if (status == ARCHIVE_EOF) {
            state.finish();
            break;
        }
        if (status != ARCHIVE_OK)
            state.fail_reading();
        state.bytes += size;
        if (state.bytes > state.max_bytes)
            state.fail(fmt::format("unpacks to more than the {} bytes that are allowed", state.max_bytes));
        const std::string_view piece(static_cast<const char*>(buffer), size);
        if (piece.empty())
            continue;
        if (state.is_gzip)
            state.gzip.decompressed(piece);
        return piece;
    }
    return {};
}

} // namespace pkgjail::format
