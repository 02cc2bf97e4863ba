#include "pkgjail/confine/helper.hpp"

#include <unistd.h>

#include "pkgjail/base/process.hpp"

namespace pkgjail::confine {

std::optional<base::HostPath> find_helper(std::string_view name) {
    const base::HostPath here = base::own_program().parent_path();
    const base::HostPath above = here.parent_path();
    for (const base::HostPath& directory : {here, above / "libexec", above / "bin"})
        if (::access((directory / name).c_str(), X_OK) == 0)
            return directory / name;
    return std::nullopt;
}

} // namespace pkgjail::confine
