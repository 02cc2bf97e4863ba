// Jails and snapshots that the catalog does not know and that have no mark (store/committed): it is older
// than they are, because somebody has put a backup in its place, or a pkgjail that made no marks left them.
// Nobody removes them, nor what they need, and nothing is swept beside them; a rebuild finds them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct Lost {
    std::map<std::string, std::string> jails; ///< id → name, or what stands for it
    std::vector<std::string> words;           ///< "jail web (0123456789abcdef)", of each
    bool is_sure = true;                      ///< false: something could not be looked at

    bool empty() const { return words.empty(); }
};

/// Also while others are at work: what they have not committed, or are removing, is not lost.
Lost find_lost(const store::Layout& layout, catalog::Catalog& catalog);

/// "the catalog does not know jail web (…), snapshot …: it is older than what is on disk".
std::string lost_in_words(const Lost& lost);
inline constexpr const char* lost_remedy = "pkgjail catalog rebuild makes a catalog that knows what is there";

/// Error{corrupt} when a jail of this name is lost.
void refuse_lost_name(const store::Layout& layout, catalog::Catalog& catalog, const std::string& jail);

/// What a jail or snapshot was placed with goes, now that the catalog knows it. A failure is only told: the
/// next command that changes something tries again.
void settle_committed(const Context& context, const base::HostPath& directory);

} // namespace pkgjail::ops
