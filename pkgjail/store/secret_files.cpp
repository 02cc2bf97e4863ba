#include "pkgjail/store/secret_files.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

bool is_temporary(const std::string& name) {
    return name.starts_with('.');
}

} // namespace

std::vector<SecretFile> list_secrets(const Layout& layout, const std::string& jail_id) {
    std::vector<SecretFile> found;
    if (!base::is_directory(layout.jail_secrets(jail_id)))
        return found;
    const Tree tree = Tree::open(layout.jail_secrets(jail_id));
    for (const std::string& name : tree.list(RootPath())) {
        const auto entry = tree.stat(RootPath().entry(name));
        if (entry && entry->is_file() && !is_temporary(name))
            found.push_back(
                {name, entry->status.st_mtime, static_cast<std::uint64_t>(entry->status.st_size)});
    }
    return found;
}

void write_secret(const Layout& layout, const std::string& jail_id, const std::string& name,
                  std::string_view value) {
    base::make_directories(layout.jail_secrets(jail_id), 0700);
    base::write_file_atomically(layout.secret(jail_id, name), value, 0600);
    base::sync_directory(layout.secrets());
}

bool remove_secret(const Layout& layout, const std::string& jail_id, const std::string& name) {
    const bool removed = base::remove_entry(layout.secret(jail_id, name));
    if (removed)
        base::sync_directory(layout.jail_secrets(jail_id));
    return removed;
}

void remove_secrets(const Layout& layout, const std::string& jail_id) {
    Tree::open(layout.secrets()).remove_all(RootPath().entry(jail_id));
}

void copy_secrets(const Layout& layout, const std::string& from_jail_id, const std::string& to_jail_id) {
    for (const SecretFile& secret : list_secrets(layout, from_jail_id))
        write_secret(layout, to_jail_id, secret.name,
                     base::read_file(layout.secret(from_jail_id, secret.name)));
}

Swept sweep_secrets(const Layout& layout, const std::function<bool(const std::string& jail_id)>& known) {
    Swept swept;
    const Tree secrets = Tree::open(layout.secrets());
    for (const std::string& id : secrets.list(RootPath())) {
        try {
            if (!known(id)) {
                secrets.remove_all(RootPath().entry(id));
                swept.removed.push_back(fmt::format("secrets of jail {}, which there is not", id));
                continue;
            }
            const Tree mine = secrets.open_tree(RootPath().entry(id));
            for (const std::string& name : mine.list(RootPath()))
                if (is_temporary(name))
                    mine.remove_file(RootPath().entry(name));
        } catch (const base::Error& error) {
            swept.failed.push_back(id + ": " + error.what());
        }
    }
    return swept;
}

} // namespace pkgjail::store
