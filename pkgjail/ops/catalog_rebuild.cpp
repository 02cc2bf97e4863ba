#include "pkgjail/ops/catalog_rebuild.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/catalog/found_copy.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/ops/catalog_check.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/running_generation.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/compare_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::size_t most_manifest = std::size_t(1) << 30;

// What a rebuild may have to forget, and what comes of it.
constexpr const char* about_signed = "which signed indexes and keys were taken back, so that the next update "
                                     "takes any that is signed now";
constexpr const char* about_unsigned = "how new unsigned indexes were, so that the next update takes an old "
                                       "copy as well";
constexpr const char* about_unfinished = "what a killed command had not finished";

std::vector<std::string> names(const base::HostPath& directory) {
    return Tree::open(directory).list(RootPath());
}

bool is_temporary(const std::string& name) {
    return store::Layout::is_staging(name) || store::Layout::is_trash(name);
}

/// False only when it is not there, or is something else: what a failing disk hides is not forgotten.
bool directory_exists(const base::HostPath& path) {
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path, error);
    if (status.type() == std::filesystem::file_type::none)
        throw base::system_error(error.value(), path.string(), "stat");
    return std::filesystem::is_directory(status);
}

[[noreturn]] void refuse(const base::HostPath& what, const std::string& cause) {
    throw Error(
        ErrorKind::corrupt, what.string(), cause,
        "a rebuilt catalog would not know it, and the next command would remove it: move it out of the "
        "state directory, then run this again");
}

class Rebuild {
  public:
    explicit Rebuild(const Context& context) : context_(context), layout_(context.layout) {}

    RebuildResult run() {
        if (!layout_.check())
            throw Error(ErrorKind::not_found, layout_.state().string(), "there is no state directory",
                        "pkgjail update makes one");
        if (!context_.dry_run)
            layout_.create(); // one that was put together again may lack what is empty
        const base::Lock alone = base::Lock::take(layout_.store_lock(), base::LockMode::exclusive,
                                                  layout_.state().string(), "catalog rebuild", patience());
        read_images();
        read_volumes();
        read_jails();
        read_snapshots();
        read_old_catalog();
        note_damaged_images();
        if (context_.dry_run)
            return counted();
        fill(); // what a failure leaves of it, and SQLite beside it, the next changing command sweeps away
        base::step("rebuild.filled");
        put_aside();
        base::step("rebuild.aside");
        base::rename_durably(layout_.catalog_staging(), layout_.catalog());
        store::remove_catalog_staging(layout_); // -wal and -shm of a file that has another name now
        base::step("rebuild.placed");
        for (const auto& [id, record] : jails_) {
            const std::string text = record_of(record.jail, record.generations);
            if (base::read_file(layout_.jail_record(id)) != text)
                base::write_file_atomically(layout_.jail_record(id), text);
        }
        return counted();
    }

  private:
    struct FoundImage {
        ImageRecord record;
        jail::Manifest manifest;
    };

    /// Place for a copy of the old catalog, which is evidence and stays byte for byte as it was found.
    class OldCopy {
      public:
        explicit OldCopy(const store::Layout& layout) : layout_(layout) {
            store::remove_catalog_copy(layout_);
        }
        OldCopy(const OldCopy&) = delete;
        OldCopy& operator=(const OldCopy&) = delete;
        ~OldCopy() {
            try {
                store::remove_catalog_copy(layout_);
            } catch (const Error&) {
                // The next command that changes something sweeps it away.
            }
        }

      private:
        const store::Layout& layout_;
    };

    RebuildResult counted() {
        result_.images = images_.size();
        result_.jails = jails_.size();
        result_.volumes = volumes_.size();
        result_.snapshots = snapshots_.size();
        for (const auto& [id, record] : jails_)
            result_.generations += record.generations.size();
        return std::move(result_);
    }

