#include "pkgjail/store/sweep_configs.hpp"

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

std::vector<std::string> unknown_configs(const Layout& layout, const std::string& jail_id,
                                         const std::set<std::int64_t>& generations) {
    const Tree jails = Tree::open(layout.jails());
    const RootPath configs = RootPath::parse(jail_id) / layout.jail_configs(jail_id).filename().string();
    std::vector<std::string> unknown;
    const auto there = jails.stat(configs);
    if (!there || !there->is_directory())
        return unknown;
    std::set<std::string> known;
    for (const std::int64_t generation : generations)
        known.insert(std::to_string(generation));
    for (const std::string& name : jails.list(configs))
        if (!known.contains(name))
            unknown.push_back(name);
    return unknown;
}

void remove_unknown_config(const Layout& layout, const std::string& jail_id, const std::string& name) {
    Tree::open(layout.jail_configs(jail_id)).remove_all(RootPath().entry(name));
}

void remove_config(const Layout& layout, const std::string& jail_id, std::int64_t generation) {
    Tree::open(layout.jail_configs(jail_id)).remove_all(RootPath().entry(std::to_string(generation)));
}

} // namespace pkgjail::store
