#include "pkgjail/ops/limits.hpp"

#include <algorithm>
#include <thread>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "pkgjail/supervise/usage_looks.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;

namespace {

/// Where nobody has looked before. Not less, because a jail that its cpu limit holds back runs for a part of
/// each of the kernel's periods, which are a tenth of a second long, and then not at all.
constexpr auto watching = std::chrono::milliseconds(100);

using Count = std::optional<std::uint64_t>;

struct TwoLooks {
    confine::Usage before;
    confine::Usage now;
    std::uint64_t usec = 0; ///< between them
};

std::optional<TwoLooks> look_twice(const Context& context, const catalog::Jail& jail) {
    try {
        const base::HostPath run = context.layout.run(jail.id);
        const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
        const auto take = [&] {
            const confine::Usage usage = driver->usage(jail_handle(jail), run);
            return supervise::TimedUsage{usage, base::steady_now()};
        };
        auto before = supervise::earlier_usage(run);
        if (!before) {
            before = take();
            std::this_thread::sleep_for(watching);
        }
        const auto now = take();
        const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now.at - before->at).count();
        return TwoLooks{before->usage, now.usage,
                        static_cast<std::uint64_t>(std::max<std::int64_t>(usec, 0))};
    } catch (const Error& error) {
        context.reporter.warn(fmt::format("usage of jail {}: {}", jail.name, error.what()));
        return std::nullopt;
    }
}

/// A second's worth of what a counter gained.
Count rate(const Count& before, const Count& now, std::uint64_t usec) {
    if (!before || !now || *now < *before || usec == 0)
        return std::nullopt;
    return (*now - *before) * 1'000'000 / usec;
}

Count use_of(LimitKind kind, const TwoLooks& looks) {
    switch (kind) {
    case LimitKind::cpu:
        if (const Count usec = rate(looks.before.cpu_usec, looks.now.cpu_usec, looks.usec))
            return *usec / 10'000; // microseconds a second, in hundredths of a CPU
        return std::nullopt;
    case LimitKind::memory:
        return looks.now.memory_bytes;
    case LimitKind::processes:
        return looks.now.processes;
    case LimitKind::io_read:
        return rate(looks.before.io_read_bytes, looks.now.io_read_bytes, looks.usec);
    case LimitKind::io_write:
        return rate(looks.before.io_write_bytes, looks.now.io_write_bytes, looks.usec);
    case LimitKind::net_in:
        return rate(looks.before.net_in_bytes, looks.now.net_in_bytes, looks.usec);
    case LimitKind::net_out:
        return rate(looks.before.net_out_bytes, looks.now.net_out_bytes, looks.usec);
    default:
        return std::nullopt;
    }
}

Count hits_of(LimitKind kind, const confine::Usage& usage) {
    switch (kind) {
    case LimitKind::cpu:
        return usage.throttled_usec;
    case LimitKind::memory:
        return usage.memory_limit_hits;
    case LimitKind::processes:
        return usage.process_limit_hits;
    default:
        return std::nullopt;
    }
}

/// Measured where the kernel does not count it, so only for those who have asked for a limit.
Count disk_use(const Context& context, const catalog::Jail& jail) {
    try {
        return confine::disk_use(context.layout.jail(jail.id));
    } catch (const Error& error) {
        context.reporter.warn(fmt::format("disk use of jail {}: {}", jail.name, error.what()));
        return std::nullopt;
    }
}

LimitsResult view(const Context& context, const catalog::Jail& jail) {
    LimitsResult result;
    result.jail = jail.name;
    result.limits_template = jail.limits_template;
    const jail::Limits limits = jail_limits(context, jail, rendered_recipe(context, jail));
    result.require_enforced = limits.require_enforced;
    const supervise::ServiceStatus status = supervise::read_status(context.layout.run(jail.id));
    result.running = is_running(status);
    const auto looks = has_process(status) ? look_twice(context, jail) : std::nullopt;
    if (looks)
        result.watched_usec = looks->usec;
    for (const LimitKind kind : jail::all_limit_kinds) {
        LimitView one;
        one.kind = kind;
        if (const auto found = limits.wanted.find(kind); found != limits.wanted.end()) {
            one.wanted = found->second.value;
            one.source = found->second.source;
        }
        for (const jail::LimitReading& reading : status.limits)
            if (result.running && reading.kind == kind)
                one.reading = reading;
        if (looks) {
            one.use = use_of(kind, *looks);
            one.hits = hits_of(kind, looks->now);
        }
        if (kind == LimitKind::disk && one.wanted)
            one.use = disk_use(context, jail);
        result.limits.push_back(std::move(one));
    }
    return result;
}

} // namespace

void check_limit_changes(const std::map<std::string, std::string>& changes) {
    const jail::HostTerms terms = jail::host_terms();
    for (const auto& [name, value] : changes)
        try {
            jail::Limits scratch;
            jail::override_limit(scratch, {name, value, {"limits", 0, name}}, terms, "operator");
        } catch (const Error& error) {
            // What was typed is at fault, not a file.
            throw Error(ErrorKind::usage, fmt::format("{}={}", name, value), error.cause(), error.hint());
        }
}

LimitsResult limits(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    return view(context, require_jail(*catalog, name));
}