    std::chrono::milliseconds patience() const {
        return std::max(context_.patience, std::chrono::milliseconds(2'000));
    }

    void note(std::string text) { result_.notes.push_back(std::move(text)); }

    void read_images() {
        for (const std::string& id : names(layout_.images())) {
            if (is_temporary(id))
                continue;
            try {
                FoundImage found;
                const std::string text = base::read_file(layout_.image_manifest(id), most_manifest);
                found.manifest = jail::Manifest::parse(text);
                found.record = parse_image_record(base::read_file(layout_.image_record(id)), "image.json");
                found.record.image.id = id;
                if (store::image_id_of(found.record.image.build_key, text) != id)
                    throw Error(ErrorKind::corrupt, "manifest",
                                "is not the one that gave the image its name, or image.json is not");
                images_.emplace(id, std::move(found));
            } catch (const Error& error) {
                refuse(layout_.image(id), error.what());
            }
        }
    }

    /// No fault of the catalog, which says of them what they were.
    void note_damaged_images() {
        for (const auto& [id, found] : images_) {
            const auto damage = store::compare_image(Tree::open(layout_.image(id)), found.manifest);
            if (!damage.empty())
                note(fmt::format("image {} is damaged: {}: {}{}; pkgjail verify tells which jails have it",
                                 id.substr(0, 12), damage.front().path.str(), damage.front().what,
                                 damage.size() > 1 ? fmt::format(" (and {} more)", damage.size() - 1) : ""));
        }
    }

    void read_volumes() {
        for (const std::string& id : names(layout_.volumes())) {
            if (is_temporary(id))
                continue;
            try {
                catalog::Volume volume =
                    parse_volume_record(base::read_file(layout_.volume_record(id)), "volume.json");
                if (volume.id != id)
                    throw Error(ErrorKind::corrupt, "volume.json", "is of volume " + volume.id);
                volume.fresh = names(layout_.volume_data(id)).empty();
                volumes_.emplace(id, std::move(volume));
            } catch (const Error& error) {
                refuse(layout_.volume(id), error.what());
            }
        }
    }

    void read_jails() {
        std::map<std::string, std::string> taken; // name → id
        for (const std::string& id : names(layout_.jails())) {
            if (is_temporary(id) || store::Layout::kept_jail(id) ||
                store::has_only_data(Tree::open(layout_.jails()), id)) // kept by destroy
                continue;
            JailRecord record = read_jail(id);
            const auto [other, is_new] = taken.emplace(record.jail.name, id);
            if (!is_new)
                refuse(layout_.jail(id),
                       fmt::format("jail {} has the same name, {}", other->second, record.jail.name));
            refuse_other_running(record);
            jails_.emplace(id, std::move(record));
        }
    }

    JailRecord read_jail(const std::string& id) {
        JailRecord record;
        try {
            record = parse_jail_record(base::read_file(layout_.jail_record(id)), "jail.json");
        } catch (const Error& error) {
            refuse(layout_.jail(id), error.what());
        }
        if (record.jail.id != id)
            refuse(layout_.jail(id), "jail.json is of jail " + record.jail.id);
        std::erase_if(record.jail.volumes, [&](const catalog::VolumeUseRow& volume) {
            const bool gone = !volumes_.contains(volume.volume_id);
            if (gone)
                note(fmt::format("jail {}: volume {}, which it had at {}, is not there", record.jail.name,
                                 volume.volume_id, volume.path));
            return gone;
        });
        std::erase_if(record.generations, [&](const catalog::Generation& generation) {
            const bool whole = images_.contains(generation.image_id) &&
                               directory_exists(layout_.jail_config(id, generation.number));
            // One that is not whole any more: a command was forgetting it when it was killed.
            if (!whole && generation.number != record.jail.current)
                note(fmt::format("jail {}: generation {} is forgotten, because its image or its "
                                 "configuration is gone",
                                 record.jail.name, generation.number));
            return !whole;
        });
        if (std::none_of(record.generations.begin(), record.generations.end(),
                         [&](const auto& one) { return one.number == record.jail.current; }))
            refuse(layout_.jail(id), fmt::format("the image or the configuration of its current generation, "
                                                 "{}, is not there",
                                                 record.jail.current));
        return record;
    }

    /// A service that runs is left alone, if it runs what will be called current.
    void refuse_other_running(const JailRecord& record) const {
        const auto running = running_generation(layout_, record.jail.id);
        if (running && *running != record.jail.current)
            throw Error(ErrorKind::conflict, record.jail.name,
                        fmt::format("runs generation {}, and its jail.json says that {} is current", *running,
                                    record.jail.current),
                        "end its service from inside or by its supervisor (kill -TERM), then run this again");
    }

    void read_snapshots() {
        for (const std::string& id : names(layout_.snapshots())) {
            if (is_temporary(id))
                continue;
            catalog::Snapshot snapshot;
            std::string text;
            try {
                text = base::read_file(layout_.snapshot(id) / "snapshot.json");
                snapshot = parse_snapshot_record(text, "snapshot.json");
            } catch (const Error& error) {
                refuse(layout_.snapshot(id), error.what());
            }
            const auto jail = jails_.find(snapshot.jail_id);
            if (snapshot.id != id || jail == jails_.end())
                refuse(layout_.snapshot(id), "belongs to no jail that is here");
            snapshot = parse_snapshot_record(text, "snapshot.json", jail->second.jail.settings);
            if (!images_.contains(snapshot.image_id))
                refuse(layout_.snapshot(id), "its image is not here");
            if (!directory_exists(layout_.jail_data(snapshot.jail_id)) &&
                directory_exists(layout_.snapshot_data(id)) && snapshot.method == "rename" &&
                !jail->second.jail.operation) {
                // A restore was killed with the jail's data in here; the next command puts them back.
                jail->second.jail.operation = note_of_restore(id);
                continue;
            }
            if (is_waiting_for_data(snapshot, jail->second)) {
                // A restore was killed before it moved the jail's data in here, or while it was undone.
                jail->second.jail.operation = note_of_restore(id);
                continue;
            }
            if (!directory_exists(layout_.snapshot_data(id)) ||
                !directory_exists(layout_.snapshot_config(id)))
                refuse(layout_.snapshot(id), "is not whole");
            snapshots_.push_back(std::move(snapshot));
        }
        for (const auto& [id, record] : jails_)
            if (!directory_exists(layout_.jail_data(id)) && !record.jail.operation)
                refuse(layout_.jail(id), "its data are not there");
    }

    /// A snapshot of what a restore takes the place of, without the data. Where the restore came to its end,
    /// the generation that it made is newer, and the snapshot was whole once.
    bool is_waiting_for_data(const catalog::Snapshot& snapshot, const JailRecord& record) const {
        return snapshot.method == "rename" && snapshot.generation == record.jail.current &&
               !record.jail.operation && !base::exists(layout_.snapshot_data(snapshot.id)) &&
               directory_exists(layout_.jail_data(snapshot.jail_id)) &&
               std::none_of(record.generations.begin(), record.generations.end(), [&](const auto& made) {
                   return made.number > record.jail.current && made.created_at >= snapshot.created_at;
               });
    }

    /// What stands nowhere else: what was accepted from signed repositories and seen of others, and how far
    /// a killed command was. A rebuild that was cut between taking the old one away and placing the new one
    /// has left the new one whole.
    void read_old_catalog() {
        const bool was_cut = !base::exists(layout_.catalog()) && base::exists(layout_.catalog_staging());
        // What stands nowhere else is not what a new attempt begins with removing.
        const bool continues = was_cut && is_whole(layout_.catalog_staging());
        if (continues && !context_.dry_run) {
            put_aside(); // the rest of the old one, such as a -wal, which SQLite would read into this one
            base::rename_durably(layout_.catalog_staging(), layout_.catalog());
            base::step("rebuild.continued");
        }
        const OldCopy copy(layout_);
        try {
            const std::uint64_t unreadable = catalog::copy_as_found(
                continues && context_.dry_run ? layout_.catalog_staging() : layout_.catalog(),
                layout_.catalog_copy(), patience());
            if (unreadable > 0)
                note(fmt::format("{} bytes of the old catalog cannot be read", unreadable));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::corrupt)
                throw; // in use by another program, or no room for a copy
            forget_old(error);
            return;
        }
        base::step("rebuild.copied");
        try {
            catalog::Catalog old = open_copy();
            take_over(old);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::configuration) // of another schema, and not damaged
                throw Error(error.kind(), layout_.catalog().string(), error.cause(), error.hint());
            if (error.kind() == ErrorKind::busy)
                throw;
            forget_old(error);
        }
    }

