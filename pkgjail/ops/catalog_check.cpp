#include "pkgjail/ops/catalog_check.hpp"

#include <set>

#include <fmt/core.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/catalog/volumes.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/ops/restore.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/compare_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/sweep_configs.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

bool directory_exists(const base::HostPath& path) {
    std::error_code error;
    return std::filesystem::is_directory(std::filesystem::symlink_status(path, error));
}

class Check {
  public:
    Check(const Context& context, catalog::Catalog& catalog)
        : layout_(context.layout), images_(catalog), jails_(catalog), snapshots_(catalog), volumes_(catalog) {
    }

    enum class Images { whole, without_content };

    void files(Images how) {
        for (const catalog::Image& image : images_.all())
            attempt("image " + image.id.substr(0, 12), [&] { look_at_image(image, how); });
        for (const catalog::Jail& jail : jails_.all())
            attempt("jail " + jail.name, [&] { look_at_jail(jail); });
        for (const catalog::Volume& volume : volumes_.all())
            if (!directory_exists(layout_.volume_data(volume.id)))
                add(fmt::format("volume {}: is not on disk", volume.name));
    }

    void records() {
        for (const catalog::Image& image : images_.all())
            attempt("image " + image.id.substr(0, 12), [&] { compare_image_record(image); });
        for (const catalog::Jail& jail : jails_.all()) {
            attempt("jail " + jail.name, [&] {
                compare(layout_.jail_record(jail.id), record_of(jail, jails_.generations(jail.id)),
                        "any changing command writes it again");
            });
            for (const catalog::Snapshot& snapshot : snapshots_.of_jail(jail.id))
                attempt("snapshot " + snapshot.name, [&] {
                    const auto recorded = parse_snapshot_record(
                        base::read_file(layout_.snapshot(snapshot.id) / "snapshot.json"), "snapshot.json");
                    if (!is_record_of(recorded, snapshot))
                        add(fmt::format("snapshot {} of jail {}: snapshot.json tells another image, jail or "
                                        "generation than the catalog",
                                        snapshot.name, jail.name));
                    else if (recorded.settings != snapshot.settings)
                        add(fmt::format("snapshot {} of jail {}: snapshot.json tells other settings than the "
                                        "catalog; any changing command writes them again",
                                        snapshot.name, jail.name));
                });
        }
        for (const catalog::Volume& volume : volumes_.all())
            compare(layout_.volume_record(volume.id), record_of(volume),
                    "a copy of another volume's shows its form");
    }

    /// What lies there and is unknown. A command that is at work may have just made it.
    void unknown() {
        for (const std::string& name : names(layout_.images()))
            if (!is_temporary(name) && !images_.find(name))
                add(fmt::format("image {} is on disk and not in the catalog", name));
        for (const std::string& name : names(layout_.jails())) {
            if (is_temporary(name) || store::Layout::kept_jail(name))
                continue;
            const auto jail = jails_.find_by_id(name);
            if (!jail) {
                if (!store::has_only_data(base::Tree::open(layout_.jails()), name)) // kept by destroy
                    add(fmt::format("jail {} is on disk and not in the catalog", name));
                continue;
            }
            std::set<std::int64_t> numbers;
            for (const catalog::Generation& generation : jails_.generations(name))
                numbers.insert(generation.number);
            if (!jail->operation)
                for (const std::string& config : store::unknown_configs(layout_, name, numbers))
                    add(fmt::format("jail {}: configuration {} belongs to no generation", jail->name,
                                    config));
        }
        for (const std::string& name : names(layout_.volumes()))
            if (!is_temporary(name) && !volumes_.find_by_id(name))
                add(fmt::format("volume {} is on disk and not in the catalog", name));
        const std::set<std::string> noted = snapshots_set_aside(jails_.all());
        for (const std::string& name : names(layout_.snapshots()))
            if (!is_temporary(name) && !snapshots_.find_by_id(name) && !noted.contains(name))
                add(fmt::format("snapshot {} is on disk and not in the catalog", name));
    }

    std::vector<std::string> take() { return std::move(lines_); }

  private:
    void add(std::string line) { lines_.push_back(std::move(line)); }

    template <class Work>
    void attempt(const std::string& subject, Work&& work) {
        try {
            work();
        } catch (const Error& error) {
            add(fmt::format("{}: {}", subject, error.what()));
        }
    }

    static bool is_temporary(const std::string& name) {
        return store::Layout::is_staging(name) || store::Layout::is_trash(name);
    }

    static std::vector<std::string> names(const base::HostPath& directory) {
        return base::Tree::open(directory).list(base::RootPath());
    }

    void look_at_image(const catalog::Image& image, Images how) {
        const std::string subject = "image " + image.id.substr(0, 12);
        if (!directory_exists(layout_.image(image.id))) {
            add(subject + ": is not on disk");
            return;
        }
        const jail::Manifest manifest = images_.manifest(image.id);
        const std::string text = manifest.text();
        if (store::image_id_of(image.build_key, text) != image.id)
            add(subject + ": the files that the catalog has of it are not those that gave it its id");
        if (base::read_file(layout_.image_manifest(image.id), most_manifest) != text)
            add(subject + ": its manifest on disk is another one than the catalog's");
        if (how == Images::without_content)
            return;
        for (const store::Damage& damage :
             store::compare_image(base::Tree::open(layout_.image(image.id)), manifest))
            add(fmt::format("{}: {}: {}", subject, damage.path.str(), damage.what));
    }

