// Takes single entries of a directory that somebody else may change meanwhile, without anything that gives
// rights to anybody. What a thing loses on the way is told.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/bare_copy.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/foreign_owners.hpp"

namespace pkgjail::store {

/// One of the trees that something is taken from, and where it goes. All arguments outlive it.
class ForeignMover {
  public:
    /// `shown`: where the tree is in the directory, for what is told. Without `to` (and `owners`) it only
    /// tells.
    ForeignMover(const base::Tree& from, const base::RootPath& shown, const base::Tree* to,
                 ForeignOwners* owners, std::vector<LeftBehind>& left)
        : from_(from), shown_(shown), to_(to), owners_(owners), left_(left) {}

    /// A file, a link or a directory without what is in it, to the same path; its parent is there, and was
    /// moved before when it comes from there too. No directory is there in the place of a file or link. Who
    /// has no name in the jail gives it to `otherwise`. Error{busy} where it is not what was listed any more.
    void move(const base::Entry& entry, base::Owner otherwise);
    /// Gives the directories that were moved their modes and times: when nothing more is made in them, which
    /// would change their times, and which a mode without write permission would keep an ordinary user from.
    /// Until then nobody else gets into them.
    void finish();

    void tell(const base::RootPath& path, const std::string& why, const std::string& remedy = {});
    std::string shown(const base::RootPath& path) const;

  private:
    struct Directory {
        base::RootPath path;
        dev_t device;
        ino_t inode;
    };
    struct Unfinished {
        base::RootPath path;
        unsigned mode;
        struct timespec time;
    };

    base::BareCopy copy_of(const base::Entry& entry);
    void tell_lost(const base::RootPath& path, const base::Attributes& lost, unsigned had, unsigned has);

    const base::Tree& from_;
    base::RootPath shown_;
    const base::Tree* to_;
    ForeignOwners* owners_;
    std::vector<LeftBehind>& left_;
    std::vector<Directory> way_;         ///< those that were moved, from the top down to where we are
    std::vector<Unfinished> unfinished_; ///< a directory before what is in it
};

} // namespace pkgjail::store
