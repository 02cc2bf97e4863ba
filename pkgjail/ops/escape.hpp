// `pkgjail doctor --escape`: does a jail of each profile hold, on this kernel, with this runtime?
#pragma once

#include <string>
#include <vector>

#include "pkgjail/confine/escape.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct EscapeReport {
    confine::DriverInfo driver;
    std::string kernel; ///< "Linux 6.1.0"
    struct Column {
        jail::Profile profile = jail::Profile::high;
        std::vector<confine::Attempt> attempts;
    };
    std::vector<Column> columns; ///< the strictest profile last
    bool held() const;           ///< nothing was open
};

/// Makes a throw-away jail of each profile, as those of services are made, and tries to get out of it. The
/// state directory is made if it is not there; jails and traces are gone when this returns or throws, and
/// what a killed command leaves is removed by the next one. Throws what open_driver() throws, and
/// Error{not_found} where pkgjail-escape is not installed.
EscapeReport try_escapes(const Context& context, const std::vector<jail::Profile>& profiles);

} // namespace pkgjail::ops
