// Removing what crashed commands left: whatever is on disk and not in the catalog.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// What the catalog knows.
struct Known {
    std::function<bool(const std::string& image_id)> image;
    std::function<bool(const std::string& jail_id)> jail;
};

/// Removes staging and trash directories, images and jails that the catalog does not know. The caller holds
/// the store lock exclusively, so nobody is building. Returns a line for each thing removed. Data directories
/// kept by destroy are left alone.
std::vector<std::string> sweep(const Layout& layout, const Known& known);

} // namespace pkgjail::store
