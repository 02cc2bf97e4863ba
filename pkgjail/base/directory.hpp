// One directory of a base::Tree, held open by who makes, moves or links many entries in it: each then costs
// the call for the entry alone, and not one more to get to its directory.
//
// It is the directory that was there when it was opened. Whoever lets others change the tree meanwhile (a
// script, a jail) opens it again.
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::base {

class Directory {
  public:
    /// Opened as Tree::open_tree does it.
    Directory(const Tree& tree, const RootPath& path);

    const RootPath& path() const { return path_; } ///< below the tree's top
    /// How messages name an entry.
    std::string show(const std::string& name) const;
    /// What lstat says; nullopt: there is none.
    std::optional<struct stat> stat(const std::string& name) const;
    /// New regular file, O_EXCL, for writing, that only its owner can read so far. Error{conflict} when the
    /// name is taken.
    Fd create_file(const std::string& name);
    /// Whom a new file belongs to; known after the first one.
    const std::optional<Owner>& owner_of_new() const { return owner_of_new_; }
    /// Moves an entry within one file system; a file or link of that name is replaced.
    void rename_into(const Directory& target, const std::string& name) const;
    /// A second name for a file, in a directory of the same file system. Error{conflict} when it is taken.
    void link_into(const Directory& target, const std::string& name) const;

  private:
    Tree tree_;
    RootPath path_;
    std::optional<Owner> owner_of_new_;
};

} // namespace pkgjail::base
