// ForeignRoot: what a jail does not get by itself, listed with what to do about it.
#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/store/foreign_root.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;

namespace {

/// A program of more is not compared.
constexpr off_t max_compared_file = off_t{1} << 30;

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
