#include "support/catch.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/store/member_batches.hpp"
#include "pkgjail/store/member_writer.hpp"
#include "support/temp_dir.hpp"

using pkgjail::base::DigestAlgorithm;
using pkgjail::base::Error;
using pkgjail::base::ErrorKind;
using pkgjail::base::RootPath;
using pkgjail::base::Tree;
using pkgjail::format::ArchiveMember;
using pkgjail::format::MemberType;
using pkgjail::store::BuildPackage;
using pkgjail::store::BuildRequest;
using pkgjail::store::MemberBatches;
using pkgjail::store::MemberSink;
using pkgjail::store::MemberWriter;

namespace {

std::string md5(const std::string& text) {
    return pkgjail::base::digest_of(DigestAlgorithm::md5, text);
}

ArchiveMember member(const std::string& path, MemberType type = MemberType::file) {
    ArchiveMember result;
    result.path = path;
    result.type = type;
    result.mode = 0644;
    return result;
}

void give(MemberBatches& batches, const std::string& path, std::string content,
          const std::optional<std::string>& promised) {
    batches.begin(member(path), promised);
    while (!content.empty()) {
        const MemberBatches::Room room = batches.room();
        const std::size_t count = std::min(content.size(), room.size);
        std::memcpy(room.bytes, content.data(), count);
        batches.add(count);
        content.erase(0, count);
    }
    batches.room(); // who reads finds the end only then
    batches.end();
}

void give_link(MemberBatches& batches, const std::string& path, MemberType type, const std::string& target) {
    ArchiveMember link = member(path, type);
    link.link_target = target;
    batches.begin(link, std::nullopt);
    batches.end();
}

/// More than there is room for at once.
std::string large() {
    std::string text;
    for (int i = 0; text.size() < 7 * MemberBatches::batch_size; ++i)
        text += std::to_string(i) + "\n";
    return text;
}

/// Writes down what comes: "begin NAME", the number of bytes, "end".
class Listener : public MemberSink {
  public:
    void begin(const ArchiveMember& member, const std::optional<std::string>& md5) override {
        heard += member.path + (md5 ? "=" + *md5 : "") + "(";
        text.clear();
    }
    void content(std::string_view bytes) override { text += bytes; }
    void end() override { heard += text.substr(0, 10) + ":" + std::to_string(text.size()) + ") "; }
    std::string heard;
    std::string text;
};

/// A package's directory, and what writes into it.
struct Place {
    Place() {
        package.pkgname = "foo-1.0";
        package.archive_name = "foo-1.0.tgz";
    }
    pkgjail::test::TempDir dir;
    BuildPackage package;
    BuildRequest request;
    Tree tree{Tree::open(dir.path())};
    MemberWriter writer{package, request, tree};
};

} // namespace

TEST_CASE("members come out as they went in, with a thread and without", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    Listener listener;
    MemberBatches batches(listener, with_thread);
    give(batches, "a", large(), "1");
    give(batches, "empty", "", std::nullopt);
    give_link(batches, "link", MemberType::symlink, "a");
    give(batches, "b", "x", "2");
    std::string expected =
        "a=1(0\n1\n2\n3\n4\n:" + std::to_string(large().size()) + ") empty(:0) link(:0) b=2(x:1) ";
    for (int i = 0; i < 2000; ++i) {
        give(batches, "s", "content", std::nullopt);
        expected += "s(content:7) ";
    }
    batches.finish();

    CHECK(listener.heard == expected);
}

TEST_CASE("each file that is written has its own digest, with a thread and without", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    Place place;
    MemberBatches batches(place.writer, with_thread);
    give(batches, "lib/large", large(), md5(large()));
    give(batches, "empty", "", md5(""));
    give(batches, "unpromised", "x", std::nullopt);
    give_link(batches, "bin/second", MemberType::hard_link, "lib/large");
    give_link(batches, "bin/link", MemberType::symlink, "../lib/large");
    batches.finish();

    const auto found = place.writer.take_digests();
    CHECK(found.size() == 4);
    CHECK(found.at("/lib/large") == pkgjail::base::sha256(large()));
    CHECK(found.at("/empty") == pkgjail::base::sha256(""));
    CHECK(found.at("/unpromised") == pkgjail::base::sha256("x"));
    CHECK(found.at("/bin/second") == pkgjail::base::sha256(large()));
    CHECK(place.tree.read(RootPath::parse("/bin/second"), 1u << 24) == large());
    CHECK(place.tree.stat(RootPath::parse("/bin/link"))->link_target == "../lib/large");
}

TEST_CASE("a file that is not what was promised is told, however much follows", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    Place place;
    MemberBatches batches(place.writer, with_thread);

    CHECK_THROWS_WITH(
        [&] {
            give(batches, "bin/a", large(), md5("other"));
            for (int i = 0; i < 10; ++i)
                give(batches, "b" + std::to_string(i), large(), md5(large()));
            batches.finish();
        }(),
        Catch::Matchers::Contains("member bin/a does not match the packing list: its MD5 is " + md5(large()) +
                                  ", and " + md5("other") + " is promised"));
    CHECK_THROWS_AS(batches.finish(), Error);
}

TEST_CASE("the last file counts as well", "[store][unpack]") {
    Place place;
    MemberBatches batches(place.writer, true);

    CHECK_THROWS_AS(
        [&] {
            give(batches, "a", "evil", md5("good"));
            batches.finish();
        }(),
        Error);
}

TEST_CASE("what cannot be written is told, and nothing is written after it", "[store][unpack]") {
    const bool with_thread = GENERATE(false, true);
    Place place;
    place.tree.write(RootPath::parse("/taken"), "", 0600, {::geteuid(), ::getegid()});
    MemberBatches batches(place.writer, with_thread);

    try {
        give(batches, "first", "x", md5("x"));
        give(batches, "taken", large(), md5("other"));
        give(batches, "after", "x", md5("x"));
        batches.finish();
        FAIL("it was written");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::conflict);
        CHECK(error.cause() == "exists already");
    }
    CHECK(place.tree.exists(RootPath::parse("/first")));
    CHECK_FALSE(place.tree.exists(RootPath::parse("/after")));
}
