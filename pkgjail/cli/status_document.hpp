// The document of `status --json`, for many jails. They share images, and most of the text is the packages of
// these, so that is made once for all jails that have one.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/ops/inspect.hpp"

namespace pkgjail::cli {

std::string status_document(const std::vector<ops::JailView>& views,
                            const std::vector<std::string>& warnings);

} // namespace pkgjail::cli
