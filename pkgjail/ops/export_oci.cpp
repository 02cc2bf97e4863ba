// export --format oci: which files go where, and the documents that describe them (OCI image specification
// 1.0: image layout, manifest, configuration).
#include <algorithm>
#include <map>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/jail/signal.hpp"
#include "pkgjail/ops/export_jail.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/oci_layout.hpp"
#include "pkgjail/store/pkgdb.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using Json = nlohmann::ordered_json;
using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr const char* manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* config_type = "application/vnd.oci.image.config.v1+json";
constexpr const char* part_type = "application/vnd.oci.image.layer.v1.tar";

/// Go's name of an architecture for NetBSD's.
std::string architecture(const std::string& machine) {
    static const std::map<std::string, std::string> names = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i386", "386"},           {"earm", "arm"},
        {"earmv7hf", "arm"}, {"earmv6hf", "arm"},  {"powerpc64le", "ppc64le"}};
    const auto found = names.find(machine);
    return found == names.end() ? machine : found->second;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Paths of one part have their place in the root.
RootPath placed(const RootPath& top, const RootPath& below) {
    RootPath path = top;
    for (const std::string& name : below.components())
        path = path.entry(name);
    return path;
}

class OciExport {
  public:
    OciExport(Session& session, const ExportSource& source, const ExportRequest& request)
        : context_(session.context()), source_(source), request_(request),
          recipe_(rendered_recipe(context_, source.jail)), image_(the_image(session)),
          files_(catalog::Images(session.catalog()).manifest(image_.id)),
          prefix_(RootPath::parse(image_.prefix)), layout_(request.file, request.replace) {}

    ExportResult run() {
        if (request_.with_base)
            add_base();
        else
            context_.reporter.warn(
                "the image is without its base, the system's own programs and libraries, and "
                "does not run by itself (--with-base)");
        add_packages();
        add_configuration();
        const store::OciBlob config = layout_.add_blob(config_text());
        const store::OciBlob manifest = layout_.add_blob(manifest_text(config));
        ExportResult result;
        result.jail = source_.jail.name;
        result.snapshot = source_.snapshot;
        result.image = image_.id;
        result.members = parts_.size();
        result.bytes = layout_.place(index_text(manifest), image_.created_at);
        result.sha256 = manifest.digest.substr(manifest.digest.find(':') + 1);
        return result;
    }

  private:
    struct Part {
        store::OciBlob blob;
        std::string title;
    };

    catalog::Image the_image(Session& session) const {
        auto image = catalog::Images(session.catalog()).find(source_.generation.image_id);
        if (!image)
            throw Error(ErrorKind::corrupt, source_.jail.name, "the catalog has no image for it",
                        "pkgjail doctor checks the catalog");
        return *image;
    }

    void add_part(const std::string& title, const std::function<void(store::OciPart&)>& fill) {
        context_.reporter.doing("write " + title);
        parts_.push_back({layout_.add_part(image_.created_at, fill), title});
    }

    void add_base() {
        const store::HostBase base = store::configured_base(context_.config.base);
        add_part("base " + base.id, [&](store::OciPart& part) {
            for (const RootPath& directory : base.directories) {
                const Tree tree = Tree::open(base.top / std::string(directory.relative()));
                part.add(tree, *tree.stat(RootPath()), directory);
                tree.walk([&](const Entry& entry) {
                    part.add(tree, entry, placed(directory, entry.path));
                    return true;
                });
            }
            for (const store::HostBase::Link& link : base.links)
                part.add_symlink(link.path, link.target);
        });
    }

    /// Which package's part an entry of the image belongs to; nullopt: it is what scripts made.
    std::optional<std::size_t> package_of(const jail::ManifestEntry& entry,
                                          const std::map<std::string, std::size_t>& index) const {
        std::string name = entry.package;
        const RootPath database = RootPath::parse("/tree") / store::pkgdb_path().relative();
        if (name.empty() && entry.path.is_within(database) && entry.path != database)
            name = entry.path.below(database).components().front();
        const auto found = index.find(name);
        return found == index.end() ? std::nullopt : std::optional(found->second);
    }

