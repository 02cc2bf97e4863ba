// `pkgjail doctor`: can this host do what pkgjail promises, and is the state sound?
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/mounts.hpp"
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

/// The commands that remove jails/<id> with the data that a destroy kept there: `directory`, as the kernel
/// names it. `mounts` is all that is mounted, in the kernel's order.
std::string removal_of_kept_data(const base::HostPath& directory, const std::vector<base::Mount>& mounts);

} // namespace pkgjail::ops
