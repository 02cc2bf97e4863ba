#include "pkgjail/ops/restore.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/ops/dependents.hpp"
#include "pkgjail/ops/prepare.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/snapshot.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/snapshot_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view note_prefix = "restore ";

class Restore {
  public:
    Restore(const Context& context, const std::string& jail, const std::string& snapshot)
        : context_(context), session_(context, "restore", jail), lock_(session_.lock_jail(jail)),
          jails_(session_.catalog()), jail_(require_jail(session_.catalog(), jail)),
          snapshot_(require_snapshot(session_.catalog(), jail_, snapshot)) {}

    RestoreResult run() {
        RestoreResult result{jail_.name, snapshot_.name, "", jail_.current, snapshot_.image_id, false, {}};
        if (context_.dry_run)
            return result;
        require_in_place(jail_);
        require_proven(jail_);
        ask();
        after_ = with_settings(session_, jail_, snapshot_.settings);
        if (after_.settings != jail_.settings)
            require_claims_free(session_.catalog(), after_);
        ran_ = is_running(supervise::read_status(context_.layout.run(jail_.id))) ||
               (jail_.operation && jail_.wanted_running);
        starts_ = ran_ || is_to_run(session_, after_);
        after_.current = next_ = next_generation();
        aside_ = snapshot_now(session_, jail_, name_of_time(session_.catalog(), jail_, "before-restore-"));
        aside_.method = "rename";
        if (!starts_ && after_.settings != jail_.settings)
            tell_lost_settings(context_, after_, rendered_recipe(context_, after_));
        dependents_.emplace(session_, jail_);
        exchange();
        result.kept_as = aside_.name;
        result.generation = jail_.current;
        if (starts_) {
            result.status = start();
            result.started = true;
            dependents_->bring_up();
        } else {
            dependents_->bring_up_all_the_same();
        }
        session_.finish();
        return result;
    }

  private:
    void ask() {
        const std::string when = base::format_time(base::from_unix(snapshot_.created_at));
        if (!context_.reporter.confirm(
                fmt::format("Put data and configuration of jail {} back to snapshot {} of {}? What was "
                            "written since is lost to the jail; it is kept as another snapshot.",
                            jail_.name, snapshot_.name, when)))
            throw Error(ErrorKind::usage, jail_.name,
                        "not restored, because the question was not answered with yes",
                        "repeat it with --yes");
    }

    std::int64_t next_generation() {
        std::int64_t last = jail_.current;
        for (const catalog::Generation& generation : jails_.generations(jail_.id))
            last = std::max(last, generation.number);
        return last + 1;
    }

    void exchange() {
        try {
            // The long part, while the service still runs.
            context_.reporter.doing(fmt::format("copy snapshot {} of {}", snapshot_.name, jail_.name));
            store::prepare_restore(context_.layout, snapshot_.id, jail_.id, next_);
            base::step("restore.prepared");
            require_room_to_start(context_, jail_);
            jails_.set_operation(jail_.id, note_of_restore(aside_.id));
            base::step("restore.noted");
            dependents_->take_down();
            stop_jail(session_, jail_);
            base::step("restore.stopped");
            set_aside();
            store::place_restored_data(context_.layout, jail_.id);
            base::step("restore.data_placed");
            // A snapshot may be older than the first start. Nobody comes back to this after the commit; when
            // the restore is undone, the next start finds data there and notes them again.
            forget_preparation(context_, jail_);
            base::step("restore.preparation_forgotten");
            commit();
        } catch (...) {
            put_back();
            throw;
        }
        try {
            base::step("restore.committed");
            confine::release_disk(context_.layout.snapshot_data(aside_.id));
            write_record(session_, jail_.id);
        } catch (const Error& error) {
            context_.reporter.warn(error.what()); // the next command writes it; the service comes first
        }
    }

    void set_aside() {
        store::SnapshotStaging staging(context_.layout, aside_.id);
        staging.freeze_config(jail_.id, jail_.current);
        aside_.size_bytes = staging.size_bytes() + store::size_of(context_.layout.jail_data(jail_.id));
        staging.place(record_of(aside_, jail_), store::SnapshotStaging::Known::by_note);
        base::step("restore.aside_made");
        store::set_data_aside(context_.layout, jail_.id, aside_.id);
        base::step("restore.data_aside");
    }