    void add_packages() {
        std::map<std::string, std::size_t> index;
        for (std::size_t i = 0; i < image_.packages.size(); ++i)
            index.emplace(image_.packages[i].pkgname, i);
        std::vector<std::vector<RootPath>> of_package(image_.packages.size() + 1);
        const RootPath top = RootPath::parse("/tree");
        const Recorded recorded = recorded_below(top);
        for (const jail::ManifestEntry& entry : files_.entries)
            if (entry.path.is_within(top) && entry.path != top)
                of_package[package_of(entry, index).value_or(image_.packages.size())].push_back(
                    entry.path.below(top));
        const Tree tree = Tree::open(context_.layout.image_tree(image_.id));
        for (std::size_t i = 0; i < of_package.size(); ++i) {
            const std::string title =
                i < image_.packages.size() ? image_.packages[i].pkgname : "what the packages' scripts made";
            if (of_package[i].empty())
                continue;
            add_part(title, [&](store::OciPart& part) {
                part.directory = [&](const RootPath& path) -> std::optional<Entry> {
                    if (!path.is_within(prefix_))
                        return std::nullopt;
                    return tree.stat(path.below(prefix_));
                };
                part.written = digest_check(recorded);
                for (const RootPath& path : of_package[i]) {
                    const auto entry = tree.stat(path);
                    require_recorded(*recorded.at(path), entry);
                    part.add(tree, *entry, placed(prefix_, path));
                }
            });
        }
    }

    /// What the manifest says of a tree of the image, by the path in that.
    using Recorded = std::map<RootPath, const jail::ManifestEntry*>;
    Recorded recorded_below(const RootPath& top) const {
        Recorded recorded;
        for (const jail::ManifestEntry& entry : files_.entries)
            if (entry.path.is_within(top) && entry.path != top)
                recorded.emplace(entry.path.below(top), &entry);
        return recorded;
    }

    [[noreturn]] void refuse_damaged(const jail::ManifestEntry& recorded, const std::string& what) const {
        throw damaged_image(image_.id, fmt::format("{}: {}", recorded.path.str(), what));
    }

    void require_recorded(const jail::ManifestEntry& recorded, const std::optional<Entry>& entry) const {
        if (!entry)
            refuse_damaged(recorded, "is missing");
        if ((recorded.type == jail::EntryType::file) != entry->is_file() ||
            (recorded.type == jail::EntryType::symlink) != entry->is_symlink())
            refuse_damaged(recorded, "is of another type than recorded");
        if (entry->is_symlink() && entry->link_target != recorded.link_target)
            refuse_damaged(recorded, "is a link to another place than recorded");
    }

    /// For files that come from a tree of the image; `recorded` must outlive it.
    std::function<void(const Entry&, const std::string&)> digest_check(const Recorded& recorded) const {
        return [this, &recorded](const Entry& entry, const std::string& sha256) {
            const jail::ManifestEntry& one = *recorded.at(entry.path);
            if (one.sha256 != sha256)
                refuse_damaged(one, "has another content than recorded");
        };
    }

    /// /etc and PREFIX/etc as the jail has them, /var and so on as its image begins, what is mounted on.
    void add_configuration() {
        const Tree config = Tree::open(source_.config);
        const Tree data =
            Tree::open(context_.layout.image_seed(image_.id)).open_tree(RootPath::parse("/data"));
        add_part("configuration of " + source_.jail.name, [&](store::OciPart& part) {
            const auto of_both = [&](const RootPath& path) -> std::optional<Entry> {
                auto entry = config.stat(path);
                if (!entry || !entry->is_directory())
                    entry = data.stat(path);
                return entry && entry->is_directory() ? entry : std::nullopt;
            };
            part.directory = of_both;
            config.walk([&](const Entry& entry) {
                if (is_identity(entry.path) || entry.path == store::Layout::own_files())
                    return false;
                if (entry.path == RootPath::parse("/etc/machine-id"))
                    part.add_file(entry.path, "", 0444); // made new where the image runs
                else
                    part.add(config, entry, entry.path);
                return true;
            });
            const Recorded recorded = recorded_below(RootPath::parse("/seed/data"));
            for (const auto& [path, entry] : recorded)
                require_recorded(*entry, data.stat(path));
            part.written = digest_check(recorded);
            data.walk([&](const Entry& entry) {
                if (recorded.contains(entry.path)) // what else is there is not the image's
                    part.add(data, entry, entry.path);
                return true;
            });
            part.written = nullptr;
            const auto add_missing = [&](const RootPath& path, unsigned mode) {
                if (!data.exists(path))
                    part.add_directory(path, mode);
            };
            for (const char* path : {"/tmp", "/var/tmp"})
                add_missing(RootPath::parse(path), 01777);
            for (const char* path : {"/run", "/dev", "/proc", "/sys", "/home", "/root", "/var/run"})
                add_missing(RootPath::parse(path), 0755);
            if (recipe_)
                for (const RootPath& path : recipe_->data_paths)
                    add_missing(path, 0755);
        });
    }

