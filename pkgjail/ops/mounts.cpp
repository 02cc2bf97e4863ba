#include "pkgjail/ops/mounts.hpp"

#include <algorithm>
#include <functional>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/confine/mount_source.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/volumes.hpp"
#include "pkgjail/store/root.hpp"
#include "pkgjail/store/volume_files.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using jail::MountWords;

namespace {

std::vector<base::HostPath> closed_directories(const Context& context) {
    return {context.layout.state(), context.config.etc};
}

void check_source(const Context& context, const std::string& source) {
    const std::string problem = confine::source_problem(source, closed_directories(context));
    if (!problem.empty())
        throw Error(ErrorKind::denied, source, problem + " and cannot be mounted into a jail");
    const auto& allowed = context.config.allow_mounts;
    const RootPath path = RootPath::parse(source);
    if (std::any_of(allowed.begin(), allowed.end(), [&](const base::HostPath& one) {
            return path.is_within(RootPath::parse(one.string()));
        })) {
        if (::geteuid() == 0)
            return;
        throw Error(ErrorKind::denied, source,
                    "can only be mounted into a jail of root's, because an ordinary user may mount nothing "
                    "of the host",
                    "pkgjail volume create VOLUME makes a directory that the jail can have instead");
    }
    std::string list;
    for (const base::HostPath& one : allowed)
        list += (list.empty() ? "" : ", ") + one.string();
    throw Error(ErrorKind::denied, source,
                list.empty() ? "nothing of the host may be mounted into jails"
                             : "may not be mounted into jails, allowed: what lies in " + list,
                fmt::format("allow-mount = {} in pkgjail.conf allows it",
                            path.parent().is_root() ? path.str() : path.parent().str()));
}

void check_targets(const Context& context, const std::vector<RootPath>& targets,
                   const std::vector<RootPath>& data_paths) {
    const store::HostBase base = store::configured_base(context.config.base);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const RootPath& target = targets[i];
        const auto refuse = [&](const std::string& why) {
            throw Error(ErrorKind::conflict, target.str(), why + ", and nothing can be mounted there",
                        "choose another place, such as /srv or a directory in /var");
        };
        const std::string problem = store::mount_target_problem(base, context.config.prefix, target);
        if (!problem.empty())
            refuse(problem);
        for (const RootPath& path : data_paths)
            if (path != target && path.is_within(target))
                refuse(fmt::format("holds {}, where the recipe keeps data", path.str()));
        for (std::size_t j = 0; j < i; ++j)
            if (target.is_within(targets[j]) || targets[j].is_within(target))
                refuse(fmt::format("meets {}, where something is mounted", targets[j].str()));
    }
}

std::vector<RootPath> data_paths_of(const std::optional<jail::RenderedRecipe>& recipe) {
    return recipe ? recipe->data_paths : std::vector<RootPath>{};
}

/// In the order of their paths, as the catalog gives them.
MountWords sorted(MountWords mounts) {
    const auto by_path = [](const auto& a, const auto& b) { return a.path < b.path; };
    std::sort(mounts.volumes.begin(), mounts.volumes.end(), by_path);
    std::sort(mounts.mounts.begin(), mounts.mounts.end(), by_path);
    return mounts;
}

MountsResult change(const Context& context, const std::string& name,
                    const std::function<void(MountWords&)>& edit) {
    Session session(context, "volume", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail before = require_jail(session.catalog(), name);
    MountsResult result;
    result.jail = name;
    result.before = mounts_of(before);
    MountWords after = result.before;
    edit(after);
    result.after = sorted(after);
    result.running = is_running(supervise::read_status(context.layout.run(before.id)));
    result.changed =
        result.after.volumes != result.before.volumes || result.after.mounts != result.before.mounts;
    const auto recipe = rendered_recipe(context, before);
    check_mounts(context, result.after, data_paths_of(recipe));
    if (result.changed && !context.dry_run) {
        const auto generation = catalog::Jails(session.catalog()).generation(before.id, before.current);
        catalog::Jail jail = before;
        take_mounts(session, result.after, jail);
        prepare_volumes(session, jail, generation ? generation->image_id : "");
        catalog::Transaction transaction(session.catalog().database());
        catalog::Jails(session.catalog()).update(jail);
        settle_volumes(session.catalog(), jail);
        transaction.commit();
        base::step("mounts.committed");
        write_record(session, jail.id);
    }
    session.finish();
    return result;
}

} // namespace

MountWords mounts_of(const catalog::Jail& jail) {
    MountWords mounts;
    for (const catalog::VolumeUseRow& row : jail.volumes)
        mounts.volumes.push_back({row.volume, RootPath::parse(row.path), row.writable});
    for (const catalog::HostMountRow& row : jail.mounts)
        mounts.mounts.push_back({row.source, RootPath::parse(row.path), row.writable, row.executable});
    return mounts;
}

