// System calls in words, for people: with those arguments that a profile's filter looks at.
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "pkgjail/confine/seccomp.hpp"

namespace pkgjail::confine {
namespace {

using Named = std::pair<std::uint64_t, std::string_view>;

// The kernel's numbers, written out as in seccomp.cpp.
constexpr Named namespaces[] = {{0x00000080, "CLONE_NEWTIME"},   {0x00020000, "CLONE_NEWNS"},
                                {0x02000000, "CLONE_NEWCGROUP"}, {0x04000000, "CLONE_NEWUTS"},
                                {0x08000000, "CLONE_NEWIPC"},    {0x10000000, "CLONE_NEWUSER"},
                                {0x20000000, "CLONE_NEWPID"},    {0x40000000, "CLONE_NEWNET"}};
constexpr Named families[] = {{1, "AF_UNIX"},       {2, "AF_INET"}, {10, "AF_INET6"}, {16, "AF_NETLINK"},
                              {17, "AF_PACKET"},    {21, "AF_RDS"}, {29, "AF_CAN"},   {30, "AF_TIPC"},
                              {31, "AF_BLUETOOTH"}, {38, "AF_ALG"}, {40, "AF_VSOCK"}, {41, "AF_KCM"},
                              {44, "AF_XDP"},       {45, "AF_MCTP"}};
constexpr Named requests[] = {{0x5412, "TIOCSTI"},
                              {0x541c, "TIOCLINUX"},
                              {0x6602, "FS_IOC_SETFLAGS"},
                              {0x5820, "FS_IOC_FSSETXATTR"},
                              {0x9401, "BTRFS_IOC_SNAP_CREATE"},
                              {0x940e, "BTRFS_IOC_SUBVOL_CREATE"},
                              {0x9417, "BTRFS_IOC_SNAP_CREATE_V2"},
                              {0x9418, "BTRFS_IOC_SUBVOL_CREATE_V2"}};

template <std::size_t count>
std::string name_of(std::uint64_t value, const Named (&names)[count], std::string_view otherwise) {
    const auto found = std::find_if(std::begin(names), std::end(names),
                                    [&](const Named& one) { return one.first == value; });
    return found == std::end(names) ? fmt::format("{} {:#x}", otherwise, value) : std::string(found->second);
}

/// The low byte of clone's flags is a signal.
std::string namespaces_of(std::uint64_t flags, bool has_signal) {
    std::string text;
    for (const auto& [bit, name] : namespaces)
        if ((flags & bit) != 0 && !(has_signal && bit < 0x100))
            text += (text.empty() ? "" : "|") + std::string(name);
    return text;
}

} // namespace

std::string describe_call(const std::string& name, const std::vector<std::uint64_t>& arguments) {
    const auto argument = [&](std::size_t index) {
        return index < arguments.size() ? arguments[index] & 0xffffffffu : 0; // what an int parameter sees
    };
    std::string text;
    if (name == "clone" || name == "unshare")
        text = namespaces_of(argument(0), name == "clone");
    else if (name == "socket")
        text = fmt::format("{}, type {}, protocol {}", name_of(argument(0), families, "family"),
                           argument(1) & 0xf, argument(2));
    else if (name == "socketpair")
        text = name_of(argument(0), families, "family");
    else if (name == "ioctl")
        text = name_of(argument(1) & 0xffff, requests, "request");
    else if (name == "personality")
        text = fmt::format("{:#x}", argument(0));
    else if (name == "mknod" || name == "mknodat")
        text = fmt::format("mode {:o}", argument(name == "mknod" ? 1 : 2) & 0170000u);
    return text.empty() ? name : name + "(" + text + ")";
}

} // namespace pkgjail::confine
