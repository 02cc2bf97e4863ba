#include "pkgjail/store/root.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;
using confine::Mount;

namespace {

constexpr std::array configuration_roots = {"/etc"};
constexpr std::array data_roots = {"/var", "/home", "/root"};
constexpr const char* alternatives = "/etc/alternatives";

/// "debian-12" from os-release, else the kernel's release.
std::string distribution(const HostPath& top) {
    std::string id, version;
    for (const char* file : {"etc/os-release", "usr/lib/os-release"}) {
        const auto text = base::read_file_if_exists(top / file, 64u << 10);
        if (!text)
            continue;
        std::size_t at = 0;
        while (at < text->size()) {
            const std::size_t end = std::min(text->find('\n', at), text->size());
            const std::string_view line(text->data() + at, end - at);
            at = end + 1;
            const auto value = [&](std::string_view key) -> std::string {
                std::string_view rest = line.substr(key.size());
                if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"')
                    rest = rest.substr(1, rest.size() - 2);
                return std::string(rest);
            };
            if (line.starts_with("ID="))
                id = value("ID=");
            if (line.starts_with("VERSION_ID="))
                version = value("VERSION_ID=");
        }
        break;
    }
    if (id.empty())
        return base::host_os_version();
    return version.empty() ? id : id + "-" + version;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Names in a host directory that begin with `prefix`, sorted.
std::vector<std::string> names_beginning(const HostPath& directory, std::string_view prefix) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().filename().string().starts_with(prefix))
            names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

HostBase look_at(const HostPath& top, std::string_view kind) {
    HostBase base;
    base.top = top;
    const auto consider = [&](const std::string& path) {
        const HostPath place = top / RootPath::parse(path).relative();
        std::error_code error;
        const auto status = std::filesystem::symlink_status(place, error);
        if (std::filesystem::is_symlink(status))
            base.links.push_back({RootPath::parse(path), std::filesystem::read_symlink(place).string()});
        else if (std::filesystem::is_directory(status))
            base.directories.push_back(RootPath::parse(path));
    };
    for (const char* path :
         {"/bin", "/sbin", "/libexec", "/rescue", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/share"})
        consider(path);
    for (const char* directory : {"/", "/usr"})
        for (const std::string& name : names_beginning(top / RootPath::parse(directory).relative(), "lib"))
            if (name != "libexec") // stands in the list above
                consider((HostPath(directory) / name).string());
    std::error_code error;
    if (std::filesystem::is_directory(
            std::filesystem::symlink_status(top / RootPath::parse(alternatives).relative(), error)))
        base.directories.push_back(RootPath::parse(alternatives));
    base.id = fmt::format("{}-{}-{}-{}", kind, lower(base::host_opsys()), distribution(top),
                          base::host_machine_arch());
    return base;
}

} // namespace

HostBase host_base() {
    return look_at("/", "host");
}

HostBase directory_base(const HostPath& top) {
    std::error_code error;
    if (!std::filesystem::is_directory(top, error))
        throw base::Error(base::ErrorKind::configuration, top.string(),
                          "is no directory that could be a base",
                          "unpack the system sets there, or set `base = host` in pkgjail.conf");
    HostBase base = look_at(top, "sets");
    if (base.directories.empty())
        throw base::Error(base::ErrorKind::configuration, top.string(),
                          "holds no system (/bin, /lib, /usr/lib …)",
                          "unpack the system sets there, or set `base = host` in pkgjail.conf");
    return base;
}

HostBase configured_base(const std::string& setting) {
    return setting == "host" ? host_base() : directory_base(setting);
}

bool is_configuration(const RootPath& path, const std::string& prefix) {
    for (const char* root : configuration_roots)
        if (path.is_within(RootPath::parse(root)))
            return true;
    return path.is_within(RootPath::parse(prefix) / "etc");
}

void make_skeleton(const Tree& root, const HostBase& base, const std::string& prefix,
                   const std::vector<RootPath>& data_paths) {
    const RootPath prefix_path = RootPath::parse(prefix);
    for (const RootPath& directory : base.directories)
        if (!directory.is_within(
                RootPath::parse("/etc"))) // /etc is the jail's own; its mount point lies in the seed
            root.make_directories(directory);
    for (const HostBase::Link& link : base.links) {
        root.make_directories(link.path.parent());
        root.make_symlink(link.target, link.path);
    }
    root.make_directories(prefix_path);
    for (const char* path : {"/etc", "/var", "/home", "/root", "/tmp", "/run", "/dev", "/proc", "/sys"})
        root.make_directories(RootPath::parse(path));
    // runc gives a tmpfs the mode of the directory below it, whatever the mount asks for.
    root.set_permissions(RootPath::parse("/tmp"), 01777);
    for (const RootPath& path : data_paths)
        if (std::none_of(data_roots.begin(), data_roots.end(),
                         [&](const char* r) { return path.is_within(RootPath::parse(r)); }))
            root.make_directories(path);
}

std::string mount_target_problem(const HostBase& base, const std::string& prefix, const RootPath& target) {
    const auto meets = [&](const RootPath& other) {
        return target.is_within(other) || other.is_within(target);
    };
    for (const char* own : {"/proc", "/dev", "/sys"})
        if (meets(RootPath::parse(own)))
            return "is the kernel's own";
    if (meets(RootPath::parse(prefix)))
        return "holds the image";
    for (const char* root : configuration_roots)
        if (meets(RootPath::parse(root)))
            return "holds the configuration, which belongs to a generation";
    for (const char* fresh : {"/tmp", "/run", "/var/run"})
        if (meets(RootPath::parse(fresh)))
            return "is fresh at each start";
    for (const RootPath& directory : base.directories)
        if (meets(directory))
            return "belongs to the base";
    for (const HostBase::Link& link : base.links)
        if (meets(link.path))
            return "belongs to the base";
    return {};
}

namespace {

/// A command that was killed may have made one of these, and not given it its mode, which is then what its
/// umask left: whoever is not root in the jail would not get through.
void open_to_all(const Tree& skeleton, const RootPath& path) {
    RootPath sofar;
    for (const std::string& component : path.components()) {
        sofar = sofar.entry(component);
        const auto there = skeleton.stat(sofar);
        if (!there || !there->is_directory())
            return;
        if ((there->permissions() & 0555) != 0555)
            skeleton.set_permissions(sofar, there->permissions() | 0755);
    }
}

} // namespace

void make_mount_point(const Layout& layout, const std::string& jail_id,
                      const std::vector<RootPath>& data_paths, const RootPath& target, bool directory) {
    const auto in = [&](const RootPath& root) { return target.is_within(root); };
    const bool in_data = std::any_of(data_roots.begin(), data_roots.end(),
                                     [&](const char* root) { return in(RootPath::parse(root)); }) ||
                         std::any_of(data_paths.begin(), data_paths.end(), in);
    const Tree tree = Tree::open(in_data ? layout.jail_data(jail_id) : layout.jail_root(jail_id));
    if (!in_data) // in its data modes are the jail's own affair
        open_to_all(tree, target);
    const auto there = tree.stat(target);
    if (there && (directory ? there->is_directory() : there->is_file()))
        return;
    if (there)
        throw base::Error(base::ErrorKind::conflict, tree.show(target),
                          std::string("is no ") + (directory ? "directory" : "regular file") +
                              ", so nothing can be mounted there",
                          "remove it, or choose another place");
    tree.make_directories(directory ? target : target.parent());
    if (!directory)
        tree.create_file(target, 0644);
}

std::vector<Mount> root_mounts(const HostBase& base, const std::string& prefix, const RootParts& parts) {
    const RootPath prefix_path = RootPath::parse(prefix);
    std::vector<Mount> mounts;
    const auto bind = [&](const HostPath& source, const RootPath& target, bool writable) {
        Mount mount;
        mount.source = source;
        mount.target = target;
        mount.writable = writable;
        mounts.push_back(std::move(mount));
    };
    const auto memory = [&](const RootPath& target, std::uint64_t bytes, unsigned mode) {
        Mount mount;
        mount.kind = Mount::Kind::tmpfs;
        mount.target = target;
        mount.writable = true;
        mount.size_bytes = bytes;
        mount.mode = mode;
        mounts.push_back(std::move(mount));
    };
    const auto below = [](const HostPath& top, const RootPath& path) { return top / path.relative(); };

    for (const RootPath& directory : base.directories)
        if (!directory.is_within(RootPath::parse("/etc")))
            bind(base.top / directory.relative(), directory, false);
    bind(parts.tree, prefix_path, parts.tree_writable);
    for (const char* root : configuration_roots)
        bind(below(parts.config, RootPath::parse(root)), RootPath::parse(root), true);
    bind(below(parts.config, prefix_path / "etc"), prefix_path / "etc", true);
    for (const RootPath& directory : base.directories)
        if (directory.is_within(RootPath::parse("/etc")))
            bind(base.top / directory.relative(), directory, false);
    for (const char* root : data_roots)
        bind(below(parts.data, RootPath::parse(root)), RootPath::parse(root), true);
    for (const RootPath& path : parts.data_paths)
        if (std::none_of(data_roots.begin(), data_roots.end(),
                         [&](const char* r) { return path.is_within(RootPath::parse(r)); }))
            bind(below(parts.data, path), path, true);
    memory(RootPath::parse("/tmp"), 256u << 20, 01777);
    memory(RootPath::parse("/run"), 32u << 20, 0755);
    memory(RootPath::parse("/var/run"), 32u << 20, 0755);
    return mounts;
}

} // namespace pkgjail::store
