// Directories of the store that are ZFS datasets: made, copied, moved and removed through zfs(8), which has
// no other interface that stays. Ours are called PARENT/pkgjail-<random>, PARENT being the dataset that the
// state directory lies on, and are mounted where the directory is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

/// What failed is Error{system} with zfs's own words. A dataset whose name zfs could take for something else
/// is Error{corrupt}.
class Zfs {
  public:
    /// `program`: zfs(8), empty where there is none; then nothing here finds a dataset.
    Zfs(std::optional<base::HostPath> program, std::function<std::vector<base::Mount>()> mounts)
        : program_(std::move(program)), mounts_(std::move(mounts)) {}

    /// This host's, where zfs(8) and its device are.
    static const Zfs& host();
    /// For tests, until the next call; nullptr: the host's again.
    static void replace_host(const Zfs* other);

    /// Makes a dataset mounted at `directory`, whose parent exists. False, and nothing made, where that does
    /// not lie on ZFS.
    bool make(const base::HostPath& directory) const;
    /// Makes `to` a copy of the dataset mounted at `from`, in one step and sharing every block. False, and
    /// nothing made, where `from` is none, or `to` lies in another pool.
    bool copy(const base::HostPath& from, const base::HostPath& to) const;
    /// The dataset mounted at `from` is mounted at `to` from now on. False where `from` is none.
    bool move(const base::HostPath& from, const base::HostPath& to) const;
    /// A directory was renamed from `before` to `now`: our datasets below it are told, so that they are
    /// mounted there after a reboot too.
    void follow_rename(const base::HostPath& before, const base::HostPath& now) const;
    /// Destroys our datasets at and below `directory` with all of their snapshots; copies that were made of
    /// them live on. A dataset that is not ours stays, and so does one that holds others.
    void remove(const base::HostPath& directory) const;

    /// Mount points at or below `directory` that are none of our datasets.
    std::vector<std::string> other_mounts_below(const base::HostPath& directory) const;

  private:
    struct Dataset {
        std::string name;
        std::string point;
    };
    std::vector<base::Mount> table() const;
    std::optional<Dataset> mounted_at(const base::HostPath& directory) const;
    std::optional<Dataset> holder_of(const base::HostPath& directory) const;
    std::vector<Dataset> ours_below(const base::HostPath& directory) const;
    void destroy(const std::string& dataset) const;
    std::string run(const std::vector<std::string>& arguments) const;

    std::optional<base::HostPath> program_;
    std::function<std::vector<base::Mount>()> mounts_;
};

} // namespace pkgjail::store
