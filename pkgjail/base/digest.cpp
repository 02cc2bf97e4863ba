#include "pkgjail/base/digest.hpp"

#include <array>
#include <cerrno>
#include <memory>

#include <openssl/evp.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

const EVP_MD* algorithm_of(DigestAlgorithm algorithm) {
    switch (algorithm) {
    case DigestAlgorithm::md5:
        return EVP_md5();
    case DigestAlgorithm::sha1:
        return EVP_sha1();
    case DigestAlgorithm::sha256:
        return EVP_sha256();
    case DigestAlgorithm::sha512:
        return EVP_sha512();
    }
    throw Error(ErrorKind::system, "digest", "unknown algorithm");
}

void require(int result, const char* call) {
    if (result != 1)
        throw Error(ErrorKind::system, "digest", std::string(call) + " failed in the cryptographic library");
}

} // namespace

struct Digest::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { EVP_MD_CTX_free(context); }
};

Digest::Digest(DigestAlgorithm algorithm) : state_(std::make_unique<State>()) {
    require(state_->context != nullptr ? 1 : 0, "EVP_MD_CTX_new");
    require(EVP_DigestInit_ex(state_->context, algorithm_of(algorithm), nullptr), "EVP_DigestInit_ex");
}

Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::update(const void* bytes, std::size_t count) {
    if (!state_)
        throw Error(ErrorKind::system, "digest", "used after its result was taken");
    require(EVP_DigestUpdate(state_->context, bytes, count), "EVP_DigestUpdate");
}

std::string Digest::finish() {
    if (!state_)
        throw Error(ErrorKind::system, "digest", "used after its result was taken");
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned count = 0;
    require(EVP_DigestFinal_ex(state_->context, bytes.data(), &count), "EVP_DigestFinal_ex");
    state_.reset();
    constexpr std::string_view hexadecimal = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        text += hexadecimal[bytes[i] >> 4];
        text += hexadecimal[bytes[i] & 15u];
    }
    return text;
}

std::string digest_of(DigestAlgorithm algorithm, std::string_view bytes) {
    Digest digest(algorithm);
    digest.update(bytes);
    return digest.finish();
}

std::string digest_of_file(DigestAlgorithm algorithm, const Fd& fd, std::string_view name) {
    Digest digest(algorithm);
    constexpr std::size_t piece = 128u << 10;
    const auto buffer = std::make_unique_for_overwrite<char[]>(piece); // most files are much smaller
    off_t offset = 0;
    for (;;) {
        ssize_t count = ::pread(fd.get(), buffer.get(), piece, offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw system_error(errno, std::string(name), "read");
        if (count == 0)
            return digest.finish();
        digest.update(buffer.get(), static_cast<std::size_t>(count));
        offset += count;
    }
}

} // namespace pkgjail::base
