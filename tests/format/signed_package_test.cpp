// Signed packages: a wrapper written here byte by byte, and the package in it.
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/signed_package.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/format/archive.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::refusal_of;

namespace {

std::string ar_header(const std::string& name, std::size_t size) {
    return fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", size);
}

/// `bsd_name`: the name stands before the content, as the stock signer writes long ones.
std::string ar_member(const std::string& name, const std::string& content, bool bsd_name = false) {
    std::string member =
        bsd_name ? ar_header(fmt::format("#1/{}", name.size()), name.size() + content.size()) + name
                 : ar_header(name, content.size());
    member += content;
    if (member.size() % 2 != 0)
        member += "\n";
    return member;
}

std::string hash_text(const std::string& pkgname, const std::string& package, std::size_t block_size) {
    std::string text = fmt::format(
        "pkgsrc signature\n\nversion: 1\npkgname: {}\nalgorithm: SHA512\nblock size: {}\nfile size: {}\n\n",
        pkgname, block_size, package.size());
    for (std::size_t at = 0; at < package.size(); at += block_size)
        text += base::digest_of(base::DigestAlgorithm::sha512, package.substr(at, block_size)) + "\n";
    return text + "end pkgsrc signature\n";
}

struct Wrapper {
    std::string package;
    std::string hash;
    std::string signature_name = "+PKG_GPG_SIGNATURE";
    std::string signature = "-----BEGIN PGP SIGNATURE-----\n";
    bool bsd_name = false;
    std::string after;

