#include "pkgjail/ops/du.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "pkgjail/base/parallel.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/disk_usage.hpp"

namespace pkgjail::ops {

using store::DiskUsage;

namespace {

Size size_of(const DiskUsage& usage) {
    return {usage.apparent_bytes(), usage.disk_bytes(), usage.exclusive_bytes(), usage.shared_blocks_bytes()};
}

/// What a jail refers to.
struct Needs {
    std::vector<std::string> images; ///< the current generation's first, each once
    std::vector<std::string> snapshots;
};

class Du {
  public:
    Du(const Context& context, catalog::Catalog& catalog)
        : layout_(context.layout), jails_(catalog), snapshots_(catalog), volumes_(catalog) {
        for (const catalog::Jail& jail : jails_.all()) {
            all_.push_back(jail);
            Needs& needs = needs_[jail.name];
            const auto need = [&needs](const std::string& image) {
                if (std::find(needs.images.begin(), needs.images.end(), image) == needs.images.end())
                    needs.images.push_back(image);
            };
            if (const auto current = jails_.generation(jail.id, jail.current))
                need(current->image_id);
            for (const catalog::Generation& generation : jails_.generations(jail.id))
                need(generation.image_id);
            for (const catalog::Snapshot& snapshot : snapshots_.of_jail(jail.id)) {
                need(snapshot.image_id);
                needs.snapshots.push_back(snapshot.id);
            }
        }
        walk_everything();
        for (const std::string& name : names_in(layout_.images()))
            images_.emplace(name, walked(layout_.image(name), Blocks::not_asked));
    }

    DuResult run(const std::vector<std::string>& wanted) {
        DuResult result;
        DiskUsage total = top(layout_.state());
        DiskUsage images;
        for (const auto& [id, usage] : images_)
            images.merge(usage);
        result.images = size_of(images);
        total.merge(images);
        total.merge(top(layout_.images()));
        for (const base::HostPath& directory : {layout_.jails(), layout_.snapshots()}) {
            total.merge(top(directory));
            for (const std::string& name : names_in(directory))
                total.merge(whole(directory / name));
        }
        for (const catalog::Jail& jail : all_)
            if (wanted.empty() || std::find(wanted.begin(), wanted.end(), jail.name) != wanted.end())
                result.jails.push_back(look_at(jail));
        const DiskUsage& cache = walked(layout_.cache(), Blocks::not_asked);
        for (const catalog::Volume& volume : volumes_.all()) {
            const DiskUsage& size = walked(layout_.volume(volume.id), Blocks::asked);
            total.merge(size);
            VolumeUsage usage{volume.name, size_of(size), {}};
            for (const catalog::VolumeUser& user : volumes_.users(volume.id))
                if (usage.jails.empty() || usage.jails.back() != user.jail)
                    usage.jails.push_back(user.jail);
            const bool asked =
                std::any_of(usage.jails.begin(), usage.jails.end(), [&](const std::string& jail) {
                    return std::find(wanted.begin(), wanted.end(), jail) != wanted.end();
                });
            if (wanted.empty() || asked)
                result.volumes.push_back(std::move(usage));
        }
        total.merge(top(layout_.volumes()));
        result.cache = size_of(cache);
        total.merge(cache);
        DiskUsage rest;
        for (const base::HostPath& path : others())
            rest.merge(walked(path, Blocks::not_asked));
        result.rest = size_of(rest);
        total.merge(rest);
        result.total = size_of(total);
        return result;
    }

  private:
    /// The directory itself, without what is in it.
    static DiskUsage top(const base::HostPath& directory) { return DiskUsage::of_entry(directory); }

    static std::vector<std::string> names_in(const base::HostPath& directory) {
        return base::Tree::open(directory).list(base::RootPath());
    }

    /// Whether the file system is asked of each file what it shares with copies.
    enum class Blocks { asked, not_asked };

    /// What is in a jail's or snapshot's directory; empty where it is none. Its data may be a file system's
    /// own unit (a subvolume), which a walk from above does not enter, so that each part is walked by itself.
    static std::vector<base::HostPath> parts_of(const base::HostPath& directory) {
        std::vector<base::HostPath> parts;
        std::error_code error;
        if (std::filesystem::is_directory(std::filesystem::symlink_status(directory, error)))
            for (const std::string& name : names_in(directory))
                parts.push_back(directory / name);
        return parts;
    }

    /// What is in the state directory and counts as nothing else.
    std::vector<base::HostPath> others() const {
        std::vector<base::HostPath> paths;
        for (const std::string& name : names_in(layout_.state())) {
            const base::HostPath path = layout_.state() / name;
            if (path != layout_.images() && path != layout_.jails() && path != layout_.snapshots() &&
                path != layout_.volumes() && path != layout_.cache())
                paths.push_back(path);
        }
        return paths;
    }

