#include "support/catch.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/store/content_digests.hpp"

using pkgjail::base::DigestAlgorithm;
using pkgjail::base::RootPath;
using pkgjail::store::ContentDigests;

namespace {

std::string md5(const std::string& text) {
    return pkgjail::base::digest_of(DigestAlgorithm::md5, text);
}

void give(ContentDigests& digests, std::string content) {
    while (!content.empty()) {
        const ContentDigests::Room room = digests.room();
        const std::size_t count = std::min(content.size(), room.size);
        std::memcpy(room.bytes, content.data(), count);
        digests.add(count);
        content.erase(0, count);
    }
}

/// More pieces than there is room for at once.
std::string large() {
    std::string text;
    for (int i = 0; text.size() < 20 * ContentDigests::batch_size; ++i)
        text += std::to_string(i) + "\n";
    return text;
}

} // namespace

TEST_CASE("each file has its own digest, with a thread and without", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    ContentDigests digests("foo-1.0.tgz", with_thread);
    digests.begin(RootPath::parse("/large"), md5(large()));
    give(digests, large());
    digests.end();
    digests.begin(RootPath::parse("/empty"), md5(""));
    digests.end();
    digests.begin(RootPath::parse("/unpromised"), std::nullopt);
    give(digests, "x");
    digests.end();

    const auto found = digests.finish();

    CHECK(found.size() == 3);
    CHECK(found.at("/large") == pkgjail::base::sha256(large()));
    CHECK(found.at("/empty") == pkgjail::base::sha256(""));
    CHECK(found.at("/unpromised") == pkgjail::base::sha256("x"));
}

TEST_CASE("a file that is not what was promised is told, however much follows", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    ContentDigests digests("foo-1.0.tgz", with_thread);

    CHECK_THROWS_WITH(
        [&] {
            digests.begin(RootPath::parse("/bin/a"), md5("other"));
            give(digests, large());
            digests.end();
            for (int i = 0; i < 30; ++i) {
                digests.begin(RootPath::parse("/b"), md5(large()));
                give(digests, large());
                digests.end();
            }
            digests.finish();
        }(),
        Catch::Matchers::Contains("member bin/a does not match the packing list: its MD5 is " + md5(large()) +
                                  ", and " + md5("other") + " is promised"));
}

TEST_CASE("the last file counts as well", "[store][unpack]") {
    ContentDigests digests("foo-1.0.tgz", true);
    digests.begin(RootPath::parse("/a"), md5("good"));
    give(digests, "evil");

    CHECK_THROWS_AS(
        [&] {
            digests.end();
            digests.finish();
        }(),
        pkgjail::base::Error);
}
