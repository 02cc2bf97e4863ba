#include "pkgjail/store/missing_data.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::size_t most_note = std::size_t(1) << 30;

void copy_file(const Tree& seed, const Entry& entry, const Tree& target, const std::string& name) {
    const base::Fd from = seed.open_regular(entry.path);
    const RootPath temporary = entry.path.parent().entry(name);
    const base::Fd to = target.create_file(temporary, 0600);
    try {
        const std::string shown = target.show(entry.path);
        std::vector<char> buffer(64u << 10);
        for (;;) {
            const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0)
                throw base::system_error(errno, seed.show(entry.path), "read");
            if (count == 0)
                break;
            base::write_all(to.get(), std::string_view(buffer.data(), static_cast<std::size_t>(count)),
                            shown);
        }
        if (::fchown(to.get(), entry.status.st_uid, entry.status.st_gid) != 0)
            throw base::system_error(errno, shown, "chown");
        if (::fchmod(to.get(), static_cast<mode_t>(entry.permissions())) != 0)
            throw base::system_error(errno, shown, "chmod");
        target.set_modification_time(temporary, entry.status.st_mtim);
        target.sync_apart(temporary); // what is synced later is the jail's configuration
        base::step("generation.file_made");
        target.rename_into(temporary, target, entry.path);
    } catch (...) {
        target.remove_file(temporary);
        throw;
    }
}

/// Empty: a service that is not root could never use one that it does not own.
void copy_directory(const Entry& entry, const Tree& target, const std::string& name) {
    const RootPath temporary = entry.path.parent().entry(name);
    target.make_directory(temporary, 0700);
    try {
        target.set_owner(temporary, {entry.status.st_uid, entry.status.st_gid});
        target.set_permissions(temporary, entry.permissions());
        base::step("generation.directory_made");
        target.rename_into(temporary, target, entry.path);
    } catch (...) {
        target.remove_all(temporary);
        throw;
    }
}

/// Calls `add` with each entry of `seed` that `data` lack, a directory before what is in it.
template <class Add>
void walk_missing(const Tree& seed, const Tree& data, Add&& add) {
    seed.walk([&](const Entry& entry) {
        if (const auto there = data.stat(entry.path))
            return there->is_directory();
        add(entry);
        return true;
    });
}

/// Without empty ones.
std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(separator, at), text.size());
        if (end > at)
            words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

/// Of a path as it is on disk, whatever names are in it.
RootPath directory_of(const std::string& path) {
    RootPath directory;
    for (const std::string& name : split(path, '/'))
        directory = directory.entry(name);
    return directory;
}

/// Whoever is root in the jail may have put anything there, under any name that he has seen.
void remove_unplaced(const Tree& data, const RootPath& path) {
    try {
        const auto entry = data.stat(path);
        if (entry && entry->is_file())
            data.remove_file(path);
        else if (entry && entry->is_directory() && data.list(path).empty())
            data.remove_all(path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) // a link in the way: nothing of ours is behind it
            throw;
    }
}

} // namespace

void add_missing_data(const Layout& layout, const std::string& jail_id, const Tree& seed) {
    remove_unplaced_data(layout, jail_id); // of one that was cut and not recovered
    const Tree data = Tree::open(layout.jail_data(jail_id));
    std::set<RootPath> parents;
    walk_missing(seed, data, [&](const Entry& entry) { parents.insert(entry.path.parent()); });
    if (parents.empty())
        return;
    const std::string name = ".pkgjail-" + base::random_hex(12);
    std::string note = name + '\0';
    for (const RootPath& parent : parents)
        note += parent.str() + '\0';
    try {
        base::write_file_atomically(layout.jail_unplaced(jail_id), note);
        base::step("generation.data_noted");
        walk_missing(seed, data, [&](const Entry& entry) {
            if (entry.is_directory()) {
                copy_directory(entry, data, name);
            } else if (entry.is_symlink()) {
                data.make_symlink(entry.link_target, entry.path);
                data.set_owner(entry.path, {entry.status.st_uid, entry.status.st_gid});
            } else {
                copy_file(seed, entry, data, name);
            }
        });
    } catch (...) {
        try {
            remove_unplaced_data(layout, jail_id);
        } catch (const Error&) {
            // The next extension tries again; what failed first is on its way.
        }
        throw;
    }
}

void remove_unplaced_data(const Layout& layout, const std::string& jail_id) {
    const auto note = base::read_file_if_exists(layout.jail_unplaced(jail_id), most_note);
    if (!note)
        return;
    const std::vector<std::string> words = split(*note, '\0');
    if (words.empty() || !words.front().starts_with(".pkgjail-"))
        throw Error(ErrorKind::corrupt, layout.jail_unplaced(jail_id).string(), "names no temporary file");
    const Tree data = Tree::open(layout.jail_data(jail_id));
    for (auto parent = words.begin() + 1; parent != words.end(); ++parent)
        remove_unplaced(data, directory_of(*parent).entry(words.front()));
    const Tree files = Tree::open(layout.jail(jail_id));
    files.remove_file(name_of(layout.jail_unplaced(jail_id)));
    base::sync_directory(layout.jail(jail_id));
}

} // namespace pkgjail::store
