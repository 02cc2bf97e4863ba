#include "pkgjail/ops/verify.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/compare_image.hpp"
#include "pkgjail/store/manifest_path.hpp"

namespace pkgjail::ops {

using base::Error;
using base::HostPath;

namespace {

constexpr std::size_t max_manifest_bytes = std::size_t{1} << 30;

class Verification {
  public:
    Verification(const Context& context, catalog::Catalog& catalog)
        : context_(context), catalog_(catalog), jails_(catalog), images_(catalog) {}

    VerifyResult run(const std::vector<std::string>& names) {
        std::vector<catalog::Jail> jails;
        for (const std::string& name : names)
            jails.push_back(require_jail(catalog_, name));
        const std::vector<catalog::Jail> all = jails_.all();
        for (const catalog::Jail& jail : all)
            for (const catalog::Generation& generation : jails_.generations(jail.id)) {
                std::vector<std::string>& users = users_[generation.image_id];
                if (users.empty() || users.back() != jail.name)
                    users.push_back(jail.name);
            }
        std::set<std::string> chosen;
        if (names.empty()) {
            jails = all;
            for (const catalog::Image& image : images_.all())
                chosen.insert(image.id);
        }
        for (const catalog::Jail& jail : jails) {
            result_.jails.push_back(jail.name);
            for (const catalog::Generation& generation : jails_.generations(jail.id))
                chosen.insert(generation.image_id);
        }
        for (const std::string& id : chosen)
            check_image(id, users_[id]);
        for (const catalog::Jail& jail : jails)
            check_jail(jail);
        return std::move(result_);
    }

  private:
    void add_image(const std::string& id, std::string path, std::string what) {
        result_.findings.push_back({id, users_[id], std::move(path), std::move(what)});
    }

    void check_image(const std::string& id, const std::vector<std::string>& users) {
        const auto image = images_.find(id);
        if (!image)
            return; // went away just now, with the jail that had it
        context_.reporter.doing(fmt::format("look through image {} of {}", id.substr(0, 12),
                                            users.empty() ? "no jail" : users.front()));
        const std::size_t before = result_.findings.size();
        const jail::Manifest manifest = images_.manifest(id);
        ++result_.images;
        result_.files += manifest.entries.size();
        std::error_code error;
        const HostPath top = context_.layout.image(id);
        if (!std::filesystem::is_directory(std::filesystem::symlink_status(top, error)))
            add_image(id, top.string(), "is missing");
        else {
            check_records(*image, manifest);
            for (store::Damage& damage : store::compare_image(base::Tree::open(top), manifest)) {
                const auto path = store::path_in_jail(damage.path, image->prefix);
                add_image(id, path ? path->str() : damage.path.str(), std::move(damage.what));
            }
        }
        if (result_.findings.size() > before && !images_.find(id)) // removed while it was looked through
            result_.findings.resize(before);
    }

    /// What lies beside the image, from which the catalog could be made again.
    void check_records(const catalog::Image& image, const jail::Manifest& manifest) {
        const std::string text = manifest.text();
        const HostPath beside = context_.layout.image_manifest(image.id);
        const auto on_disk = read(image.id, beside);
        if (on_disk && *on_disk != text)
            add_image(image.id, beside.string(), "differs from the catalog's manifest");
        if (base::sha256(image.build_key + "\n" + text) != image.id)
            add_image(image.id, context_.layout.catalog().string(),
                      "its manifest of the image does not give the image's id");
        const HostPath record = context_.layout.image_record(image.id);
        const auto json = read(image.id, record);
        if (!json)
            return;
        const auto parsed = nlohmann::json::parse(*json, nullptr, false);
        if (!parsed.is_object() || parsed.value("build_key", "") != image.build_key)
            add_image(image.id, record.string(), "is not the record of this image");
    }

    std::optional<std::string> read(const std::string& image, const HostPath& file) {
        try {
            if (auto text = base::read_file_if_exists(file, max_manifest_bytes))
                return text;
            add_image(image, file.string(), "is missing");
        } catch (const Error& error) {
            add_image(image, file.string(), "cannot be read: " + error.cause());
        }
        return std::nullopt;
    }

    void check_jail(const catalog::Jail& jail) {
        const auto add = [&](const HostPath& path, std::string what) {
            result_.findings.push_back({"", {jail.name}, path.string(), std::move(what)});
        };
        const HostPath top = context_.layout.jail(jail.id);
        std::error_code error;
        if (!std::filesystem::is_directory(std::filesystem::symlink_status(top, error)))
            return add(top, "is missing");
        for (store::Damage& damage : store::check_jail_skeleton(context_.layout, jail.id, jail.current,
                                                                store::configured_base(context_.config.base),
                                                                context_.config.prefix, data_paths(jail)))
            add(top / damage.path.relative(), std::move(damage.what));
        check_jail_record(jail, add);
    }

    template <class Add>
    void check_jail_record(const catalog::Jail& jail, const Add& add) {
        const HostPath file = context_.layout.jail_record(jail.id);
        const auto generation = jails_.generation(jail.id, jail.current);
        try {
            const auto text = base::read_file_if_exists(file, max_manifest_bytes);
            if (!text)
                return add(file, "is missing");
            const auto record = nlohmann::json::parse(*text, nullptr, false);
            if (!record.is_object())
                return add(file, "is no record of a jail");
            const auto compare = [&](const char* key, const std::string& wanted) {
                const std::string found = record.contains(key) && record[key].is_string()
                                              ? record[key].get<std::string>()
                                              : std::string("nothing");
                if (found != wanted)
                    add(file, fmt::format("says {} as {}, the catalog {}", found, key, wanted));
            };
            compare("id", jail.id);
            compare("name", jail.name);
            compare("recipe", jail.recipe);
            if (generation)
                compare("image", generation->image_id);
        } catch (const Error& failure) {
            add(file, "cannot be read: " + failure.cause());
        }
    }

    std::vector<base::RootPath> data_paths(const catalog::Jail& jail) {
        try {
            if (const auto recipe = rendered_recipe(context_, jail))
                return recipe->data_paths;
        } catch (const Error& error) {
            // A recipe that was broken since is no damage of the jail's files; its next start tells of it.
            context_.reporter.warn(std::string("recipe of jail ") + jail.name + ": " + error.what());
        }
        return {};
    }

    const Context& context_;
    catalog::Catalog& catalog_;
    catalog::Jails jails_;
    catalog::Images images_;
    std::map<std::string, std::vector<std::string>> users_; ///< image → jails
    VerifyResult result_;
};

} // namespace

VerifyResult verify(const Context& context, const std::vector<std::string>& names) {
    auto catalog = open_for_reading(context);
    if (!catalog) {
        if (names.empty())
            return {};
        throw Error(base::ErrorKind::not_found, names.front(), "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    }
    return Verification(context, *catalog).run(names);
}

} // namespace pkgjail::ops
