#include "pkgjail/ops/gc.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/prune.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/store/disk_usage.hpp"
#include "pkgjail/store/sweep_configs.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using store::DiskUsage;

namespace {

/// The jail that a log belongs to: "web" of "web.log", "web.log.2", "web.build.log"; more than one name where
/// a jail may itself be called so ("web.build"). None: no log of ours.
std::vector<std::string> jails_of_log(const std::string& file) {
    std::vector<std::string> names;
    for (const std::string_view kind : {".log", ".build.log"}) {
        const std::size_t at = file.rfind(kind);
        if (at == std::string::npos || at == 0)
            continue;
        const std::string rest = file.substr(at + kind.size());
        const bool numbered =
            rest.size() > 1 && rest[0] == '.' && rest.find_first_not_of("0123456789", 1) == std::string::npos;
        if (rest.empty() || numbered)
            names.push_back(file.substr(0, at));
    }
    return names;
}

class Gc {
  public:
    explicit Gc(const Context& context)
        : context_(context), session_(context, "gc", ""), jails_(session_.catalog()),
          images_(session_.catalog()), cache_(context.layout.cache()) {}

    GcResult run() {
        if (const Lost lost = find_lost(context_.layout, session_.catalog()); !lost.empty())
            throw Error(base::ErrorKind::corrupt, context_.layout.catalog().string(),
                        lost_in_words(lost) + ", and what that needs cannot be told", lost_remedy);
        find_generations();
        find_images();
        find_archives();
        find_logs();
        find_runs();
        if (!context_.dry_run)
            for (Item& item : items_)
                remove(item);
        GcResult result;
        for (Item& item : items_) {
            if (item.what.removed || context_.dry_run) {
                result.apparent_bytes += item.what.apparent_bytes;
                result.freed_bytes += item.what.freed_bytes;
            }
            result.garbage.push_back(std::move(item.what));
        }
        session_.finish();
        return result;
    }

  private:
    struct Item {
        Garbage what;
        std::function<std::string()> remove; ///< returns why it stays; empty: it is gone
    };

    void add(Garbage::Kind kind, std::string name, const base::HostPath& path,
             std::function<std::string()> remove) {
        const DiskUsage usage = DiskUsage::of(path);
        const std::uint64_t before = gone_.exclusive_bytes();
        gone_.merge(usage);
        Garbage what;
        what.kind = kind;
        what.name = std::move(name);
        what.apparent_bytes = usage.apparent_bytes();
        what.freed_bytes = gone_.exclusive_bytes() - before;
        items_.push_back({std::move(what), std::move(remove)});
    }

    static void remove(Item& item) {
        try {
            item.what.kept_because = item.remove();
        } catch (const Error& error) {
            item.what.kept_because = error.what();
        }
        item.what.removed = item.what.kept_because.empty();
        base::step("gc.removed");
    }

    void find_generations() {
        const std::int64_t now = base::to_unix(base::wall_now());
        for (const catalog::Jail& jail : jails_.all()) {
            const auto generations = jails_.generations(jail.id);
            std::set<std::int64_t> known;
            for (const catalog::Generation& generation : generations)
                known.insert(generation.number);
            for (const std::int64_t number :
                 generations_to_prune(jail, generations, context_.config.keeping, now)) {
                pruned_.emplace(jail.id, number);
                add(Garbage::Kind::generation, fmt::format("generation {} of jail {}", number, jail.name),
                    context_.layout.jail_config(jail.id, number),
                    [this, jail, number] { return remove_generation(jail, number); });
            }
            if (jail.operation)
                continue; // its note may name what is prepared there
            for (const std::string& name : store::unknown_configs(context_.layout, jail.id, known))
                add(Garbage::Kind::configuration, fmt::format("configuration {} of jail {}", name, jail.name),
                    context_.layout.jail_configs(jail.id) / name,
                    [this, jail, name] { return remove_configuration(jail, name); });
        }
    }

    std::optional<base::Lock> lock(const std::string& jail) const {
        return base::Lock::try_take(context_.layout.jail_lock(jail), base::LockMode::exclusive, "gc");
    }

    /// With the jail's lock everything is looked at again: a command may have come and gone.
    std::string remove_generation(const catalog::Jail& seen, std::int64_t number) {
        const auto held = lock(seen.name);
        if (!held)
            return "another command is at work on the jail";
        const auto jail = jails_.find_by_id(seen.id);
        if (!jail)
            return "";
        const auto old = generations_to_prune(*jail, jails_.generations(jail->id), context_.config.keeping,
                                              base::to_unix(base::wall_now()));
        if (std::find(old.begin(), old.end(), number) == old.end())
            return jails_.generation(jail->id, number) ? "it is needed by now" : "";
        forget_generations(session_, *jail, {number});
        return "";
    }