    void forget_old(const Error& why) {
        note(fmt::format("forgotten with the old catalog ({}): {}; {}; and {}", why.cause(), about_signed,
                         about_unsigned, about_unfinished));
    }

    /// Otherwise it was never found sound, and the old one not moved for it.
    static bool is_whole(const base::HostPath& staging) {
        try {
            return catalog::Catalog::open_as_it_is(staging).is_settled();
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::configuration || error.kind() == ErrorKind::busy)
                throw;
            return false;
        }
    }

    /// One of an older schema is brought up to date; where damage is in the way of that, it is read as it is.
    catalog::Catalog open_copy() const {
        const base::HostPath file = layout_.catalog_copy();
        {
            catalog::Catalog old = catalog::Catalog::open_as_it_is(file);
            if (old.schema_version() == catalog::Catalog::newest_schema())
                return old;
        }
        try {
            return catalog::Catalog::open(file);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::busy)
                throw;
            return catalog::Catalog::open_as_it_is(file);
        }
    }

    /// Each by itself: damage in one place takes nothing else along.
    void take_over(catalog::Catalog& old) {
        const auto unless_damaged = [&](const char* about, const std::function<void()>& read) {
            try {
                read();
            } catch (const Error& error) {
                if (error.kind() == ErrorKind::busy)
                    throw;
                note(fmt::format("forgotten with the old catalog ({}): {}", error.cause(), about));
            }
        };
        unless_damaged(about_signed, [&] { trusts_ = catalog::RepositoryTrusts(old).all(); });
        unless_damaged(about_unsigned, [&] { memories_ = catalog::RepositoryMemories(old).all(); });
        unless_damaged(about_unfinished, [&] {
            for (const catalog::JailNote& noted : catalog::Jails(old).notes()) {
                const auto found = jails_.find(noted.jail_id);
                if (found == jails_.end() || found->second.jail.operation ||
                    found->second.jail.current != noted.current)
                    continue;
                found->second.jail.operation = noted.operation;
                // Whoever undoes the restore removes what it had set aside, which no snapshot was yet.
                const auto aside = set_aside_by_restore(noted.operation);
                std::erase_if(snapshots_, [&](const catalog::Snapshot& one) { return one.id == aside; });
            }
        });
    }

    void fill() {
        store::remove_catalog_staging(layout_);
        catalog::Catalog made = catalog::Catalog::open(layout_.catalog_staging());
        catalog::Transaction transaction(made.database());
        catalog::Images images(made);
        for (const auto& [id, found] : images_)
            images.add(found.record.image, found.manifest);
        catalog::Volumes volumes(made);
        for (const auto& [id, volume] : volumes_)
            volumes.add(volume);
        catalog::Jails jails(made);
        for (const auto& [id, record] : jails_)
            add_jail(jails, record);
        catalog::Snapshots snapshots(made);
        for (const catalog::Snapshot& snapshot : snapshots_)
            snapshots.add(snapshot);
        add_accounts(made);
        for (const catalog::RepositoryTrust& trust : trusts_)
            catalog::RepositoryTrusts(made).remember(trust);
        for (const catalog::RepositoryMemory& memory : memories_)
            catalog::RepositoryMemories(made).remember(memory);
        transaction.commit();
        base::step("rebuild.committed");

        std::vector<std::string> findings = made.check();
        for (std::string& line : missing_from_disk(context_, made))
            findings.push_back(std::move(line));
        if (!findings.empty())
            throw Error(
                ErrorKind::corrupt, layout_.state().string(),
                fmt::format("what was rebuilt is not sound: {}{}", findings.front(),
                            findings.size() > 1 ? fmt::format(" (and {} more)", findings.size() - 1) : ""),
                "put right what it names, then run this again; the old catalog is still there");
        made.settle();
    }

    static void add_jail(catalog::Jails& jails, const JailRecord& record) {
        for (const catalog::Generation& generation : record.generations)
            if (generation.number == record.jail.current)
                jails.add(record.jail, generation);
        for (const catalog::Generation& generation : record.generations)
            if (generation.number != record.jail.current)
                jails.put_generation(record.jail.id, generation);
    }

    /// What images were built with is certain. A jail's own account files only say which numbers of our range
    /// its data may have, of packages that are gone since: whoever is root inside may have written anything.
    void add_accounts(catalog::Catalog& made) {
        catalog::Accounts accounts(made);
        const auto put = [&](catalog::AccountKind kind, const std::string& name, std::uint32_t number) {
            if (accounts.put(kind, name, number))
                return;
            note(fmt::format("account {} does not get number {} again, which another one has", name, number));
        };
        for (const auto& [id, found] : images_) {
            for (const auto& [name, number] : found.record.accounts.users)
                put(catalog::AccountKind::user, name, number);
            for (const auto& [name, number] : found.record.accounts.groups)
                put(catalog::AccountKind::group, name, number);
        }
        for (const auto& [id, record] : jails_) {
            const auto in_range = [](std::uint32_t number) {
                return number >= catalog::Accounts::first && number <= catalog::Accounts::last;
            };
            try {
                const Tree config = Tree::open(layout_.jail_config(id, record.jail.current));
                for (const bool groups : {false, true})
                    for (const auto& [name, number] : store::account_numbers_in(config, groups))
                        if (in_range(number))
                            accounts.put(groups ? catalog::AccountKind::group : catalog::AccountKind::user,
                                         name, number);
            } catch (const Error& error) {
                note(fmt::format("jail {}: its account files are not looked at: {}", record.jail.name,
                                 error.what()));
            }
        }
        result_.accounts = accounts.all(catalog::AccountKind::user).size() +
                           accounts.all(catalog::AccountKind::group).size();
    }

    /// The main file first: without it no command opens anything, so that a catalog is never read without the
    /// -wal that belongs to it, nor a new one with an old -wal.
    void put_aside() {
        const base::HostPath old = layout_.catalog();
        std::string digits;
        for (const char c : base::format_time(base::wall_now()).substr(0, 19))
            if (c != '-' && c != ':')
                digits += c;
        base::HostPath aside = layout_.catalog_aside(digits);
        const auto is_taken = [](const base::HostPath& name) {
            return std::any_of(std::begin(store::catalog_suffixes), std::end(store::catalog_suffixes),
                               [&](const char* suffix) { return base::exists(name.string() + suffix); });
        };
        for (int number = 2; is_taken(aside); ++number)
            aside = layout_.catalog_aside(fmt::format("{}-{}", digits, number));
        for (const char* suffix : store::catalog_suffixes) {
            if (!base::exists(old.string() + suffix))
                continue;
            base::rename_durably(old.string() + suffix, aside.string() + suffix);
            result_.aside = aside.string();
            base::step("rebuild.moved");
        }
    }

    const Context& context_;
    const store::Layout& layout_;
    std::map<std::string, FoundImage> images_;
    std::map<std::string, catalog::Volume> volumes_;
    std::map<std::string, JailRecord> jails_;
    std::vector<catalog::Snapshot> snapshots_;
    std::vector<catalog::RepositoryTrust> trusts_;
    std::vector<catalog::RepositoryMemory> memories_;
    RebuildResult result_;
};

} // namespace

RebuildResult rebuild_catalog(const Context& context) {
    return Rebuild(context).run();
}

} // namespace pkgjail::ops
