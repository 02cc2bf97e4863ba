// pkg-vulnerabilities: the format's rules, as the stock tool has them.
#include "pkgjail/format/vulnerabilities.hpp"

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;
using format::parse_vulnerabilities;

namespace {

/// Its checksums were accepted by pkg_admin check-pkg-vulnerabilities.
const std::string good = "# $NetBSD: pkg-vulnerabilities,v 1.1 2026/01/01 00:00:00 x Exp $\n"
                         "#\n"
                         "#FORMAT 1.1.0\n"
                         "#\n"
                         "liba<1.2\tdenial-of-service\thttps://example.org/CVE-1\n"
                         "liba<2.0\tremote-code-execution\thttps://example.org/CVE-2\n"
                         "libb-[0-9]*\teol\thttps://example.org/eol\n"
                         "{libb,libz}<1.0nb1\tcross-site-scripting\thttps://example.org/CVE-3\n"
                         "nosuch>=1<2\tunknown\thttps://example.org/CVE-4\n"
                         "\n"
                         "#CHECKSUM SHA512 "
                         "f1a90c39d905c5118f8ea12391bf33a705a0a0ab61d3a35f38ddc5bc09f4ed46d9839a38d6ddd7a2b06"
                         "5b843bea9b702a71137a598"
                         "f3197d5cdcb4a9a46108df\n"
                         "#CHECKSUM SHA1 a13908cb6c0cafbaa7ef8ebb44c0e3afc449f80e\n";

std::string changed(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

/// The entries, a line each, or what the text is refused with.
std::string reading(const std::string& text) {
    try {
        std::string lines;
        for (const format::Vulnerability& entry : parse_vulnerabilities(text, "list").entries)
            lines += fmt::format("{} {} {}\n", entry.pattern, entry.type, entry.url);
        return lines;
    } catch (const base::Error& error) {
        return fmt::format("{}{}", error.kind() == base::ErrorKind::trust ? "trust: " : "", error.what());
    }
}

} // namespace

TEST_CASE("a published list is read with its entries, revision, date and checksums",
          "[format][vulnerabilities]") {
    const format::VulnerabilityList list = parse_vulnerabilities(good, "list");

    CHECK(reading(good) == "liba<1.2 denial-of-service https://example.org/CVE-1\n"
                           "liba<2.0 remote-code-execution https://example.org/CVE-2\n"
                           "libb-[0-9]* eol https://example.org/eol\n"
                           "{libb,libz}<1.0nb1 cross-site-scripting https://example.org/CVE-3\n"
                           "nosuch>=1<2 unknown https://example.org/CVE-4\n");
    CHECK(list.head.revision == "1.1");
    CHECK(list.head.written == 1'767'225'600);
    CHECK(list.head.has_checksum);
    CHECK_FALSE(list.head.claims_pgp);
    CHECK(list.entries[2].is_end_of_life());
    CHECK_FALSE(list.entries[0].is_end_of_life());
}

TEST_CASE("a list whose lines were changed does not have its checksums",
          "[format][vulnerabilities][hostile]") {
    CHECK(reading(changed(good, "liba<1.2", "liba<1.1")) ==
          "trust: list: its SHA512 checksum is not that of its lines");
    CHECK(reading(changed(good, "nosuch>=1<2\tunknown\thttps://example.org/CVE-4\n", "")) ==
          "trust: list: its SHA512 checksum is not that of its lines");
    CHECK(reading(changed(good, "a13908cb", "A13908CB")) ==
          "trust: list: its SHA1 checksum is not that of its lines");
    INFO("lines that are in no checksum");
    CHECK(reading(changed(good, "1.1 2026/01/01", "1.2 2026/02/01")) == reading(good));
    CHECK(reading(changed(good, "CVE-4\n\n", "CVE-4\n\n\n")) == reading(good));
    CHECK(reading(changed(good, "SHA512 f", "SHA999 f")) == reading(good));
}

TEST_CASE("a list without checksums is read, and says so", "[format][vulnerabilities]") {
    const format::VulnerabilityList list =
        parse_vulnerabilities(good.substr(0, good.find("#CHECKSUM")), "list");

    CHECK_FALSE(list.head.has_checksum);
    CHECK(list.entries.size() == 5);
}

TEST_CASE("before the format line nothing but its own header may stand", "[format][vulnerabilities]") {
    CHECK(reading(changed(good, "#FORMAT 1.1.0", "#FORMAT 1.0.0")) ==
          "list:3: found format \"1.0.0\", allowed: 1.1.0");
    CHECK(reading(changed(good, "#FORMAT 1.1.0", "#FORMAT 1.1.0 x")) ==
          "list:3: found format \"1.1.0 x\", allowed: 1.1.0");
    CHECK(reading(changed(good, "#\n#FORMAT", "# words\n#FORMAT")) ==
          "list:2: found \"# words\" before #FORMAT, allowed: empty lines, Hash: and # $NetBSD");
    CHECK(reading(changed(good, "#\n#FORMAT", "Hash: SHA1\n\n# \t\n#FORMAT")) ==
          "trust: list: its SHA512 checksum is not that of its lines");
    CHECK(reading("") == "list: has no #FORMAT line; it is no list");
    CHECK(reading("<html>\n") ==
          "list:1: found \"<html>\" before #FORMAT, allowed: empty lines, Hash: and # $NetBSD");
}

TEST_CASE("an entry has three words, and its first is a pattern", "[format][vulnerabilities]") {
    const std::string head = "#FORMAT 1.1.0\n";

    CHECK(reading(head + "a<1 b\n") == "list:2: an entry needs three words: package, type, URL");
    CHECK(reading(head + "  a<1\t\tb   c  and more \n") == "a<1 b c\n");
    CHECK(reading(head + "#a<1 b c\n# a\n#CHECKSUMS\n") == "");
    CHECK_THAT(reading(head + "\n{a<1 b c\n"), ContainsSubstring("list:3: \"{a<1\" is no pattern: "));
    CHECK(reading(head + "a<1 b c") == "list:2: the line has no end; was it cut off?");
    CHECK(reading(head + std::string("a<1 b\0 c\n", 9)) == "list: has a byte 0 in it");
}

TEST_CASE("a signed message ends with its signature, and what follows it is not read",
          "[format][vulnerabilities][hostile]") {
    const std::string message = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\n" + good;
    const std::string end = "-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n";

    CHECK(reading(message + end + "x<1 y z\n") == reading(good));
    CHECK(parse_vulnerabilities(message + end, "list").head.claims_pgp);
    CHECK(reading(message) ==
          "list: begins as a signed message and ends without a signature; was it cut off?");
    CHECK(reading(good + "-----BEGIN PKCS7-----\nx\n") == reading(good));
}

TEST_CASE("a list is read in whatever compression it comes, up to a bound", "[format][vulnerabilities]") {
    using test::Compression;
    for (const Compression compression :
         {Compression::none, Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd})
        CHECK(format::read_vulnerability_text(test::file_of(test::compress(good, compression)), "list") ==
              good);
    CHECK_THROWS_AS(format::read_vulnerability_text(test::file_of(test::compress(good, Compression::gzip)),
                                                    "list", good.size() - 1),
                    base::Error);
}

TEST_CASE("a package is looked up under every beginning of its name", "[format][vulnerabilities]") {
    CHECK(format::bases_to_ask("font-adobe-100dpi-1.0.3") ==
          std::vector<std::string>{"font-adobe-100dpi-1.0.3", "font-adobe-100dpi", "font-adobe", "font"});
    CHECK(format::bases_to_ask("x") == std::vector<std::string>{"x"});
    CHECK(format::bases_to_ask("-1") == std::vector<std::string>{"-1"});
}
