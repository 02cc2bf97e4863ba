// +PKG_HASH, the first member of a signed package: the digests of the inner package's blocks. The signature
// is over this text; what protects the content is that every block is compared with its digest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

struct PackageHash {
    std::string pkgname;
    std::uint64_t block_size = 0;    ///< bytes
    std::uint64_t file_size = 0;     ///< bytes of the inner package
    std::vector<std::string> sha512; ///< of each block, lower-case hexadecimal; the last block may be shorter

    static constexpr std::uint64_t min_block_size = 1024;
    static constexpr std::uint64_t max_block_size = 16u << 20;

    /// Exactly the text that pkgsrc's signer writes; Error{corrupt} for any other.
    static PackageHash parse(std::string_view text);
    std::uint64_t block_length(std::size_t block) const;
};

} // namespace pkgjail::format
