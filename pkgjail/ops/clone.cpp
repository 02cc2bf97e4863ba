#include "pkgjail/ops/clone.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/quiet_jail.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/snapshot.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/clone_files.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/secret_files.hpp"
#include "pkgjail/store/sync.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// Both names, always in the same order, so that two commands cannot wait for each other.
class TwoLocks {
  public:
    TwoLocks(Session& session, const std::string& one, const std::string& other)
        : first_(session.lock_jail(std::min(one, other))), second_(session.lock_jail(std::max(one, other))) {}

  private:
    JailLock first_;
    JailLock second_;
};

class Clone {
  public:
    Clone(const Context& context, const CloneRequest& request)
        : context_(context), request_(checked(request)),
          session_(context, "clone", request.jail, Session::Reads::own, Session::Entry::with_commit),
          locks_(session_, request.source, request.jail),
          source_(require_jail(session_.catalog(), request.source)) {}

    CloneResult run() {
        if (catalog::Jails(session_.catalog()).find(request_.jail))
            throw Error(ErrorKind::conflict, request_.jail, "there is a jail of this name",
                        "give the clone another name");
        const catalog::Snapshot state = frozen_state();
        source_.settings = state.settings;
        catalog::Jail jail = new_jail();
        check_claims(session_.catalog(), jail);
        settle_address(context_, session_.catalog(), jail, recipe_);
        if (recipe_)
            check_requirements(context_, session_.catalog(), jail.name, *recipe_, jail.wanted_running);
        jail_limits(context_, jail, recipe_);
        if (jail.wanted_running && !request_.with_secrets)
            if (const auto missing = missing_secrets(context_, jail.id, recipe_); !missing.empty())
                throw Error(ErrorKind::configuration, jail.name,
                            fmt::format("needs secret {}, and secrets are not cloned", missing.front()),
                            "give --with-secrets, or --no-start and set it then");
        if (jail.wanted_running)
            check_ports_free(jail);
        result_.jail = jail.name;
        result_.source = source_.name;
        result_.snapshot = request_.snapshot;
        result_.image = state.image_id;
        result_.addresses = addresses(recipe_, jail.address);
        if (context_.dry_run)
            return result_;
        make(jail, state);
        if (jail.wanted_running) {
            result_.status = start_jail(session_, jail);
            result_.started = true;
            session_.finish();
        }
        return result_;
    }

  private:
    static const CloneRequest& checked(const CloneRequest& request) {
        jail::check_name("jail", request.jail);
        if (request.jail == request.source)
            throw Error(ErrorKind::usage, request.jail, "a jail cannot be a clone of itself",
                        "give the clone another name");
        return request;
    }

    /// The snapshot, or what one would hold that was made now.
    catalog::Snapshot frozen_state() {
        return request_.snapshot.empty() ? snapshot_now(session_, source_, "")
                                         : require_snapshot(session_.catalog(), source_, request_.snapshot);
    }

    catalog::Jail new_jail() {
        catalog::Jail jail = source_;
        jail.id = base::random_hex(8);
        jail.name = request_.jail;
        jail.claims.clear();
        jail.operation.reset();
        // Two services that write the same files are seldom meant.
        const auto leave = [&](const auto& one) {
            if (one.writable)
                result_.left.push_back(one.path);
            return one.writable;
        };
        std::erase_if(jail.volumes, leave);
        std::erase_if(jail.mounts, leave);
        jail.created_at = base::to_unix(base::wall_now());
        jail.current = 1;
        recipe_ = settle_copy(context_, jail, request_.set, request_.network, "jail " + source_.name);
        jail.wanted_running = request_.start && recipe_ && !recipe_->services.empty();
        return jail;
    }

