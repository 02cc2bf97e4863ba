#include "pkgjail/ops/configuration.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/resolv.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/root.hpp"
#include "pkgjail/store/take.hpp"
#include "pkgjail/store/text_diff.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using Found = store::FileView::Found;

namespace {

constexpr std::size_t largest_diff = 1u << 20;

/// The configuration of a jail's current generation, and what it began with.
struct Subject {
    catalog::Generation generation;
    store::Beginning beginning;
    Tree config;
};

Subject subject_of(const Context& context, catalog::Catalog& catalog, const catalog::Jail& jail) {
    const auto generation = catalog::Jails(catalog).generation(jail.id, jail.current);
    if (!generation)
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail doctor checks the catalog");
    const base::HostPath config = context.layout.jail_config(jail.id, jail.current);
    return {*generation, store::Beginning::of(context.layout, generation->image_id, config),
            Tree::open(config)};
}

/// Of what a file system gave, which RootPath::parse is stricter about.
RootPath path_of(std::string_view text) {
    RootPath path;
    text.remove_prefix(text.starts_with('/') ? 1 : 0);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('/'), text.size());
        path = path.entry(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return path;
}

/// Content of what has one: a file, as a diff has it, or nothing.
std::string content_of(const std::optional<Found>& found) {
    return found && found->entry.is_file() ? found->tree->read(found->entry.path, largest_diff) : "";
}

bool is_large(const std::optional<Found>& found) {
    return found && found->entry.is_file() && found->entry.status.st_size > off_t{largest_diff};
}

void add_diff(ConfigEntry& entry, const std::optional<Found>& before, const std::optional<Found>& after) {
    const bool is_old = before && before->entry.is_file();
    const bool is_new = after && after->entry.is_file();
    if (!is_old && !is_new)
        return;
    if (is_large(before) || is_large(after)) {
        entry.no_diff = "larger than 1 MiB";
        return;
    }
    const std::string old_text = content_of(before);
    const std::string new_text = content_of(after);
    if (!store::is_text(old_text) || !store::is_text(new_text))
        entry.no_diff = old_text == new_text ? "" : "binary";
    else
        entry.diff = store::unified_diff(is_old ? "image" + entry.path.str() : "/dev/null", old_text,
                                         is_new ? "jail" + entry.path.str() : "/dev/null", new_text);
}

class Settling {
  public:
    Settling(const Context& context, const ConfigRequest& request)
        : context_(context), session_(context, "config", request.jail),
          lock_(session_.lock_jail(request.jail)), jail_(require_jail(session_.catalog(), request.jail)),
          subject_(subject_of(context, session_.catalog(), jail_)) {
        for (const std::string& path : request.take)
            wanted_.push_back({checked(path), true});
        for (const std::string& path : request.keep)
            wanted_.push_back({checked(path), false});
        for (const auto& [path, is_taken] : wanted_)
            check(path, is_taken);
    }

    ConfigResult run() {
        ConfigResult result;
        result.jail = jail_.name;
        result.generation = jail_.current;
        result.running = is_running(supervise::read_status(context_.layout.run(jail_.id)));
        bool changed = false;
        for (const auto& [path, is_taken] : wanted_) {
            const bool is_done = settle(path, is_taken);
            changed = changed || is_done;
            result.settled.push_back({path.str(), is_taken, is_done});
        }
        if (changed && !context_.dry_run) {
            write_record(session_, jail_.id);
            base::step("config.recorded");
        }
        for (const catalog::ConfigConflict& conflict : open_conflicts(subject_.generation))
            result.open_conflicts += std::none_of(wanted_.begin(), wanted_.end(), [&](const auto& w) {
                return w.first.str() == conflict.path;
            });
        session_.finish();
        return result;
    }

  private:
    RootPath checked(const std::string& text) const {
        RootPath path;
        try {
            path = path_of(text);
        } catch (const Error& error) {
            throw Error(ErrorKind::usage, text, fmt::format("is no path in a jail: {}", error.cause()),
                        "a path as it is seen in the jail, such as /etc/hosts");
        }
        if (!store::is_configuration(path, context_.config.prefix))
            throw Error(ErrorKind::not_found, text, "is no configuration",
                        fmt::format("configuration is what lies in /etc and {}/etc", context_.config.prefix));
        return path;
    }

