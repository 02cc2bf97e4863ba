#include "pkgjail/store/accounts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/store/owner.hpp"

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

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
    // The largest number means "leave it as it is" to chown and setuid.
    if (!is_whole || value == std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return value;
}

/// The first fields of one line of an account file; missing ones are empty.
struct Row {
    std::array<std::string_view, 4> fields;
    std::size_t count = 0;
};

/// Calls `visit` for each line with at least `least` fields. The jail's root may have changed the text at
/// will: what is malformed is passed over, as libc does.
template <class Visit>
void for_each_row(std::string_view text, std::size_t least, Visit&& visit) {
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty() || line.front() == '#' || line.front() == ':')
            continue;
        Row row;
        while (row.count < row.fields.size()) {
            const std::size_t colon = line.find(':');
            row.fields[row.count++] = line.substr(0, colon);
            if (colon == std::string_view::npos)
                break;
            line.remove_prefix(colon + 1);
        }
        if (row.count >= least)
            visit(row);
    }
}

/// An account file inside a jail; empty when it is not there.
std::string read_table(const Tree& config, const char* path) {
    const RootPath file = RootPath::parse(path);
    return config.exists(file) ? config.read(file, 1u << 20) : std::string();
}

bool is_member(std::string_view members, std::string_view name) {
    while (!members.empty()) {
        const std::string_view member = members.substr(0, members.find(','));
        if (member == name)
            return true;
        members.remove_prefix(std::min(member.size() + 1, members.size()));
    }
    return false;
}

std::uint32_t number_of(const std::map<std::string, std::uint32_t>& numbers, const std::string& name,
                        std::string_view kind) {
    const auto found = numbers.find(name);
    if (found == numbers.end())
        throw Error(ErrorKind::corrupt, name,
                    fmt::format("a package declares this {}, but it has no number", kind));
    return found->second;
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

bool is_platform_number(bool is_group, std::uint32_t number) {
    if (is_group)
        return std::any_of(std::begin(platform_groups), std::end(platform_groups),
                           [&](const PlatformGroup& group) { return group.gid == number; });
    return std::any_of(std::begin(platform_users), std::end(platform_users),
                       [&](const PlatformAccount& user) { return user.uid == number; });
}

void write_account_files(const Tree& config, const std::vector<format::DeclaredUser>& users,
                         const std::vector<format::DeclaredGroup>& groups, const AccountNumbers& numbers) {
    std::string passwd, group, shadow, master;
    const auto add_user = [&](const std::string& name, std::uint32_t uid, std::uint32_t gid,
                              const std::string& gecos, const std::string& home, const std::string& shell) {
        passwd += fmt::format("{}:*:{}:{}:{}:{}:{}\n", name, uid, gid, gecos, home, shell);
        shadow += fmt::format("{}:*:::::::\n", name);
        master += fmt::format("{}:*:{}:{}::0:0:{}:{}:{}\n", name, uid, gid, gecos, home, shell);
    };
    for (const PlatformAccount& user : platform_users)
        add_user(user.name, user.uid, user.gid, user.gecos, user.home, user.shell);
    for (const PlatformGroup& platform : platform_groups)
        group += fmt::format("{}:*:{}:\n", platform.name, platform.gid);

    std::set<std::string> groups_written;
    const auto add_group = [&](const std::string& name) {
        if (!platform_group(name) && groups_written.insert(name).second)
            group += fmt::format("{}:*:{}:\n", name, number_of(numbers.groups, name, "group"));
    };
    for (const format::DeclaredGroup& declared : groups)
        add_group(declared.name);
    std::set<std::string> users_written;
    for (const format::DeclaredUser& declared : users) {
        if (platform_account_number(false, declared.name) || !users_written.insert(declared.name).second)
            continue;
        add_group(declared.group);
        const auto gid = platform_group(declared.group);
        add_user(declared.name, number_of(numbers.users, declared.name, "user"),
                 gid ? *gid : number_of(numbers.groups, declared.group, "group"),
                 declared.gecos.empty() ? declared.name + " user" : declared.gecos,
                 declared.home.empty() ? "/nonexistent" : declared.home,
                 declared.shell.empty() ? "/sbin/nologin" : declared.shell);
    }
    const base::Owner owner = permitted_owner();
    config.write(RootPath::parse("/etc/passwd"), passwd, 0644, owner);
    config.write(RootPath::parse("/etc/group"), group, 0644, owner);
    if (base::host_opsys() == "NetBSD")
        config.write(RootPath::parse("/etc/master.passwd"), master, 0600, owner);
    else
        config.write(RootPath::parse("/etc/shadow"), shadow, 0600, owner);
}

std::map<std::uint32_t, std::string> user_names(const Tree& config) {
    std::map<std::uint32_t, std::string> names;
    for_each_row(read_table(config, "/etc/passwd"), 3, [&](const Row& row) {
        if (const auto uid = number(row.fields[2]))
            names.emplace(*uid, row.fields[0]);
    });
    return names;
}

std::map<std::string, std::uint32_t> account_numbers_in(const Tree& config, bool groups) {
    constexpr std::size_t longest = 32;
    std::map<std::string, std::uint32_t> numbers;
    for_each_row(read_table(config, groups ? "/etc/group" : "/etc/passwd"), 3, [&](const Row& row) {
        const std::string name(row.fields[0]);
        const auto value = number(row.fields[2]);
        const bool plain =
            !name.empty() && name.size() <= longest &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                std::string::npos;
        if (value && plain)
            numbers.emplace(name, *value);
    });
    return numbers;
}

confine::Identity find_identity(const Tree& config, const std::string& user, const std::string& group) {
    const std::string passwd = read_table(config, "/etc/passwd");
    const std::string groups = read_table(config, "/etc/group");
    confine::Identity identity;
    std::string user_name = user;
    bool found = false;
    for_each_row(passwd, 4, [&](const Row& row) {
        const auto [name, password, uid_text, gid_text] = row.fields;
        const auto uid = number(uid_text);
        const auto gid = number(gid_text);
        if (found || !uid || !gid || (name != user && uid_text != user))
            return;
        identity.uid = *uid;
        identity.gid = *gid;
        user_name = name;
        found = true;
    });
    if (!found) {
        const auto uid = number(user);
        if (!uid)
            throw Error(ErrorKind::configuration, user, "no such user in the jail's /etc/passwd",
                        "name a user that one of the jail's packages creates, or root");
        identity.uid = *uid;
        identity.gid = *uid;
    }
    bool group_found = group.empty();
    for_each_row(groups, 3, [&](const Row& row) {
        const auto gid = number(row.fields[2]);
        if (group_found || !gid || (row.fields[0] != group && row.fields[2] != group))
            return;
        identity.gid = *gid;
        group_found = true;
    });
    if (!group_found) {
        const auto gid = number(group);
        if (!gid)
            throw Error(ErrorKind::configuration, group, "no such group in the jail's /etc/group",
                        "name a group that one of the jail's packages creates, or wheel");
        identity.gid = *gid;
    }
    for_each_row(groups, 4, [&](const Row& row) {
        const auto gid = number(row.fields[2]);
        if (!gid || *gid == identity.gid || identity.groups.size() >= 64 ||
            !is_member(row.fields[3], user_name) ||
            std::find(identity.groups.begin(), identity.groups.end(), *gid) != identity.groups.end())
            return;
        identity.groups.push_back(*gid);
    });
    return identity;
}

} // namespace pkgjail::store