    std::string bytes() const {
        return "!<arch>\n" + ar_member("+PKG_HASH", hash) +
               ar_member(signature_name, signature, signature_name.size() > 16) +
               ar_member(bsd_name ? "signed-with-a-long-name-1.0.tgz" : "signed-1.0.tgz", package, bsd_name) +
               after;
    }
};

Wrapper wrapped(std::size_t block_size = 65536, std::size_t content_size = 200'001) {
    test::PackageSpec spec;
    spec.pkgname = "signed-1.0";
    std::string content;
    for (std::uint32_t value = 1; content.size() < content_size; value = value * 1664525u + 1013904223u)
        content += static_cast<char>(value >> 24);
    spec.files = {{"share/data", content}};
    Wrapper wrapper;
    wrapper.package = test::package_bytes(spec);
    wrapper.hash = hash_text("signed-1.0", wrapper.package, block_size);
    return wrapper;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("a signed package reads as the package in it", "[format][signed]") {
    for (const bool bsd_name : {false, true}) {
        Wrapper wrapper = wrapped();
        wrapper.bsd_name = bsd_name;
        CHECK(test::read_package(wrapper.bytes()) == test::read_package(wrapper.package));
    }
}

TEST_CASE("a signed package of any length reads to its end", "[format][signed]") {
    for (std::size_t size = 1000; size < 1006; ++size)
        for (const bool bsd_name : {false, true}) {
            Wrapper wrapper = wrapped(1024, size);
            wrapper.bsd_name = bsd_name;
            INFO(size);
            CHECK(refusal_of(wrapper.bytes()) == "read");
        }
}

TEST_CASE("a package whose last block is full is read", "[format][signed]") {
    Wrapper wrapper = wrapped();
    test::PackageSpec spec;
    spec.pkgname = "signed-1.0";
    wrapper.package = test::package_bytes(spec, test::Compression::none);
    wrapper.package.append((1024 - wrapper.package.size() % 1024) % 1024, '\0');
    wrapper.hash = hash_text("signed-1.0", wrapper.package, 1024);

    CHECK(refusal_of(wrapper.bytes()) == "read");
}

TEST_CASE("the parts of the signature are there to be judged", "[format][signed]") {
    const test::TempDir dir;
    Wrapper wrapper = wrapped();
    test::write_bytes(dir / "gpg", wrapper.bytes());
    wrapper.signature_name = "+PKG_SIGNATURE";
    wrapper.signature = "-----BEGIN PKCS7-----\nodd";
    test::write_bytes(dir / "x509", wrapper.bytes());

    const auto gpg = format::read_package_metadata(base::open_file(dir / "gpg", O_RDONLY), "gpg").signature;
    const auto x509 =
        format::read_package_metadata(base::open_file(dir / "x509", O_RDONLY), "x509").signature;

    REQUIRE(gpg);
    CHECK(gpg->kind == format::SignatureKind::gpg);
    CHECK(gpg->signature == "-----BEGIN PGP SIGNATURE-----\n");
    CHECK(gpg->hash_text == wrapper.hash);
    REQUIRE(x509);
    CHECK(x509->kind == format::SignatureKind::x509);
    CHECK(x509->signature == "-----BEGIN PKCS7-----\nodd");
}

TEST_CASE("a table of long names is passed over", "[format][signed]") {
    const Wrapper wrapper = wrapped();
    const std::string bytes = "!<arch>\n" + ar_member("+PKG_HASH", wrapper.hash) +
                              ar_member("//", "signed-1.0.tgz/\n") + ar_member("+PKG_SIGNATURE", "x") +
                              ar_member("signed-1.0.tgz/", wrapper.package);

    CHECK(refusal_of(bytes) == "read");
}

TEST_CASE("names before the content count for the padding", "[format][signed]") {
    const Wrapper wrapper = wrapped();
    for (const char* signature : {"odd", "even"}) {
        const std::string bytes = "!<arch>\n" + ar_member("+PKG_HASH", wrapper.hash, true) +
                                  ar_member("+PKG_SIGNATURE", signature, true) +
                                  ar_member("signed-1.0.tgz", wrapper.package, true);
        INFO(signature);
        CHECK(refusal_of(bytes) == "read");
    }
}

TEST_CASE("a changed block is not the signed one", "[format][signed][hostile]") {
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{70'000}, std::size_t{140'000}, std::size_t{200'000}}) {
        Wrapper wrapper = wrapped();
        wrapper.package[at] = static_cast<char>(wrapper.package[at] ^ 1);
        CHECK(refusal_of(wrapper.bytes()) ==
              fmt::format("trust: x.tgz: block {} is not the one that was signed", at / 65536 + 1));
    }
}

TEST_CASE("the signed name must be the package's", "[format][signed][hostile]") {
    Wrapper wrapper = wrapped();
    wrapper.hash = hash_text("other-1.0", wrapper.package, 65536);

    CHECK(refusal_of(wrapper.bytes()) ==
          "trust: x.tgz: other-1.0 was signed, and the packing list is that of signed-1.0");
}

TEST_CASE("the wrapper must be exactly that of a signed package", "[format][signed][hostile]") {
    const Wrapper good = wrapped();
    const std::string hash = ar_member("+PKG_HASH", good.hash);
    const std::string signature = ar_member("+PKG_SIGNATURE", good.signature);
    const std::string package = ar_member("signed-1.0.tgz", good.package);
    const std::string magic = "!<arch>\n";

    CHECK(refusal_of(magic + hash + signature + package) == "read");
    CHECK(refusal_of(magic + signature + hash + package) ==
          "corrupt: x.tgz: an ar archive that is no signed package: its first member is +PKG_SIGNATURE and "
          "not +PKG_HASH");
    CHECK(refusal_of(magic + hash + package) ==
          "corrupt: x.tgz: a signed package whose second member is signed-1.0.tgz and no signature");
    CHECK(refusal_of(magic + hash + signature + package + "x") ==
          "corrupt: x.tgz: a signed package with something after its last member");
    CHECK(refusal_of(magic + hash + signature + package + package) ==
          "corrupt: x.tgz: a signed package with something after its last member");
    CHECK(refusal_of(magic + hash + signature) == "corrupt: x.tgz: a signed package that ends too early");
    CHECK(refusal_of(magic + hash + signature + ar_member("x", good.package + "y")) ==
          fmt::format("corrupt: x.tgz: the package in the wrapper has {} bytes; {} were signed",
                      good.package.size() + 1, good.package.size()));
    CHECK_THAT(refusal_of(magic + ar_header("+PKG_HASH", 1u << 30) + good.hash),
               ContainsSubstring("corrupt: x.tgz: "));
    CHECK_THAT(refusal_of(magic + ar_header("#1/999999999", 99)), ContainsSubstring("corrupt: x.tgz: "));
    CHECK_THAT(refusal_of(magic + std::string(60, 'x')), ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("the text of the block digests must be exact", "[format][signed][hostile]") {
    const Wrapper good = wrapped();
    const auto with_hash = [&](const std::string& text) {
        Wrapper wrapper = good;
        wrapper.hash = text;
        return refusal_of(wrapper.bytes());
    };
    const std::vector<std::pair<std::string, std::string>> changes = {
        {"version: 1\n", "version: 2\n"},
        {"version: 1\n", "version: 1 \n"},
        {"SHA512", "SHA1"},
        {"block size: 65536", "block size: 1023"},
        {"block size: 65536", "block size: 0"},
        {"block size: 65536", "block size: 99999999999"},
        {"block size: 65536", "block size: x"},
        {"pkgsrc signature\n\n", "pkgsrc signature\n"},
        {"end pkgsrc signature\n", "end pkgsrc signature"},
        {"end pkgsrc signature\n", "end pkgsrc signature\nmore\n"},
        {"end pkgsrc signature\n", ""},
        {"file size: ", "file size: 18446744073709551615\nx: "},
        {"file size: ", "file size: 9"},
        {"pkgname: signed-1.0", "pkgname: ../signed-1.0"},
    };
    for (const auto& [from, to] : changes) {
        INFO(from << " becomes " << to);
        CHECK_THAT(with_hash(replaced(good.hash, from, to)), ContainsSubstring("corrupt: x.tgz: "));
    }
    CHECK(with_hash(replaced(good.hash, "version: 1\n", "version: 2\n")) ==
          "corrupt: x.tgz: +PKG_HASH line 3: \"version: 1\" is expected here");
}

TEST_CASE("a signed package cut anywhere is refused", "[format][signed][hostile]") {
    const format::ReadingHere thousands_of_readings;
    const std::string bytes = wrapped(1024, 3000).bytes();
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        INFO(length);
        const std::string said = refusal_of(bytes.substr(0, length));
        if (length + 1 == bytes.size() && bytes.back() == '\n')
            continue; // only the padding is missing
        REQUIRE(said != "read");
    }
}

TEST_CASE("a signed package with a bit changed reads the same or is refused", "[format][signed][hostile]") {
    const format::ReadingHere thousands_of_readings;
    const std::string bytes = wrapped(1024, 3000).bytes();
    const std::string whole = test::read_package(bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
        INFO(at);
        if (refusal_of(damaged) == "read")
            REQUIRE(test::read_package(damaged) == whole);
    }
}
