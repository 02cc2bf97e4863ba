// Ed25519 keys and signed indexes. Vectors are those of RFC 8032, section 7.1.
#include "pkgjail/format/signature_key.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/signed_index.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::PublicKey;
using format::SecretKey;
using format::SignedIndex;

namespace {

std::string from_hex(std::string_view text) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2)
        bytes += static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
    return bytes;
}

/// A key of its 32 raw bytes, in the form that PKCS#8 prescribes for Ed25519.
std::string pem_of(const std::string& raw) {
    return "-----BEGIN PRIVATE KEY-----\n" +
           format::base64(from_hex("302e020100300506032b657004220420") + raw) +
           "\n-----END PRIVATE KEY-----\n";
}

template <class Work>
std::string refusal(Work&& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error.object() + ": " + error.cause();
    }
    return "taken";
}

SignedIndex sample() {
    SignedIndex index;
    index.repository = "ours";
    index.serial = 42;
    index.made_at = *base::parse_time("2026-11-22T06:40:00Z");
    index.expires = *base::parse_time("2026-12-22T06:40:00Z");
    index.files = {{"pkg_summary.gz", 12, std::string(64, 'a')},
                   {"pkg_summary.zst", 10, std::string(64, 'b')}};
    index.revoked = {"0123456789abcdef"};
    return index;
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("keys and signatures are those of the standard", "[format][signature]") {
    struct Vector {
        const char *secret, *public_key, *message, *signature;
    };
    const Vector vectors[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25"
         "bf5"
         "f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
         "b2e"
         "aeb4302aeeb00d291612bb0c00"},
    };
    for (const Vector& vector : vectors) {
        const SecretKey key = SecretKey::from_pem(pem_of(from_hex(vector.secret)), "vector");
        const PublicKey other(from_hex(vector.public_key));

        CHECK(key.public_key() == other);
        CHECK(key.sign(from_hex(vector.message)) == from_hex(vector.signature));
        CHECK(other.verifies(from_hex(vector.message), from_hex(vector.signature)));
        CHECK_FALSE(other.verifies(from_hex(vector.message) + "x", from_hex(vector.signature)));
    }
}

TEST_CASE("a key reads back as it was written", "[format][signature]") {
    const SecretKey key = SecretKey::generate();
    const PublicKey open = key.public_key();

    CHECK(SecretKey::from_pem(key.pem(), "k").public_key() == open);
    CHECK(PublicKey::parse(open.text()) == open);
    CHECK(PublicKey::parse(open.text() + " our packages\n") == open);
    CHECK(format::is_key_id(open.id()));
    CHECK_FALSE(SecretKey::generate().public_key() == open);
}

TEST_CASE("a signature with any bit changed is none", "[format][signature]") {
    const SecretKey key = SecretKey::generate();
    const std::string signature = key.sign("text");
    for (std::size_t bit = 0; bit < signature.size() * 8; bit += 7) {
        std::string other = signature;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
        CHECK_FALSE(key.public_key().verifies("text", other));
    }
    CHECK_FALSE(key.public_key().verifies("text", signature.substr(1)));
    CHECK_FALSE(key.public_key().verifies("text", ""));
    CHECK_FALSE(SecretKey::generate().public_key().verifies("text", signature));
}

TEST_CASE("what is no key is refused with what is allowed", "[format][signature]") {
    const std::string good = SecretKey::generate().public_key().text();
    for (const std::string& text :
         {std::string(), std::string("ed25519:"), good.substr(0, good.size() - 4), "rsa:" + good.substr(8),
          good.substr(8), good + "AAAA", changed(good, "ed25519:", "ed25519: ")})
        CHECK_THAT(refusal([&] { PublicKey::parse(text); }), !Catch::Matchers::Equals("taken"));
    CHECK_THAT(refusal([&] { SecretKey::from_pem(good, "k.key"); }),
               ContainsSubstring("k.key: holds no private key in PEM form"));
    CHECK_THAT(refusal([&] { SecretKey::from_pem("", "k.key"); }), ContainsSubstring("k.key: holds no"));
}

TEST_CASE("base64 has one text for each value", "[format][signature]") {
    const std::pair<std::string, std::string> pairs[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"\xff\xfe\xfb", "//77"}};
    for (const auto& [bytes, text] : pairs) {
        CHECK(format::base64(bytes) == text);
        CHECK(format::from_base64(text, "x") == bytes);
    }
    for (const char* text : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm9*", "===="})
        CHECK(refusal([&] { format::from_base64(text, "x"); }) == "x: is not in base64");
}

