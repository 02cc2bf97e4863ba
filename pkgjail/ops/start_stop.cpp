// start and stop over several jails: in the order that `requires` gives, as many at the same time as allowed.
#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/learned.hpp"
#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/restart_jail.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/turns.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using supervise::ServiceState;

namespace {

using Names = std::vector<std::string>;

bool holds(const Names& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// What start and stop have in common: which jails, why, and the telling.
class Several {
  public:
    Several(const Context& context, std::string verb, const Names& asked, const Told& told)
        : context_(context), session_(context, std::move(verb), fmt::format("{}", fmt::join(asked, " ")),
                                      Session::Reads::own, Session::Entry::with_commit),
          requirements_(read_requirements(context, session_.catalog())), told_(told) {}

  protected:
    /// Adds a jail to what is done; `because` of another, or of itself.
    void plan(const std::string& name, const std::string& because) {
        if (planned_.contains(name))
            return;
        order_.push_back(name);
        LifecycleResult& result = planned_[name];
        result.jail = name;
        result.because = name == because ? "" : because;
    }
    void tell_failure(const std::string& name, const Error& error) {
        LifecycleResult result = planned_.contains(name) ? planned_.at(name) : LifecycleResult{};
        result.jail = name;
        result.error = error;
        failed_ = true;
        told_(result);
    }
    void tell_done(const catalog::Jail& jail) {
        LifecycleResult& result = planned_.at(jail.name);
        result.status = status_of(jail);
        told_(result);
    }
    supervise::ServiceStatus status_of(const catalog::Jail& jail) const {
        return supervise::read_status(context_.layout.run(jail.id));
    }
    void finish() {
        if (!failed_) // otherwise the entry in the audit trail says that it failed
            session_.finish();
    }
    static void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

    const Context& context_;
    Session session_;
    const Requirements requirements_;
    Names order_;
    std::map<std::string, LifecycleResult> planned_;

  private:
    const Told& told_;
    bool failed_ = false;
};

class Start : Several {
  public:
    Start(const Context& context, const Names& asked, const Told& told,
          const std::optional<LearnRequest>& learn)
        : Several(context, "start", asked, told), asked_(asked), learn_(learn) {}

    void run() {
        if (learn_ && !context_.dry_run)
            require_learning(context_);
        for (const std::string& name : asked_) {
            try {
                require_jail(session_.catalog(), name);
                for (const std::string& needed : requirements_.start_order(name))
                    plan(needed, holds(asked_, needed) ? needed : name);
            } catch (const Error& error) {
                tell_failure(name, error);
            }
        }
        std::vector<Turn> turns;
        for (const std::string& name : order_)
            turns.push_back({name, requirements_.of(name)});
        TurnWork work;
        work.begin = [this](const std::string& name) { begin(name); };
        work.is_over = [this](const std::string& name) { return is_over(name); };
        work.blocked = [](const std::string& name, const std::string& other, const Error& why) {
            return Error(
                why.kind(), name,
                fmt::format("is not started, because jail {}, which it requires, did not get ready", other),
                fmt::format("pkgjail start {} has the reason", other));
        };
        work.failed = [this](const std::string& name, const Error& why) {
            const auto mine = under_way_.find(name); // none: its turn did not come
            if (mine != under_way_.end() && mine->second.down)
                mine->second.down->failed(why);
            under_way_.erase(name);
            tell_failure(name, why);
        };
        work.pause = pause;
        take_turns(turns, context_.config.parallel, work);
        finish();
    }

  private:
    struct UnderWay {
        JailLock lock;
        catalog::Jail jail;
        std::optional<DownForRestart> down;
        std::unique_ptr<JailStart> start; ///< none: there is nothing to do, or it is done
    };

    void begin(const std::string& name) {
        UnderWay& mine = under_way_[name];
        mine.lock = session_.lock_jail(name);
        mine.jail = require_jail(session_.catalog(), name);
        supervise::ServiceStatus status = status_of(mine.jail);
        if (const auto trouble = supervise::unnoticed_end(context_.layout.run(mine.jail.id), status))
            throw *trouble;
        const bool up = is_up(status);
        std::optional<jail::Profile> learning;
        if (learn_ && holds(asked_, name)) {
            learning = profile_to_learn(context_, mine.jail, *learn_);
            if (up && status.learning != learning)
                throw Error(ErrorKind::conflict, name,
                            status.learning ? "runs already, and learns from another profile"
                                            : "runs already, and does not learn",
                            fmt::format("pkgjail restart --learn --profile {} {}",
                                        jail::profile_name(*learning), name));
        }
        if (up && !learn_ && status.learning)
            context_.reporter.warn(
                fmt::format("jail {} runs and learns; pkgjail restart {} ends the learning", name, name));
        planned_.at(name).changed = !up;
        if (context_.dry_run)
            return;
        if (!up) {
            require_service(context_, mine.jail);
            require_in_place(mine.jail);
            if (mine.jail.wanted_running) // there is nothing to commit first
                session_.sync_entry();
        }
        if (!is_running(status) && !is_unproven(mine.jail)) {
            begin_resting(mine, learning);
            return;
        }
        want_running(session_, mine.jail, true);
        if (up)
            return;
        wait_for_required(name);
        if (is_unproven(mine.jail)) {
            if (learning)
                throw not_put_right(mine.jail);
            mine.jail.wanted_running = true;
            prove_current(session_, mine.jail);
            return;
        }
        if (is_running(status)) { // without its supervisor, or on its way up or down
            if (!requirements_.dependents(name).empty()) {
                settle_others(name); // who requires it may require them too, and is started here
                try {
                    restart_jail(session_, mine.jail, learning);
                } catch (const Error& error) {
                    if (!is_up(status_of(mine.jail)))
                        throw;
                    context_.reporter.warn(error.what()); // of one that requires it
                }
                return;
            }
            mine.down.emplace(session_, mine.jail);
        }
        mine.start = std::make_unique<JailStart>(session_, mine.jail, learning);
    }

    void begin_resting(UnderWay& mine, const std::optional<jail::Profile>& learning) {
        want_in_catalog(session_, mine.jail, true);
        // The record waits for the disk twice, meanwhile the service starts.
        const auto record = [&] { try_to_write_record(session_, mine.jail.id, "start.wanted"); };
        try {
            wait_for_required(mine.jail.name);
            mine.start = std::make_unique<JailStart>(session_, mine.jail, learning);
        } catch (...) {
            record();
            throw;
        }
        record();
    }

    void wait_for_required(const std::string& name) {
        for (const std::string& required : requirements_.of(name)) {
            const catalog::Jail other = require_jail(session_.catalog(), required);
            if (status_of(other).state == ServiceState::unhealthy)
                wait_until_well(context_, other);
        }
    }

    void settle_others(const std::string& name) const {
        for (const auto& [other, theirs] : under_way_)
            while (other != name && theirs.start && !theirs.start->is_settled())
                pause();
    }

    bool is_over(const std::string& name) {
        UnderWay& mine = under_way_.at(name);
        if (mine.start && !mine.start->is_settled())
            return false;
        if (mine.start) {
            mine.start->finish();
            forget_note_of_start(session_, mine.jail);
        }
        if (mine.down)
            mine.down->done();
        tell_done(mine.jail);
        under_way_.erase(name);
        return true;
    }

    const Names& asked_;
    const std::optional<LearnRequest>& learn_;
    std::map<std::string, UnderWay> under_way_;
};

class Stop : Several {
  public:
    Stop(const Context& context, const Names& asked, bool dependents, const Told& told, bool keep_wanted)
        : Several(context, "stop", asked, told), asked_(asked), dependents_(dependents),
          keep_wanted_(keep_wanted) {}

    void run() {
        for (const std::string& name : asked_) {
            try {
                require_jail(session_.catalog(), name);
                plan_with_dependents(name);
            } catch (const Error& error) {
                tell_failure(name, error);
            }
        }
        Names last_first = requirements_.sorted(order_);
        std::reverse(last_first.begin(), last_first.end());
        std::vector<Turn> turns;
        for (const std::string& name : last_first)
            turns.push_back({name, requirements_.required_by(name)});
        TurnWork work;
        work.begin = [this](const std::string& name) { begin(name); };
        work.is_over = [this](const std::string& name) { return is_over(name); };
        work.blocked = [](const std::string& name, const std::string& other, const Error& why) {
            return Error(
                why.kind(), name,
                fmt::format("is not stopped, because jail {}, which requires it, could not be stopped",
                            other),
                fmt::format("pkgjail stop {} has the reason", other));
        };
        work.failed = [this](const std::string& name, const Error& why) {
            under_way_.erase(name);
            tell_failure(name, why);
        };
        work.pause = pause;
        take_turns(turns, context_.config.parallel, work);
        finish();
    }

  private:
    struct UnderWay {
        JailLock lock;
        catalog::Jail jail;
        std::future<bool> stopped; ///< none: a dry run
    };

    /// Who requires it, runs or is to run again, and is not stopped by this command.
    std::vector<catalog::Jail> others_that_need(const std::string& name) {
        std::vector<catalog::Jail> others;
        for (const std::string& other : requirements_.dependents(name)) {
            if (planned_.contains(other) || holds(asked_, other))
                continue;
            const auto jail = catalog::Jails(session_.catalog()).find(other);
            // One that is left down would be started by the next command, and this one with it.
            if (jail && (is_running(status_of(*jail)) || Dependents::is_left_down(*jail)))
                others.push_back(*jail);
        }
        return others;
    }

    Error needed_by(const std::vector<catalog::Jail>& others, const std::string& name) const {
        Names names;
        bool all_run = true;
        for (const catalog::Jail& other : others) {
            names.push_back(other.name);
            all_run = all_run && is_running(status_of(other));
        }
        const bool one = names.size() == 1;
        return {ErrorKind::conflict, name,
                fmt::format("is required by {} {}, which {}", one ? "jail" : "jails", fmt::join(names, ", "),
                            !all_run ? (one ? "is to run again" : "are to run again")
                            : one    ? "runs"
                                     : "run"),
                fmt::format("pkgjail stop --dependents {} stops {} as well", name, one ? "it" : "them")};
    }

    void plan_with_dependents(const std::string& name) {
        const std::vector<catalog::Jail> others = others_that_need(name);
        if (!others.empty() && !dependents_)
            throw needed_by(others, name);
        for (const catalog::Jail& other : others)
            plan(other.name, name);
        plan(name, name);
    }

    void begin(const std::string& name) {
        UnderWay& mine = under_way_[name];
        mine.lock = session_.lock_jail(name);
        mine.jail = require_jail(session_.catalog(), name);
        // Whoever had the lock until now may have started it for one that requires it.
        if (const auto others = others_that_need(name); !others.empty())
            throw needed_by(others, name);
        planned_.at(name).changed = is_running(status_of(mine.jail));
        if (context_.dry_run)
            return;
        if (keep_wanted_ || !mine.jail.wanted_running) // there is nothing to commit first
            session_.sync_entry();
        if (!keep_wanted_) {
            want_running(session_, mine.jail, false);
            if (mine.jail.operation && only_asks_for_a_start(*mine.jail.operation))
                catalog::Jails(session_.catalog()).set_operation(mine.jail.id, std::nullopt);
        }
        base::step("stop.noted");
        context_.reporter.doing("stop " + name);
        // Also where nothing seems to run: it clears what a crash may have left.
        mine.stopped = std::async(std::launch::async,
                                  [run = context_.layout.run(mine.jail.id)] { return supervise::stop(run); });
    }

    bool is_over(const std::string& name) {
        UnderWay& mine = under_way_.at(name);
        if (mine.stopped.valid()) {
            if (mine.stopped.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
                return false;
            mine.stopped.get();
            base::step("stop.stopped");
            tell_who_came_up(name);
        }
        tell_done(mine.jail);
        under_way_.erase(name);
        return true;
    }

    /// Who was launched since others_that_need() was asked has found this one up all the same.
    void tell_who_came_up(const std::string& name) {
        try {
            for (const catalog::Jail& other : others_that_need(name))
                if (is_running(status_of(other)))
                    context_.reporter.warn(
                        fmt::format("jail {1} was stopped, but jail {0}, which requires it, was started "
                                    "meanwhile; pkgjail restart {0} starts both",
                                    other.name, name));
        } catch (const Error& error) {
            context_.reporter.warn(error.what()); // it is no failure of the stop, which is done
        }
    }

    const Names& asked_;
    const bool dependents_;
    const bool keep_wanted_;
    std::map<std::string, UnderWay> under_way_;
};

} // namespace

void start(const Context& context, const Names& jails, const Told& told,
           const std::optional<LearnRequest>& learn) {
    if (!jails.empty())
        Start(context, jails, told, learn).run();
}

void stop(const Context& context, const Names& jails, bool dependents, const Told& told, bool keep_wanted) {
    if (!jails.empty())
        Stop(context, jails, dependents, told, keep_wanted).run();
}

Names dependents_first(const Context& context, const Names& jails) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        return jails;
    Names order = read_requirements(context, *catalog).sorted(jails);
    std::reverse(order.begin(), order.end());
    return order;
}

} // namespace pkgjail::ops
