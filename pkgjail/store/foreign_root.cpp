#include "pkgjail/store/foreign_root.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/pkgname.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::size_t max_packing_list = 32u << 20;
/// A configuration file of more is none.
constexpr off_t max_configuration_file = off_t{16} << 20;

Tree open_directory(const base::HostPath& directory) {
    try {
        return Tree::open(directory);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::system && error.kind() != ErrorKind::not_found)
            throw;
        throw Error(ErrorKind::not_found, directory.string(), error.cause(),
                    "name the directory that holds the packages: a root, or a prefix");
    }
}

} // namespace

ForeignRoot::ForeignRoot(const base::HostPath& directory, const std::string& prefix_here)
    : tree_(open_directory(directory)) {
    find_database(prefix_here);
    read_packages();
    // Where the prefix is not below the directory the directory is the prefix.
    prefix_place_ = RootPath::parse(prefix_);
    const auto place = look(prefix_place_);
    if (!place || !place->is_directory())
        prefix_place_ = RootPath();
}

std::optional<Entry> ForeignRoot::look(const RootPath& path) const {
    try {
        return tree_.stat(path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
        return std::nullopt;
    }
}

void ForeignRoot::find_database(const std::string& prefix_here) {
    std::vector<RootPath> places;
    for (const std::string& prefix :
         {prefix_here, std::string("/usr/pkg"), std::string("/opt/pkg"), std::string("/opt/local")})
        for (const char* name : {"pkgdb", ".pkgdb"})
            places.push_back(RootPath::parse(prefix) / name);
    for (const char* place : {"/var/db/pkg", "/usr/pkg/var/db/pkg", "/pkgdb", "/.pkgdb"})
        places.push_back(RootPath::parse(place));
    bool found = false;
    for (const RootPath& place : places) {
        const auto there = look(place);
        if (!there || !there->is_directory() || (found && place == database_))
            continue;
        const std::vector<std::string> names = tree_.list(place);
        const auto packages = std::count_if(names.begin(), names.end(), [&](const std::string& name) {
            return look(place.entry(name) / "+CONTENTS").has_value();
        });
        if (packages == 0)
            continue;
        if (!found)
            database_ = place;
        else
            unread_.push_back({place.str(),
                               fmt::format("a second package database, with {} packages; {} was read",
                                           packages, database_.str()),
                               "import it from a directory where it is the only one"});
        found = true;
    }
    if (!found)
        throw Error(ErrorKind::not_found, tree_.name(),
                    "there is no package database in it: neither pkgdb in a prefix, nor var/db/pkg",
                    "name the root or the prefix that pkg_add(1) has put packages into");
}

std::optional<ForeignPackage> ForeignRoot::read_package(const std::string& name, std::string& prefix) {
    const RootPath place = database_.entry(name);
    const auto entry = look(place);
    if (!entry || !entry->is_directory() || !look(place / "+CONTENTS"))
        return std::nullopt; // pkgdb.byfile.db, pkg-vulnerabilities
    try {
        const RootPath file = place / "+CONTENTS";
        format::Plist plist = format::read_packing_list(tree_.read(file, max_packing_list), tree_.show(file));
        prefix = plist.prefix;
        ForeignPackage package{plist.pkgname, false, std::move(plist.files)};
        const RootPath info = place / "+INSTALLED_INFO";
        if (look(info))
            package.automatic =
                ("\n" + tree_.read(info, 1u << 16)).find("\nautomatic=yes") != std::string::npos;
        return package;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
        unread_.push_back(
            {place.str(), "cannot be read: " + error.cause(), "install the package into the jail yourself"});
        return std::nullopt;
    }
}

void ForeignRoot::read_packages() {
    std::map<std::string, std::size_t> prefixes;
    std::vector<std::pair<std::string, ForeignPackage>> found;
    for (const std::string& name : tree_.list(database_)) {
        std::string prefix;
        if (auto package = read_package(name, prefix)) {
            ++prefixes[prefix];
            found.emplace_back(prefix, std::move(*package));
        }
    }
    for (const auto& [prefix, count] : prefixes)
        if (prefix_.empty() || count > prefixes.at(prefix_))
            prefix_ = prefix;
    for (auto& [prefix, package] : found) {
        if (prefix != prefix_)
            unread_.push_back({package.pkgname, fmt::format("lies in {}, the others in {}", prefix, prefix_),
                               "what was changed in its files is not found; look for it yourself"});
        for (const format::PlistFile& file : package.files)
            if (file.md5)
                md5s_.insert(*file.md5);
        if (prefix != prefix_)
            package.files.clear();
        packages_.push_back(std::move(package));
    }
    if (packages_.empty())
        throw Error(ErrorKind::corrupt, tree_.show(database_), "no package of it can be read",
                    unread_.empty() ? "" : unread_.front().path + " " + unread_.front().why);
    std::sort(packages_.begin(), packages_.end(),
              [](const auto& a, const auto& b) { return a.pkgname < b.pkgname; });
    // Nobody asked for any: a database copied without its marks.
    if (std::all_of(packages_.begin(), packages_.end(), [](const auto& one) { return one.automatic; }))
        for (ForeignPackage& package : packages_)
            package.automatic = false;
}

bool ForeignRoot::is_package_content(const Entry& entry) const {
    const base::Fd file = tree_.open_regular(entry.path);
    return md5s_.count(base::digest_of_file(base::DigestAlgorithm::md5, file, tree_.show(entry.path))) != 0;
}

std::vector<Entry> ForeignRoot::own_configuration(std::vector<LeftBehind>& left) const {
    std::vector<Entry> own;
    const RootPath top = prefix_place_ / "etc";
    const auto there = look(top);
    if (!there)
        return own;
    if (!there->is_directory()) {
        left.push_back({top.str(), "is no directory", "look where it leads, and copy what you need"});
        return own;
    }
    std::set<std::string> listed;
    for (const ForeignPackage& package : packages_)
        for (const format::PlistFile& file : package.files)
            listed.insert("/" + file.path);
    const Tree etc = tree_.open_tree(top);
    etc.walk([&](const Entry& below) {
        Entry entry = below;
        entry.path = top;
        for (const std::string& name : below.path.components())
            entry.path = entry.path.entry(name);
        if (entry.is_directory()) {
            if (base::is_mount_point(etc, below.path)) {
                left.push_back({entry.path.str(), "is a mount point", "copy what is in it yourself"});
                return false;
            }
            return true;
        }
        if (listed.count("/etc" + below.path.str()) != 0)
            return true; // a package's own, whose changes find_rest() tells
        if (!entry.is_file() && !entry.is_symlink()) {
            left.push_back({entry.path.str(), "is no file", ""});
            return true;
        }
        if (entry.is_file() && entry.status.st_size > max_configuration_file) {
            left.push_back(
                {entry.path.str(), "is too large for a configuration file", "copy it into the jail's data"});
            return true;
        }
        if (entry.is_file() && is_package_content(entry))
            return true;
        if (below.path.is_within(RootPath::parse("/rc.d"))) {
            left.push_back({entry.path.str(), "is an rc.d script of your own, or a changed one",
                            "pkgjail runs what the recipe says; see pkgjail-recipe(5)"});
            return true;
        }
        own.push_back(below);
        return true;
    });
    return own;
}

} // namespace pkgjail::store
