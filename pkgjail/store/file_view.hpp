// Files as something to look at and to compare: a tree, or what several trees make together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

class FileView {
  public:
    /// Where an entry really is. Valid as long as the view.
    struct Found {
        const base::Tree* tree = nullptr;
        base::Entry entry;
    };

    virtual ~FileView() = default;
    /// nullopt when it, or a directory on the way, is missing.
    virtual std::optional<Found> find(const base::RootPath& path) const = 0;
    /// Names in a directory, in byte order; none where it has gone meanwhile.
    virtual std::vector<std::string> list(const base::RootPath& path) const = 0;
};

/// One tree, but for what pkgjail keeps in a configuration for itself (Layout::own_files).
class TreeView : public FileView {
  public:
    explicit TreeView(base::Tree tree);
    const base::Tree& tree() const { return tree_; }
    std::optional<Found> find(const base::RootPath& path) const override;
    std::vector<std::string> list(const base::RootPath& path) const override;

  private:
    base::Tree tree_;
};

/// Names in a directory of a tree that others may be changing: none where it is gone.
std::vector<std::string> names_there(const base::Tree& tree, const base::RootPath& path);

} // namespace pkgjail::store
