// How two images differ, counted in the catalog without reading either manifest.
#pragma once

#include <string>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

/// Files and symbolic links, of tree and seed; directories are not counted.
struct ImageChanges {
    std::int64_t added = 0;
    std::int64_t removed = 0;
    std::int64_t changed = 0;    ///< type, mode, owner or content
    std::int64_t size_bytes = 0; ///< of the new one's files, less that of the old one's
};

/// `old_image` empty: everything is added. Error{not_found} for an image that is not in the catalog.
ImageChanges image_changes(Catalog& catalog, const std::string& old_image, const std::string& new_image);

} // namespace pkgjail::catalog
