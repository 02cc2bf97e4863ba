#include "pkgjail/base/file_capabilities.hpp"

#include <cerrno>
#include <string>

#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

#ifdef __linux__

namespace {

constexpr const char* attribute = "security.capability";

bool means_none(int error) {
    return error == ENODATA || error == ENOTSUP;
}

} // namespace

bool has_file_capabilities(const Fd& file, std::string_view shown_as) {
    if (::fgetxattr(file.get(), attribute, nullptr, 0) >= 0)
        return true;
    if (!means_none(errno))
        throw system_error(errno, std::string(shown_as), "read the capabilities of");
    return false;
}

void remove_file_capabilities(const Fd& file, std::string_view shown_as) {
    if (::fremovexattr(file.get(), attribute) != 0 && !means_none(errno))
        throw system_error(errno, std::string(shown_as), "remove the capabilities of");
}

#else

bool has_file_capabilities(const Fd&, std::string_view) {
    return false;
}

void remove_file_capabilities(const Fd&, std::string_view) {}

#endif

} // namespace pkgjail::base