    bool is_open_conflict(const RootPath& path) const {
        return std::any_of(subject_.generation.conflicts.begin(), subject_.generation.conflicts.end(),
                           [&](const auto& each) { return each.is_open() && each.path == path.str(); });
    }
    bool was_conflict(const RootPath& path) const {
        return std::any_of(subject_.generation.conflicts.begin(), subject_.generation.conflicts.end(),
                           [&](const auto& each) { return each.path == path.str(); });
    }

    void check(const RootPath& path, bool is_taken) const {
        const auto times = std::count_if(wanted_.begin(), wanted_.end(), [&](const auto& each) {
            return each.first == path && each.second != is_taken;
        });
        if (times > 0)
            throw Error(ErrorKind::usage, path.str(), "is to be taken and to be kept",
                        "give it with --take or with --keep");
        const bool is_given = subject_.beginning.find(path).has_value();
        const bool is_there = subject_.config.exists(path);
        if (!is_given && !is_there && !was_conflict(path)) {
            const std::string meant = jail::did_you_mean(path.str(), known_paths());
            throw Error(ErrorKind::not_found, path.str(), "jail " + jail_.name + " has no such configuration",
                        meant.empty() ? "pkgjail config " + jail_.name + " lists what differs" : meant);
        }
        if (is_taken && !is_given && is_there && !was_conflict(path))
            throw Error(ErrorKind::conflict, path.str(),
                        "is yours alone: neither the image nor the recipe has it",
                        "remove it inside the jail if it is not needed");
    }

    std::vector<std::string> known_paths() const {
        std::vector<std::string> paths;
        for (const store::Difference& each :
             store::differences(subject_.beginning, store::TreeView(subject_.config.open_tree(RootPath()))))
            paths.push_back(each.path.str());
        for (const catalog::ConfigConflict& conflict : subject_.generation.conflicts)
            paths.push_back(conflict.path);
        return paths;
    }

    /// Files first, then the commit: cut in between, the conflict is still open and taking it again is
    /// enough.
    bool settle(const RootPath& path, bool is_taken) {
        const bool is_different = is_taken && store::differs_from(subject_.beginning, subject_.config, path);
        const bool is_to_do = is_different || is_open_conflict(path);
        if (!is_to_do || context_.dry_run)
            return is_to_do;
        if (is_different)
            base::while_doing("take " + path.str(),
                              [&] { store::take(subject_.beginning, subject_.config, path); });
        catalog::Jails(session_.catalog())
            .decide(jail_.id, jail_.current, path.str(), is_taken ? "taken" : "kept");
        base::step("config.committed");
        return true;
    }

    const Context& context_;
    Session session_;
    JailLock lock_;
    catalog::Jail jail_;
    Subject subject_;
    std::vector<std::pair<RootPath, bool>> wanted_; ///< and whether it is to be taken
};

} // namespace

std::vector<catalog::ConfigConflict> open_conflicts(const catalog::Generation& generation) {
    std::vector<catalog::ConfigConflict> open;
    std::copy_if(generation.conflicts.begin(), generation.conflicts.end(), std::back_inserter(open),
                 [](const catalog::ConfigConflict& conflict) { return conflict.is_open(); });
    return open;
}

ConfigResult settle_configuration(const Context& context, const ConfigRequest& request) {
    return Settling(context, request).run();
}

ConfigView configuration(const Context& context, const std::string& name, bool with_diffs) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const catalog::Jail jail = require_jail(*catalog, name);
    const Subject subject = subject_of(context, *catalog, jail);
    const store::TreeView now(subject.config.open_tree(RootPath()));
    std::map<std::string, ConfigEntry> entries;
    for (const store::Difference& each : store::differences(subject.beginning, now)) {
        ConfigEntry entry{each.path, each.change, each.what, {}, "", ""};
        if (with_diffs)
            add_diff(entry, subject.beginning.find(each.path), now.find(each.path));
        entries.emplace(each.path.str(), std::move(entry));
    }
    ConfigView view{jail.name, jail.current, {}, 0};
    for (const catalog::ConfigConflict& conflict : open_conflicts(subject.generation)) {
        ConfigEntry& entry =
            entries.try_emplace(conflict.path, ConfigEntry{path_of(conflict.path), {}, {}, {}, "", ""})
                .first->second;
        entry.conflicts.push_back(conflict.what);
        ++view.open_conflicts;
    }
    if (const auto entry = entries.find("/etc/resolv.conf"); entry != entries.end())
        entry->second.what.emplace_back(resolv_words(resolv_owner(context, jail)));
    for (auto& [path, entry] : entries)
        view.entries.push_back(std::move(entry));
    return view;
}

} // namespace pkgjail::ops
