#include "pkgjail/jail/name.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::jail {

bool is_valid_name(std::string_view name) {
    const auto is_letter_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= 63 && is_letter_or_digit(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

void check_name(std::string_view kind, std::string_view name) {
    if (!is_valid_name(name))
        throw base::Error(base::ErrorKind::usage, std::string(name),
                          fmt::format("no valid {} name, allowed: {}", kind, name_rule));
}

bool is_secret_name(std::string_view name) {
    constexpr std::string_view characters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !name.empty() && name.size() <= 63 && name.front() != '.' && name.front() != '-' &&
           name.find_first_not_of(characters) == std::string_view::npos;
}

} // namespace pkgjail::jail
