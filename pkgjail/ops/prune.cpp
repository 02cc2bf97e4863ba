#include "pkgjail/ops/prune.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/sweep_configs.hpp"

namespace pkgjail::ops {

std::int64_t last_good_before(const std::vector<catalog::Generation>& generations, std::int64_t current) {
    std::int64_t best = 0;
    for (const catalog::Generation& generation : generations)
        if (generation.number < current && generation.number > best &&
            !generation.outcome.starts_with("rolled back"))
            best = generation.number;
    return best;
}

std::vector<std::int64_t> generations_to_prune(const catalog::Jail& jail,
                                               const std::vector<catalog::Generation>& generations,
                                               const jail::KeepingConfig& policy, std::int64_t now) {
    if (jail.operation)
        return {};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(policy.generations_for).count();
    const std::int64_t fallback = last_good_before(generations, jail.current);
    std::vector<catalog::Generation> newest_first = generations;
    std::sort(newest_first.begin(), newest_first.end(),
              [](const auto& a, const auto& b) { return a.number > b.number; });
    std::vector<std::int64_t> numbers;
    for (std::size_t i = policy.generations; i < newest_first.size(); ++i) {
        const catalog::Generation& generation = newest_first[i];
        if (generation.number != jail.current && generation.number != fallback &&
            generation.created_at <= now - seconds)
            numbers.push_back(generation.number);
    }
    std::reverse(numbers.begin(), numbers.end());
    return numbers;
}

void forget_generations(Session& session, const catalog::Jail& jail,
                        const std::vector<std::int64_t>& numbers) {
    if (numbers.empty())
        return;
    catalog::Transaction transaction(session.catalog().database());
    for (const std::int64_t number : numbers)
        catalog::Jails(session.catalog()).remove_generation(jail.id, number);
    transaction.commit();
    base::step("prune.forgotten");
    write_record(session, jail.id);
    for (const std::int64_t number : numbers)
        store::remove_config(session.context().layout, jail.id, number);
    base::step("prune.removed");
}

void prune_jail(Session& session, const std::string& jail_id) {
    const Context& context = session.context();
    try {
        catalog::Jails jails(session.catalog());
        const auto jail = jails.find_by_id(jail_id);
        if (!jail)
            return;
        const auto old = generations_to_prune(*jail, jails.generations(jail_id), context.config.keeping,
                                              base::to_unix(base::wall_now()));
        if (old.empty())
            return;
        forget_generations(session, *jail, old);
        remove_unreferenced_images(session);
    } catch (const base::Error& error) {
        context.reporter.warn(
            fmt::format("old generations are not all removed: {}; pkgjail gc tries again", error.what()));
    }
}

bool remove_image_if_unneeded(Session& session, const catalog::Image& image) {
    const Context& context = session.context();
    catalog::Images images(session.catalog());
    // Who is about to use the image holds this lock shared until its commit, who builds it alone. So nobody
    // finds it between here and the moment in which its directory is gone.
    const auto lock = base::Lock::try_take(context.layout.image_lock(image.build_key),
                                           base::LockMode::exclusive, "remove image");
    if (!lock)
        return false;
    if (const Lost lost = find_lost(context.layout, session.catalog()); !lost.empty() || !lost.is_sure)
        return false; // they may need it
    const std::vector<std::string> unneeded = images.unreferenced();
    if (std::find(unneeded.begin(), unneeded.end(), image.id) == unneeded.end())
        return false;
    // Forgotten first: cut in between, the directory is what sweep() looks for.
    images.remove(image.id);
    base::step("destroy.image_forgotten");
    store::remove_image(context.layout, image.id);
    return true;
}

std::vector<std::string> remove_unreferenced_images(Session& session) {
    catalog::Images images(session.catalog());
    std::vector<std::string> removed;
    for (const std::string& id : images.unreferenced())
        if (const auto image = images.find(id); image && remove_image_if_unneeded(session, *image))
            removed.push_back(id);
    return removed;
}

} // namespace pkgjail::ops
