// A repository: where its index and its archives are, and taking a fresh index.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/repo/fetch.hpp"

namespace pkgjail::repo {

/// What is known of the index we have; empty strings: nothing.
struct IndexState {
    std::string file; ///< "pkg_summary.zst"
    std::string etag;
    std::string last_modified;
    std::string sha256;
};

struct FreshIndex {
    bool changed = false; ///< false: what we have is current, nothing else is set
    IndexState state;
    base::HostPath file; ///< the downloaded index in `directory`; the caller removes it when it has read it
};

/// Asks for pkg_summary.zst, .xz, .bz2, .gz and pkg_summary, in this order, conditionally for the one that we
/// have. Throws Error{network} naming the repository and its URL when none can be had.
FreshIndex refresh_index(const jail::RepositoryConfig& repository, const IndexState& known,
                         const base::HostPath& directory, const jail::NetworkConfig& network,
                         const ProgressSink& progress = {});

/// URL of an archive: the repository's URL, "/", the file name with everything but unreserved characters
/// percent-encoded. Throws Error{corrupt} for what is no file name.
std::string archive_url(const jail::RepositoryConfig& repository, const std::string& file_name);

/// A file name as an index may give it: one component of a path, nothing else. Throws Error{corrupt}.
void check_file_name(const std::string& file_name);

/// How messages name it: "repository main (https://host/All)", without user name and password.
std::string shown_repository(const jail::RepositoryConfig& repository);

} // namespace pkgjail::repo
