#include "pkgjail/ops/start_jail.hpp"

#include <algorithm>
#include <thread>

#include <fmt/core.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/copied_state.hpp"
#include "pkgjail/ops/host_names.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/prepare.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/resolv.hpp"
#include "pkgjail/ops/restart_jail.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/supervise/launch_anew.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using supervise::ServiceState;
using supervise::ServiceStatus;

namespace {

/// The last words of the service, for the message of a failed start: records since `since`, three at most.
std::string last_words(const Context& context, const catalog::Jail& jail, base::WallTime since) {
    std::string words;
    for (const supervise::LogRecord& record : supervise::read_log(context.layout.log(jail.name), since, 20))
        if (record.stream != "sup")
            words = record.text;
    return words;
}

/// A start takes its time, with what there is to prepare for example, and whoever stops a jail meanwhile sees
/// nobody run who requires it.
std::vector<catalog::Jail> require_still_up(Session& session, const catalog::Jail& jail,
                                            const jail::RenderedRecipe& recipe) {
    std::vector<catalog::Jail> all;
    for (const std::string& name : recipe.requires_) {
        const catalog::Jail required = all.emplace_back(require_jail(session.catalog(), name));
        const ServiceStatus status = supervise::read_status(session.context().layout.run(required.id));
        if (!is_up(status))
            throw RequiredJailFailed(Error(
                ErrorKind::busy, jail.name,
                fmt::format("is not started, because jail {}, which it requires, was ready and is {} by now",
                            name, supervise::state_name(status.state)),
                fmt::format("pkgjail start {} starts both", jail.name)));
    }
    return all;
}

/// What `jail` requires and is not ready yet, each after what that requires itself.
void start_required(Session& session, const catalog::Jail& jail, const jail::RenderedRecipe& recipe) {
    if (recipe.requires_.empty())
        return;
    const Context& context = session.context();
    std::vector<std::string> order = start_order_of(session, jail);
    order.pop_back(); // itself
    const auto is_well = [&](const catalog::Jail& required) {
        const ServiceStatus status = supervise::read_status(context.layout.run(required.id));
        if (status.state == ServiceState::unhealthy)
            wait_until_well(context, required);
        return is_up(status);
    };
    const auto ensure_up = [&](const std::string& name) {
        if (is_well(require_jail(session.catalog(), name)))
            return;
        const auto lock = session.lock_jail(name);
        // Whoever had the lock until now may have started it, or given it another generation.
        catalog::Jail required = require_jail(session.catalog(), name);
        if (is_well(required))
            return;
        if (!is_in_place(required)) // whoever is to be started keeps a note of that
            throw Error(ErrorKind::busy, name, not_put_right(required).cause(),
                        "the next command that changes something tries again");
        context.reporter.warn(fmt::format("jail {} is started, because {} requires it", name, jail.name));
        if (is_unproven(required)) {
            want_running(session, required, true);
            required.wanted_running = true;
            prove_current(session, required);
            return;
        }
        if (is_running(supervise::read_status(context.layout.run(required.id)))) {
            try {
                restart_jail(session, required); // without its supervisor, or on its way up or down
            } catch (const Error& error) {
                if (!is_up(supervise::read_status(context.layout.run(required.id))))
                    throw;
                context.reporter.warn(error.what()); // of another one that requires it as well
            }
            return;
        }
        want_running(session, required, true);
        JailStart(session, required).finish();
        forget_note_of_start(session, required);
    };
    for (const std::string& name : order) {
        try {
            ensure_up(name);
        } catch (const Error& error) {
            throw RequiredJailFailed(error);
        }
    }
}

std::chrono::milliseconds quiet_period(const jail::RenderedRecipe& recipe) {
    std::chrono::milliseconds longest{0};
    for (const jail::Service& service : recipe.services)
        longest = std::max(longest, service.health.quiet);
    return longest;
}

/// A service in its quiet period.
struct Watched {
    ServiceStatus status; ///< as it was last
    std::string failure;  ///< empty: none
};

/// Any exit counts, also one that the supervisor has made good by a restart already.
Watched watch(const base::HostPath& run, const ServiceStatus& first, std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds look_every{50};
    const auto end = base::steady_now() + time;
    Watched result{first, ""};
    while (base::steady_now() < end) {
        std::this_thread::sleep_for(look_every);
        const ServiceStatus status = result.status = supervise::read_status(run);
        for (const supervise::ServicePart& part : status.further)
            if (part.restarts != 0 || part.state == ServiceState::backoff ||
                part.state == ServiceState::failed) {
                result.failure = fmt::format("service {} ended within its quiet period: {}", part.name,
                                             part.last_exit.empty() ? part.reason : part.last_exit);
                return result;
            }
        if (status.service != first.service || status.restarts != first.restarts || !is_running(status)) {
            result.failure = fmt::format("the service ended within its quiet period: {}",
                                         status.last_exit.empty() ? status.reason : status.last_exit);
            return result;
        }
    }
    return result;
}

} // namespace

