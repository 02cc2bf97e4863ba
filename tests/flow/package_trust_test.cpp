// Packages with signatures of their own: pkgsrc's X.509 and OpenPGP ones, made by openssl and gpg, and every
// way in which a package may not be the one that was signed. tests/attacks/README.md lists them.
#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/signing.hpp"
#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;
using test::SignedPackage;
using test::Signers;

namespace {

constexpr const char* summary = "pkg_summary.gz";

/// A repository with one package, web-1.0, that can be published in any signed form.
class SigningShop {
  public:
    SigningShop() : shop_({package("web-1.0")}), plain_(test::read_bytes(archive())) {}

    void publish(const std::string& bytes) const {
        test::write_bytes(archive(), bytes);
        test::write_bytes(
            shop_.path() / summary,
            test::compress(test::summary_record(package("web-1.0"), bytes), test::Compression::gzip));
        REQUIRE(shop_.host().run({"update"}).status == 0);
    }
    void believe(const std::string& lines) const {
        shop_.host().write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                                           shop_.path().string() +
                                                           "\ntrust = package-signed\n" + lines);
    }
    /// Into a jail of its own each time.
    CommandResult install(const std::vector<std::string>& options = {}) const {
        std::vector<std::string> command = {"install", "web", "-j", fmt::format("web{}", ++count_)};
        command.insert(command.end(), options.begin(), options.end());
        return shop_.host().run(command);
    }
    void check_refused(const std::string& cause) const {
        const CommandResult result = install();
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err, ContainsSubstring(cause));
        CHECK(shop_.host().run({"list", "--json"}).json()["jails"].empty());
    }
    void check_believed(const std::string& proof) const {
        const CommandResult result = install();
        INFO(result.err);
        REQUIRE(result.status == 0);
        const std::string jail = fmt::format("web{}", count_);
        CHECK_THAT(host().run({"history", jail}).out, ContainsSubstring("believed: 1 package, " + proof));
        REQUIRE(host().run({"destroy", jail, "--with-data", "-y"}).status == 0);
    }
    const Host& host() const { return shop_.host(); }
    const std::string& plain() const { return plain_; }
    std::filesystem::path archive() const { return shop_.path() / "web-1.0.tgz"; }

  private:
    Shop shop_;
    std::string plain_;
    mutable unsigned count_ = 0;
};

/// The bytes of `good` with the package in it changed at one place.
std::string with_damage(const SignedPackage& good, std::size_t from_end) {
    std::string bytes = good.bytes();
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 1);
    return bytes;
}

} // namespace

TEST_CASE("an X.509 signature is believed from an authority to its signer", "[flow][trust][x509]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    shop.believe("certificates = " + signers.file("trusted.pem").string() + "\n");
    shop.publish(signers.sign("web-1.0", shop.plain(), "good").bytes());

    shop.check_believed("package-signed: x509 CN=Signer good");
    CHECK(shop.host().run({"repo", "list", "--json"}).json()["repositories"][0]["problem"] == "");
}

TEST_CASE("a certificate between authority and signer may be named", "[flow][trust][x509]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    const std::string anchors = "certificates = " + signers.file("trusted.pem").string() + "\n";
    shop.publish(signers.sign("web-1.0", shop.plain(), "below").bytes());

    shop.believe(anchors);
    shop.check_refused("it was signed by CN=Signer below, to whom none of the trusted certificates leads");
    shop.believe(anchors + "chain = " + signers.file("between.pem").string() + "\n");
    shop.check_believed("package-signed: x509 CN=Signer below");
}

TEST_CASE("an X.509 signature that is not to be believed is refused, each with its cause",
          "[flow][trust][x509][attack]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    const std::string anchors = "certificates = " + signers.file("trusted.pem").string() + "\n";
    shop.believe(anchors);
    const auto signed_by = [&](const std::string& who) {
        shop.publish(signers.sign("web-1.0", shop.plain(), who).bytes());
    };

    shop.publish(shop.plain());
    shop.check_refused("it is not signed, and trust = package-signed in [repository demo] needs that");
    signed_by("stranger");
    shop.check_refused("it was signed by CN=Signer stranger, to whom none of the trusted certificates leads");
    signed_by("expired");
    shop.check_refused("the certificate CN=Signer expired of its signer has expired");
    signed_by("early");
    shop.check_refused("the certificate CN=Signer early of its signer is not valid yet");
    signed_by("codeonly");
    shop.check_refused("the certificate CN=Signer codeonly of its signer is not for this use");
    signed_by("three");
    shop.check_refused("the certificate CN=Signer three of its signer has another extended key usage than "
                       "codeSigning and emailProtection");
    signed_by("authority");
    shop.check_refused("it was signed by CN=Signer authority, which is an authority's certificate");
    SignedPackage other = signers.sign("web-1.0", shop.plain(), "good");
    other.signature = signers.sign("web-1.0", shop.plain() + "x", "good").signature;
    shop.publish(other.bytes());
    shop.check_refused("its signature is not over this package: one of them was changed");
    other.signature = "-----BEGIN PKCS7-----\nnothing\n-----END PKCS7-----\n";
    shop.publish(other.bytes());
    shop.check_refused("its signature is no PKCS7 signature in PEM form");
    other.signature = "";
    shop.publish(other.bytes());
    shop.check_refused("its signature is no PKCS7 signature in PEM form");

    shop.believe(anchors + "revocations = " + signers.file("crl.pem").string() + "\n");
    signed_by("revoked");
    shop.check_refused("the certificate CN=Signer revoked of its signer was revoked");
    signed_by("good");
    shop.check_believed("package-signed: x509 CN=Signer good");
}

