#include "pkgjail/ops/diff.hpp"

#include <charconv>
#include <memory>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/history.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/snapshot.hpp"
#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using Kind = DiffSide::Kind;

namespace {

std::optional<std::int64_t> number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1)
        return std::nullopt;
    return value;
}

class Diff {
  public:
    Diff(const Context& context, catalog::Catalog& catalog, const catalog::Jail& jail)
        : layout_(context.layout), prefix_(RootPath::parse(context.config.prefix)), catalog_(catalog),
          jail_(jail) {}

    JailDiff run(const std::string& a, const std::string& b) {
        JailDiff result;
        result.jail = jail_.name;
        result.from = a.empty() ? of_generation(jail_.current) : side(a);
        result.to = b.empty() ? present() : side(b);
        catalog::Images images(catalog_);
        result.packages = package_changes(images.find(result.from.image), images.find(result.to.image));
        const jail::Manifest after = images.manifest(result.to.image);
        if (result.from.image != result.to.image) {
            result.image = store::differences(images.manifest(result.from.image), after,
                                              RootPath::parse("/tree"), prefix_);
            std::erase_if(result.image,
                          [&](const store::Difference& each) { return is_database(each.path); });
        }
        if (result.to.kind == Kind::present)
            result.damage = store::image_damage(Tree::open(layout_.image(result.to.image)), after);
        result.configuration = store::differences(*configuration(result.from), *configuration(result.to));
        if (result.from.kind != Kind::generation && result.to.kind != Kind::generation)
            result.data = store::differences(store::TreeView(Tree::open(data(result.from))),
                                             store::TreeView(Tree::open(data(result.to))));
        return result;
    }

  private:
    /// The package database, whose differences the packages' own tell.
    bool is_database(const RootPath& path) const {
        return path.is_within(prefix_ / store::pkgdb_path().str()) ||
               path.is_within(prefix_ / store::pkgdb_refcount_path().str());
    }

    DiffSide of_generation(std::int64_t wanted) const {
        const auto generation = catalog::Jails(catalog_).generation(jail_.id, wanted);
        if (!generation)
            throw Error(ErrorKind::not_found, jail_.name, fmt::format("has no generation {}", wanted),
                        fmt::format("pkgjail history {}", jail_.name));
        return {Kind::generation, wanted, "", generation->image_id};
    }

    DiffSide present() const {
        DiffSide side = of_generation(jail_.current);
        side.kind = Kind::present;
        return side;
    }

    /// A number is a generation's; a snapshot may be called so as well, and is meant where there is no such
    /// generation.
    DiffSide side(const std::string& text) const {
        const auto snapshot = catalog::Snapshots(catalog_).find(jail_.id, text);
        if (const auto wanted = number(text);
            wanted && (!snapshot || catalog::Jails(catalog_).generation(jail_.id, *wanted)))
            return of_generation(*wanted);
        const catalog::Snapshot found = snapshot ? *snapshot : require_snapshot(catalog_, jail_, text);
        return {Kind::snapshot, found.generation, found.name, found.image_id};
    }

    std::string snapshot_id(const DiffSide& side) const {
        return require_snapshot(catalog_, jail_, side.snapshot).id;
    }

    std::unique_ptr<store::FileView> configuration(const DiffSide& side) const {
        if (side.kind == Kind::snapshot)
            return std::make_unique<store::TreeView>(Tree::open(layout_.snapshot_config(snapshot_id(side))));
        const base::HostPath config = layout_.jail_config(jail_.id, side.generation);
        if (side.kind == Kind::present)
            return std::make_unique<store::TreeView>(Tree::open(config));
        return std::make_unique<store::Beginning>(store::Beginning::of(layout_, side.image, config));
    }

    base::HostPath data(const DiffSide& side) const {
        return side.kind == Kind::snapshot ? layout_.snapshot_data(snapshot_id(side))
                                           : layout_.jail_data(jail_.id);
    }

    const store::Layout& layout_;
    RootPath prefix_;
    catalog::Catalog& catalog_;
    const catalog::Jail& jail_;
};

} // namespace

std::string DiffSide::str() const {
    switch (kind) {
    case Kind::generation:
        return fmt::format("generation {}", generation);
    case Kind::snapshot:
        return "snapshot " + snapshot;
    case Kind::present:
        return "the jail as it is";
    }
    return {};
}

JailDiff diff(const Context& context, const std::string& name, const std::string& a, const std::string& b) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const catalog::Jail jail = require_jail(*catalog, name);
    return Diff(context, *catalog, jail).run(a, b);
}

} // namespace pkgjail::ops
