#include "pkgjail/store/setid.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::store {

bool keeps_setid(jail::SetidPolicy policy, const SetidFile& file, SetidList& list) {
    if (policy == jail::SetidPolicy::refuse)
        throw base::Error(base::ErrorKind::denied, file.path,
                          fmt::format("{} makes it a file {} (mode {:04o}), and pkgjail.conf says `setid = "
                                      "refuse`",
                                      file.origin, file.has_capabilities ? "with capabilities" : "set-id",
                                      file.mode),
                          "set `setid = strip` or `setid = keep` in pkgjail.conf if you want the package");
    const bool keeps = policy == jail::SetidPolicy::keep;
    list.emplace(file.path, fmt::format("{} {:04o}{} {}: {}", file.path, file.mode,
                                        file.has_capabilities ? " with capabilities" : "", file.origin,
                                        keeps ? "kept" : "stripped"));
    return keeps;
}

} // namespace pkgjail::store