bool is_running(const ServiceStatus& status) {
    switch (status.state) {
    case ServiceState::starting:
    case ServiceState::ready:
    case ServiceState::unhealthy:
    case ServiceState::backoff:
    case ServiceState::stopping:
    case ServiceState::unsupervised:
        return true;
    case ServiceState::stopped:
    case ServiceState::failed:
        return false;
    }
    return false;
}

bool is_up(const ServiceStatus& status) {
    return status.state == ServiceState::ready || status.state == ServiceState::unhealthy;
}

/// The recipe is read anew at each start: what the catalog has of its network, ports and profile is what it
/// says now.
void JailStart::take_edited_recipe(Session& session, const jail::RenderedRecipe& recipe) {
    catalog::Jail said = jail_;
    take_claims(said, recipe);
    said.profile = jail::profile_name(recipe.profile);
    if (said.network == jail_.network && said.claims == jail_.claims && said.profile == jail_.profile)
        return;
    catalog::Jails jails(session.catalog());
    catalog::Transaction transaction(session.catalog().database());
    check_claims(session.catalog(), said);
    auto now = jails.find_by_id(jail_.id); // with the note that it may have
    if (!now)
        throw Error(ErrorKind::not_found, jail_.name, "is not in the catalog any more");
    jail_.network = now->network = said.network;
    jail_.claims = now->claims = said.claims;
    jail_.profile = now->profile = said.profile;
    jails.update(*now);
    transaction.commit();
    write_record(session, jail_.id);
}

JailStart::JailStart(Session& session, const catalog::Jail& jail, std::optional<jail::Profile> learning)
    : context_(session.context()), jail_(jail), run_(context_.layout.run(jail.id)), since_(base::wall_now()) {
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    refuse_beside_original(context_, jail);
    const auto recipe = rendered_recipe(context_, jail);
    tell_lost_settings(context_, jail, recipe);
    if (recipe)
        take_edited_recipe(session, *recipe);
    if (settle_address(context_, session.catalog(), jail_, recipe)) {
        // The pool was changed, or the recipe: everybody else has an address from the beginning.
        catalog::Jails(session.catalog()).set_address(jail_.id, jail_.address);
        write_record(session, jail_.id);
    }
    supervise::SupervisedService service = supervised_service(context_, jail_, generation->image_id, recipe);
    service.attended = true;
    if (learning) {
        service.spec.learning = confine::Learning{*learning, {}};
        context_.reporter.warn(
            fmt::format("jail {} learns: no system call is denied to it that profile {} denies, until it is "
                        "stopped or restarted without --learn",
                        jail_.name, jail::profile_name(*learning)));
    }
    require_secrets(context_, jail_, recipe);
    make_mount_points(context_, jail_, recipe);
    require_disk_below_limit(context_, jail_, service.spec.limits);
    prepare_disk_limit(context_, jail_, service.spec.limits);
    check_ports_free(jail_);
    if (service.spec.private_network)
        for (const std::string& note : confine::private_network_notes(*service.spec.private_network))
            context_.reporter.warn(fmt::format("jail {}: {}", jail_.name, note));
    write_host_names(context_, session.catalog(), jail_, *recipe);
    write_resolv(context_, jail_, *recipe);
    prepare_jail(context_, jail_, service);
    quiet_ = quiet_period(*recipe);
    required_ = require_still_up(session, jail_, *recipe);

    context_.reporter.doing("start " + jail_.name);
    base::step("start.begun");
    // Grace for the start itself, then the time-outs that the probes may take, and the end of what does not
    // get ready; the supervisor decides, this only bounds a hang.
    auto patience = service.health.grace + service.health.timeout * 2 + service.service.stop_timeout +
                    std::chrono::seconds(10);
    for (const supervise::FurtherServiceSpec& further : service.further) {
        patience += further.service.health.grace + further.service.health.timeout * 2 +
                    further.service.stop_timeout + std::chrono::seconds(5);
    }
    settled_ = std::async(std::launch::async, [program = context_.supervisor, run = run_,
                                               service = std::move(service), patience] {
        supervise::launch_anew(program, run, service, patience);
        base::step("start.launched");
        return supervise::wait_until_settled(run, patience);
    });
}