    /// All walks at once, shared between the processors: images first, which are the largest.
    void walk_everything() {
        std::vector<std::pair<base::HostPath, Blocks>> wanted;
        for (const std::string& name : names_in(layout_.images()))
            wanted.emplace_back(layout_.image(name), Blocks::not_asked);
        wanted.emplace_back(layout_.cache(), Blocks::not_asked);
        for (const base::HostPath& path : others())
            wanted.emplace_back(path, Blocks::not_asked);
        for (const catalog::Volume& volume : volumes_.all())
            wanted.emplace_back(layout_.volume(volume.id), Blocks::asked);
        for (const base::HostPath& directory : {layout_.jails(), layout_.snapshots()})
            for (const std::string& name : names_in(directory))
                for (base::HostPath& part : parts_of(directory / name))
                    wanted.emplace_back(std::move(part), Blocks::asked);
        std::vector<DiskUsage> found(wanted.size());
        base::in_parallel(wanted.size(), [&](std::size_t i) {
            found[i] = DiskUsage::of(wanted[i].first, wanted[i].second == Blocks::asked);
        });
        for (std::size_t i = 0; i < wanted.size(); ++i)
            walked_.emplace(std::move(wanted[i].first), std::move(found[i]));
    }

    /// What has come since everything was walked is walked here.
    const DiskUsage& walked(const base::HostPath& path, Blocks blocks) {
        const auto known = walked_.find(path);
        return known != walked_.end()
                   ? known->second
                   : walked_.emplace(path, DiskUsage::of(path, blocks == Blocks::asked)).first->second;
    }

    /// A jail's or snapshot's directory with all that is in it; it counts for the jail and for the whole.
    const DiskUsage& whole(const base::HostPath& directory) {
        const auto [place, is_new] = wholes_.try_emplace(directory);
        if (is_new) {
            place->second.merge(DiskUsage::of_entry(directory));
            for (const base::HostPath& part : parts_of(directory))
                place->second.merge(walked(part, Blocks::asked));
        }
        return place->second;
    }

    JailUsage look_at(const catalog::Jail& jail) {
        JailUsage usage;
        usage.jail = jail.name;
        const Needs& needs = needs_.at(jail.name);
        usage.config = size_of(walked(layout_.jail_configs(jail.id), Blocks::asked));
        usage.data = size_of(walked(layout_.jail_data(jail.id), Blocks::asked));
        DiskUsage frozen;
        for (const std::string& id : needs.snapshots)
            frozen.merge(whole(layout_.snapshot(id)));
        usage.snapshots = size_of(frozen);
        DiskUsage own = frozen;
        own.merge(whole(layout_.jail(jail.id)));
        std::vector<std::string> images;
        std::vector<std::string> only_ours; // images that no other jail refers to
        std::set<std::string> with;
        for (const std::string& id : needs.images) {
            if (!images_.contains(id))
                continue;
            const ImageShare& share = share_of(id);
            images.push_back(id);
            if (share.jails.size() == 1)
                only_ours.push_back(id);
            for (const std::vector<std::string>* list : {&share.jails, &share.linked_jails})
                with.insert(list->begin(), list->end());
            usage.shares.push_back(share);
        }
        with.erase(jail.name);
        usage.shared_with.assign(with.begin(), with.end());
        usage.images = sum_of(images);
        usage.images.exclusive = sum_of(only_ours).exclusive;
        usage.total = size_of(own);
        usage.total.apparent += usage.images.apparent;
        usage.total.disk += usage.images.disk;
        usage.total.exclusive += usage.images.exclusive;
        return usage;
    }

    // Jails often have the same images, so what is found of images is found once.

    const Size& sum_of(const std::vector<std::string>& images) {
        const auto [place, is_new] = sums_.try_emplace(images);
        if (is_new) {
            DiskUsage sum;
            for (const std::string& id : images)
                sum.merge(images_.at(id));
            place->second = size_of(sum);
        }
        return place->second;
    }

    const ImageShare& share_of(const std::string& id) {
        const auto [place, is_new] = shares_.try_emplace(id);
        if (!is_new)
            return place->second;
        const DiskUsage& usage = images_.at(id);
        ImageShare& share = place->second;
        share.image_id = id;
        share.size = size_of(usage);
        for (const auto& [name, needs] : needs_) {
            const auto& theirs = needs.images;
            if (std::find(theirs.begin(), theirs.end(), id) != theirs.end())
                share.jails.push_back(name);
            else if (std::any_of(theirs.begin(), theirs.end(), [&](const std::string& other) {
                         const auto found = images_.find(other);
                         return found != images_.end() && usage.shared_bytes(found->second) > 0;
                     }))
                share.linked_jails.push_back(name);
        }
        return share;
    }

    const store::Layout& layout_;
    catalog::Jails jails_;
    catalog::Snapshots snapshots_;
    catalog::Volumes volumes_;
    std::vector<catalog::Jail> all_;
    std::map<std::string, Needs> needs_;      ///< by jail's name
    std::map<std::string, DiskUsage> images_; ///< by id
    std::map<base::HostPath, DiskUsage> walked_;
    std::map<base::HostPath, DiskUsage> wholes_;
    std::map<std::vector<std::string>, Size> sums_;
    std::map<std::string, ImageShare> shares_;
};

} // namespace

DuResult du(const Context& context, const std::vector<std::string>& jails) {
    auto catalog = open_for_reading(context);
    if (!catalog && jails.empty())
        return {};
    if (!catalog)
        throw base::Error(base::ErrorKind::not_found, jails.front(), "there is no jail of this name",
                          "pkgjail install PACKAGE makes the first one");
    for (const std::string& name : jails)
        require_jail(*catalog, name);
    return Du(context, *catalog).run(jails);
}

} // namespace pkgjail::ops
