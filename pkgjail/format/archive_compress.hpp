// Compressing a text as one stream, the same bytes for the same text: no time and no name in it.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::format {

enum class TextCompression { none, gzip, bzip2, xz, zstd };

/// Throws Error{system} when the library cannot do it.
std::string compress_text(std::string_view text, TextCompression compression);

} // namespace pkgjail::format