TEST_CASE("two signatures in one are none", "[flow][trust][x509][attack]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    shop.believe("certificates = " + signers.file("trusted.pem").string() + "\n");
    SignedPackage twice = signers.sign("web-1.0", shop.plain(), "good");
    test::run_script(signers.file(""),
                     "openssl smime -sign -binary -in hash -signer good.pem -inkey good.key "
                     "-signer stranger.pem -inkey stranger.key -outform PEM -out signature");
    twice.signature = test::read_bytes(signers.file("signature"));
    shop.publish(twice.bytes());

    shop.check_refused("it has 2 signatures; exactly one is allowed");
}

TEST_CASE("a signature that a repository's packages had is missed", "[flow][trust][x509][attack]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    shop.believe("certificates = " + signers.file("trusted.pem").string() + "\n");
    shop.publish(signers.sign("web-1.0", shop.plain(), "good").bytes());
    shop.check_believed("package-signed: x509 CN=Signer good");
    shop.publish(shop.plain());

    shop.check_refused("its signature is gone: packages of repository demo (file://");
}

TEST_CASE("nothing of a package is used before its signature and its blocks were checked",
          "[flow][trust][x509][attack]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    shop.believe("certificates = " + signers.file("trusted.pem").string() + "\n");
    const SignedPackage good = signers.sign("web-1.0", shop.plain(), "good");

    shop.publish(with_damage(good, shop.plain().size() / 2));
    shop.check_refused("block 1 is not the one that was signed");
    // What is inside is no package at all: that is not found out before the signer is.
    SignedPackage garbage = signers.sign("web-1.0", "no archive", "stranger");
    shop.publish(garbage.bytes());
    shop.check_refused("it was signed by CN=Signer stranger");
    // Somebody trusted signed another package: it is not this one.
    shop.publish(signers.sign("other-1.0", test::package_bytes(package("other-1.0")), "good").bytes());
    shop.check_refused("the signed package is other-1.0, and the index promises web-1.0");
    shop.publish(signers.sign("web-1.0", test::package_bytes(package("other-1.0")), "good").bytes());
    shop.check_refused("web-1.0 was signed, and the packing list is that of other-1.0");
}

TEST_CASE("the words of VERIFIED_INSTALLATION decide what is asked", "[flow][trust][x509]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    const std::string anchors = "certificates = " + signers.file("trusted.pem").string() + "\n";

    shop.believe(anchors + "verified-installation = trusted\n");
    shop.publish(shop.plain());
    CHECK(shop.install().status == 64); // nobody can be asked here
    const CommandResult accepted = shop.install({"--yes"});
    INFO(accepted.err);
    CHECK(accepted.status == 0);
    CHECK_THAT(shop.host().run({"history", "web2"}).out,
               ContainsSubstring("package-signed: not proved, accepted by the operator (it is not signed"));
    const SignedPackage good = signers.sign("web-1.0", shop.plain(), "good");
    shop.publish(good.bytes());
    CHECK(shop.install().status == 0);
    shop.publish(with_damage(good, shop.plain().size() / 2));
    CHECK(shop.install({"--yes"}).status == 7); // nobody can accept what was changed
    SignedPackage other = good;
    other.signature = signers.sign("web-1.0", shop.plain() + "x", "good").signature;
    shop.publish(other.bytes());
    CHECK(shop.install({"--yes"}).status == 7);
    shop.publish(signers.sign("other-1.0", test::package_bytes(package("other-1.0")), "good").bytes());
    CHECK(shop.install({"--yes"}).status == 7);

    shop.publish(good.bytes());
    shop.believe(anchors + "verified-installation = interactive\n");
    CHECK(shop.install().status == 64);
    CHECK(shop.install({"--yes"}).status == 0);
}

