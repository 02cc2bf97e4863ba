// Taking an index that is proved before it is used: by a signature beside it, or by a digest that the
// operator wrote down.
#pragma once

#include <functional>
#include <string_view>

#include "pkgjail/repo/judge_index.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::repo {

struct FreshSignedIndex {
    FreshIndex fresh;
    AcceptedIndex accepted;
};

/// Takes pkg_summary.sig, has it judged, and then the first of the files that it names, with just the size
/// and digest that it gives; nothing more is fetched when the known one is among them. A repository that is
/// being written to at this moment is asked a second time. Throws what judge_index throws; Error{trust} when
/// the signature is missing (`seen`: it had one before) and when file and signature do not belong together;
/// Error{network} when it cannot be reached.
FreshSignedIndex refresh_signed_index(const jail::RepositoryConfig& repository, const IndexState& known,
                                      const IndexRules& rules, const base::HostPath& directory,
                                      const jail::NetworkConfig& network, const ProgressSink& progress = {});

/// The first index whose SHA-256 is one of `repository.pins`. Throws Error{trust} naming what was found when
/// there are indexes and none is.
FreshIndex refresh_pinned_index(const jail::RepositoryConfig& repository, const IndexState& known,
                                const base::HostPath& directory, const jail::NetworkConfig& network,
                                const ProgressSink& progress = {});

} // namespace pkgjail::repo
