#include "support/catch.hpp"

#include <fcntl.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/digest_pair.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail::base;

TEST_CASE("digests of abc are those of the standards", "[base][digest]") {
    CHECK(digest_of(DigestAlgorithm::md5, "abc") == "900150983cd24fb0d6963f7d28e17f72");
    CHECK(digest_of(DigestAlgorithm::sha1, "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest_of(DigestAlgorithm::sha512, "abc") ==
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("the digest of pieces is the digest of the whole", "[base][digest]") {
    Digest digest(DigestAlgorithm::sha256);
    digest.update("a");
    digest.update("");
    Digest moved = std::move(digest);
    moved.update("bc");

    CHECK(moved.finish() == sha256("abc"));
    CHECK_THROWS_AS(moved.finish(), Error);
    CHECK_THROWS_AS(moved.update("x"), Error);
}

TEST_CASE("two digests of the same bytes are those of each alone", "[base][digest]") {
    std::string text;
    for (int i = 0; text.size() < 5000; ++i)
        text += std::to_string(i * i);
    for (const std::size_t size : {0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 4999}) {
        Digest one(DigestAlgorithm::md5), other(DigestAlgorithm::sha256);
        update_both(one, other, std::string_view(text).substr(0, size / 3));
        update_both(one, other, std::string_view(text).substr(size / 3, size - size / 3));
        CHECK(one.finish() == digest_of(DigestAlgorithm::md5, text.substr(0, size)));
        CHECK(other.finish() == sha256(text.substr(0, size)));
    }
}

TEST_CASE("a file's digest is of the whole file wherever its position stands", "[base][digest]") {
    pkgjail::test::TempDir dir;
    const std::string content(300000, 'x');
    write_file_atomically(dir / "file", content);
    Fd fd = open_file(dir / "file", O_RDONLY);
    REQUIRE(read_all(fd, "file").size() == content.size());

    CHECK(digest_of_file(DigestAlgorithm::sha256, fd, "file") == sha256(content));
}