TEST_CASE("pkg_install's own configuration is taken for what is not said", "[flow][trust][x509]") {
    const Signers signers(Signers::Kind::x509);
    const SigningShop shop;
    const auto conf = shop.host().etc() / "pkg_install.conf";
    const std::string anchor = "CERTIFICATE_ANCHOR_PKGS=" + signers.file("trusted.pem").string() + "\n";
    shop.believe("pkg-install-conf = " + conf.string() + "\n");
    test::write_bytes(conf, "PKG_PATH=/nowhere\nVERIFIED_INSTALLATION=ALWAYS\n" + anchor);
    shop.publish(signers.sign("web-1.0", shop.plain(), "good").bytes());
    shop.check_believed("package-signed: x509 CN=Signer good");

    const auto says = [&](const std::string& text) {
        test::write_bytes(conf, text);
        const CommandResult result = shop.install();
        CHECK(result.status == 78);
        return result.err;
    };
    CHECK_THAT(
        says(anchor + "VERIFIED_INSTALLATION=never\n"),
        ContainsSubstring("pkg_install.conf:2: VERIFIED_INSTALLATION: found \"never\", allowed: always, "
                          "trusted, interactive\nhint: that nothing is checked is said with trust = none"));
    CHECK_THAT(says(anchor + anchor),
               ContainsSubstring("pkg_install.conf:2: CERTIFICATE_ANCHOR_PKGS: found \""));
    CHECK_THAT(says("CERTIFICATE_ANCHOR_PKGS=/nowhere/x.pem\n"),
               ContainsSubstring("/nowhere/x.pem: there is no such file"));
    test::write_bytes(shop.host().etc() / "x.pem", "text\n");
    CHECK_THAT(says("CERTIFICATE_ANCHOR_PKGS=" + (shop.host().etc() / "x.pem").string() + "\n"),
               ContainsSubstring("certificates: holds no certificate in PEM form"));
}

TEST_CASE("without anybody to believe, no signature is good", "[flow][trust]") {
    const SigningShop shop;
    shop.believe("");
    shop.publish(shop.plain());

    shop.check_refused("its packages must be signed (trust = package-signed), and neither certificates nor a "
                       "keyring say by whom");
}

TEST_CASE("OpenPGP signatures are judged by the host's GnuPG, each refusal with its cause",
          "[flow][trust][gpg][attack]") {
    if (!base::find_program("gpg")) {
        WARN("skipped: there is no gpg");
        return;
    }
    const Signers signers(Signers::Kind::gpg);
    const SigningShop shop;
    const std::string keyring = "keyring = " + signers.file("keyring.gpg").string() + "\n";
    const auto signed_by = [&](const std::string& who) {
        shop.publish(signers.sign("web-1.0", shop.plain(), who).bytes());
    };

    for (const char* const program : {"gpg", "gpgv"}) {
        const auto path = base::find_program(program);
        if (!path)
            continue;
        INFO(program);
        shop.believe(keyring + "gpg = " + path->string() + "\n");
        signed_by("stranger");
        shop.check_refused("which is not in the keyring");
        signed_by("revoked");
        shop.check_refused("(Signer revoked <revoked@example.org>) that signed it was revoked");
        signed_by("expired");
        shop.check_refused("(Signer expired <expired@example.org>) that signed it has expired");
        SignedPackage other = signers.sign("web-1.0", shop.plain(), "good");
        const std::string good = other.signature;
        other.signature = signers.sign("web-1.0", shop.plain() + "x", "good").signature;
        shop.publish(other.bytes());
        shop.check_refused(
            "(Signer good <good@example.org>) is not over this package: one of them was changed");
        other.signature = good + good;
        shop.publish(other.bytes());
        CHECK(shop.install().status == 7);
        for (const char* const nothing : {"", "text\n",
                                          "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP "
                                          "SIGNATURE-----\n"}) {
            other.signature = nothing;
            shop.publish(other.bytes());
            const CommandResult result = shop.install();
            INFO(result.err);
            CHECK(result.status == 7);
            CHECK_THAT(result.err, ContainsSubstring("its OpenPGP signature") ||
                                       ContainsSubstring("its signature is no OpenPGP signature"));
        }
        signed_by("good");
        shop.check_believed("package-signed: gpg ");
        const SignedPackage whole = signers.sign("web-1.0", shop.plain(), "good");
        shop.publish(with_damage(whole, shop.plain().size() / 2));
        shop.check_refused("block 1 is not the one that was signed");
    }
    shop.believe(keyring);
    signed_by("good");
    shop.check_believed("package-signed: gpg ");
    CHECK_FALSE(test::listing(shop.host().state() / "cache").find("fetch-") != std::string::npos);
}

TEST_CASE("what is needed to check an OpenPGP signature and is missing is told", "[flow][trust][gpg]") {
    if (!base::find_program("gpg")) {
        WARN("skipped: there is no gpg");
        return;
    }
    const Signers signers(Signers::Kind::gpg);
    const SigningShop shop;
    const std::string keyring = "keyring = " + signers.file("keyring.gpg").string() + "\n";
    shop.believe(keyring + "gpg = /nowhere/gpg\n");
    shop.publish(signers.sign("web-1.0", shop.plain(), "good").bytes());

    shop.check_refused("its OpenPGP signature cannot be checked: there is no program /nowhere/gpg");
    shop.believe("keyring = " + signers.file("keyring.asc").string() + "\n");
    const CommandResult armoured = shop.install();
    INFO(armoured.err);
    CHECK(armoured.status == 78);
    CHECK_THAT(armoured.err, ContainsSubstring("is a keyring in text form"));
    const Signers x509(Signers::Kind::x509);
    shop.believe("certificates = " + x509.file("trusted.pem").string() + "\n");
    shop.check_refused("it has an OpenPGP signature, and no keyring is configured");
    shop.believe(keyring);
    shop.publish(x509.sign("web-1.0", shop.plain(), "good").bytes());
    shop.check_refused("it has an X.509 signature, and no certificates are trusted");
}