TEST_CASE("a signed index reads back as it was signed", "[format][signature]") {
    const SecretKey first = SecretKey::generate(), second = SecretKey::generate();
    SignedIndex index = sample();
    index.sign({first, second});

    const SignedIndex read = SignedIndex::parse(index.text());

    CHECK(read.signed_text == "pkgjail index 1\n"
                              "repository: ours\n"
                              "serial: 42\n"
                              "made-at: 2026-11-22T06:40:00Z\n"
                              "expires: 2026-12-22T06:40:00Z\n"
                              "file: pkg_summary.gz 12 sha256:" +
                                  std::string(64, 'a') + "\nfile: pkg_summary.zst 10 sha256:" +
                                  std::string(64, 'b') + "\nrevoked: 0123456789abcdef\n");
    CHECK(read.text() == index.text());
    CHECK(read.serial == 42);
    REQUIRE(read.signatures.size() == 2);
    CHECK(first.public_key().verifies(read.signed_text, read.signatures[0].bytes));
    CHECK(second.public_key().verifies(read.signed_text, read.signatures[1].bytes));
    CHECK(read.file("pkg_summary.zst")->size == 10);
    CHECK(read.file("pkg_summary") == nullptr);
    index.sign({});
    CHECK(SignedIndex::parse(index.text()).signatures.empty());
}

TEST_CASE("a signed index has exactly one form", "[format][signature][hostile]") {
    SignedIndex index = sample();
    index.sign({SecretKey::generate()});
    const std::string good = index.text();
    const auto with = [&](const std::string& from, const std::string& to) {
        return refusal([&] { SignedIndex::parse(changed(good, from, to)); });
    };

    CHECK(with("index 1", "index 2") == "pkg_summary.sig line 1: \"pkgjail index 1\" is expected here");
    CHECK(with("ours", "../x") == "pkg_summary.sig line 2: no name of a repository");
    CHECK(with("repository: ours\n", "") == "pkg_summary.sig line 2: \"repository: \" is expected here");
    for (const char* number : {"-1", "042", "4 2", "", "0x2a", "9223372036854775808", "99999999999999999999"})
        CHECK(with("serial: 42", std::string("serial: ") + number) ==
              "pkg_summary.sig line 3: a whole number is expected here");
    CHECK(with("2026-11-22T06:40:00Z", "2026-11-22") ==
          "pkg_summary.sig line 4: a time such as 2026-11-22T06:40:00Z is expected here");
    CHECK(with("2026-12-22T06:40:00Z", "2026-11-22T06:40:00Z") ==
          "pkg_summary.sig line 5: it expires before it was made");
    CHECK(with("pkg_summary.gz", "../passwd") == "pkg_summary.sig line 6: no name of a file");
    CHECK_THAT(with("sha256:aaa", "sha1:aaa"), ContainsSubstring("line 6: \"NAME SIZE sha256:HEX\""));
    CHECK_THAT(with("aaaa", "AAAA"), ContainsSubstring("line 6: 64 lower-case hexadecimal digits"));
    CHECK_THAT(with("0123456789abcdef", "0123456789abcde"), ContainsSubstring("line 8: the id of a key"));
    CHECK_THAT(with("signature: ", "signature:"), ContainsSubstring("line 9: \"signature: \" is expected"));
    for (const char* nothing : {"", " "})
        CHECK(refusal([&] { SignedIndex::parse(good + "signature: 0123456789abcdef" + nothing + "\n"); }) ==
              "pkg_summary.sig line 10: a signature is expected behind the id of its key");
    CHECK_THAT(refusal([&] { SignedIndex::parse(good + "more: x\n"); }), ContainsSubstring("line 10: "));
    CHECK_THAT(refusal([&] { SignedIndex::parse(good.substr(0, good.size() - 1)); }),
               ContainsSubstring("does not end in a newline"));
    CHECK_THAT(refusal([&] { SignedIndex::parse(""); }), ContainsSubstring("does not end in a newline"));
    CHECK_THAT(refusal([&] { SignedIndex::parse("pkgjail index 1\n"); }),
               ContainsSubstring("the text ends too early"));
    CHECK_THAT(refusal([&] { SignedIndex::parse(good + std::string(70000, '\n')); }),
               ContainsSubstring("more than 65536 bytes"));
}
