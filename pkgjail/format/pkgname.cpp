#include "pkgjail/format/pkgname.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::format {
namespace {

// What is wrong with a package's name; empty: nothing.
std::string fault_of(std::string_view text) {
    if (text.empty())
        return "an empty package name";
    if (text.size() > Pkgname::max_length)
        return fmt::format("a package name of {} bytes; at most {} are allowed", text.size(),
                           Pkgname::max_length);
    for (const char byte : text) {
        const auto value = static_cast<unsigned char>(byte);
        if (byte == '/' || value <= 0x20 || value == 0x7f)
            return "not a package name: it holds a slash, a blank or a control character";
    }
    if (text.front() == '.' || text.front() == '-' || text.front() == '+')
        return "not a package name: it begins with a dot, a dash or a plus sign";
    const std::size_t dash = text.rfind('-');
    if (dash == std::string_view::npos)
        return "not a package name: it has no version (NAME-VERSION is expected)";
    if (dash + 1 == text.size())
        return "not a package name: nothing follows its last dash";
    return {};
}

} // namespace

Pkgname Pkgname::parse(std::string_view text) {
    if (std::string fault = fault_of(text); !fault.empty())
        throw base::Error(base::ErrorKind::corrupt, std::string(text.substr(0, max_length)),
                          std::move(fault));
    Pkgname name;
    name.text_ = text;
    name.dash_ = text.rfind('-');
    return name;
}

bool Pkgname::is_valid(std::string_view text) {
    return fault_of(text).empty();
}

} // namespace pkgjail::format
