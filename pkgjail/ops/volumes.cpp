#include "pkgjail/ops/volumes.hpp"

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/store/disk_usage.hpp"
#include "pkgjail/store/volume_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

catalog::Volume require_volume(catalog::Catalog& catalog, const std::string& name) {
    catalog::Volumes volumes(catalog);
    if (auto volume = volumes.find(name))
        return *volume;
    std::vector<std::string> names;
    for (const catalog::Volume& other : volumes.all())
        names.push_back(other.name);
    const std::string meant = jail::did_you_mean(name, names);
    throw Error(ErrorKind::not_found, name, "there is no volume of this name",
                meant.empty() ? "pkgjail volume list shows the volumes there are" : meant);
}

VolumeView view_of(const Context& context, catalog::Catalog& catalog, const catalog::Volume& volume) {
    VolumeView view;
    view.volume = volume;
    view.users = catalog::Volumes(catalog).users(volume.id);
    view.path = context.layout.volume_data(volume.id);
    view.disk_bytes = store::DiskUsage::of(view.path).disk_bytes();
    return view;
}

} // namespace

std::vector<VolumeView> volumes(const Context& context, const std::vector<std::string>& names) {
    std::vector<VolumeView> views;
    auto catalog = open_for_reading(context);
    if (!catalog) {
        if (names.empty())
            return views;
        throw Error(ErrorKind::not_found, names.front(), "there is no volume of this name",
                    "pkgjail volume create NAME makes one");
    }
    if (names.empty())
        for (const catalog::Volume& volume : catalog::Volumes(*catalog).all())
            views.push_back(view_of(context, *catalog, volume));
    for (const std::string& name : names)
        views.push_back(view_of(context, *catalog, require_volume(*catalog, name)));
    return views;
}

catalog::Volume make_volume(Session& session, const std::string& name) {
    jail::check_name("volume", name);
    catalog::Volumes volumes(session.catalog());
    if (volumes.find(name))
        throw Error(ErrorKind::conflict, name, "there is a volume of this name");
    catalog::Volume volume;
    volume.id = base::random_hex(8);
    volume.name = name;
    volume.created_at = base::to_unix(base::wall_now());
    store::create_volume(session.context().layout, volume.id, record_of(volume));
    volumes.add(volume);
    base::step("volume.committed");
    return volume;
}

VolumeView create_volume(const Context& context, const std::string& name) {
    jail::check_name("volume", name);
    Session session(context, "volume", "");
    if (context.dry_run) {
        if (catalog::Volumes(session.catalog()).find(name))
            throw Error(ErrorKind::conflict, name, "there is a volume of this name");
        VolumeView would;
        would.volume.name = name;
        return would;
    }
    const catalog::Volume volume = make_volume(session, name);
    session.finish();
    return view_of(context, session.catalog(), volume);
}

void destroy_volume(const Context& context, const std::string& name) {
    Session session(context, "volume", "");
    const catalog::Volume volume = require_volume(session.catalog(), name);
    catalog::Volumes volumes(session.catalog());
    if (const auto users = volumes.users(volume.id); !users.empty())
        throw Error(ErrorKind::conflict, name,
                    fmt::format("is in use by jail {} at {}", users.front().jail, users.front().path),
                    fmt::format("pkgjail volume detach {} {}", users.front().jail, users.front().path));
    if (context.dry_run)
        return;
    if (!context.reporter.confirm(fmt::format("Remove volume {} and all that is in it?", name)))
        throw Error(ErrorKind::usage, name, "not removed, because the question was not answered with yes",
                    "repeat it with --yes");
    store::remove_volume(context.layout, volume.id, [&] { volumes.remove(volume.id); });
    session.finish();
}

} // namespace pkgjail::ops
