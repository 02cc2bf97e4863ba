// A directory in which somebody installed packages without pkgjail: a root made by hand for chroot(8), or a
// prefix alone. It is a stranger's tree: everything goes through base::Tree, nothing of it is run, nothing in
// it is changed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/plist.hpp"

namespace pkgjail::store {

struct ForeignPackage {
    std::string pkgname;
    bool automatic = false;               ///< installed only because another one needs it
    std::vector<format::PlistFile> files; ///< below prefix()
};

/// Something that a jail does not get from such a directory.
struct LeftBehind {
    std::string path;   ///< as seen in the directory
    std::string why;    ///< in lower case, without full stop
    std::string remedy; ///< what to do about it; may be empty
};

/// Whether anything but directories is in there, or something is mounted.
bool holds_anything(const base::Tree& tree, const base::RootPath& path);

class ForeignRoot {
  public:
    /// Reads the package database: PREFIX/pkgdb or PREFIX/.pkgdb of `prefix_here` and of the prefixes that
    /// platforms have, var/db/pkg, or pkgdb of a directory that is a prefix itself. Error{not_found} where
    /// there is no directory or no database with a package in it.
    ForeignRoot(const base::HostPath& directory, const std::string& prefix_here);

    const base::Tree& tree() const { return tree_; }
    const std::vector<ForeignPackage>& packages() const { return packages_; } ///< in byte order
    /// Where its packages think they are: "/usr/pkg".
    const std::string& prefix() const { return prefix_; }
    /// Where that is below the directory; "/" where the directory is a prefix.
    const base::RootPath& prefix_place() const { return prefix_place_; }
    /// Whether there is a root around the prefix, with /etc and /var of its own.
    bool is_root() const { return !prefix_place_.is_root(); }
    const base::RootPath& database() const { return database_; }
    /// What is there; nullopt also for what lies behind a symbolic link.
    std::optional<base::Entry> look(const base::RootPath& path) const;

    /// What is in PREFIX/etc and in no package: neither listed by one, nor equal to a file of one, such as
    /// the example that it was made from. Paths below PREFIX/etc. What cannot be taken is added to `left`.
    std::vector<base::Entry> own_configuration(std::vector<LeftBehind>& left) const;

    /// Everything else that a jail does not get by itself: files of the prefix that no package has, or that
    /// are not as their package has them; /etc; data, but for what is at or below one of `taken`.
    void find_rest(const std::vector<base::RootPath>& taken, std::vector<LeftBehind>& left) const;

  private:
    void find_database(const std::string& prefix_here);
    void read_packages();
    std::optional<ForeignPackage> read_package(const std::string& name, std::string& prefix);
    bool is_package_content(const base::Entry& entry) const;
    void find_in_prefix(const std::vector<base::RootPath>& taken, std::vector<LeftBehind>& left) const;
    void find_in_directory(const base::RootPath& directory, const std::set<std::string>& without,
                           const std::set<std::string>& deeper, const std::vector<base::RootPath>& taken,
                           std::vector<LeftBehind>& left) const;
    void find_data(const base::RootPath& path, const std::vector<base::RootPath>& taken, int depth,
                   std::vector<LeftBehind>& left) const;

    base::Tree tree_;
    base::RootPath database_;
    std::string prefix_;
    base::RootPath prefix_place_;
    std::vector<ForeignPackage> packages_;
    std::vector<LeftBehind> unread_; ///< of the database
    std::set<std::string> md5s_;     ///< of all files of all packages
};

} // namespace pkgjail::store
