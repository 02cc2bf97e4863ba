#include "pkgjail/store/accounts.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

struct PlatformAccount {
    const char* name;
    std::uint32_t uid;
    std::uint32_t gid;
    const char* gecos;
    const char* home;
    const char* shell;
};
// The accounts that scripts and daemons take for granted, as NetBSD and Debian both have them.
constexpr PlatformAccount platform_users[] = {
    {"root", 0, 0, "Charlie &", "/root", "/bin/sh"},
    {"daemon", 1, 1, "The devil himself", "/", "/sbin/nologin"},
    {"nobody", 32767, 39, "Unprivileged user", "/nonexistent", "/sbin/nologin"},
};
struct PlatformGroup {
    const char* name;
    std::uint32_t gid;
};
// On NetBSD group 0 is wheel, on Linux root; both names stand, root's first so that ls shows what Linux users
// expect.
constexpr PlatformGroup platform_groups[] = {{"root", 0}, {"wheel", 0},    {"daemon", 1}, {"sys", 3},
                                             {"tty", 4},  {"nogroup", 39}, {"nobody", 39}};

std::vector<std::string_view> split(std::string_view line, char separator) {
    std::vector<std::string_view> fields;
    for (;;) {
        const std::size_t at = line.find(separator);
        fields.push_back(line.substr(0, at));
        if (at == std::string_view::npos)
            return fields;
        line.remove_prefix(at + 1);
    }
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

/// Lines of an account file in a jail that its root may have changed at will: bounded, and anything malformed
/// is passed over as libc does.
std::vector<std::vector<std::string>> read_table(const Tree& config, const char* path, std::size_t fields) {
    std::vector<std::vector<std::string>> rows;
    const RootPath file = RootPath::parse(path);
    if (!config.exists(file))
        return rows;
    const std::string text = config.read(file, 4u << 20);
    for (std::string_view line : split(text, '\n')) {
        const auto parts = split(line, ':');
        if (line.empty() || line.front() == '#' || parts.size() < fields)
            continue;
        rows.emplace_back(parts.begin(), parts.end());
    }
    return rows;
}

std::uint32_t number_of(const std::map<std::string, std::uint32_t>& numbers, const std::string& name,
                        std::string_view kind) {
    const auto found = numbers.find(name);
    if (found == numbers.end())
        throw Error(ErrorKind::corrupt, name,
                    fmt::format("a package declares this {}, but it has no number", kind));
    return found->second;
}

bool is_platform_user(const std::string& name) {
    return std::any_of(std::begin(platform_users), std::end(platform_users),
                       [&](const auto& u) { return name == u.name; });
}
std::optional<std::uint32_t> platform_group(const std::string& name) {
    for (const PlatformGroup& group : platform_groups)
        if (name == group.name)
            return group.gid;
    return std::nullopt;
}

} // namespace

std::optional<std::uint32_t> platform_account_number(bool is_group, const std::string& name) {
    if (is_group)
        return platform_group(name);
    for (const PlatformAccount& user : platform_users)
        if (name == user.name)
            return user.uid;
    return std::nullopt;
}

void write_account_files(const Tree& config, const std::vector<format::DeclaredUser>& users,
                         const std::vector<format::DeclaredGroup>& groups, const AccountNumbers& numbers) {
    std::string passwd, group, shadow;
    for (const PlatformAccount& user : platform_users) {
        passwd += fmt::format("{}:*:{}:{}:{}:{}:{}\n", user.name, user.uid, user.gid, user.gecos, user.home,
                              user.shell);
        shadow += fmt::format("{}:*:::::::\n", user.name);
    }
    for (const PlatformGroup& platform : platform_groups)
        group += fmt::format("{}:*:{}:\n", platform.name, platform.gid);

    std::set<std::string> written;
    for (const format::DeclaredGroup& declared : groups) {
        if (platform_group(declared.name) || !written.insert(declared.name).second)
            continue;
        group += fmt::format("{}:*:{}:\n", declared.name, number_of(numbers.groups, declared.name, "group"));
    }
    std::set<std::string> users_written;
    for (const format::DeclaredUser& declared : users) {
        if (is_platform_user(declared.name) || !users_written.insert(declared.name).second)
            continue;
        const auto gid = platform_group(declared.group);
        passwd += fmt::format("{}:*:{}:{}:{}:{}:{}\n", declared.name,
                              number_of(numbers.users, declared.name, "user"),
                              gid ? *gid : number_of(numbers.groups, declared.group, "group"),
                              declared.gecos.empty() ? declared.name + " user" : declared.gecos,
                              declared.home.empty() ? "/nonexistent" : declared.home,
                              declared.shell.empty() ? "/sbin/nologin" : declared.shell);
        shadow += fmt::format("{}:*:::::::\n", declared.name);
    }
    config.write(RootPath::parse("/etc/passwd"), passwd, 0644, {});
    config.write(RootPath::parse("/etc/group"), group, 0644, {});
    config.write(RootPath::parse("/etc/shadow"), shadow, 0600, {});
}

confine::Identity find_identity(const Tree& config, const std::string& user, const std::string& group) {
    confine::Identity identity;
    const auto passwd = read_table(config, "/etc/passwd", 4);
    const auto groups = read_table(config, "/etc/group", 3);
    bool found = false;
    std::string user_name = user;
    for (const auto& row : passwd) {
        const auto uid = number(row[2]);
        const auto gid = number(row[3]);
        if (!uid || !gid || (row[0] != user && row[2] != user))
            continue;
        identity.uid = *uid;
        identity.gid = *gid;
        user_name = row[0];
        found = true;
        break;
    }
    if (!found) {
        const auto uid = number(user);
        if (!uid)
            throw Error(ErrorKind::configuration, user, "no such user in the jail's /etc/passwd",
                        "name a user that one of the jail's packages creates, or root");
        identity.uid = *uid;
        identity.gid = *uid;
    }
    if (!group.empty()) {
        bool group_found = false;
        for (const auto& row : groups)
            if (const auto gid = number(row[2]); gid && (row[0] == group || row[2] == group)) {
                identity.gid = *gid;
                group_found = true;
                break;
            }
        if (!group_found) {
            const auto gid = number(group);
            if (!gid)
                throw Error(ErrorKind::configuration, group, "no such group in the jail's /etc/group");
            identity.gid = *gid;
        }
    }
    for (const auto& row : groups) {
        const auto gid = number(row[2]);
        if (!gid || *gid == identity.gid || row.size() < 4)
            continue;
        const auto members = split(row[3], ',');
        if (std::find(members.begin(), members.end(), user_name) != members.end() &&
            identity.groups.size() < 64)
            identity.groups.push_back(*gid);
    }
    return identity;
}

} // namespace pkgjail::store