    /// The switch: what lies on disk already becomes the jail's, and the snapshot's.
    void commit() {
        generation_ = generation_of(context_, snapshot_.image_id, snapshot_.wishes);
        generation_.settings = snapshot_.settings;
        generation_.reason = "restored from snapshot " + snapshot_.name;
        catalog::Transaction transaction(session_.catalog().database());
        catalog::Snapshots(session_.catalog()).add(aside_);
        const std::int64_t made = jails_.add_generation(jail_.id, generation_);
        if (made != next_)
            throw Error(ErrorKind::corrupt, jail_.name,
                        fmt::format("generation {} came where {} was expected", made, next_));
        if (after_.settings != jail_.settings)
            require_claims_free(session_.catalog(), after_);
        jails_.update(after_);
        // Until it is started: a command killed in between must not leave the service down.
        jails_.set_operation(jail_.id, starts_ ? std::optional<std::string>("restart") : std::nullopt);
        transaction.commit();
        jail_ = after_;
        jail_.current = made;
        generation_.number = made;
    }

    /// Everything that was is again, as far as that can be done; the failure that brought us here goes on.
    void put_back() {
        const std::string what = "put back what jail " + jail_.name + " had";
        try {
            const auto noted = jails_.find_by_id(jail_.id);
            if (noted && noted->operation && set_aside_by_restore(*noted->operation))
                undo_restore(session_, jail_, aside_.id);
            store::discard_restore(context_.layout, jail_.id, next_);
            const auto state = supervise::read_status(context_.layout.run(jail_.id));
            if (ran_ && !is_running(state))
                start_jail(session_, jail_);
            if (state.state != supervise::ServiceState::stopping) // it ends, and has to be started then
                jails_.set_operation(jail_.id, std::nullopt);
        } catch (const Error& error) {
            // A note that is still there has the next command try again.
            context_.reporter.warn(what + ": " + error.what());
        }
        dependents_->bring_up_all_the_same();
    }

    supervise::ServiceStatus start() {
        try {
            supervise::ServiceStatus status = start_jail(session_, jail_);
            jails_.set_operation(jail_.id, std::nullopt);
            return status;
        } catch (const Error& error) {
            if (!is_worth_another_try(error))
                jails_.set_operation(jail_.id, std::nullopt);
            dependents_->bring_up_all_the_same(); // or says why they cannot come up
            throw Error(
                error.kind(), jail_.name,
                fmt::format("was restored and does not start: {}",
                            error.object() == jail_.name ? error.cause() : error.what()),
                fmt::format("pkgjail restore {} {} brings back what it had before", jail_.name, aside_.name));
        }
    }

    const Context& context_;
    Session session_;
    JailLock lock_;
    catalog::Jails jails_;
    catalog::Jail jail_;
    catalog::Jail after_; ///< with the snapshot's settings
    std::optional<Dependents> dependents_;
    catalog::Snapshot snapshot_;
    catalog::Snapshot aside_;
    catalog::Generation generation_;
    std::int64_t next_ = 0;
    bool ran_ = false;    ///< or was to be started again, which had failed
    bool starts_ = false; ///< afterwards: also one that is to run and had failed
};

} // namespace

RestoreResult restore(const Context& context, const std::string& jail, const std::string& snapshot) {
    return Restore(context, jail, snapshot).run();
}

std::string note_of_restore(const std::string& snapshot_id) {
    return std::string(note_prefix) + snapshot_id;
}

std::optional<std::string> set_aside_by_restore(const std::string& note) {
    if (!note.starts_with(note_prefix))
        return std::nullopt;
    return note.substr(note_prefix.size());
}

std::set<std::string> snapshots_set_aside(const std::vector<catalog::Jail>& jails) {
    std::set<std::string> ids;
    for (const catalog::Jail& jail : jails)
        if (const auto id = set_aside_by_restore(jail.operation.value_or("")))
            ids.insert(*id);
    return ids;
}

void undo_restore(Session& session, const catalog::Jail& jail, const std::string& snapshot_id) {
    const store::Layout& layout = session.context().layout;
    if (base::exists(layout.snapshot_data(snapshot_id)))
        stop_jail(session, jail); // whatever may have come up on data that are about to be moved
    store::take_data_back(layout, jail.id, snapshot_id);
    // A generation's number is given again, and so is the name of its configuration: the next operation
    // replaces what was prepared for this one.
    base::step("restore.undone");
    catalog::Jails(session.catalog()).set_operation(jail.id, "restart");
}

} // namespace pkgjail::ops
