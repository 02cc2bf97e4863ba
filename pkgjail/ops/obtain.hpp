// The archives of a plan: fetched where the cache lacks them, and checked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

/// The archives of a plan, checked, with their metadata read, in the plan's order.
struct Archives {
    std::vector<repo::CheckedArchive> archives;
    std::vector<format::PackageMetadata> metadata;
    std::vector<std::string> proofs;       ///< by what each is believed, as catalog::ImagePackage has it
    std::vector<std::string> repositories; ///< from which each was fetched; empty: it was here already
    /// Those of which the index says no digest, by the file name that errors have: what was there when they
    /// were fetched is in the cache.
    std::map<std::string, repo::WantedArchive> undigested;
    std::uint64_t downloaded_bytes = 0;
};

/// The archives that the packages of a jail, or of a lock file, came from.
struct KnownArchives {
    std::map<std::string, std::string> digests; ///< SHA-256, by pkgname
    /// Where the packages are, installed, and outlives this; none: a lock file, or a new jail.
    const catalog::Image* image = nullptr;
};

/// Whether a package may come from another archive than the one whose digest is known.
enum class Digests {
    preferred, ///< a repository may have built it anew; that is told
    exact,     ///< no other archive will do: Error{trust} names all packages that cannot be had so
};

/// Fetches what the cache lacks and checks everything: digest and size against the index; what the
/// repository's policy asks for, before anything in the archive is looked at; pkgname, dependencies,
/// architecture and platform in the package against what was promised; shared libraries that packages ask for
/// against those that the set and the base have. One that was fetched without a digest and is refused is not
/// kept. `local` are archives that the operator named, by pkgname. Unchanged packages are taken from the
/// archives that are known, and so are those that no repository offers any more; where the cache has lost
/// such an archive it is made again from the known image, which somebody keeps from being removed, and from
/// no other: what another says of its packages may be a stranger's word (import). Throws Error{network},
/// Error{trust}, Error{corrupt}, Error{unsolvable} for libraries that nobody has.
Archives obtain_archives(Session& session, const solve::Plan& plan,
                         const std::map<std::string, base::HostPath>& local, const KnownArchives& known,
                         Digests digests = Digests::preferred);

/// For an archive that turns out to be damaged later: one without a digest is forgotten, so that the next
/// command fetches it anew, and the error that is returned says that this may help. Another failure comes
/// back as it is.
base::Error forget_undigested(const Context& context, const Archives& archives, const base::Error& error);

} // namespace pkgjail::ops