    void make(const catalog::Jail& jail, const catalog::Snapshot& state) {
        const store::Layout& layout = context_.layout;
        const std::string& prefix = context_.config.prefix;
        store::CloneStaging staging(layout, jail.id);
        context_.reporter.doing(fmt::format("copy configuration and data of {}", source_.name));
        if (request_.snapshot.empty()) {
            QuietJail quiet(session_, source_);
            result_.method = store::freeze_means_name(
                staging.copy(layout.jail_config(source_.id, source_.current), layout.jail_data(source_.id)));
            quiet.resume();
        } else {
            result_.method = store::freeze_means_name(
                staging.copy(layout.snapshot_config(state.id), layout.snapshot_data(state.id)));
        }
        if (recipe_) {
            const auto before = rendered_recipe(context_, source_);
            for (const base::RootPath& path :
                 staging.write_recipe_files(prefix, before->files, recipe_->files, source_.name))
                result_.kept.push_back(path.str());
        }
        const store::Identity identity = staging.renew_identity(prefix, source_.name, jail.name);
        for (const base::RootPath& path : identity.renewed)
            result_.renewed.push_back(path.str());
        for (const base::RootPath& path : identity.removed)
            result_.removed.push_back(path.str());
        for (const base::RootPath& path : identity.unseen)
            context_.reporter.warn(fmt::format(
                "jail {}: {} is behind a symbolic link and was not made new; jail {} may have the same",
                jail.name, path.str(), source_.name));
        staging.make_root(store::configured_base(context_.config.base), prefix,
                          recipe_ ? recipe_->data_paths : std::vector<base::RootPath>{});
        catalog::Generation first = generation_of(context_, state.image_id, state.wishes);
        first.number = 1;
        first.reason = fmt::format("clone of {}{}", source_.name,
                                   request_.snapshot.empty() ? "" : "@" + request_.snapshot);
        staging.place(record_of(jail, first));
        if (request_.with_secrets)
            store::copy_secrets(layout, source_.id, jail.id);
        const auto add = [&] {
            catalog::Transaction transaction(session_.catalog().database());
            check_claims(session_.catalog(), jail); // once more: the copy may have taken long
            catalog::Jails(session_.catalog()).add(jail, first);
            transaction.commit();
        };
        if (jail.wanted_running) // and is started
            add();
        else
            session_.finish_with(add);
        base::step("clone.committed");
        settle_committed(context_, layout.jail(jail.id));
    }

    const Context& context_;
    const CloneRequest& request_;
    Session session_;
    TwoLocks locks_;
    catalog::Jail source_;
    std::optional<jail::RenderedRecipe> recipe_;
    CloneResult result_;
};

constexpr std::string_view rename_note = "rename ";

/// "web.log" and "web.log.1", "web.build.log": whatever is the log of this name, as renames to another one.
std::vector<std::pair<base::HostPath, base::HostPath>>
log_renames(const store::Layout& layout, const std::string& from, const std::string& to) {
    std::vector<std::pair<base::HostPath, base::HostPath>> renames;
    const base::Tree logs = base::Tree::open(layout.logs());
    for (const std::string& name : logs.list(base::RootPath()))
        for (const char* kind : {".log", ".build.log"})
            if (name == from + kind || name.starts_with(from + kind + "."))
                renames.emplace_back(layout.logs() / name, layout.logs() / (to + name.substr(from.size())));
    return renames;
}

/// The recipe's files of the jail under both names: what holds the name reads differently.
class NamedFiles {
  public:
    NamedFiles(const Context& context, const catalog::Jail& jail, const std::string& new_name)
        : context_(context), id_(jail.id) {
        catalog::Jail renamed = jail;
        renamed.name = new_name;
        if (const auto before = rendered_recipe(context, jail))
            before_ = before->files;
        if (const auto after = rendered_recipe(context, renamed))
            after_ = after->files;
    }

    /// Writes each file that reads as under one name as under the other, in every generation there is. One
    /// that a power cut left as neither would count as edited when the rename is undone, and stay so.
    RenameResult write(catalog::Catalog& catalog, bool back) const {
        RenameResult result;
        for (const catalog::Generation& generation : catalog::Jails(catalog).generations(id_)) {
            const base::HostPath directory = context_.layout.jail_config(id_, generation.number);
            if (!base::exists(directory))
                continue;
            const base::Tree config = base::Tree::open(directory);
            const auto kept = store::kept_recipe_files(config);
            std::vector<jail::RenderedRecipe::File> files;
            bool has_written = false;
            for (std::size_t i = 0; i < before_.size() && i < after_.size(); ++i) {
                const auto& from = back ? after_[i] : before_[i];
                const auto& to = back ? before_[i] : after_[i];
                // A path with the name in it would be another file, which a rename does not move.
                if (from.path != to.path || from.content == to.content)
                    continue;
                // Against these the operator's changes are told.
                if (const auto rendered = kept ? kept->stat(from.path) : std::nullopt;
                    rendered && rendered->is_file() && kept->read(from.path) == from.content) {
                    store::write_synced(config, *kept, from.path, to.content, rendered->permissions(),
                                        {rendered->status.st_uid, rendered->status.st_gid});
                    has_written = true;
                }
                const bool same = reads_as(config, from);
                if (same)
                    files.push_back(to);
                add_once(same ? result.written : result.edited, from.path.str());
            }
            if (!files.empty()) {
                store::replace_recipe_files(config, files);
                has_written = true;
            }
            if (has_written)
                base::sync_file_system(config.fd());
        }
        return result;
    }