bool JailStart::is_settled() const {
    return settled_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

ServiceStatus JailStart::finish(Gate gate) {
    ServiceStatus status = settled_.get();
    base::step("start.settled");
    if (status.state != ServiceState::ready)
        give_up(fmt::format("the service did not get ready: {}",
                            status.reason.empty() ? status.last_probe : status.reason));
    if (gate == Gate::quiet) {
        context_.reporter.doing("watch " + jail_.name);
        status = watch_quiet(status);
    }
    tell_who_went_down();
    return status;
}

/// Whoever stops a jail and looked before this one was launched has seen nobody who requires it.
void JailStart::tell_who_went_down() const {
    for (const catalog::Jail& required : required_) {
        try {
            const ServiceStatus status = supervise::read_status(context_.layout.run(required.id));
            if (!is_up(status))
                context_.reporter.warn(fmt::format(
                    "jail {0} runs, but jail {1}, which it requires, was ready and is {2} by now; "
                    "pkgjail restart {0} starts both",
                    jail_.name, required.name, supervise::state_name(status.state)));
        } catch (const Error& error) {
            context_.reporter.warn(error.what()); // it is no failure of the service that runs
        }
    }
}

/// The service is stopped as far as it can be, and the reason thrown with what it said last.
void JailStart::give_up(const std::string& why) {
    std::string rest;
    std::string hint = fmt::format("pkgjail logs {} has everything it wrote", jail_.name);
    try {
        supervise::stop(run_);
    } catch (const Error& error) { // must not hide why it was to be stopped
        rest = fmt::format("; and what is left of it cannot be ended: {}", error.what());
        if (!error.hint().empty())
            hint = error.hint();
    }
    const std::string words = last_words(context_, jail_, since_);
    throw Error(ErrorKind::unhealthy, jail_.name,
                why + (words.empty() ? "" : fmt::format(" (last output: {})", words)) + rest, hint);
}

ServiceStatus JailStart::watch_quiet(const ServiceStatus& first) {
    const Watched watched = watch(run_, first, quiet_);
    if (!watched.failure.empty())
        give_up(watched.failure);
    return watched.status;
}

bool stays_ready(const Context& context, const catalog::Jail& jail) {
    const base::HostPath run = context.layout.run(jail.id);
    const ServiceStatus now = supervise::read_status(run);
    const auto recipe = rendered_recipe(context, jail);
    if (!recipe || now.state != ServiceState::ready || !now.ready_at || now.restarts != 0)
        return false;
    const std::chrono::milliseconds quiet = quiet_period(*recipe);
    const auto ready_for =
        std::chrono::duration_cast<std::chrono::milliseconds>(base::wall_now() - *now.ready_at);
    // The clock may have been set back meanwhile.
    const Watched watched =
        watch(run, now, std::clamp(quiet - ready_for, std::chrono::milliseconds(0), quiet));
    return watched.failure.empty() && watched.status.state == ServiceState::ready;
}

ServiceStatus start_jail(Session& session, const catalog::Jail& jail, Gate gate,
                         std::optional<jail::Profile> learning) {
    if (const auto recipe = rendered_recipe(session.context(), jail))
        start_required(session, jail, *recipe);
    return JailStart(session, jail, learning).finish(gate);
}

void require_room_to_start(const Context& context, const catalog::Jail& jail) {
    const std::uint64_t free = base::free_bytes(context.layout.state());
    if (free < needed_to_start)
        throw Error(ErrorKind::system, context.layout.state().string(),
                    fmt::format("No space left on device: {} are free, and {} are needed to stop and start a "
                                "service; nothing was stopped",
                                jail::format_size(free), jail::format_size(needed_to_start)),
                    "make room on the file system that holds " + context.layout.state().string());
    if (!is_running(supervise::read_status(context.layout.run(jail.id))))
        return;
    require_disk_below_limit(context, jail, jail_limits(context, jail, rendered_recipe(context, jail)));
    try {
        confine::open_driver(context.layout.state(), context.config.runtime);
    } catch (const Error& error) {
        throw Error(error.kind(), jail.name,
                    fmt::format("could not be started again, so nothing was stopped: {}: {}", error.object(),
                                error.cause()),
                    error.hint());
    }
}

void require_disk_below_limit(const Context& context, const catalog::Jail& jail, const jail::Limits& limits) {
    const auto disk = limits.wanted.find(jail::LimitKind::disk);
    if (disk == limits.wanted.end())
        return;
    const base::HostPath storage = context.layout.jail(jail.id);
    if (confine::read_disk_limit(storage, disk->second.value).enforcement != jail::Enforcement::advisory)
        return;
    const std::uint64_t used = confine::measured_disk_use(storage);
    if (used >= confine::too_much_disk(disk->second.value))
        throw Error(
            ErrorKind::conflict, jail.name,
            fmt::format("takes {} on disk, a quarter more than its limit of {}, and would be ended",
                        jail::format_size(used), jail::format_size(disk->second.value)),
            fmt::format("pkgjail limits {0} disk={1} gives it more; pkgjail exec {0} COMMAND can remove "
                        "what it does not need",
                        jail.name, jail::format_size(used * 2)));
}

void prepare_disk_limit(const Context& context, const catalog::Jail& jail, const jail::Limits& limits) {
    if (!limits.wanted.contains(jail::LimitKind::disk))
        return;
    context.reporter.doing("count the files of " + jail.name);
    confine::give_disk_project(context.layout.jail(jail.id));
    base::step("limits.disk_counted");
}

std::vector<std::string> start_order_of(Session& session, const catalog::Jail& jail) {
    try {
        return read_requirements(session.context(), session.catalog()).start_order(jail.name);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::not_found)
            throw;
        throw RequiredJailFailed(error);
    }
}

