// Signatures for tests of whole commands, made by the host's openssl and gpg and written byte by byte, so
// that signer and verifier cannot share a mistake.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// A shell script in this directory; throws with its output when it fails.
std::string run_script(const std::filesystem::path& directory, const std::string& script);

/// An Ed25519 key of openssl's making.
class SigningKey {
  public:
    SigningKey();
    std::string text() const { return "ed25519:" + base64_; } ///< for repositories.conf
    const std::string& id() const { return id_; }
    std::filesystem::path pem() const { return directory_ / "key.pem"; }
    std::string sign(const std::string& text) const; ///< in base64

  private:
    TempDir directory_;
    std::string base64_;
    std::string id_;
};

/// The text of pkg_summary.sig, in words; every part can be a lie.
struct IndexSignature {
    std::string repository = "ours";
    std::uint64_t serial = 100;
    std::int64_t made_at = 0; ///< seconds from now
    std::int64_t expires = 86400;
    std::vector<std::filesystem::path> files;
    std::vector<std::string> revoked;

    std::string signed_text() const;
};
/// Signed by each of the keys, beside the files.
void write_signature(const std::filesystem::path& directory, const IndexSignature& signature,
                     const std::vector<const SigningKey*>& keys);

/// A BSD ar archive of +PKG_HASH, a signature and the package, as pkg_admin makes it.
struct SignedPackage {
    std::string pkgname;
    std::string package; ///< bytes of the archive
    std::string signature_name = "+PKG_SIGNATURE";
    std::string signature;

    std::string hash_text() const;
    std::string bytes() const;
};

/// Certificates and OpenPGP keys of every kind, made once in a test.
class Signers {
  public:
    enum class Kind { x509, gpg };
    explicit Signers(Kind kind);
    ~Signers();
    Signers(const Signers&) = delete;
    Signers& operator=(const Signers&) = delete;
    /// x509: trusted.pem, between.pem, crl.pem; gpg: keyring.gpg, keyring.asc.
    std::filesystem::path file(const std::string& name) const { return directory_ / name; }
    /// The package signed by this one: x509: good, expired, early, revoked, stranger, codeonly, three, below,
    /// authority; gpg: good, stranger, revoked, expired.
    SignedPackage sign(const std::string& pkgname, const std::string& package, const std::string& who) const;

  private:
    Kind kind_;
    TempDir directory_;
};

} // namespace pkgjail::test
