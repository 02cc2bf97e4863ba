#include "pkgjail/ops/start_jail.hpp"

#include <thread>

#include <fmt/core.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/service.hpp"
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

/// The service is stopped, and the reason thrown with what it said last.
[[noreturn]] void give_up(const Context& context, const catalog::Jail& jail, base::WallTime since,
                          const std::string& why) {
    supervise::stop(context.layout.run(jail.id));
    const std::string words = last_words(context, jail, since);
    throw Error(ErrorKind::unhealthy, jail.name,
                why + (words.empty() ? "" : fmt::format(" (last output: {})", words)),
                fmt::format("pkgjail logs {} has everything it wrote", jail.name));
}

/// Any exit within the quiet period counts, also one that the supervisor has made good by a restart already.
ServiceStatus watch_quiet(const Context& context, const catalog::Jail& jail, const ServiceStatus& first,
                          std::chrono::milliseconds quiet, base::WallTime since) {
    constexpr std::chrono::milliseconds look_every{50};
    const base::HostPath run = context.layout.run(jail.id);
    const auto end = base::steady_now() + quiet;
    ServiceStatus status = first;
    while (base::steady_now() < end) {
        std::this_thread::sleep_for(look_every);
        status = supervise::read_status(run);
        if (status.service != first.service || status.restarts != first.restarts || !is_running(status))
            give_up(context, jail, since,
                    fmt::format("the service ended within its quiet period: {}",
                                status.last_exit.empty() ? status.reason : status.last_exit));
    }
    return status;
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

ServiceStatus start_jail(Session& session, const catalog::Jail& jail, Gate gate) {
    const Context& context = session.context();
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    const auto recipe = rendered_recipe(context, jail);
    supervise::SupervisedService service = supervised_service(context, jail, generation->image_id, recipe);
    service.attended = true;
    check_ports_free(jail);

    context.reporter.doing("start " + jail.name);
    const base::HostPath run = context.layout.run(jail.id);
    const base::WallTime since = base::wall_now();
    base::step("start.begun");
    supervise::launch(context.supervisor, run, service);
    base::step("start.launched");
    // Grace for the start itself, then the time-outs that the probes may take; the supervisor decides, this
    // only bounds a hang.
    const auto patience = service.health.grace + service.health.timeout * 2 + std::chrono::seconds(10);
    ServiceStatus status = supervise::wait_until_settled(run, patience);
    base::step("start.settled");
    if (status.state != ServiceState::ready)
        give_up(context, jail, since,
                fmt::format("the service did not get ready: {}",
                            status.reason.empty() ? status.last_probe : status.reason));
    if (gate == Gate::ready)
        return status;
    context.reporter.doing("watch " + jail.name);
    return watch_quiet(context, jail, status, service.health.quiet, since);
}

bool stop_jail(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    context.reporter.doing("stop " + jail.name);
    return supervise::stop(context.layout.run(jail.id));
}

} // namespace pkgjail::ops
