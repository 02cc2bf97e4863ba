// ps: the processes of a jail.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/process_facts.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct JailProcess {
    base::ProcessFacts facts;
    std::string user; ///< as the jail's own /etc/passwd names the number; the number where it does not
};

/// By pid; empty when the jail does not run. Error{not_found} when there is no such jail.
std::vector<JailProcess> processes(const Context& context, const std::string& jail);

} // namespace pkgjail::ops