namespace {

constexpr const char* limits_note = "limits";

void put_in_force(const Context& context, const catalog::Jail& jail) {
    supervise::change_limits(context.layout.run(jail.id),
                             jail_limits(context, jail, rendered_recipe(context, jail)));
}

/// While kernel and catalog may differ there is a note, by which the next command goes on. It says nothing
/// about another run of the host, so no power cut has to leave it.
class Noted {
  public:
    Noted(Session& session, const catalog::Jail& before, bool differs)
        : session_(session), before_(before), has_note_(differs && !before.operation) {
        if (has_note_)
            session_.catalog().database().without_sync(
                [&] { catalog::Jails(session_.catalog()).set_operation(before_.id, limits_note); });
    }

    /// The service goes on with the limits that the catalog has. The failure that brought us here is what is
    /// thrown afterwards, so what fails here is warned of.
    void put_back() const {
        const Context& context = session_.context();
        try {
            put_in_force(context, before_);
            forget();
        } catch (const Error& error) {
            context.reporter.warn(fmt::format(
                "jail {} runs with limits that are not recorded, until {}: {}", before_.name,
                has_note_ ? "the next command that changes something puts them back" : "its next start",
                error.what()));
        }
    }
    void try_to_forget() const {
        try {
            forget();
        } catch (const Error&) {
            // The next command does it; what failed first is on its way.
        }
    }

  private:
    void forget() const {
        if (has_note_)
            catalog::Jails(session_.catalog()).set_operation(before_.id, std::nullopt);
    }

    Session& session_;
    const catalog::Jail& before_;
    bool has_note_;
};

/// The next start would fail by it.
void refuse_unenforceable(const catalog::Jail& jail, const std::optional<jail::RenderedRecipe>& recipe,
                          const jail::Limits& limits) {
    if (!limits.require_enforced)
        return;
    const jail::NetworkMode network = recipe ? recipe->network : jail::NetworkMode::host;
    for (const LimitKind kind : {LimitKind::net_in, LimitKind::net_out}) {
        const std::string problem = confine::rate_problem(kind, network);
        if (problem.empty() || !limits.wanted.contains(kind))
            continue;
        const std::string name(jail::limit_name(kind));
        throw Error(
            ErrorKind::denied, jail.name,
            fmt::format("limit {} is unavailable ({}), {}", name, problem, supervise::must_be_enforced),
            fmt::format("pkgjail limits {0} require=any does without, pkgjail limits {0} {1}=none takes "
                        "the limit away",
                        jail.name, name));
    }
}

} // namespace

LimitsResult change_limits(const Context& context, const LimitsRequest& request) {
    Session session(context, "limits", request.jail);
    const auto lock = session.lock_jail(request.jail);
    const catalog::Jail before = require_jail(session.catalog(), request.jail);
    catalog::Jail after = before;
    if (!request.limits_template.empty())
        after.limits_template = request.limits_template;
    std::map<std::string, std::string> given;
    for (const auto& [name, value] : request.changes)
        if (value == "default" && (name == "require" || jail::find_limit(name)))
            after.limit_overrides.erase(name);
        else
            given[name] = value;
    check_limit_changes(given);
    for (const auto& [name, value] : given)
        after.limit_overrides[name] = value;
    const auto recipe = rendered_recipe(context, after);
    const jail::Limits wanted = jail_limits(context, after, recipe);
    refuse_unenforceable(after, recipe, wanted);
    const bool changed =
        after.limits_template != before.limits_template || after.limit_overrides != before.limit_overrides;
    LimitsResult result;
    if (!context.dry_run) {
        const bool runs = is_running(supervise::read_status(context.layout.run(after.id)));
        if (runs)
            prepare_disk_limit(context, after, wanted);
        // Kernel and catalog change together, or not at all; cut in between, the next command puts back what
        // the catalog has. The kernel may take its time, for which no other command can wait with its own
        // commit.
        const Noted noted(session, before, runs && changed);
        try {
            base::step("limits.noted");
            supervise::change_limits(context.layout.run(after.id), wanted);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::busy) // that may still put them in force
                noted.try_to_forget();
            throw;
        }
        try {
            base::step("limits.in_force");
            catalog::Jails(session.catalog()).update(after); // and without the note
        } catch (const Error&) {
            noted.put_back();
            throw;
        }
        base::step("limits.committed");
        write_record(session, after.id);
        result = view(context, after);
    } else {
        result = view(context, after);
    }
    result.changed = changed;
    session.finish();
    return result;
}

bool is_note_of_limits(const std::string& note) {
    return note == limits_note;
}

void put_limits_back(Session& session, const catalog::Jail& jail) {
    try {
        put_in_force(session.context(), jail);
    } catch (const Error& error) {
        // Nobody is there to be told, or the service uses more by now: another try is for a person.
        if (error.kind() != ErrorKind::conflict && error.kind() != ErrorKind::denied)
            throw;
        session.context().reporter.warn(
            fmt::format("jail {} may run with limits that are not recorded, until its "
                        "next start: {}",
                        jail.name, error.what()));
    }
    catalog::Jails(session.catalog()).set_operation(jail.id, std::nullopt);
}

} // namespace pkgjail::ops
