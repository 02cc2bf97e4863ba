// `pkgjail repo index`: the index of a directory of archives, and its signature.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct IndexRequest {
    base::HostPath directory;
    bool sign = false;
    std::vector<base::HostPath> keys; ///< to sign with; none: every own one that is not revoked
    std::chrono::milliseconds valid_for{30ll * 86'400'000};
    std::string id; ///< what the repository calls itself; empty: as before, else a random one
};

struct IndexedFile {
    std::string name; ///< "pkg_summary.zst"
    std::uint64_t size_bytes = 0;
    std::string sha256;
};

struct IndexResult {
    std::size_t packages = 0;
    std::vector<IndexedFile> files;
    bool is_signed = false; ///< the rest is set if so
    std::string id;
    std::uint64_t serial = 0;
    base::WallTime made_at;
    base::WallTime expires;
    std::vector<std::string> key_ids;
    std::vector<std::string> revoked;
};

/// Reads every archive (.tgz, .tbz, .txz, .tzst) of the directory and writes pkg_summary.gz and
/// pkg_summary.zst, sorted by name, the same bytes for the same archives; forms of the index that are there
/// besides are renewed as well. With `sign` also pkg_summary.sig, last, with a serial above the present
/// one's. Nothing is written when an archive is no package, or two are one (Error{corrupt}, Error{conflict}),
/// nor when the present index is signed and this one would not be (Error{conflict}).
IndexResult index_repository(const Context& context, const IndexRequest& request);

} // namespace pkgjail::ops
