#include "pkgjail/store/file_view.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

TreeView::TreeView(Tree tree) : tree_(std::move(tree)) {}

std::optional<FileView::Found> TreeView::find(const RootPath& path) const {
    if (path.is_within(Layout::own_files()))
        return std::nullopt;
    auto entry = tree_.stat(path);
    if (!entry)
        return std::nullopt;
    return Found{&tree_, std::move(*entry)};
}

std::vector<std::string> TreeView::list(const RootPath& path) const {
    std::vector<std::string> names = names_there(tree_, path);
    if (path.is_root())
        std::erase(names, Layout::own_files().name());
    return names;
}

std::vector<std::string> names_there(const Tree& tree, const RootPath& path) {
    try {
        return tree.list(path);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::not_found)
            throw;
        return {};
    }
}

} // namespace pkgjail::store