    /// Host keys of ssh: whoever has the image would have them.
    bool is_identity(const RootPath& path) const {
        const RootPath parent = path.parent();
        return path.name().starts_with("ssh_host_") &&
               (parent == RootPath::parse("/etc/ssh") || parent == prefix_ / "etc/ssh");
    }

    std::string created() const { return base::format_time(base::from_unix(image_.created_at)); }

    std::map<std::string, std::string> annotations() const {
        return {{"org.opencontainers.image.created", created()},
                {"org.opencontainers.image.title", source_.jail.name},
                {"org.opencontainers.image.description", recipe_ ? recipe_->summary : ""},
                {"pkgjail.image", image_.id},
                {"pkgjail.base", image_.base_id},
                {"pkgjail.base.included", request_.with_base ? "yes" : "no"},
                {"pkgjail.recipe", source_.jail.recipe}};
    }

    Json run_config() const {
        Json config = Json::object();
        std::map<std::string, std::string> environment = jail_environment(image_.prefix, "/");
        if (recipe_ && !recipe_->services.empty()) {
            const jail::Service& service = recipe_->services.front();
            const confine::Identity identity =
                store::find_identity(Tree::open(source_.config), service.user, service.group);
            config["User"] = fmt::format("{}:{}", identity.uid, identity.gid);
            for (const auto& [name, value] : service.environment)
                environment[name] = value;
            config["Entrypoint"] = service.command;
            config["WorkingDir"] = service.working_directory;
            config["StopSignal"] = "SIG" + jail::signal_name(service.stop_signal);
        } else {
            config["WorkingDir"] = "/";
        }
        for (const auto& [name, value] : environment)
            config["Env"].push_back(name + "=" + value);
        if (recipe_) {
            for (const jail::PortClaim& claim : recipe_->claims)
                config["ExposedPorts"][fmt::format("{}/{}", claim.port, claim.protocol)] = Json::object();
            for (const RootPath& path : recipe_->data_paths)
                config["Volumes"][path.str()] = Json::object();
        }
        config["Labels"] = annotations();
        return config;
    }

    std::string config_text() const {
        Json differences = Json::array();
        Json history = Json::array();
        for (const Part& part : parts_) {
            differences.push_back(part.blob.digest); // not compressed, so the same
            history.push_back({{"created", created()}, {"created_by", "pkgjail: " + part.title}});
        }
        return text_of({{"created", created()},
                        {"architecture", architecture(base::host_machine_arch())},
                        {"os", lower(base::host_opsys())},
                        {"config", run_config()},
                        {"rootfs", {{"type", "layers"}, {"diff_ids", differences}}},
                        {"history", history}});
    }

    std::string manifest_text(const store::OciBlob& config) const {
        Json parts = Json::array();
        for (const Part& part : parts_)
            parts.push_back({{"mediaType", part_type},
                             {"digest", part.blob.digest},
                             {"size", part.blob.bytes},
                             {"annotations", {{"org.opencontainers.image.title", part.title}}}});
        return text_of(
            {{"schemaVersion", 2},
             {"mediaType", manifest_type},
             {"config", {{"mediaType", config_type}, {"digest", config.digest}, {"size", config.bytes}}},
             {"layers", parts},
             {"annotations", annotations()}});
    }

    std::string index_text(const store::OciBlob& manifest) const {
        const Json one = {
            {"mediaType", manifest_type},
            {"digest", manifest.digest},
            {"size", manifest.bytes},
            {"platform",
             {{"architecture", architecture(base::host_machine_arch())}, {"os", lower(base::host_opsys())}}},
            {"annotations", {{"org.opencontainers.image.ref.name", source_.jail.name}}}};
        return text_of({{"schemaVersion", 2},
                        {"mediaType", "application/vnd.oci.image.index.v1+json"},
                        {"manifests", Json::array({one})}});
    }

    static std::string text_of(const Json& json) {
        return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    const Context& context_;
    const ExportSource& source_;
    const ExportRequest& request_;
    std::optional<jail::RenderedRecipe> recipe_;
    catalog::Image image_;
    jail::Manifest files_;
    RootPath prefix_;
    store::OciLayout layout_;
    std::vector<Part> parts_;
};

} // namespace

ExportResult export_oci(Session& session, const ExportSource& source, const ExportRequest& request) {
    return OciExport(session, source, request).run();
}

} // namespace pkgjail::ops
