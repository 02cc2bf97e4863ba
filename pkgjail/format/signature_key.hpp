// Ed25519 keys (RFC 8032) and what they sign: the keys that indexes are signed with. With signature_x509 the
// only user of OpenSSL beside base/digest.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::format {

/// The key that a signature is verified by.
class PublicKey {
  public:
    /// "ed25519:" and 44 characters of base64; what stands behind it after a blank is for people. Throws
    /// Error{corrupt} with the text as object.
    static PublicKey parse(std::string_view text);
    /// 32 bytes.
    explicit PublicKey(std::string raw) : raw_(std::move(raw)) {}

    std::string text() const; ///< as parse() reads it
    /// 16 hexadecimal digits, the beginning of the SHA-256 of the raw key. A name and no more: whether a
    /// signature is good is decided by the whole key.
    std::string id() const;
    bool verifies(std::string_view message, std::string_view signature) const;
    bool operator==(const PublicKey&) const = default;

  private:
    std::string raw_;
};

/// The key that signs.
class SecretKey {
  public:
    static SecretKey generate();
    /// PEM (PKCS#8), as openssl(1) writes and reads it. Throws Error{corrupt} naming `name`, for a key of
    /// another kind too; a key that is protected by a passphrase is one of those.
    static SecretKey from_pem(std::string_view pem, const std::string& name);

    std::string pem() const;
    PublicKey public_key() const;
    std::string sign(std::string_view message) const; ///< 64 bytes

  private:
    explicit SecretKey(std::string raw) : raw_(std::move(raw)) {}
    std::string raw_; ///< 32 bytes
};

/// With padding, on one line.
std::string base64(std::string_view bytes);
/// Throws Error{corrupt} with `name` as object for what base64() does not write.
std::string from_base64(std::string_view text, const std::string& name);

} // namespace pkgjail::format
