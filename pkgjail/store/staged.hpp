// A directory that comes into being beside its place and is renamed to it when it is whole: new jails,
// snapshots and clones.
#pragma once

#include <string>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// Disappears unless it was placed; what a killed command leaves of it, the sweeps clear.
class Staged {
  public:
    /// Makes `staging`, mode 0700; `place` lies in the same directory and is free.
    Staged(base::HostPath staging, base::HostPath place);
    Staged(const Staged&) = delete;
    Staged& operator=(const Staged&) = delete;
    ~Staged();

    const base::HostPath& path() const { return staging_; }
    /// A directory in it; empty: itself.
    base::Tree tree(const std::string& path) const;
    /// Writes the record (mode 0600), syncs, renames. The caller's catalog commit follows. Passes the steps
    /// VERB.synced and VERB.placed.
    void place(const std::string& record_name, const std::string& record, const std::string& verb);

  private:
    base::HostPath staging_;
    base::HostPath place_;
    base::Tree parent_;
    bool placed_ = false;
};

} // namespace pkgjail::store
