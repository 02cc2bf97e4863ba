#include "pkgjail/ops/lost.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

class Search {
  public:
    Search(const store::Layout& layout, catalog::Catalog& catalog)
        : layout_(layout), jails_(catalog), snapshots_(catalog) {}

    Lost run() {
        look_at(
            layout_.jails(), [&](const std::string& id) { return jails_.contains(id); },
            [&](const std::string& id) { add_jail(id); });
        look_at(
            layout_.snapshots(),
            [&](const std::string& id) {
                return snapshots_.find_by_id(id) || snapshots_set_aside(jails_.all()).contains(id);
            },
            [&](const std::string& id) { add_snapshot(id); });
        return std::move(lost_);
    }

  private:
    template <class Known, class Add>
    void look_at(const base::HostPath& directory, Known&& is_known, Add&& add) {
        if (!base::is_directory(directory))
            return;
        const Tree all = Tree::open(directory);
        for (const std::string& name : all.list(RootPath())) {
            if (store::Layout::is_staging(name) || store::Layout::is_trash(name) ||
                store::Layout::kept_jail(name) || is_known(name))
                continue;
            try {
                // Asked again: it may have been committed since, or renamed to be removed.
                if (is_left(directory, all, name) && !is_known(name) && all.exists(RootPath().entry(name)))
                    add(name);
            } catch (const Error&) {
                lost_.is_sure = false; // whoever would remove it finds the same, and tells it
            }
        }
    }

    bool is_left(const base::HostPath& directory, const Tree& all, const std::string& name) const {
        const bool is_jail = directory == layout_.jails();
        if (is_jail && store::has_only_data(all, name)) // kept by destroy
            return false;
        return store::stays_unknown(all, name) ||
               (is_jail && supervise::supervisor_lock_is_held(layout_.run(name)));
    }

    void add_jail(const std::string& id) {
        std::string name = "of a name that its record does not tell";
        try {
            name = parse_jail_record(base::read_file(layout_.jail_record(id)), "jail.json").jail.name;
        } catch (const Error&) {
            // It is lost all the same, and a rebuild says what is wrong with its record.
        }
        lost_.words.push_back(fmt::format("jail {} ({})", name, id));
        lost_.jails.emplace(id, std::move(name));
    }

    void add_snapshot(const std::string& id) { lost_.words.push_back(fmt::format("snapshot {}", id)); }

    const store::Layout& layout_;
    catalog::Jails jails_;
    catalog::Snapshots snapshots_;
    Lost lost_;
};

} // namespace

Lost find_lost(const store::Layout& layout, catalog::Catalog& catalog) {
    return Search(layout, catalog).run();
}

std::string lost_in_words(const Lost& lost) {
    return fmt::format("the catalog does not know {}: it is older than what is on disk",
                       fmt::join(lost.words, ", "));
}

void refuse_lost_name(const store::Layout& layout, catalog::Catalog& catalog, const std::string& jail) {
    if (catalog::Jails(catalog).find(jail))
        return;
    for (const auto& [id, name] : find_lost(layout, catalog).jails)
        if (name == jail)
            throw Error(ErrorKind::corrupt, jail,
                        fmt::format("is in {}, and the catalog, which is older, does not know it",
                                    layout.jail(id).string()),
                        lost_remedy);
}

void settle_committed(const Context& context, const base::HostPath& directory) {
    try {
        store::mark_committed(directory);
    } catch (const Error& error) {
        context.reporter.warn(
            fmt::format("{}; the next command that changes something tries again", error.what()));
    }
}

} // namespace pkgjail::ops
