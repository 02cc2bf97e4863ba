// The recipe's files in a merge of the configuration: by the same rule as everything else (merge.hpp), with
// the old and the new rendering in the places of the seeds.
#pragma once

#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/merge.hpp"

namespace pkgjail::store {

/// After merge_configuration() with these paths managed, on its result. A file that only one of the
/// renderings has is compared with what the other one's image has there. Where the operator has made a link
/// or a file of a directory above, nothing is written, and it is a conflict if the two renderings differ. The
/// report's lists stay in order.
void merge_recipe_files(const Beginning& before, const Beginning& after, const base::Tree& mine,
                        const base::Tree& result, const std::set<base::RootPath>& paths, MergeReport& report);

} // namespace pkgjail::store
