// Several files of one directory that belong together, written as if they were one as far as that can be.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

struct NewContent {
    HostPath path;
    std::string_view bytes;
};

/// All are written and synced beside their places before the first takes its place, so a full disk changes
/// none; then they do so in this order, `placed` is called after each, and the directory is synced in the
/// end. Killed in between, some are new and some old, each of them whole.
void write_files_atomically(const std::vector<NewContent>& files, unsigned mode,
                            const std::function<void()>& placed);

} // namespace pkgjail::base
