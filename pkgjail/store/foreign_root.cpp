#include "pkgjail/store/foreign_root.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/printable.hpp"
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
/// A configuration file of more is none; a program of more is not compared.
constexpr off_t max_configuration_file = off_t{16} << 20;
constexpr off_t max_compared_file = off_t{1} << 30;

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

/// What programs make of what packages brought, and make again.
bool is_made_anew(const RootPath& path) {
    static const std::set<std::string> names = {"mimeinfo.cache", "icon-theme.cache", "loaders.cache",
                                                "giomodule.cache", "gschemas.compiled"};
    const std::string& text = path.str();
    return names.count(path.name()) != 0 || text.find("/__pycache__/") != std::string::npos ||
           text.ends_with(".pyc") || text.ends_with("/info/dir") || text.starts_with("/share/mime/");
}

} // namespace

bool holds_anything(const Tree& tree, const RootPath& path) {
    bool found = false;
    const Tree top = tree.open_tree(path);
    top.walk([&](const Entry& entry) {
        found = found || !entry.is_directory() || base::is_mount_point(top, entry.path);
        return !found;
    });
    return found;
}

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

void ForeignRoot::find_in_prefix(const std::vector<RootPath>& taken, std::vector<LeftBehind>& left) const {
    std::map<std::string, const format::PlistFile*> listed;
    std::set<std::string> directories = {"/"};
    for (const ForeignPackage& package : packages_)
        for (const format::PlistFile& file : package.files) {
            const std::string path = "/" + file.path;
            listed.emplace(path, &file);
            for (std::size_t at = path.rfind('/'); at != 0; at = path.rfind('/', at - 1))
                if (!directories.insert(path.substr(0, at)).second)
                    break;
        }
    const Tree prefix = tree_.open_tree(prefix_place_);
    const auto shown = [&](const RootPath& path) {
        return prefix_place_.is_root() ? path.str() : prefix_place_.str() + path.str();
    };
    const auto database =
        database_.is_within(prefix_place_) ? std::optional(database_.below(prefix_place_)) : std::nullopt;
    const auto is_taken = [&](const RootPath& path) {
        return std::any_of(taken.begin(), taken.end(), [&](const RootPath& one) {
            return one.is_within(prefix_place_) && path.is_within(one.below(prefix_place_));
        });
    };
    prefix.walk([&](const Entry& entry) {
        const std::string& path = entry.path.str();
        // etc is own_configuration()'s, var find_data()'s.
        if ((database && entry.path == *database) || path == "/pkgdb.refcount" || path == "/var" ||
            is_taken(entry.path))
            return false;
        const auto package = listed.find(path);
        if (package == listed.end()) {
            if (path == "/etc")
                return true;
            if (entry.path.is_within(RootPath::parse("/etc")) || is_made_anew(entry.path))
                return true;
            if (entry.is_directory()) {
                if (base::is_mount_point(prefix, entry.path)) {
                    left.push_back(
                        {shown(entry.path), "is a mount point", "see --mount in pkgjail-install(8)"});
                    return false;
                }
                const bool is_on_the_way = std::any_of(taken.begin(), taken.end(), [&](const RootPath& one) {
                    return one.is_within(prefix_place_) && one.below(prefix_place_).is_within(entry.path);
                });
                if (directories.count(path) != 0 || is_on_the_way)
                    return true;
                if (holds_anything(prefix, entry.path) && entry.path.name() != "__pycache__")
                    left.push_back({shown(entry.path), "belongs to no package",
                                    "make a package of it with pkg_create(1), or keep it as data"});
                return false;
            }
            left.push_back({shown(entry.path), "belongs to no package",
                            "make a package of it with pkg_create(1), or keep it as data"});
            return true;
        }
        const format::PlistFile& file = *package->second;
        const auto changed = [&](const std::string& why) {
            left.push_back({shown(entry.path), why, "the jail has the package's own"});
        };
        if (entry.is_file() && file.md5) {
            if (entry.status.st_size > max_compared_file)
                changed("is too large to be compared");
            else if (base::digest_of_file(base::DigestAlgorithm::md5, prefix.open_regular(entry.path),
                                          prefix.show(entry.path)) != *file.md5)
                changed("was changed since its package was installed");
        } else if (entry.is_symlink() && file.link_target && *file.link_target != entry.link_target) {
            changed("leads elsewhere than its package says");
        }
        return !entry.is_directory();
    });
}

