#include "pkgjail/ops/start_jail.hpp"

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

ServiceStatus start_jail(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    const auto recipe = rendered_recipe(context, jail);
    const supervise::SupervisedService service =
        supervised_service(context, jail, generation->image_id, recipe);
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
    const ServiceStatus status = supervise::wait_until_settled(run, patience);
    base::step("start.settled");
    if (status.state == ServiceState::ready)
        return status;

    supervise::stop(run);
    const std::string words = last_words(context, jail, since);
    throw Error(ErrorKind::unhealthy, jail.name,
                fmt::format("the service did not get ready: {}{}",
                            status.reason.empty() ? status.last_probe : status.reason,
                            words.empty() ? "" : fmt::format(" (last output: {})", words)),
                fmt::format("pkgjail logs {} has everything it wrote", jail.name));
}

bool stop_jail(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    context.reporter.doing("stop " + jail.name);
    return supervise::stop(context.layout.run(jail.id));
}

} // namespace pkgjail::ops
