// The wrapper of a signed package: a BSD ar archive of +PKG_HASH, a detached signature of it, and the package
// itself.
//
// This part hands out the inner package's bytes, each block only after its digest was found right. It says
// nothing about who signed: that is judged from SignatureParts, elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/format/package_hash.hpp"

namespace pkgjail::format {

enum class SignatureKind { x509, gpg };

/// What came with a signed package, as bytes.
struct SignatureParts {
    SignatureKind kind = SignatureKind::x509;
    std::string signature; ///< +PKG_SIGNATURE (PEM PKCS7) or +PKG_GPG_SIGNATURE (armoured OpenPGP)
    std::string hash_text; ///< +PKG_HASH, over which the signature is
};

/// What is signed, and by what: the wrapper's head alone, from the descriptor's beginning; nothing of the
/// package in it is looked at. nullopt: not signed. The descriptor stands at its beginning afterwards. Throws
/// as PackageSource does.
struct PackageSignature {
    SignatureParts parts;
    std::string pkgname; ///< that was signed
};
std::optional<PackageSignature> read_package_signature(const base::Fd& fd, const std::string& name);

/// The package that a file holds, whether in a wrapper or not.
class PackageSource : public ByteSource {
  public:
    /// Reads the wrapper's head, if there is one. The descriptor stays the caller's and must outlive this.
    /// Throws Error{corrupt} for a wrapper of another form. `digest` gets what is read of the descriptor.
    PackageSource(const base::Fd& fd, std::string name, base::Digest* digest = nullptr);

    /// nullopt: not signed.
    const std::optional<SignatureParts>& signature() const { return signature_; }
    /// Of a signed package; empty otherwise.
    const std::string& signed_pkgname() const { return hash_.pkgname; }

    /// Throws Error{trust} when a block is not the one that was signed, Error{corrupt} when the wrapper ends
    /// early or goes on after the package.
    std::string_view next() override;
    /// What nobody asked for, so that the digest is that of the whole file.
    void read_rest();

  private:
    struct MemberHeader {
        std::string name;
        std::uint64_t size = 0; ///< of the content, after a name that stands in front of it
    };
    [[noreturn]] void fail(std::string cause) const;
    void fill(std::size_t wanted);
    std::string take(std::size_t count);
    MemberHeader take_header();
    std::string take_member(std::uint64_t size);
    void read_head();

    FdSource file_;
    std::string name_;
    std::string pending_; ///< read from the file and not handed out yet
    std::string block_;   ///< what next() handed out
    std::optional<SignatureParts> signature_;
    PackageHash hash_;
    std::uint64_t name_bytes_ = 0; ///< of the present member's name, where it stands before the content
    std::size_t next_block_ = 0;
    bool ended_ = false;
};

} // namespace pkgjail::format
