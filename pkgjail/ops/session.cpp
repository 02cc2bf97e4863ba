#include "pkgjail/ops/session.hpp"

#include <algorithm>
#include <set>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/actions.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/copied_state.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/secret_files.hpp"
#include "pkgjail/store/sweep.hpp"
#include "pkgjail/store/sweep_configs.hpp"
#include "pkgjail/store/sweep_locks.hpp"
#include "pkgjail/store/sweep_snapshots.hpp"
#include "pkgjail/store/take.hpp"
#include "pkgjail/store/volume_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::Lock;
using base::LockMode;

std::string temporary_handle(std::string_view purpose) {
    return fmt::format("pkgjail-{}-{}", purpose, base::random_hex(8));
}

bool is_temporary_handle(std::string_view name) {
    return name.starts_with("pkgjail-build-") || name.starts_with("pkgjail-exec-") ||
           name.starts_with("pkgjail-escape-") || name.starts_with("pkgjail-prepare-");
}

namespace {
/// For the catalog: commits of others are short.
std::chrono::milliseconds patience_of(const Context& context) {
    return std::max(context.patience, catalog::default_patience);
}

/// An empty file is as good as none: before anything is made, there is a schema in it.
bool has_catalog(const store::Layout& layout) {
    std::error_code error;
    const auto size = std::filesystem::file_size(layout.catalog(), error);
    return !error && size > 0;
}

/// Data that destroy kept is no sign: it outlives its jail, and sweep() leaves it alone. A new catalog that a
/// rebuild had no time to place is one.
bool has_what_a_catalog_knows(const store::Layout& layout) {
    if (base::exists(layout.catalog_staging()))
        return true;
    const auto is_left_over = [](const std::string& name) {
        return store::Layout::is_staging(name) || store::Layout::is_trash(name) ||
               store::Layout::kept_jail(name).has_value();
    };
    for (const base::HostPath& directory : {layout.images(), layout.jails(), layout.volumes()}) {
        if (!base::exists(directory))
            continue; // of a first command that was killed
        const base::Tree tree = base::Tree::open(directory);
        for (const std::string& name : tree.list(base::RootPath()))
            if (!is_left_over(name) && !(directory == layout.jails() && store::has_only_data(tree, name)))
                return true;
    }
    return false;
}

/// A catalog that got lost is not an empty host.
void refuse_lost(const Context& context) {
    const store::Layout& layout = context.layout;
    if (has_catalog(layout) || !has_what_a_catalog_knows(layout))
        return;
    if (has_catalog(layout))
        return; // the first command on this host made it meanwhile, and then something that it knows
    throw Error(
        ErrorKind::corrupt, layout.catalog().string(),
        "is missing or empty, but there are images, jails, volumes or a rebuilt catalog that it should "
        "know; with an empty one they would be removed",
        "pkgjail catalog rebuild makes it again from what is there");
}

} // namespace

void prepare_readers(const Context& context) {
    format::prepare_reading();
    try {
        if (base::confinement().is_weak)
            context.reporter.warn(
                "what strangers packed is read by a process that nothing but limits confines; `pkgjail "
                "doctor` says what is missing");
    } catch (const Error&) {
        return; // whoever has to read finds the same, and fails with it
    }
}

