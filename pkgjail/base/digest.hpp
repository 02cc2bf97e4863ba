// Message digests. The only other user of OpenSSL is format/signature.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

enum class DigestAlgorithm { md5, sha1, sha256, sha512 };

/// A digest under construction: feed bytes, then take the result once.
class Digest {
  public:
    explicit Digest(DigestAlgorithm algorithm);
    Digest(Digest&&) noexcept;
    Digest& operator=(Digest&&) noexcept;
    ~Digest();
    void update(const void* bytes, std::size_t count);
    void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
    /// Lower-case hexadecimal. The object is spent afterwards.
    std::string finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string digest_of(DigestAlgorithm algorithm, std::string_view bytes);
/// Of a file from its beginning (pread; the descriptor's position does not matter). `name` is for messages.
std::string digest_of_file(DigestAlgorithm algorithm, const Fd& fd, std::string_view name);
inline std::string sha256(std::string_view bytes) {
    return digest_of(DigestAlgorithm::sha256, bytes);
}

} // namespace pkgjail::base