void check_mounts(const Context& context, const MountWords& mounts, const std::vector<RootPath>& data_paths) {
    std::vector<RootPath> targets;
    for (const jail::VolumeUse& volume : mounts.volumes)
        targets.push_back(volume.path);
    for (const jail::HostMount& mount : mounts.mounts)
        targets.push_back(mount.path);
    check_targets(context, targets, data_paths);
    for (const jail::HostMount& mount : mounts.mounts)
        check_source(context, mount.source);
}

void take_mounts(Session& session, const MountWords& mounts, catalog::Jail& jail) {
    const MountWords wanted = sorted(mounts);
    catalog::Volumes volumes(session.catalog());
    jail.volumes.clear();
    jail.mounts.clear();
    for (const jail::VolumeUse& use : wanted.volumes) {
        auto volume = volumes.find(use.volume);
        if (!volume) {
            volume = make_volume(session, use.volume);
            session.context().reporter.warn(fmt::format("volume {} was made", use.volume));
        }
        jail.volumes.push_back({volume->id, volume->name, use.path.str(), use.writable});
    }
    for (const jail::HostMount& mount : wanted.mounts)
        jail.mounts.push_back({mount.source, mount.path.str(), mount.writable, mount.executable});
}

void prepare_volumes(Session& session, const catalog::Jail& jail, const std::string& image_id) {
    const store::Layout& layout = session.context().layout;
    for (const catalog::VolumeUseRow& use : jail.volumes) {
        const auto volume = catalog::Volumes(session.catalog()).find_by_id(use.volume_id);
        if (!volume || !volume->fresh)
            continue;
        std::vector<Tree> trees;
        const base::HostPath seed = layout.image_seed(image_id) / "data";
        if (!image_id.empty() && base::is_directory(seed))
            trees.push_back(Tree::open(seed));
        if (base::is_directory(layout.jail_data(jail.id)))
            trees.push_back(Tree::open(layout.jail_data(jail.id)));
        store::take_mount_point_owner(layout, volume->id, RootPath::parse(use.path), trees);
    }
}

void settle_volumes(catalog::Catalog& catalog, const catalog::Jail& jail) {
    for (const catalog::VolumeUseRow& use : jail.volumes)
        catalog::Volumes(catalog).set_used(use.volume_id);
}

void add_mounts(const Context& context, const catalog::Jail& jail, confine::JailSpec& spec) {
    spec.closed = closed_directories(context);
    for (const catalog::VolumeUseRow& use : jail.volumes) {
        confine::Mount mount;
        mount.source = context.layout.volume_data(use.volume_id);
        mount.target = RootPath::parse(use.path);
        mount.writable = use.writable;
        spec.mounts.push_back(std::move(mount));
    }
    for (const catalog::HostMountRow& row : jail.mounts) {
        confine::Mount mount;
        mount.source = row.source;
        mount.target = RootPath::parse(row.path);
        mount.writable = row.writable;
        mount.no_exec = !row.executable;
        mount.by_descriptor = true;
        spec.mounts.push_back(std::move(mount));
    }
}

void make_mount_points(const Context& context, const catalog::Jail& jail,
                       const std::optional<jail::RenderedRecipe>& recipe) {
    const MountWords mounts = mounts_of(jail);
    const auto data_paths = data_paths_of(recipe);
    check_mounts(context, mounts, data_paths);
    for (const jail::VolumeUse& volume : mounts.volumes)
        store::make_mount_point(context.layout, jail.id, data_paths, volume.path, true);
    for (const jail::HostMount& mount : mounts.mounts) {
        std::error_code error;
        const bool file =
            std::filesystem::is_regular_file(std::filesystem::symlink_status(mount.source, error));
        store::make_mount_point(context.layout, jail.id, data_paths, mount.path, !file);
    }
}

MountsResult change_mounts(const Context& context, const std::string& name, const MountWords& mounts) {
    return change(context, name, [&](MountWords& present) { present = mounts; });
}

MountsResult attach(const Context& context, const std::string& name, const MountWords& more) {
    return change(context, name, [&](MountWords& present) {
        // The same at the same place is what is there already, or what is there in another way.
        const auto put = [](auto& list, const auto& one) {
            const auto found = std::find_if(list.begin(), list.end(),
                                            [&](const auto& other) { return other.path == one.path; });
            if (found != list.end())
                *found = one;
            else
                list.push_back(one);
        };
        for (const jail::VolumeUse& volume : more.volumes)
            put(present.volumes, volume);
        for (const jail::HostMount& mount : more.mounts)
            put(present.mounts, mount);
    });
}

MountsResult detach(const Context& context, const std::string& name, const std::string& path) {
    return change(context, name, [&](MountWords& present) {
        const auto at = [&](const auto& one) { return one.path.str() == path; };
        if (std::erase_if(present.volumes, at) + std::erase_if(present.mounts, at) == 0)
            throw Error(ErrorKind::not_found, path, fmt::format("nothing is mounted there in jail {}", name),
                        fmt::format("pkgjail status {} shows what is", name));
    });
}

} // namespace pkgjail::ops
