#include "pkgjail/format/archive_compress.hpp"

#include <memory>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive_library.hpp"

namespace pkgjail::format {
namespace {

la_ssize_t append(struct archive*, void* place, const void* buffer, std::size_t length) {
    static_cast<std::string*>(place)->append(static_cast<const char*>(buffer), length);
    return static_cast<la_ssize_t>(length);
}

class Compressor {
  public:
    std::string run(std::string_view text, TextCompression compression) {
        std::string result;
        check(libarchive().write_set_format_raw(archive_.get()));
        add_filter(compression);
        check(libarchive().write_set_bytes_per_block(archive_.get(), 64 << 10));
        check(libarchive().write_set_bytes_in_last_block(archive_.get(), 1));
        check(libarchive().write_open(archive_.get(), &result, nullptr, append, nullptr));
        const std::unique_ptr<struct archive_entry, EntryFree> entry(libarchive().entry_new());
        libarchive().entry_set_pathname(entry.get(), "text");
        libarchive().entry_set_filetype(entry.get(), AE_IFREG);
        check(libarchive().write_header(archive_.get(), entry.get()));
        while (!text.empty()) {
            const la_ssize_t count = libarchive().write_data(archive_.get(), text.data(), text.size());
            if (count <= 0)
                fail();
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        check(libarchive().write_close(archive_.get()));
        return result;
    }

  private:
    [[noreturn]] void fail() const {
        const char* said = libarchive().error_string(archive_.get());
        throw base::Error(base::ErrorKind::system, "compression",
                          said != nullptr ? said : "libarchive cannot do it");
    }
    void check(int status) const {
        if (status != ARCHIVE_OK)
            fail();
    }

    void add_filter(TextCompression compression) {
        switch (compression) {
        case TextCompression::none:
            return check(libarchive().write_add_filter_none(archive_.get()));
        case TextCompression::gzip:
            check(libarchive().write_add_filter_gzip(archive_.get()));
            check(libarchive().write_set_filter_option(archive_.get(), "gzip", "timestamp", nullptr));
            return check(
                libarchive().write_set_filter_option(archive_.get(), "gzip", "compression-level", "9"));
        case TextCompression::bzip2:
            return check(libarchive().write_add_filter_bzip2(archive_.get()));
        case TextCompression::xz:
            return check(libarchive().write_add_filter_xz(archive_.get()));
        case TextCompression::zstd:
            check(libarchive().write_add_filter_zstd(archive_.get()));
            return check(
                libarchive().write_set_filter_option(archive_.get(), "zstd", "compression-level", "19"));
        }
    }

    std::unique_ptr<struct archive, WriteFree> archive_{libarchive().write_new()};
};

} // namespace

std::string compress_text(std::string_view text, TextCompression compression) {
    return Compressor().run(text, compression);
}

} // namespace pkgjail::format
