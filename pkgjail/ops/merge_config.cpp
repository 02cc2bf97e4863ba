#include "pkgjail/ops/merge_config.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/store/jail_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

std::int64_t count(const std::vector<base::RootPath>& paths) {
    return static_cast<std::int64_t>(paths.size());
}

/// Whether the operator's is still in place of another version: then what nobody has decided stays open,
/// although this merge found it changed by the operator alone.
bool is_still_kept(const store::MergeReport& report, const std::string& path) {
    const auto stands_for = [&](const base::RootPath& kept) {
        return path == kept.str() || path.starts_with(kept.str() + "/");
    };
    return std::any_of(report.kept.begin(), report.kept.end(), stands_for) ||
           std::any_of(report.merged.begin(), report.merged.end(), stands_for);
}

} // namespace

MergedConfig merge_config(Session& session, const catalog::Jail& jail, std::int64_t next,
                          const std::string& new_image) {
    const Context& context = session.context();
    const auto current = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!current)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    store::NextGeneration plan{jail.current, next, current->image_id, new_image, context.config.prefix, {}};
    if (const auto recipe = rendered_recipe(context, jail))
        plan.files = recipe->files;
    const store::MergeReport report = store::extend_generation(context.layout, jail.id, plan);

    MergedConfig merged;
    merged.merge = {count(report.added), count(report.replaced), count(report.removed), count(report.kept),
                    count(report.merged)};
    for (const store::MergeConflict& conflict : report.conflicts)
        merged.met.push_back({conflict.path.str(), conflict.what, ""});
    merged.conflicts = merged.met;
    for (const catalog::ConfigConflict& open : current->conflicts)
        if (open.is_open() && is_still_kept(report, open.path))
            merged.conflicts.push_back(open);
    std::stable_sort(merged.conflicts.begin(), merged.conflicts.end(),
                     [](const auto& a, const auto& b) { return a.path < b.path; });
    return merged;
}

} // namespace pkgjail::ops
