#include "pkgjail/store/renumber.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/store/account_databases.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Fd;
using base::RootPath;
using base::Tree;

namespace {

using Numbers = std::map<std::uint32_t, std::uint32_t>;

constexpr const char* account_files[] = {"passwd", "group", "master.passwd"};

std::uint32_t number_of(const Numbers& numbers, std::uint32_t number, std::string_view kind,
                        const std::string& whose) {
    const auto found = numbers.find(number);
    if (found != numbers.end())
        return found->second;
    const bool taken =
        std::any_of(numbers.begin(), numbers.end(), [&](const auto& pair) { return pair.second == number; });
    if (taken)
        throw Error(
            ErrorKind::conflict, whose,
            fmt::format("belongs to {} {}, which an account of the archive has on this host", kind, number),
            "give it another owner before the jail is exported");
    return number;
}

/// linux/posix_acl_xattr.h: four bytes, then entries of a tag, permissions and a number.
std::string renumbered_list(std::string value, const Renumbering& renumbering, const std::string& shown) {
    constexpr unsigned char user_tag = 0x02;
    constexpr unsigned char group_tag = 0x08;
    for (std::size_t at = 4; at + 8 <= value.size(); at += 8) {
        const auto tag = static_cast<unsigned char>(value[at]);
        if (tag != user_tag && tag != group_tag)
            continue;
        std::uint32_t number = 0;
        for (std::size_t i = 4; i-- > 0;)
            number = number << 8 | static_cast<unsigned char>(value[at + 4 + i]);
        number = tag == user_tag ? number_of(renumbering.users, number, "uid", shown)
                                 : number_of(renumbering.groups, number, "gid", shown);
        for (std::size_t i = 0; i < 4; ++i, number >>= 8)
            value[at + 4 + i] = static_cast<char>(number & 0xff);
    }
    return value;
}

void renumber_node(const Fd& fd, const struct stat& status, const Renumbering& renumbering,
                   const std::string& shown) {
    const std::uint32_t uid = number_of(renumbering.users, status.st_uid, "uid", shown);
    const std::uint32_t gid = number_of(renumbering.groups, status.st_gid, "gid", shown);
    const base::Attributes attributes = base::read_attributes(fd, shown);
    const bool other_owner = uid != status.st_uid || gid != status.st_gid;
    if (other_owner && ::fchown(fd.get(), uid, gid) != 0)
        throw base::system_error(errno, shown, "chown");
    // A change of owner clears set-id bits and capabilities.
    if (other_owner && ::fchmod(fd.get(), status.st_mode & 07777u) != 0)
        throw base::system_error(errno, shown, "chmod");
    for (const auto& [name, value] : attributes) {
        if (name.starts_with("system.posix_acl_"))
            base::write_attribute(fd, name, renumbered_list(value, renumbering, shown), shown);
        else if (other_owner && name == "security.capability")
            base::write_attribute(fd, name, value, shown);
    }
}

void renumber_entry(const Tree& tree, const Entry& entry, const Renumbering& renumbering) {
    if (entry.is_directory()) {
        renumber_node(tree.open_tree(entry.path).fd(), entry.status, renumbering, tree.show(entry.path));
    } else if (entry.is_file()) {
        renumber_node(tree.open_regular(entry.path), entry.status, renumbering, tree.show(entry.path));
    } else {
        const std::string shown = tree.show(entry.path);
        tree.set_owner(entry.path, {number_of(renumbering.users, entry.status.st_uid, "uid", shown),
                                    number_of(renumbering.groups, entry.status.st_gid, "gid", shown)});
    }
}

} // namespace

void renumber(const Tree& tree, const Renumbering& renumbering) {
    std::set<std::pair<dev_t, ino_t>> done; // a file with several names once
    renumber_entry(tree, *tree.stat(RootPath()), renumbering);
    tree.walk([&](const Entry& entry) {
        if (entry.is_directory() || entry.status.st_nlink == 1 ||
            done.emplace(entry.status.st_dev, entry.status.st_ino).second)
            renumber_entry(tree, entry, renumbering);
        return true;
    });
}