    void look_at_jail(const catalog::Jail& jail) {
        const std::string subject = "jail " + jail.name;
        if (!directory_exists(layout_.jail(jail.id))) {
            add(subject + ": is not on disk");
            return;
        }
        for (const catalog::Generation& generation : jails_.generations(jail.id))
            if (!directory_exists(layout_.jail_config(jail.id, generation.number)))
                add(fmt::format("{}: the configuration of generation {} is not on disk", subject,
                                generation.number));
        if (!directory_exists(layout_.jail_data(jail.id)) && !jail.operation)
            add(subject + ": its data are not on disk");
        if (!directory_exists(layout_.jail_root(jail.id)))
            add(subject + ": its mount points are not on disk");
        for (const catalog::Snapshot& snapshot : snapshots_.of_jail(jail.id))
            for (const base::HostPath& part :
                 {layout_.snapshot_config(snapshot.id), layout_.snapshot_data(snapshot.id)})
                if (!directory_exists(part))
                    add(fmt::format("snapshot {} of jail {}: its {} is not on disk", snapshot.name, jail.name,
                                    part.filename().string()));
    }

    void compare_image_record(const catalog::Image& image) {
        if (!directory_exists(layout_.image(image.id)))
            return; // told already
        const ImageRecord record =
            parse_image_record(base::read_file(layout_.image_record(image.id)), "image.json");
        bool same = record.image.build_key == image.build_key && record.image.base_id == image.base_id &&
                    record.image.prefix == image.prefix &&
                    record.image.packages.size() == image.packages.size();
        for (std::size_t i = 0; same && i < image.packages.size(); ++i)
            same = record.image.packages[i].pkgname == image.packages[i].pkgname &&
                   record.image.packages[i].archive_sha256 == image.packages[i].archive_sha256;
        if (!same)
            add(fmt::format("image {}: image.json tells something else than the catalog",
                            image.id.substr(0, 12)));
    }

    void compare(const base::HostPath& file, const std::string& expected, const std::string& remedy) {
        const auto text = base::read_file_if_exists(file);
        if (!text)
            add(fmt::format("{}: is missing; {}", file.string(), remedy));
        else if (*text != expected)
            add(fmt::format("{}: tells something else than the catalog; {}", file.string(), remedy));
    }

    static constexpr std::size_t most_manifest = std::size_t(1) << 30;

    const store::Layout& layout_;
    catalog::Images images_;
    catalog::Jails jails_;
    catalog::Snapshots snapshots_;
    catalog::Volumes volumes_;
    std::vector<std::string> lines_;
};

catalog::Catalog require_catalog(const Context& context) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, context.layout.catalog().string(), "there is no catalog",
                    "pkgjail catalog rebuild makes it from images and jails, where there are any");
    return std::move(*catalog);
}

} // namespace

std::vector<std::string> missing_from_disk(const Context& context, catalog::Catalog& catalog) {
    Check check(context, catalog);
    check.files(Check::Images::without_content);
    return check.take();
}

std::vector<std::string> check_catalog(const Context& context) {
    catalog::Catalog catalog = require_catalog(context);
    std::vector<std::string> findings = catalog.check();
    if (!findings.empty())
        return findings; // what a damaged catalog says of the disk is worth nothing
    const catalog::ReadTransaction one_state(catalog.database());
    Check check(context, catalog);
    check.files(Check::Images::whole);
    check.records();
    check.unknown();
    return check.take();
}

void back_up_catalog(const Context& context, const base::HostPath& file, bool overwrite) {
    std::error_code error;
    const auto there = std::filesystem::symlink_status(file, error);
    if (std::filesystem::exists(there) && !overwrite)
        throw Error(ErrorKind::conflict, file.string(), "exists already",
                    "name another file, or give --force to replace this one");
    if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there))
        throw Error(ErrorKind::conflict, file.string(), "is not a regular file");
    base::require_replaceable(file);
    catalog::Catalog catalog = require_catalog(context);
    if (context.dry_run)
        return;
    const base::HostPath beside = file.string() + ".new-" + base::random_hex(6);
    catalog.copy_to(beside);
    base::step("backup.copied");
    try {
        const std::vector<std::string> findings = catalog::Catalog::open_read_only(beside).check();
        if (!findings.empty())
            throw Error(ErrorKind::corrupt, context.layout.catalog().string(), findings.front(),
                        "pkgjail catalog check tells everything that is wrong");
        if (overwrite)
            base::rename_durably(beside, file);
        else {
            // Unlike a rename, this fails when somebody else has made the file meanwhile.
            std::filesystem::create_hard_link(beside, file);
            std::filesystem::remove(beside);
            base::sync_directory(std::filesystem::absolute(file).parent_path());
        }
    } catch (const std::filesystem::filesystem_error& failure) {
        std::filesystem::remove(beside, error);
        throw base::system_error(failure.code().value(), file.string(), "link");
    } catch (...) {
        std::filesystem::remove(beside, error);
        throw;
    }
}

} // namespace pkgjail::ops
