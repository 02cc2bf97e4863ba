// Every byte of a small package cut off or changed: never a crash, never another package.
#include "pkgjail/format/confined_reading.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;
using test::Compression;
using test::PackageSpec;
using test::refusal_of;

namespace {

PackageSpec tiny() {
    PackageSpec spec;
    spec.pkgname = "tiny-1.0";
    spec.files = {{"bin/t", "some content\n", 0755}};
    spec.symlinks = {{"bin/u", "t"}};
    spec.hardlinks = {{"bin/v", "bin/t"}};
    return spec;
}

/// The reading of `bytes`, or "refused".
std::string outcome(const std::string& bytes) {
    const std::string refusal = refusal_of(bytes);
    if (refusal == "read")
        return test::read_package(bytes);
    return refusal.starts_with("corrupt: x.tgz: ") || refusal.starts_with("trust: x.tgz: ") ? "refused"
                                                                                            : refusal;
}

} // namespace

TEST_CASE("a package cut anywhere is refused", "[format][archive][damage]") {
    const format::ReadingHere thousands_of_readings;
    for (const Compression compression :
         {Compression::gzip, Compression::none, Compression::xz, Compression::bzip2, Compression::zstd}) {
        const std::string bytes = test::package_bytes(tiny(), compression);
        const std::size_t step = compression == Compression::none ? 7 : 1;
        for (std::size_t length = 0; length < bytes.size(); length += step) {
            INFO(static_cast<int>(compression) << " cut at " << length << " of " << bytes.size());
            REQUIRE(outcome(bytes.substr(0, length)) == "refused");
        }
    }
}

TEST_CASE("a compressed package with a bit changed is refused or reads the same",
          "[format][archive][damage]") {
    const format::ReadingHere thousands_of_readings;
    for (const Compression compression : {Compression::gzip, Compression::xz, Compression::bzip2}) {
        const std::string bytes = test::package_bytes(tiny(), compression);
        const std::string whole = test::read_package(bytes);
        std::size_t refused = 0;
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            const std::string found = outcome(damaged);
            INFO(static_cast<int>(compression) << " byte " << at << " of " << bytes.size());
            if (found != whole)
                REQUIRE(found == "refused");
            refused += found == "refused" ? 1 : 0;
        }
        CHECK(refused + 16 > bytes.size()); // the gzip header's time stamp and the like mean nothing
    }
}

TEST_CASE("an uncompressed package with a byte changed is refused or reads as a package",
          "[format][archive][damage]") {
    const format::ReadingHere thousands_of_readings;
    const std::string bytes = test::package_bytes(tiny(), Compression::none);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
        const std::string found = outcome(damaged);
        INFO("byte " << at << " of " << bytes.size());
        REQUIRE((found == "refused" || found.starts_with("tiny-1.0 ") || found.starts_with("tIny") ||
                 found.find("file bin/t ") != std::string::npos));
    }
}
