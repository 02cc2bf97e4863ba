// pkg_summary.sig, the signature beside a repository's index: a text that names the index files by size and
// digest, says of which repository they are, when they were made and until when they may be used, and the
// signatures over that text.
//
//     pkgjail index 1
//     repository: ours
//     serial: 1795329600
//     made-at: 2026-11-22T06:40:00Z
//     expires: 2026-12-22T06:40:00Z
//     file: pkg_summary.gz 12345 sha256:HEX          one or more
//     revoked: KEYID                                 none or more
//     signature: KEYID BASE64                        over everything before the first of these lines
//
// This part reads and writes the text. Whether it is believed is decided in repo/judge_index.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/format/signature_key.hpp"

namespace pkgjail::format {

struct SignedIndex {
    static constexpr const char* file_name = "pkg_summary.sig";
    static constexpr std::size_t max_bytes = std::size_t{64} << 10;

    struct File {
        std::string name; ///< "pkg_summary.zst"
        std::uint64_t size = 0;
        std::string sha256;
    };
    struct Signature {
        std::string key_id;
        std::string bytes; ///< 64 of them
    };
    std::string repository; ///< the same in every index of one repository
    std::uint64_t serial = 0;
    base::WallTime made_at; ///< whole seconds, like the next one
    base::WallTime expires;
    std::vector<File> files;
    std::vector<std::string> revoked; ///< ids of keys that the publisher does not want believed any more
    std::vector<Signature> signatures;
    std::string signed_text; ///< what the signatures are over

    /// Exactly the form above, in this order; Error{corrupt} with the line for anything else. There may be no
    /// signature at all.
    static SignedIndex parse(std::string_view text);
    /// Sets signed_text and signatures from the rest.
    void sign(const std::vector<SecretKey>& keys);
    std::string text() const;
    const File* file(std::string_view name) const; ///< nullptr: not named
};

/// What a repository may call itself: a letter or digit first, then [a-z0-9._-], at most 64 bytes.
bool is_repository_id(std::string_view text);
/// 16 lower-case hexadecimal digits.
bool is_key_id(std::string_view text);

} // namespace pkgjail::format