  private:
    /// Root in the jail shapes what is there. What cannot be read for that, such as a file behind a link,
    /// counts as edited: an error would come again each time, also where the rename is undone.
    bool reads_as(const base::Tree& config, const jail::RenderedRecipe::File& file) const {
        try {
            const auto there = config.stat(file.path);
            return there && there->is_file() && config.read(file.path) == file.content;
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::corrupt)
                throw;
            context_.reporter.warn(fmt::format("{}; it is left alone", error.what()));
            return false;
        }
    }
    static void add_once(std::vector<std::string>& paths, const std::string& path) {
        if (std::find(paths.begin(), paths.end(), path) == paths.end())
            paths.push_back(path);
    }

    const Context& context_;
    std::string id_;
    std::vector<jail::RenderedRecipe::File> before_;
    std::vector<jail::RenderedRecipe::File> after_;
};

/// Log and files have the old name again. By the holder of both names.
void put_back(Session& session, const catalog::Jail& jail, const std::string& new_name) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    // No jail and no log had the new name before, so what has it now was the jail's; unless the rest could
    // not be undone at once, and a jail was made under that name since.
    if (!jails.find(new_name))
        for (const auto& [from, to] : log_renames(context.layout, new_name, jail.name)) {
            if (base::exists(to))
                context.reporter.warn(fmt::format("{} was to be {} again, which is there; it is left alone",
                                                  from.string(), to.string()));
            else
                base::rename_durably(from, to);
        }
    NamedFiles(context, jail, new_name).write(session.catalog(), true);
    jails.set_operation(jail.id, std::nullopt);
}

} // namespace

CloneResult clone(const Context& context, const CloneRequest& request) {
    return Clone(context, request).run();
}

RenameResult rename(const Context& context, const std::string& name, const std::string& new_name) {
    jail::check_name("jail", new_name);
    Session session(context, "rename", name);
    if (name == new_name) {
        require_jail(session.catalog(), name);
        session.finish();
        return {};
    }
    const TwoLocks locks(session, name, new_name);
    catalog::Jails jails(session.catalog());
    const catalog::Jail jail = require_jail(session.catalog(), name);
    if (jails.find(new_name))
        throw Error(ErrorKind::conflict, new_name, "there is a jail of this name");
    if (is_running(supervise::read_status(context.layout.run(jail.id))))
        throw Error(ErrorKind::conflict, name, "is running, and its processes know its name",
                    "pkgjail stop " + name);
    if (const auto others = read_requirements(context, session.catalog()).required_by(name); !others.empty())
        throw Error(ErrorKind::conflict, name,
                    fmt::format("is required by jail {}, under this name", others.front()),
                    "change `requires` in that jail's recipe first");
    const auto renames = log_renames(context.layout, name, new_name);
    const auto all = jails.all();
    // A dry run is without recovery, which brings the log of a rename that was cut back.
    const bool comes_free =
        context.dry_run && std::any_of(all.begin(), all.end(), [&](const catalog::Jail& other) {
            return other.operation && renamed_to(*other.operation) == new_name;
        });
    for (const auto& [from, to] : renames)
        if (!comes_free && base::exists(to))
            throw Error(ErrorKind::conflict, to.string(), "is in the way, the log of an earlier jail",
                        "move it away");
    const NamedFiles files(context, jail, new_name);
    if (context.dry_run) // a note says nothing yet
        return {};
    if (jail.operation) // there is one note, and a rename needs its own
        throw not_put_right(jail);
    RenameResult result;
    jails.set_operation(jail.id, std::string(rename_note) + new_name);
    base::step("rename.noted");
    try {
        for (const auto& [from, to] : renames) {
            base::rename_durably(from, to);
            base::step("rename.log_renamed");
        }
        result = files.write(session.catalog(), false);
        base::step("rename.files_written");
        catalog::Transaction transaction(session.catalog().database());
        jails.rename(jail.id, new_name);
        jails.set_operation(jail.id, std::nullopt);
        transaction.commit();
    } catch (...) {
        put_back(session, jail, new_name);
        throw;
    }
    base::step("rename.committed");
    write_record(session, jail.id);
    session.finish();
    return result;
}

std::optional<std::string> renamed_to(const std::string& note) {
    if (!note.starts_with(rename_note))
        return std::nullopt;
    return note.substr(rename_note.size());
}

void undo_rename(Session& session, const catalog::Jail& jail, const std::string& new_name) {
    const auto lock = base::Lock::try_take(session.context().layout.jail_lock(new_name),
                                           base::LockMode::exclusive, "recover " + jail.name);
    if (!lock)
        throw Error(
            ErrorKind::busy, new_name,
            fmt::format("another command is at work on this name, under which jail {} may have its log",
                        jail.name));
    put_back(session, jail, new_name);
}

} // namespace pkgjail::ops
