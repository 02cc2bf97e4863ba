#include "pkgjail/store/sweep.hpp"

#include <fmt/core.h>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

/// A jail that was destroyed with its data kept: nothing but data/ is left.
bool is_kept_data(const Tree& jails, const std::string& name) {
    return jails.list(RootPath::parse(name)) == std::vector<std::string>{"data"};
}

} // namespace

std::vector<std::string> sweep(const Layout& layout, const Known& known) {
    std::vector<std::string> removed;
    const Tree images = Tree::open(layout.images());
    for (const std::string& name : images.list(RootPath())) {
        const bool staging = name.starts_with("new-");
        if (!staging && known.image(name))
            continue;
        images.remove_all(RootPath::parse(name));
        removed.push_back(staging ? fmt::format("half-built image {}", name.substr(4))
                                  : fmt::format("image {} that was never recorded", name.substr(0, 12)));
    }
    const Tree jails = Tree::open(layout.jails());
    for (const std::string& name : jails.list(RootPath())) {
        const bool staging = name.starts_with("new-") || name.starts_with("gone-");
        if (!staging && (known.jail(name) || is_kept_data(jails, name)))
            continue;
        jails.remove_all(RootPath::parse(name));
        removed.push_back(
            staging ? fmt::format("half-made or half-removed jail {}", name.substr(name.find('-') + 1))
                    : fmt::format("jail {} that was never recorded", name));
    }
    return removed;
}

} // namespace pkgjail::store
