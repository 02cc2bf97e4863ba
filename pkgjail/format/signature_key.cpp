#include "pkgjail/format/signature_key.hpp"

#include <array>
#include <memory>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::format {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view scheme = "ed25519:";
constexpr std::size_t key_bytes = 32;
constexpr std::size_t signature_bytes = 64;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct KeyFree {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct ContextFree {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct BioFree {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
using Context = std::unique_ptr<EVP_MD_CTX, ContextFree>;
using Bio = std::unique_ptr<BIO, BioFree>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

void require(bool done, const char* call) {
    if (done)
        return;
    ERR_clear_error();
    throw Error(ErrorKind::system, "signature", std::string(call) + " failed in the cryptographic library");
}

Key secret(std::string_view raw) {
    Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size()));
    require(key != nullptr, "EVP_PKEY_new_raw_private_key");
    return key;
}

/// A key file has no passphrase; asking for one at the terminal is not this code's business.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

} // namespace

std::string base64(std::string_view bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 |
                    (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : std::uint32_t{0});
        for (std::size_t i = 0; i < 4; ++i)
            text += at + i <= bytes.size() ? alphabet[group >> (18 - 6 * i) & 63u] : '=';
    }
    return text;
}

std::string from_base64(std::string_view text, const std::string& name) {
    std::string bytes;
    std::uint32_t group = 0;
    std::size_t count = 0;
    std::string_view digits = text;
    while (digits.ends_with('=') && text.size() - digits.size() < 2)
        digits.remove_suffix(1);
    for (const char digit : digits) {
        const std::size_t value = alphabet.find(digit);
        if (value == std::string_view::npos)
            throw Error(ErrorKind::corrupt, name, "is not in base64");
        group = group << 6 | static_cast<std::uint32_t>(value);
        if (++count % 4 == 0)
            for (const unsigned shift : {16u, 8u, 0u})
                bytes += static_cast<char>(group >> shift & 255u);
    }
    if (count % 4 == 2)
        bytes += static_cast<char>(group >> 4 & 255u);
    if (count % 4 == 3)
        for (const unsigned shift : {10u, 2u})
            bytes += static_cast<char>(group >> shift & 255u);
    // One text for one value: what is written again must be what was read.
    if (base64(bytes) != text)
        throw Error(ErrorKind::corrupt, name, "is not in base64");
    return bytes;
}

PublicKey PublicKey::parse(std::string_view text) {
    const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
    const std::string shown(word.substr(0, 100));
    if (!word.starts_with(scheme))
        throw Error(ErrorKind::corrupt, shown,
                    "is no public key, allowed: ed25519: and 44 characters of base64");
    std::string raw = from_base64(word.substr(scheme.size()), shown);
    if (raw.size() != key_bytes)
        throw Error(ErrorKind::corrupt, shown,
                    "is no public key, allowed: ed25519: and 44 characters of base64");
    return PublicKey(std::move(raw));
}

std::string PublicKey::text() const {
    return std::string(scheme) + base64(raw_);
}

std::string PublicKey::id() const {
    return base::sha256(raw_).substr(0, 16);
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
    if (signature.size() != signature_bytes)
        return false;
    const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw_), raw_.size()));
    const Context context(EVP_MD_CTX_new());
    require(key != nullptr && context != nullptr, "EVP_PKEY_new_raw_public_key");
    require(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1,
            "EVP_DigestVerifyInit");
    const int verdict = EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                         bytes_of(message), message.size());
    ERR_clear_error();
    return verdict == 1;
}

SecretKey SecretKey::generate() {
    EVP_PKEY* made = nullptr;
    const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
        EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr), EVP_PKEY_CTX_free);
    require(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1 &&
                EVP_PKEY_keygen(context.get(), &made) == 1,
            "EVP_PKEY_keygen");
    const Key key(made);
    std::array<unsigned char, key_bytes> raw{};
    std::size_t size = raw.size();
    require(EVP_PKEY_get_raw_private_key(key.get(), raw.data(), &size) == 1 && size == raw.size(),
            "EVP_PKEY_get_raw_private_key");
    std::string bytes(reinterpret_cast<const char*>(raw.data()), raw.size());
    OPENSSL_cleanse(raw.data(), raw.size());
    return SecretKey(std::move(bytes));
}

SecretKey SecretKey::from_pem(std::string_view pem, const std::string& name) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    require(bio != nullptr, "BIO_new_mem_buf");
    const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (key == nullptr)
        throw Error(ErrorKind::corrupt, name, "holds no private key in PEM form without a passphrase",
                    "pkgjail repo key new NAME makes one");
    std::array<unsigned char, key_bytes> raw{};
    std::size_t size = raw.size();
    if (EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_private_key(key.get(), raw.data(), &size) != 1 || size != raw.size())
        throw Error(ErrorKind::corrupt, name, "is a key of another kind, allowed: Ed25519",
                    "pkgjail repo key new NAME makes one");
    std::string bytes(reinterpret_cast<const char*>(raw.data()), raw.size());
    OPENSSL_cleanse(raw.data(), raw.size());
    return SecretKey(std::move(bytes));
}

std::string SecretKey::pem() const {
    const Key key = secret(raw_);
    const Bio bio(BIO_new(BIO_s_mem()));
    require(bio != nullptr && PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0,
                                                            nullptr, nullptr) == 1,
            "PEM_write_bio_PKCS8PrivateKey");
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

PublicKey SecretKey::public_key() const {
    const Key key = secret(raw_);
    std::array<unsigned char, key_bytes> raw{};
    std::size_t size = raw.size();
    require(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1 && size == raw.size(),
            "EVP_PKEY_get_raw_public_key");
    return PublicKey(std::string(reinterpret_cast<const char*>(raw.data()), raw.size()));
}

std::string SecretKey::sign(std::string_view message) const {
    const Key key = secret(raw_);
    const Context context(EVP_MD_CTX_new());
    std::array<unsigned char, signature_bytes> signature{};
    std::size_t size = signature.size();
    require(
        context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
            EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) == 1 &&
            size == signature.size(),
        "EVP_DigestSign");
    return {reinterpret_cast<const char*>(signature.data()), signature.size()};
}

} // namespace pkgjail::format
