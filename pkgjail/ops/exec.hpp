// exec, shell: a further process in a jail.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/process.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct ExecRequest {
    std::string jail;
    std::vector<std::string> command; ///< empty: an interactive shell
    std::string user = "root";
    bool terminal = false; ///< our standard input and output are one
};

/// In the running jail; where it does not run, in the same root for the time of this command, with the same
/// confinement. Returns its exit.
base::Exit exec(const Context& context, const ExecRequest& request);

} // namespace pkgjail::ops