std::string renumbered_accounts(std::string_view name, std::string_view text,
                                const Renumbering& renumbering) {
    // passwd: name:password:uid:gid:…; group: name:password:gid:members
    const bool is_group = name == "group";
    std::string result;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const bool is_entry = !line.empty() && line.front() != '#';
        for (std::size_t field = 0;; ++field) {
            const std::size_t colon = line.find(':');
            const std::string_view value = line.substr(0, colon);
            const bool is_uid = is_entry && !is_group && field == 2;
            const bool is_gid = is_entry && field == (is_group ? 2u : 3u);
            std::uint32_t number = 0;
            const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
            if ((is_uid || is_gid) && error == std::errc() && stop == value.data() + value.size())
                result += std::to_string(number_of(is_uid ? renumbering.users : renumbering.groups, number,
                                                   is_uid ? "uid" : "gid",
                                                   fmt::format("an entry of etc/{}", name)));
            else
                result += value;
            if (colon == std::string_view::npos)
                break;
            result += ':';
            line.remove_prefix(colon + 1);
        }
        if (end != std::string_view::npos)
            result += '\n';
    }
    return result;
}

void renumber_accounts(const Tree& config, const Renumbering& renumbering) {
    const RootPath etc = RootPath::parse("/etc");
    if (config.exists(etc / "pwd.db") && !needs_account_databases())
        throw Error(
            ErrorKind::conflict, "etc/pwd.db",
            "holds numbers of accounts that are others on this host, and only pwd_mkdb can write it",
            "remove it and etc/spwd.db before the jail is exported, and run pwd_mkdb after the import");
    for (const char* name : account_files) {
        const RootPath path = etc / name;
        const auto there = config.stat(path);
        if (!there || !there->is_file())
            continue;
        const std::string text = config.read(path, 1u << 20);
        const std::string changed = renumbered_accounts(name, text, renumbering);
        if (changed == text)
            continue;
        config.write(path, changed, there->permissions(),
                     permitted_owner({there->status.st_uid, there->status.st_gid}));
        config.set_modification_time(path, there->status.st_mtim);
    }
    // An image without them has none in its manifest.
    if (needs_account_databases() && config.exists(etc / "pwd.db"))
        make_account_databases(config);
}

std::map<std::string, std::uint32_t> seed_accounts(const Tree& seed_config, bool groups) {
    constexpr std::size_t most = 1000;
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const RootPath path = RootPath::parse(groups ? "/etc/group" : "/etc/passwd");
    std::map<std::string, std::uint32_t> accounts;
    std::set<std::uint32_t> seen;
    const auto there = seed_config.stat(path);
    const std::string text = there && there->is_file() ? seed_config.read(path, 1u << 20) : std::string();
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t name_end = line.find(':');
        const std::size_t number_begin = name_end == line.npos ? line.npos : line.find(':', name_end + 1);
        if (number_begin == line.npos || line.front() == '#')
            continue;
        const std::string name(line.substr(0, name_end));
        const std::string_view digits =
            line.substr(number_begin + 1, line.find(':', number_begin + 1) - number_begin - 1);
        std::uint32_t number = 0;
        const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc() || stop != digits.data() + digits.size() || digits.empty() ||
            platform_account_number(groups, name) || is_platform_number(groups, number) ||
            accounts.contains(name))
            continue;
        if (name.empty() || name.size() > 32 || name.find_first_not_of(allowed) != name.npos)
            throw Error(ErrorKind::corrupt, seed_config.show(path),
                        fmt::format("has an entry of the name \"{}\", which no package may declare", name));
        if (!seen.insert(number).second)
            throw Error(ErrorKind::corrupt, seed_config.show(path),
                        fmt::format("has two names for the number {}", number));
        if (accounts.size() >= most)
            throw Error(ErrorKind::corrupt, seed_config.show(path),
                        fmt::format("has more than {} entries", most));
        accounts.emplace(name, number);
    }
    return accounts;
}

jail::Manifest renumbered(const jail::Manifest& manifest, const Tree& image, const Renumbering& renumbering) {
    jail::Manifest result = manifest;
    const RootPath etc = RootPath::parse("/seed/config/etc");
    for (jail::ManifestEntry& entry : result.entries) {
        entry.uid = number_of(renumbering.users, entry.uid, "uid", entry.path.str());
        entry.gid = number_of(renumbering.groups, entry.gid, "gid", entry.path.str());
        const std::string name = entry.path.name();
        const auto is_in = [&](const auto& names) {
            return std::find(std::begin(names), std::end(names), name) != std::end(names);
        };
        const bool is_account_file = entry.type == jail::EntryType::file && entry.path.parent() == etc &&
                                     (is_in(account_files) || is_in(account_databases));
        if (!is_account_file)
            continue;
        const std::string text = image.read(entry.path);
        entry.size = text.size();
        entry.sha256 = base::sha256(text);
    }
    return result;
}

} // namespace pkgjail::store