std::optional<RequiredJailFailed> left_to_a_person(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    rendered_recipe(context, jail); // what is wrong with its own recipe is no other jail's failure
    for (const std::string& name : start_order_of(session, jail)) {
        if (name == jail.name)
            continue;
        const catalog::Jail required = require_jail(session.catalog(), name);
        const ServiceStatus status = supervise::read_status(context.layout.run(required.id));
        if (is_up(status))
            continue;
        const auto because = [&](ErrorKind kind, const std::string& why) {
            return RequiredJailFailed(Error(
                kind, name, fmt::format("{}, and {} requires it", why, jail.name),
                fmt::format("pkgjail start {0} starts both, pkgjail stop {0} leaves it down", jail.name)));
        };
        if (!required.wanted_running)
            return because(ErrorKind::busy, "was stopped");
        if (status.state == ServiceState::failed && !status.ready_at)
            return because(ErrorKind::unhealthy,
                           fmt::format("did not get ready when it was started last ({})", status.reason));
    }
    return std::nullopt;
}

bool is_worth_another_try(const Error& why) {
    return why.kind() == ErrorKind::system || why.kind() == ErrorKind::busy ||
           dynamic_cast<const RequiredJailFailed*>(&why) != nullptr;
}

std::string next_try(const Error& why) {
    // What did not get ready is left to a person.
    const bool waits =
        why.kind() == ErrorKind::unhealthy && dynamic_cast<const RequiredJailFailed*>(&why) != nullptr;
    return fmt::format("the next command that changes something tries again{}",
                       waits ? " once that one is ready" : "");
}

bool stop_jail(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    context.reporter.doing("stop " + jail.name);
    return supervise::stop(context.layout.run(jail.id));
}

void want_in_catalog(Session& session, catalog::Jail jail, bool wanted) {
    if (jail.wanted_running == wanted)
        return;
    jail.wanted_running = wanted;
    catalog::Jails(session.catalog()).update(jail);
}

void want_running(Session& session, const catalog::Jail& jail, bool wanted) {
    want_in_catalog(session, jail, wanted);
    write_record(session, jail.id);
}

void wait_until_well(const Context& context, const catalog::Jail& jail) {
    const auto recipe = rendered_recipe(context, jail);
    const jail::Health health = recipe ? recipe->health : jail::Health{};
    const ServiceStatus status = supervise::wait_until_settled(
        context.layout.run(jail.id), health.interval + health.timeout * 2 + std::chrono::seconds(1));
    if (status.state != ServiceState::ready)
        throw Error(ErrorKind::unhealthy, jail.name,
                    fmt::format("is {}, and has to be ready first: {}", supervise::state_name(status.state),
                                status.reason),
                    "pkgjail status " + jail.name);
}

} // namespace pkgjail::ops
