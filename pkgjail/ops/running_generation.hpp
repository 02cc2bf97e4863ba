// Which generation a running service was started with, as its supervisor was told; the catalog is not asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pkgjail/store/layout.hpp"

namespace pkgjail::ops {

/// nullopt when nothing runs. Error{corrupt} when something runs and what it was started with is not known.
std::optional<std::int64_t> running_generation(const store::Layout& layout, const std::string& jail_id);

} // namespace pkgjail::ops
