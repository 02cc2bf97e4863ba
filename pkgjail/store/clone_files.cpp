#include "pkgjail/store/clone_files.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/beginning.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Entry;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

/// Another content for a file that is there: owner and mode stay. False when it is no regular file.
bool rewrite(const Tree& tree, const RootPath& path, const std::string& content) {
    const auto there = tree.stat(path);
    if (!there || !there->is_file())
        return false;
    tree.write(path, content, there->permissions(),
               permitted_owner({there->status.st_uid, there->status.st_gid}));
    return true;
}

/// Calls `work` with what is at `path`; a link there or on the way is noted as unseen.
template <class Work>
void examine(const Tree& tree, const RootPath& path, Identity& identity, Work&& work) {
    std::optional<Entry> there;
    try {
        there = tree.stat(path);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::corrupt)
            throw;
        identity.unseen.push_back(path); // it passes through a link
        return;
    }
    if (there && there->is_symlink())
        identity.unseen.push_back(path);
    else if (there)
        work(*there);
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

bool same(const jail::RenderedRecipe::File& a, const jail::RenderedRecipe::File& b) {
    return a.content == b.content && a.mode == b.mode && a.owner == b.owner && a.group == b.group;
}

} // namespace

CloneStaging::CloneStaging(const Layout& layout, const std::string& id)
    : layout_(layout), staged_(layout.jail_staging(id), layout.jail(id)) {
    staged_.tree("").make_directory(RootPath::parse("config"), 0755);
    staged_.tree("").make_directory(RootPath::parse("root"), 0755);
}

FreezeMeans CloneStaging::copy(const HostPath& config, const HostPath& data) {
    const FreezeMeans means = freeze(data, staged_.path() / "data");
    base::step("clone.data_copied");
    freeze(config, staged_.path() / "config" / "1");
    base::step("clone.copied");
    return means;
}

void CloneStaging::make_empty() {
    staged_.tree("config").make_directory(RootPath::parse("1"), 0755);
    make_freezable_directory(staged_.path() / "data");
}

Tree CloneStaging::config() const {
    return staged_.tree("config/1");
}

Tree CloneStaging::data() const {
    return staged_.tree("data");
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
    store::write_recipe_files(layout_, staged_.path().filename().string(), 1, prefix, differing);
    keep_recipe_files(config(), prefix, files);
    base::step("clone.configured");
    return kept;
}

Identity CloneStaging::renew_identity(const std::string& prefix, const std::string& source,
                                      const std::string& name) {
    Identity identity;
    const Tree config = this->config();
    const Tree data = this->data();
    const std::string machine_id = base::random_hex(16) + "\n";
    const RootPath prefix_etc = RootPath::parse(prefix) / "etc";
    // The paths of one list in the other tree simply are not there.
    for (const Tree* tree : {&config, &data}) {
        const auto renew = [&](const RootPath& path, const std::string& content) {
            if (rewrite(*tree, path, content))
                identity.renewed.push_back(path);
        };
        for (const char* file : {"/etc/hostname", "/etc/myname", "/etc/mailname"})
            examine(*tree, RootPath::parse(file), identity, [&](const Entry& there) {
                if (there.is_file() && first_line(tree->read(there.path)) == source)
                    renew(there.path, name + "\n");
            });
        for (const RootPath& file :
             {RootPath::parse("/etc/machine-id"), prefix_etc / "machine-id",
              RootPath::parse("/var/lib/dbus/machine-id"), RootPath::parse("/var/db/dbus/machine-id")})
            examine(*tree, file, identity, [&](const Entry& there) { renew(there.path, machine_id); });
        for (const char* file : {"/var/lib/systemd/random-seed", "/var/db/entropy-file"})
            examine(*tree, RootPath::parse(file), identity, [&](const Entry& there) {
                if (there.is_directory())
                    return;
                tree->remove_file(there.path);
                identity.removed.push_back(there.path);
            });
        for (const RootPath& directory : {RootPath::parse("/etc/ssh"), prefix_etc / "ssh"})
            examine(*tree, directory, identity, [&](const Entry& there) {
                for (const std::string& key :
                     there.is_directory() ? tree->list(there.path) : std::vector<std::string>{}) {
                    if (!key.starts_with("ssh_host_"))
                        continue;
                    tree->remove_all(directory.entry(key));
                    identity.removed.push_back(directory.entry(key));
                }
            });
    }
    base::step("clone.renewed");
    return identity;
}

void CloneStaging::make_root(const HostBase& base, const std::string& prefix,
                             const std::vector<RootPath>& data_paths) {
    make_skeleton(staged_.tree("root"), base, prefix, data_paths);
}

void CloneStaging::place(const std::string& record) {
    mark_uncommitted(staged_.tree(""));
    staged_.place("jail.json", record, "clone");
}

} // namespace pkgjail::store