    std::string remove_configuration(const catalog::Jail& seen, const std::string& name) {
        const auto held = lock(seen.name);
        if (!held)
            return "another command is at work on the jail";
        const auto jail = jails_.find_by_id(seen.id);
        if (!jail)
            return "";
        std::set<std::int64_t> known;
        for (const catalog::Generation& generation : jails_.generations(jail->id))
            known.insert(generation.number);
        const auto unknown = store::unknown_configs(context_.layout, jail->id, known);
        if (jail->operation || (std::find(unknown.begin(), unknown.end(), name) == unknown.end() &&
                                base::exists(context_.layout.jail_configs(jail->id) / name)))
            return "it is needed by now";
        store::remove_unknown_config(context_.layout, jail->id, name);
        return "";
    }

    void find_images() {
        std::set<std::string> needed;
        for (const catalog::Jail& jail : jails_.all()) {
            for (const catalog::Generation& generation : jails_.generations(jail.id))
                if (!pruned_.contains({jail.id, generation.number}))
                    needed.insert(generation.image_id);
            for (const catalog::Snapshot& snapshot : catalog::Snapshots(session_.catalog()).of_jail(jail.id))
                needed.insert(snapshot.image_id);
        }
        for (const catalog::Image& image : images_.all())
            if (!needed.contains(image.id))
                add(Garbage::Kind::image, image.id, context_.layout.image(image.id), [this, image] {
                    return remove_image_if_unneeded(session_, image) || !images_.find(image.id)
                               ? ""
                               : "it is in use by now";
                });
    }

    void find_archives() {
        std::set<std::string> needed;
        for (const catalog::Jail& jail : jails_.all())
            if (const auto generation = jails_.generation(jail.id, jail.current))
                if (const auto image = images_.find(generation->image_id))
                    for (const catalog::ImagePackage& package : image->packages)
                        needed.insert(package.archive_sha256);
        for (const repo::CacheLeftover& leftover : cache_.leftovers(
                 std::chrono::duration_cast<std::chrono::seconds>(context_.config.keeping.archives_for),
                 needed))
            add(Garbage::Kind::archive, leftover.name, context_.layout.cache() / leftover.name,
                [this, leftover] {
                    return cache_.remove(leftover) ? std::string() : std::string("it is in use by now");
                });
    }

    bool is_orphan(const std::vector<std::string>& owners) {
        return !owners.empty() && std::none_of(owners.begin(), owners.end(), [&](const std::string& name) {
            return jails_.find(name).has_value();
        });
    }

    void find_logs() {
        const base::Tree logs = base::Tree::open(context_.layout.logs());
        for (const std::string& file : logs.list(base::RootPath())) {
            const std::vector<std::string> owners = jails_of_log(file);
            if (!is_orphan(owners))
                continue;
            add(Garbage::Kind::log, file, context_.layout.logs() / file, [this, file, owners] {
                // An install writes its log before there is a jail.
                std::vector<base::Lock> held;
                for (const std::string& name : owners)
                    if (auto one = lock(name))
                        held.push_back(std::move(*one));
                    else
                        return std::string("another command is at work on a jail of this name");
                if (!is_orphan(owners))
                    return std::string("there is a jail of this name by now");
                base::Tree::open(context_.layout.logs()).remove_file(base::RootPath().entry(file));
                return std::string();
            });
        }
    }

    /// What a destroy that was killed at its end has left.
    void find_runs() {
        const base::Tree runs = base::Tree::open(context_.layout.runs());
        for (const std::string& name : runs.list(base::RootPath())) {
            const bool is_id =
                name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
            if (!is_id || jails_.find_by_id(name) ||
                is_running(supervise::read_status(context_.layout.run(name))))
                continue;
            add(Garbage::Kind::run, name, context_.layout.run(name), [this, name] {
                base::Tree::open(context_.layout.runs()).remove_all(base::RootPath().entry(name));
                return std::string();
            });
        }
    }

    const Context& context_;
    Session session_;
    catalog::Jails jails_;
    catalog::Images images_;
    repo::Cache cache_;
    std::set<std::pair<std::string, std::int64_t>> pruned_;
    DiskUsage gone_; ///< all that was found so far
    std::vector<Item> items_;
};

} // namespace

std::string_view garbage_kind_name(Garbage::Kind kind) {
    switch (kind) {
    case Garbage::Kind::generation:
        return "generation";
    case Garbage::Kind::configuration:
        return "configuration";
    case Garbage::Kind::image:
        return "image";
    case Garbage::Kind::archive:
        return "archive";
    case Garbage::Kind::log:
        return "log";
    case Garbage::Kind::run:
        return "run";
    }
    return "";
}

GcResult gc(const Context& context) {
    if (context.dry_run && !open_for_reading(context))
        return {};
    return Gc(context).run();
}

} // namespace pkgjail::ops
