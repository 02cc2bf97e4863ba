// The frame of an operation: locks, catalog, sweeping what a crashed command left, the audit trail.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::ops {

/// The notes that recovery has tried in vain to put right, by the ids of their jails.
using LeftNotes = std::map<std::string, std::string>;

/// Exclusive for a jail's name until the last copy goes; null in a dry run.
using JailLock = std::shared_ptr<const base::Lock>;

/// A changing operation. Made first: checks and makes the state directory, takes the store lock (shared, so
/// that nobody sweeps what we are building), opens the catalog, sweeps when nobody else is at work and no
/// session of the command has done so, begins an entry in the audit trail. finish() closes the entry as done;
/// without it the entry says that the command failed or died, and record_failed_acts() may say why. With
/// --dry-run it opens the catalog for reading and does nothing of all that.
class Session {
  public:
    /// Whether what strangers packed is going to be read: packages, indexes, archives of jails.
    enum class Reads { own, foreign };
    /// When the beginning of the entry outlives a power cut.
    enum class Entry {
        first, ///< before the command does anything, which then has left no trace without its entry
        /// With the first commit, which spares a short command one time to wait for the disk. For who changes
        /// nothing before that but what is swept if it does not come. Recovery of what others left is not
        /// asked about.
        with_commit,
    };

    Session(const Context& context, std::string verb, std::string target, Reads reads = Reads::own,
            Entry entry = Entry::first);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    const Context& context() const { return context_; }
    catalog::Catalog& catalog() { return *catalog_; }
    /// Error{busy} names the holder; where that is this session itself, nobody waits for it. What another one
    /// left of itself is put right first (recover_jail), so whoever needs to know the jail looks it up after
    /// this. Within recovery nobody waits, because its command may have the lock.
    JailLock lock_jail(const std::string& name);
    /// For who would rather go on without it: null at once when somebody has it. Puts nothing right.
    JailLock try_lock_jail(const std::string& name);
    /// For Entry::with_commit, where no commit comes before the first change after all: the beginning of the
    /// entry is on disk then.
    void sync_entry();
    void finish(const std::string& outcome = "done", int exit_status = 0);
    /// `last` and finish() in one transaction: for a command whose last change of the catalog it is.
    void finish_with(const std::function<void()>& last);

  private:
    void open_unchanged();
    void sweep_if_alone();
    /// Where not all is known, what cannot tell itself that nobody needs it stays.
    void sweep(bool is_all_known);
    void tell(const store::Swept& swept) const;
    void sweep_jails(const std::vector<catalog::Jail>& all);
    void sweep_configs(const catalog::Jail& jail);
    /// A command that was killed right after its commit has not written jail.json any more.
    void renew_record(const catalog::Jail& jail);
    void refuse_lost_catalog() const;
    void sweep_temporary_jails();
    void recover(const std::function<void()>& put_right);
    JailLock remember(const std::string& name, base::Lock lock);

    const Context& context_;
    std::string verb_;
    std::optional<base::Lock> store_lock_;
    std::optional<catalog::Catalog> catalog_;
    bool recovers_ = false; ///< and takes locks for that
    LeftNotes left_notes_;
    std::map<std::string, std::weak_ptr<const base::Lock>> own_locks_; ///< by jail name; some are gone
    std::int64_t action_ = 0;
    std::int64_t began_at_ = 0;
    bool is_entry_synced_ = false;
    bool finished_ = false;
};

/// A jail that lives as long as one command: "build", "exec", "escape". Its run directory has the handle's
/// name, and its command holds the store lock, so that the next command can tell a dead one's and ends it.
std::string temporary_handle(std::string_view purpose);
bool is_temporary_handle(std::string_view name);

/// For reading verbs: the catalog read-only, nullopt when there is no state yet (an empty host, not an
/// error). Error{corrupt} when it is missing beside what it should know.
std::optional<catalog::Catalog> open_for_reading(const Context& context);

/// The store lock, shared: no other command takes what is made meanwhile for what a dead one left, or puts
/// another catalog in place. Waits some seconds; Error{busy} names who has it alone.
base::Lock share_store(const Context& context, const std::string& holder);

/// For a command that asks the catalog before it has a Session: one that an older pkgjail has written is
/// brought up to date as a Session would. None, or a new one: nothing is done.
void bring_catalog_up_to_date(const Context& context);

/// The jail of this name; Error{not_found} with the nearest name as hint.
catalog::Jail require_jail(catalog::Catalog& catalog, const std::string& name);

/// Makes the processes that read foreign bytes ready, which begin as copies of this one: before there is a
/// catalog, whose memory is shared with other commands', before there are threads, and before secrets are
/// read. Each Session that Reads::foreign does it.
void prepare_readers(const Context& context);

} // namespace pkgjail::ops
