#include "pkgjail/store/clone_files.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

RootPath name_of(const HostPath& path) {
    return RootPath::parse(path.filename().string());
}

/// Another content for a file that is there: owner and mode stay. False when it is no regular file.
bool rewrite(const Tree& tree, const RootPath& path, const std::string& content) {
    const auto there = tree.stat(path);
    if (!there || !there->is_file())
        return false;
    tree.write(path, content, there->permissions(),
               permitted_owner({there->status.st_uid, there->status.st_gid}));
    return true;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

bool same(const jail::RenderedRecipe::File& a, const jail::RenderedRecipe::File& b) {
    return a.content == b.content && a.mode == b.mode && a.owner == b.owner && a.group == b.group;
}

} // namespace

CloneStaging::CloneStaging(const Layout& layout, std::string id)
    : layout_(layout), id_(std::move(id)), jails_(Tree::open(layout.jails())) {
    const RootPath staging = name_of(layout_.jail_staging(id_));
    jails_.make_directory(staging, 0700);
    jails_.make_directory(staging / "config", 0755);
    jails_.make_directory(staging / "root", 0755);
}

CloneStaging::~CloneStaging() {
    if (placed_)
        return;
    try {
        jails_.remove_all(name_of(layout_.jail_staging(id_)));
    } catch (const base::Error&) {
        // Nothing refers to it; sweep() tries again at the next command.
    }
}

Tree CloneStaging::config() const {
    return jails_.open_tree(name_of(layout_.jail_staging(id_)) / "config/1");
}

Tree CloneStaging::data() const {
    return jails_.open_tree(name_of(layout_.jail_staging(id_)) / "data");
}

FreezeMeans CloneStaging::copy(const HostPath& config, const HostPath& data) {
    const FreezeMeans means = freeze(data, layout_.jail_staging(id_) / "data");
    base::step("clone.data_copied");
    freeze(config, layout_.jail_staging(id_) / "config" / "1");
    base::step("clone.copied");
    return means;
}

void CloneStaging::make_empty() {
    const RootPath staging = name_of(layout_.jail_staging(id_));
    jails_.make_directory(staging / "config/1", 0755);
    make_freezable_directory(jails_, staging / "data");
}

std::vector<RootPath> CloneStaging::write_recipe_files(const std::string& prefix, const Files& before,
                                                       const Files& files, const std::string& source) {
    std::vector<RootPath> kept;
    Files differing;
    for (const jail::RenderedRecipe::File& file : files) {
        const auto old = std::find_if(before.begin(), before.end(),
                                      [&](const auto& other) { return other.path == file.path; });
        if (old != before.end() && same(*old, file))
            continue;
        differing.push_back(file);
        const Tree tree = is_configuration(file.path, prefix) ? config() : data();
        const auto there = tree.stat(file.path);
        if (!there || !there->is_file() || (old != before.end() && tree.read(file.path) == old->content))
            continue;
        const RootPath aside = file.path.parent().entry(file.path.name() + ".from-" + source);
        tree.rename_into(file.path, tree, aside);
        kept.push_back(aside);
    }
    store::write_recipe_files(layout_, layout_.jail_staging(id_).filename().string(), 1, prefix, differing);
    keep_recipe_files(config(), prefix, files);
    base::step("clone.configured");
    return kept;
}

std::vector<RootPath> CloneStaging::renew_identity(const std::string& prefix, const std::string& source,
                                                   const std::string& name) {
    std::vector<RootPath> renewed;
    const Tree etc = config();
    const RootPath host_name = RootPath::parse("/etc/hostname");
    if (const auto there = etc.stat(host_name);
        there && there->is_file() && first_line(etc.read(host_name)) == source) {
        rewrite(etc, host_name, name + "\n");
        renewed.push_back(host_name);
    }
    const std::string machine_id = base::random_hex(16) + "\n";
    if (const RootPath path = RootPath::parse("/etc/machine-id"); rewrite(etc, path, machine_id))
        renewed.push_back(path);
    if (const RootPath path = RootPath::parse("/var/lib/dbus/machine-id"); rewrite(data(), path, machine_id))
        renewed.push_back(path);
    for (const RootPath& directory : {RootPath::parse("/etc/ssh"), RootPath::parse(prefix) / "etc/ssh"}) {
        const auto there = etc.stat(directory);
        if (!there || !there->is_directory())
            continue;
        for (const std::string& key : etc.list(directory)) {
            if (!key.starts_with("ssh_host_"))
                continue;
            etc.remove_all(directory.entry(key));
            renewed.push_back(directory.entry(key));
        }
    }
    base::step("clone.renewed");
    return renewed;
}

void CloneStaging::make_root(const HostBase& base, const std::string& prefix,
                             const std::vector<RootPath>& data_paths) {
    make_skeleton(jails_.open_tree(name_of(layout_.jail_staging(id_)) / "root"), base, prefix, data_paths);
}

void CloneStaging::place(const std::string& record) {
    const Tree top = jails_.open_tree(name_of(layout_.jail_staging(id_)));
    top.write(RootPath::parse("/jail.json"), record, 0600, permitted_owner());
    base::sync_file_system(top.fd());
    base::step("clone.synced");
    base::rename_durably(layout_.jail_staging(id_), layout_.jail(id_));
    placed_ = true;
    base::step("clone.placed");
}

} // namespace pkgjail::store
