#include "pkgjail/ops/repositories.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/index_memory.hpp"
#include "pkgjail/ops/index_trust.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/repo/package_signature.hpp"

namespace pkgjail::ops {

namespace {

void look_at_trust(const Context& context, catalog::Catalog& catalog, ListedRepository& listed) {
    try {
        if (listed.config.trust == jail::Trust::package_signed)
            repo::signing_rules(listed.config, context.layout.cache(), base::wall_now());
        listed.proof = require_index(context, catalog, listed.config);
    } catch (const base::Error& error) {
        listed.problem = error.cause();
    }
}

} // namespace

std::string age_text(const ListedRepository& listed) {
    if (!listed.state || !listed.state->newest_build)
        return "";
    const base::WallTime built = base::from_unix(*listed.state->newest_build);
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(base::wall_now() - built);
    return fmt::format("its newest package was built at {}, {}", base::format_time(built),
                       age.count() < 0 ? "in the future" : base::format_duration(age) + " ago");
}

std::string went_back_text(const ListedRepository& listed) {
    constexpr std::size_t most_names = 3;
    const std::size_t count = listed.went_back.size();
    if (count == 0)
        return "";
    std::string names;
    for (std::size_t i = 0; i < std::min(count, most_names); ++i)
        names += (i == 0 ? "" : ", ") + listed.went_back[i].pkgname;
    return fmt::format("{} offered older than before, when there was {}{}",
                       count == 1 ? "1 package is" : fmt::format("{} packages are", count), names,
                       count > most_names ? fmt::format(" and {} more", count - most_names) : "");
}

std::vector<ListedRepository> list_repositories(const Context& context) {
    auto catalog = open_for_reading(context);
    std::vector<ListedRepository> list;
    for (const jail::RepositoryConfig& config : context.config.repositories) {
        ListedRepository& listed = list.emplace_back();
        listed.config = config;
        if (!catalog)
            continue;
        listed.state = catalog::Packages(*catalog).repository(config.name);
        listed.trust = catalog::RepositoryTrusts(*catalog).find(config.name);
        if (listed.state && listed.state->url == config.url && compares_indexes(config))
            listed.went_back = catalog::RepositoryMemories(*catalog).went_back(config.name);
        if (listed.state)
            look_at_trust(context, *catalog, listed);
    }
    return list;
}

} // namespace pkgjail::ops
