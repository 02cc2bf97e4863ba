#include "pkgjail/ops/repositories.hpp"

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
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
        if (listed.state)
            look_at_trust(context, *catalog, listed);
    }
    return list;
}

} // namespace pkgjail::ops
