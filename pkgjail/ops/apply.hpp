// `pkgjail apply`: makes the jails as jails.d declares them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/declared.hpp"

namespace pkgjail::ops {

struct ApplyRequest {
    std::vector<std::string> jails; ///< empty: every declared one
    bool orphans = false;           ///< also tell of jails that no file declares
    bool remove_orphans = false;    ///< and destroy them, after a question; their data stays
};

/// What became of one jail; in a dry run, what would be done.
struct ApplyResult {
    std::string jail;
    std::string file; ///< of the declaration; empty: an orphan
    std::map<std::string, std::string> labels;
    std::vector<ApplyAction> actions;
    std::size_t done = 0;             ///< so many of them, from the first
    std::optional<base::Error> error; ///< in what comes after these, or before the first
    bool orphan = false;
};
using ApplyTold = std::function<void(const ApplyResult& result)>;

/// Each jail is tried and told of, after those that it requires. Errors of the whole are thrown: Error{usage}
/// when the question about orphans cannot be asked, Error{configuration} for a file in jails.d that can be no
/// jail's.
void apply(const Context& context, const ApplyRequest& request, const ApplyTold& told);

} // namespace pkgjail::ops
