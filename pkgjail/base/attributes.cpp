#include "pkgjail/base/attributes.hpp"

#include <cerrno>
#include <vector>

#include <sys/xattr.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

/// Labels belong to the host's policy, not to the file.
bool belongs_to_file(std::string_view attribute) {
    return attribute != "security.selinux" && !attribute.starts_with("trusted.overlay.");
}

bool means_unsupported(int error) {
    return error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS;
}

} // namespace

Attributes read_attributes(const Fd& file, std::string_view shown) {
    Attributes attributes;
    ssize_t size = ::flistxattr(file.get(), nullptr, 0);
    if (size == 0 || (size < 0 && means_unsupported(errno)))
        return attributes;
    std::string names(size < 0 ? 0 : static_cast<std::size_t>(size), '\0');
    if (size > 0)
        size = ::flistxattr(file.get(), names.data(), names.size());
    if (size < 0)
        throw system_error(errno, std::string(shown), "list the extended attributes of");
    names.resize(static_cast<std::size_t>(size));
    std::vector<char> value(64u << 10); // the most that the kernel lets one attribute have
    for (std::size_t begin = 0; begin < names.size();) {
        const std::string name = names.c_str() + begin;
        begin += name.size() + 1;
        if (!belongs_to_file(name))
            continue;
        const ssize_t count = ::fgetxattr(file.get(), name.c_str(), value.data(), value.size());
        if (count < 0)
            throw system_error(errno, std::string(shown), "read the extended attribute " + name + " of");
        attributes.emplace(name, std::string(value.data(), static_cast<std::size_t>(count)));
    }
    return attributes;
}

void write_attribute(const Fd& file, const std::string& name, std::string_view value,
                     std::string_view shown) {
    if (::fsetxattr(file.get(), name.c_str(), value.data(), value.size(), 0) != 0)
        throw system_error(errno, std::string(shown), "set the extended attribute " + name + " of");
}

} // namespace pkgjail::base