/// Directories that only hold others', as far as `depth` goes, are told one by one.
void ForeignRoot::find_data(const RootPath& path, const std::vector<RootPath>& taken, int depth,
                            std::vector<LeftBehind>& left) const {
    if (path == database_ ||
        std::any_of(taken.begin(), taken.end(), [&](const RootPath& one) { return path.is_within(one); }))
        return;
    const auto there = look(path);
    if (!there)
        return;
    const bool within =
        std::any_of(taken.begin(), taken.end(), [&](const RootPath& one) { return one.is_within(path); }) ||
        database_.is_within(path);
    if (there->is_directory() && (depth > 0 || within)) {
        for (const std::string& name : tree_.list(path))
            find_data(path.entry(name), taken, depth - 1, left);
        return;
    }
    if (!there->is_directory())
        left.push_back({path.str(),
                        there->is_symlink()
                            ? fmt::format("is a symbolic link to {}", base::printable(there->link_target))
                            : std::string("is no data path of the recipe"),
                        there->is_symlink() ? "look where it leads, and copy what you need"
                                            : "copy it into the jail's data"});
    else if (holds_anything(tree_, path))
        left.push_back({path.str(), "is no data path of the recipe",
                        fmt::format("take it with --data {}=PATH", base::printable(path.str()))});
}

/// What is in a directory of the system's, each by itself.
void ForeignRoot::find_in_directory(const RootPath& directory, const std::set<std::string>& without,
                                    const std::set<std::string>& deeper, const std::vector<RootPath>& taken,
                                    std::vector<LeftBehind>& left) const {
    const auto there = look(directory);
    if (!there)
        return;
    if (!there->is_directory()) {
        find_data(directory, taken, 0, left);
        return;
    }
    for (const std::string& name : tree_.list(directory)) {
        const RootPath path = directory.entry(name);
        if (without.count(name) == 0 && !prefix_place_.is_within(path))
            find_data(path, taken, deeper.count(name) != 0 ? 1 : 0, left);
    }
}

void ForeignRoot::find_rest(const std::vector<RootPath>& taken, std::vector<LeftBehind>& left) const {
    left.insert(left.end(), unread_.begin(), unread_.end());
    find_in_prefix(taken, left);
    static const std::set<std::string> of_the_base = {
        "bin",  "boot", "dev",  "kern",   "lib",        "lib32",  "lib64",   "libx32", "libexec",
        "proc", "run",  "sbin", "rescue", "stand",      "sys",    "tmp",     "etc",    "var",
        "usr",  "home", "root", "opt",    "lost+found", "netbsd", "altroot", "shipid"};
    static const std::set<std::string> of_usr = {"bin",     "sbin",    "lib",   "lib32", "lib64",   "libx32",
                                                 "libexec", "share",   "games", "mdec",  "include", "tests",
                                                 "X11R7",   "libdata", "lkm",   "obj",   "src",     "tmp"};
    static const std::set<std::string> deep = {"db", "lib", "spool", "log", "mail", "www"};
    static const std::set<std::string> passing = {"run", "tmp", "cache", "lock", "empty", "obj"};
    const auto each = [&](const RootPath& directory, const std::set<std::string>& without,
                          const std::set<std::string>& deeper) {
        find_in_directory(directory, without, deeper, taken, left);
    };
    // Packages may have been built to keep their data below the prefix; a prefix alone has only that.
    each(prefix_place_ / "var", passing, deep);
    if (!is_root())
        return;
    each(RootPath::parse("/var"), passing, deep);
    each(RootPath(), of_the_base, {});
    each(RootPath::parse("/usr"), of_usr, {});
    each(RootPath::parse("/opt"), {}, {});
    each(RootPath::parse("/home"), {}, {});
    each(RootPath::parse("/root"), {}, {});
    const RootPath etc = RootPath::parse("/etc");
    const auto there = look(etc);
    if (there && !there->is_directory()) {
        find_data(etc, taken, 0, left);
    } else if (there) {
        std::string names;
        for (const std::string& name : tree_.list(etc))
            names += (names.empty() ? "" : ", ") + base::printable(name);
        if (!names.empty())
            left.push_back({"/etc", fmt::format("is the system's there, and the jail has its own: {}", names),
                            "look for what you have changed, and put it into the jail's /etc"});
    }
}

} // namespace pkgjail::store