Lock share_store(const Context& context, const std::string& holder) {
    return Lock::take(context.layout.store_lock(), LockMode::shared, context.layout.state().string(), holder,
                      std::max(context.patience, std::chrono::milliseconds(10'000)));
}

Session::Session(const Context& context, std::string verb, std::string target, Reads reads, Entry entry)
    : context_(context), verb_(std::move(verb)), is_entry_synced_(entry == Entry::first) {
    if (reads == Reads::foreign)
        format::prepare_reading(); // it confines itself while we go on
    if (context_.dry_run) {
        open_unchanged();
        if (reads == Reads::foreign)
            prepare_readers(context_);
        return;
    }
    if (!*context_.swept) {
        context_.layout.create();
        take_runs(context_);
        sweep_if_alone();
        *context_.swept = store_lock_.has_value();
    }
    if (!store_lock_)
        store_lock_ = share_store(context_, verb_);
    if (!catalog_) {
        refuse_lost_catalog(); // whoever had the lock alone may have found it lost, and failed
        catalog_.emplace(catalog::Catalog::open(context_.layout.catalog(), patience_of(context_)));
    }
    catalog::Action action;
    action.at = began_at_ = base::to_unix(base::wall_now());
    action.uid = ::getuid();
    action.verb = verb_;
    action.target = std::move(target);
    action.command_line = context_.command_line;
    using Lasts = catalog::Actions::Lasts;
    action_ = catalog::Actions(*catalog_).begin(action, is_entry_synced_ ? Lasts::at_once : Lasts::later);
    if (reads == Reads::foreign)
        prepare_readers(context_);
    recover([this] { left_notes_ = recover_jails(*this); });
}

void Session::recover(const std::function<void()>& put_right) {
    recovers_ = true;
    try {
        put_right();
    } catch (...) {
        recovers_ = false;
        throw;
    }
    recovers_ = false;
}

void Session::open_unchanged() {
    auto catalog = open_for_reading(context_);
    if (!catalog)
        throw Error(ErrorKind::not_found, context_.layout.state().string(),
                    "there is nothing here yet to say what would be done",
                    "pkgjail update reads the repositories, which is safe");
    catalog_.emplace(std::move(*catalog));
}

Session::~Session() {
    if (finished_ || !catalog_ || context_.dry_run)
        return;
    try {
        context_.failed_acts->push_back({action_, began_at_, {}, 1});
        catalog::Actions(*catalog_).finish(action_, "failed", 1);
    } catch (const std::exception&) {
        // The entry keeps its empty outcome, which reads as "did not finish"; the failure itself is already
        // on its way to the operator.
    }
}

void Session::sync_entry() {
    if (context_.dry_run || is_entry_synced_)
        return;
    catalog_->database().sync();
    is_entry_synced_ = true;
}

void Session::finish(const std::string& outcome, int exit_status) {
    if (context_.dry_run)
        return;
    catalog::Actions(*catalog_).finish(action_, outcome, exit_status);
    finished_ = true;
}

void Session::finish_with(const std::function<void()>& last) {
    catalog::Transaction transaction(catalog_->database());
    last();
    catalog::Actions(*catalog_).finish(action_, "done", 0);
    transaction.commit();
    finished_ = true;
}

void Session::sweep_if_alone() {
    // Whoever builds holds the lock shared; having it alone proves that whatever the catalog does not know is
    // a dead command's.
    auto alone = Lock::try_take(context_.layout.store_lock(), LockMode::exclusive, verb_);
    if (!alone)
        return;
    refuse_lost_catalog();
    sweep_temporary_jails(); // first: a script that still runs would go on writing to what is removed below
    catalog_.emplace(catalog::Catalog::open(context_.layout.catalog(), patience_of(context_)));
    const Lost lost = find_lost(context_.layout, *catalog_);
    if (lost.empty() || !catalog_->check().empty()) // damaged is not old: the sweep tells that of each
        sweep(lost.empty() && lost.is_sure);
    else
        context_.reporter.warn(
            fmt::format("{}; nothing is cleared away; {}", lost_in_words(lost), lost_remedy));
    alone->downgrade();
    store_lock_ = std::move(*alone);
}

void Session::sweep(bool is_all_known) {
    catalog::Images images(*catalog_);
    catalog::Jails jails(*catalog_);
    store::Known known;
    // A damaged page can hide a row without any other sign, and what lies under its final name is not removed
    // for that.
    std::optional<std::vector<std::string>> findings;
    const auto surely = [&](bool is_known) {
        if (is_known)
            return true;
        if (!findings)
            findings = catalog_->check();
        if (!findings->empty())
            throw Error(ErrorKind::corrupt, context_.layout.catalog().string(), findings->front(),
                        "pkgjail catalog rebuild");
        return false;
    };
    known.image = [&](const std::string& id) { return !is_all_known || surely(images.contains(id)); };
    known.jail = [&](const std::string& id) { return surely(jails.contains(id)); };
    catalog::Snapshots snapshots(*catalog_);
    const std::vector<catalog::Jail> all = jails.all();
    const std::set<std::string> set_aside = snapshots_set_aside(all);
    const auto known_snapshot = [&](const std::string& id) {
        return surely(snapshots.find_by_id(id) || set_aside.contains(id));
    };
    catalog::Volumes volumes(*catalog_);
    const auto known_volume = [&](const std::string& id) {
        return !is_all_known || surely(volumes.find_by_id(id).has_value());
    };
    const auto known_owner = [&](const std::string& id) { return !is_all_known || known.jail(id); };
    std::set<std::string> locks;
    for (const catalog::Jail& jail : all)
        locks.insert(context_.layout.jail_lock(jail.name).filename().string());
    for (const std::string& build_key : images.build_keys())
        locks.insert(context_.layout.image_lock(build_key).filename().string());
    // Each is told before the next begins, which may fail.
    tell(store::sweep(context_.layout, known));
    tell(store::sweep_snapshots(context_.layout, known_snapshot));
    tell(store::sweep_volumes(context_.layout, known_volume));
    tell(store::sweep_unplaced_files(context_.layout));
    tell(store::sweep_secrets(context_.layout, known_owner));
    tell(store::sweep_locks(context_.layout, locks));
    sweep_jails(all);
    sweep_networks(context_);
}

void Session::sweep_jails(const std::vector<catalog::Jail>& all) {
    const catalog::ReadTransaction one_lock(catalog_->database()); // and not some for each jail
    const base::Tree directories = base::Tree::open(context_.layout.jails());
    for (const catalog::Jail& jail : all) {
        try {
            if (store::has_only_data(directories, jail.id))
                continue; // a destroy was cut, which recover_jails() finishes
        } catch (const Error& error) {
            context_.reporter.warn(fmt::format("what an interrupted command left of jail {} is not looked "
                                               "for: {}",
                                               jail.name, error.what()));
            continue;
        }
        sweep_configs(jail);
        renew_record(jail);
    }
}

void Session::tell(const store::Swept& swept) const {
    for (const std::string& removed : swept.removed)
        context_.reporter.warn("removed what an interrupted command left: " + removed);
    for (const std::string& failed : swept.failed)
        context_.reporter.warn("what an interrupted command left could not be removed: " + failed);
}

void Session::sweep_configs(const catalog::Jail& jail) {
    std::set<std::int64_t> numbers;
    for (const catalog::Generation& generation : catalog::Jails(*catalog_).generations(jail.id))
        numbers.insert(generation.number);
    try {
        for (const std::int64_t number : numbers)
            if (const auto config = context_.layout.jail_config(jail.id, number); base::exists(config))
                store::discard_take(base::Tree::open(config));
        for (const std::string& name : store::unknown_configs(context_.layout, jail.id, numbers)) {
            store::remove_unknown_config(context_.layout, jail.id, name);
            context_.reporter.warn(fmt::format("removed what an interrupted command left: configuration {} "
                                               "of jail {}",
                                               name, jail.name));
        }
    } catch (const Error& error) {
        context_.reporter.warn(fmt::format(
            "what an interrupted command left of jail {} could not be removed: {}", jail.name, error.what()));
    }
}

void Session::renew_record(const catalog::Jail& jail) {
    try {
        write_record(*this, jail.id);
        write_snapshot_settings(*this, jail);
    } catch (const Error& error) {
        context_.reporter.warn(fmt::format(
            "what is recorded beside jail {} could not be brought up to date: {}", jail.name, error.what()));
    }
}

void Session::refuse_lost_catalog() const {
    refuse_lost(context_);
}

void Session::sweep_temporary_jails() {
    std::vector<std::string> left;
    const base::Tree runs = base::Tree::open(context_.layout.runs());
    for (const std::string& name : runs.list(base::RootPath()))
        if (is_temporary_handle(name))
            left.push_back(name);
    if (left.empty())
        return;
    try {
        const auto driver = confine::open_driver(context_.layout.state(), context_.config.runtime);
        for (const std::string& handle : left) {
            driver->remove(handle, context_.layout.run(handle));
            runs.remove_all(base::RootPath::parse(handle));
            context_.reporter.warn("ended what an interrupted command left: jail " + handle);
        }
    } catch (const Error& error) {
        // The present command may well do without a runtime; a later one tries again.
        context_.reporter.warn(
            fmt::format("what an interrupted command left could not be ended: {}", error.what()));
    }
}

JailLock Session::lock_jail(const std::string& name) {
    if (context_.dry_run)
        return nullptr;
    if (const auto own = own_locks_.find(name); own != own_locks_.end() && !own->second.expired())
        throw Error(ErrorKind::busy, "jail " + name, "this command is at work on it itself",
                    "try again when it is done");
    JailLock lock =
        remember(name, Lock::take(context_.layout.jail_lock(name), LockMode::exclusive, "jail " + name,
                                  context_.command_line.empty() ? verb_ : context_.command_line,
                                  recovers_ ? std::chrono::milliseconds(0) : context_.patience));
    if (!recovers_) {
        refuse_lost_name(context_.layout, *catalog_, name);
        recover([&] { recover_jail(*this, name, left_notes_); });
    }
    return lock;
}

JailLock Session::try_lock_jail(const std::string& name) {
    if (context_.dry_run)
        return nullptr;
    auto lock = Lock::try_take(context_.layout.jail_lock(name), LockMode::exclusive,
                               context_.command_line.empty() ? verb_ : context_.command_line);
    return lock ? remember(name, std::move(*lock)) : nullptr;
}

JailLock Session::remember(const std::string& name, Lock lock) {
    JailLock shared = std::make_shared<const Lock>(std::move(lock));
    own_locks_[name] = shared;
    return shared;
}

std::optional<catalog::Catalog> open_for_reading(const Context& context) {
    if (!context.layout.check())
        return std::nullopt;
    try {
        return catalog::Catalog::open_read_only(context.layout.catalog(), patience_of(context));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_found)
            throw;
        refuse_lost(context);
        return std::nullopt;
    }
}

void bring_catalog_up_to_date(const Context& context) {
    const base::HostPath file = context.layout.catalog();
    if (!context.layout.check() || !catalog::Catalog::is_older(file))
        return;
    context.layout.create();
    base::step("catalog.older");
    const Lock store_lock = share_store(context, context.command_line);
    if (catalog::Catalog::is_older(file))
        catalog::Catalog::open(file, patience_of(context));
}

catalog::Jail require_jail(catalog::Catalog& catalog, const std::string& name) {
    catalog::Jails jails(catalog);
    if (auto jail = jails.find(name))
        return *jail;
    std::vector<std::string> names;
    for (const catalog::Jail& other : jails.all())
        names.push_back(other.name);
    const std::string meant = jail::did_you_mean(name, names);
    const std::string hint = meant.empty() ? "pkgjail list shows the jails there are" : meant;
    throw Error(ErrorKind::not_found, name, "there is no jail of this name", hint);
}

} // namespace pkgjail::ops
