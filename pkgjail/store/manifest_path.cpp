#include "pkgjail/store/manifest_path.hpp"

#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

using base::RootPath;

namespace {

/// `path` with the names of `below` appended, whatever they are.
RootPath appended(RootPath path, const RootPath& below) {
    for (const std::string& name : below.components())
        path = path.entry(name);
    return path;
}

} // namespace

std::optional<RootPath> path_in_jail(const RootPath& in_manifest, const std::string& prefix) {
    const RootPath tree = RootPath::parse("/tree");
    if (in_manifest == tree)
        return RootPath::parse(prefix);
    if (in_manifest.is_within(tree))
        return appended(RootPath::parse(prefix), in_manifest.below(tree));
    for (const char* part : {"/seed/config", "/seed/data"}) {
        const RootPath top = RootPath::parse(part);
        if (in_manifest != top && in_manifest.is_within(top))
            return in_manifest.below(top);
    }
    return std::nullopt;
}

RootPath path_in_manifest(const RootPath& in_jail, const std::string& prefix) {
    if (is_configuration(in_jail, prefix))
        return appended(RootPath::parse("/seed/config"), in_jail);
    const RootPath top = RootPath::parse(prefix);
    if (!in_jail.is_within(top))
        return appended(RootPath::parse("/seed/data"), in_jail);
    const RootPath tree = RootPath::parse("/tree");
    return in_jail == top ? tree : appended(tree, in_jail.below(top));
}

} // namespace pkgjail::store
