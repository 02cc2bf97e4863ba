// `pkgjail doctor`: can this host do what pkgjail promises, and is the state sound?
#pragma once

#include <string>
#include <vector>

#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

enum class Verdict { good, note, bad };

struct Finding {
    Verdict verdict = Verdict::good;
    std::string subject; ///< "OCI runtime", "catalog"
    std::string text;    ///< "runc 1.1.5, cgroup v1"
    std::string hint;    ///< what to do; empty: nothing
};

/// Looks, changes nothing but the driver's probe jail, which it removes.
std::vector<Finding> doctor(const Context& context);

} // namespace pkgjail::ops
