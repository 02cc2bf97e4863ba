#include "pkgjail/format/package_hash.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

class HashParser {
  public:
    explicit HashParser(std::string_view text) : text_(text), lines_(text) {}

    PackageHash parse() {
        // TextLines takes a last line without a newline; here every line has one.
        if (!text_.ends_with('\n'))
            fail("the text does not end in a newline");
        PackageHash hash;
        expect("pkgsrc signature");
        expect("");
        expect("version: 1");
        hash.pkgname = Pkgname::parse(value("pkgname: ")).str();
        expect("algorithm: SHA512");
        hash.block_size = number("block size: ");
        hash.file_size = number("file size: ");
        if (hash.block_size < PackageHash::min_block_size || hash.block_size > PackageHash::max_block_size)
            fail(fmt::format("a block size of {} bytes; {} to {} are allowed", hash.block_size,
                             PackageHash::min_block_size, PackageHash::max_block_size));
        expect("");
        // Reading the digests one by one, a file size beyond all measure runs out of text and not of memory.
        for (std::uint64_t at = 0; at < hash.file_size; at += std::min(hash.block_size, hash.file_size - at))
            hash.sha512.push_back(digest());
        expect("end pkgsrc signature");
        std::string_view line;
        if (lines_.next(line))
            fail("text after its end");
        return hash;
    }

  private:
    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, fmt::format("+PKG_HASH line {}", lines_.number()),
                          std::move(cause));
    }
    std::string_view next() {
        std::string_view line;
        if (!lines_.next(line))
            fail("the text ends too early");
        return line;
    }
    void expect(std::string_view wanted) {
        if (next() != wanted)
            fail(fmt::format("\"{}\" is expected here", wanted));
    }
    std::string_view value(std::string_view key) {
        const std::string_view line = next();
        if (!line.starts_with(key))
            fail(fmt::format("\"{}\" is expected here", key));
        return line.substr(key.size());
    }
    std::uint64_t number(std::string_view key) {
        const std::string_view digits = value(key);
        std::uint64_t result = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
        if (fault != std::errc() || end != digits.data() + digits.size())
            fail(fmt::format("{} is no number of bytes", digits));
        return result;
    }
    std::string digest() {
        const std::string_view line = next();
        if (line.size() != 128 || line.find_first_not_of("0123456789abcdef") != std::string_view::npos)
            fail("128 lower-case hexadecimal digits are expected here");
        return std::string(line);
    }

    std::string_view text_;
    TextLines lines_;
};

} // namespace

PackageHash PackageHash::parse(std::string_view text) {
    return HashParser(text).parse();
}

std::uint64_t PackageHash::block_length(std::size_t block) const {
    return std::min(block_size, file_size - block * block_size);
}

} // namespace pkgjail::format
