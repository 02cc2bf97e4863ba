// What this room needs to know of URLs: how a name is written in one, what may be shown of one, and the file
// behind a file: URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

/// Everything but RFC 3986's unreserved characters (letters, digits, "-._~") as %XX.
std::string percent_encode(std::string_view text);
/// nullopt for a "%" without two hexadecimal digits and for an encoded NUL.
std::optional<std::string> percent_decode(std::string_view text);

/// The URL as messages show it: without user name and password.
std::string shown_url(std::string_view url);

bool is_file_url(std::string_view url);
/// The path of file:///PATH or file://localhost/PATH, decoded; nullopt when it is neither.
std::optional<base::HostPath> file_url_path(std::string_view url);

} // namespace pkgjail::repo
