#include "pkgjail/ops/learned.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using jail::Profile;

namespace {

Profile own_profile(const Context& context, const catalog::Jail& jail) {
    const auto recipe = rendered_recipe(context, jail);
    return recipe ? recipe->profile : jail::find_profile(jail.profile).value_or(Profile::high);
}

} // namespace

LearnedResult learned(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const catalog::Jail jail = require_jail(*catalog, name);
    const base::HostPath run = context.layout.run(jail.id);
    const auto found = supervise::read_learned(run);
    if (!found)
        throw Error(ErrorKind::not_found, name, "has never learned",
                    fmt::format("pkgjail restart --learn {} has it run and learn", name));
    const supervise::ServiceStatus status = supervise::read_status(run);
    return {name, own_profile(context, jail), status.learning && is_running(status), *found};
}

Profile profile_to_learn(const Context& context, const catalog::Jail& jail, const LearnRequest& request) {
    const Profile own = own_profile(context, jail);
    if (!request.profile)
        return own == Profile::low ? Profile::medium : Profile::high;
    if (*request.profile < own)
        throw Error(
            ErrorKind::usage, fmt::format("--profile {}", jail::profile_name(*request.profile)),
            fmt::format("is weaker than profile {}, which jail {} has", jail::profile_name(own), jail.name),
            fmt::format("--profile {} tells of each call which weaker profile allows it",
                        jail::profile_name(own)));
    return *request.profile;
}

void require_learning(const Context& context) {
    confine::open_driver(context.layout.state(), context.config.runtime)->check_learning();
}

} // namespace pkgjail::ops
