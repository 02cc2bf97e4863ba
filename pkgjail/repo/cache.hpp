// The archive cache: package archives under their digest. Nothing in it is believed: every use hashes the
// archive again from the very descriptor that is then unpacked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/repo/fetch.hpp"

namespace pkgjail::repo {

/// An archive that is wanted, as the index promises it. With a sha256 and a repository without URL it is one
/// that no repository offers any more: the cache has it or nobody.
struct WantedArchive {
    std::string pkgname;
    jail::RepositoryConfig repository;
    std::string file_name; ///< empty: PKGNAME.tgz
    std::optional<std::uint64_t> size;
    std::string digest_algorithm; ///< "sha512", "sha256", "sha1"; empty: the index gives none
    std::string digest;
    std::string build_date; ///< tells rebuilds of the same name apart where there is no digest
};

/// An archive that was just checked; the descriptor stands at its beginning.
struct CheckedArchive {
    std::string pkgname;
    base::HostPath path;
    base::Fd fd;
    std::string sha256;
    std::uint64_t size = 0;
};

/// A file of the cache that may go.
struct CacheLeftover {
    std::string name;
    std::uint64_t size_bytes = 0;
    std::int64_t used_at = 0; ///< Unix seconds: when it was last used, as leftovers() saw it
};

class Cache {
  public:
    /// `directory` is made 0700 when missing.
    explicit Cache(base::HostPath directory);

    /// Size and digest checked by reading it whole; a damaged one is removed and nullopt (it will be fetched
    /// again), and so is what cannot be our own doing: a link, a FIFO, a file of somebody else or that others
    /// may write to.
    std::optional<CheckedArchive> find(const WantedArchive& wanted) const;
    /// All of them, in order, fetching what is missing, every one checked. Throws Error{network} (cannot be
    /// had; names every package that failed) or Error{trust} (size or digest differ after one fresh download)
    /// without touching those that are fine. Several processes may do so at once.
    std::vector<CheckedArchive> obtain(const std::vector<WantedArchive>& wanted,
                                       const jail::NetworkConfig& network,
                                       const ProgressSink& progress = {}) const;
    /// A copy of an archive that the operator named, so that its jail can be changed later without the file.
    void keep(const CheckedArchive& archive) const;
    /// Lets an archive that was refused be fetched anew, where nothing but the index's other words about it
    /// leads to it: under its digest another one cannot come.
    void forget(const WantedArchive& wanted) const;
    /// Bytes in the cache, unfinished downloads included.
    std::uint64_t size() const;
    /// Archives not used for so long but for those whose sha256 is `needed`, what downloads left behind more
    /// than a day ago, and then the lines that lead to no archive.
    std::vector<CacheLeftover> leftovers(std::chrono::seconds unused_for,
                                         const std::set<std::string>& needed = {}) const;
    /// False when somebody has put it to use since leftovers() saw it, and it stays. Whoever takes an archive
    /// at this moment has it open, or fetches it again.
    bool remove(const CacheLeftover& leftover) const;
    /// Removes archives not used for `days`, and what downloads left behind more than a day ago; returns
    /// bytes freed.
    std::uint64_t prune(unsigned days) const;

  private:
    base::HostPath directory_;
};

/// An archive that the operator named on the command line; its pkgname stays empty, the archive knows it.
/// Throws Error{not_found}, and Error{corrupt} for what is not a regular file.
CheckedArchive check_local_archive(const base::HostPath& path);

} // namespace pkgjail::repo
