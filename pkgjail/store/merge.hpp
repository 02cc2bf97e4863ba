// Bringing a jail's configuration to a new image: a three-way merge of what the old image began with, what
// the new one begins with, and what the jail made of it. Knows trees only; which image and which generation
// they belong to, and syncing the result, is for the caller.
//
// The unit is one entry: file, symbolic link or directory, with owner (numbers) and mode. Times do not count,
// hard links become files of their own.
//
//     the operator has            the new version has            result
//     left it alone               anything                       the new version's
//     changed, added, removed it  left it alone                  the operator's
//     made the same of it         made the same of it            that
//     changed, added, removed it  made something else of it      the operator's, and a conflict
//
// A directory and what is in it are merged apart, as long as both have a directory there. One that the new
// version has no longer goes when nothing of the operator's is left in it. One that the operator has removed
// stays away with everything that a new version would put into it, which is then a conflict.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

struct MergeConflict {
    base::RootPath path;
    /// "changed by you and by the new version", "is a directory now, a file in the new version"; of an
    /// account file "svc: changed by you, removed by the new version".
    std::string what;
};

/// What became of the entries; in byte order of their paths. A path stands in one of the lists at most, but
/// in `conflicts` an account file may come several times, and in `merged` as well. A directory that was
/// added, removed or kept as a whole stands for what is in it. What nobody changed, or both in the same way,
/// is in none.
struct MergeReport {
    std::vector<base::RootPath> added;
    std::vector<base::RootPath> replaced;
    std::vector<base::RootPath> removed;
    std::vector<base::RootPath> kept;   ///< the operator's, also what he removed
    std::vector<base::RootPath> merged; ///< account files with the changes of both
    std::vector<MergeConflict> conflicts;
};

/// Merges into the empty tree `result` (Error{conflict} when it is not); the others stay as they are. `mine`
/// is hostile: root inside a stopped jail did to it whatever it liked. No link in it is followed. FIFOs,
/// sockets and devices cannot be kept: each is a conflict, and the new version's is taken if it has one.
///
/// `managed`: paths that are the caller's to merge, such as the recipe's files (recipe_merge.hpp). They are
/// taken from `mine` as they are, whatever the seeds have, and are in no list.
///
/// /etc/passwd, group, shadow, gshadow and master.passwd of at most 4 MiB are merged by entries (see
/// account_merge.hpp) where the whole file would be a conflict.
///
/// Error{corrupt} where a path in `mine` is longer than a RootPath can be, or a seed holds what no seed may
/// hold. After an error `result` is incomplete; the caller removes it.
MergeReport merge_configuration(const base::Tree& old_seed, const base::Tree& new_seed,
                                const base::Tree& mine, const base::Tree& result,
                                const std::set<base::RootPath>& managed);

/// What a conflict between these is called; nullopt: not there.
std::string describe_conflict(const std::optional<base::Entry>& before,
                              const std::optional<base::Entry>& after,
                              const std::optional<base::Entry>& mine);

} // namespace pkgjail::store
