// How much the cache holds, and removing what nobody used for long.

#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/repo/cache_entry.hpp"
#include "pkgjail/repo/own_file.hpp"

namespace pkgjail::repo {

namespace {

constexpr std::int64_t day_seconds = 86'400;

/// What lies directly in the directory; nothing when there is no such directory.
std::vector<base::Entry> entries(const base::HostPath& directory) {
    std::error_code error;
    if (!std::filesystem::exists(directory, error))
        return {};
    const base::Tree tree = base::Tree::open(directory);
    std::vector<base::Entry> found;
    for (const std::string& name : tree.list(base::RootPath()))
        if (auto entry = tree.stat(base::RootPath().entry(name)))
            found.push_back(std::move(*entry));
    return found;
}

bool is_in_use(const base::HostPath& part) {
    const auto fd = open_own_file(part, O_RDONLY);
    return fd && ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0;
}

} // namespace

std::uint64_t Cache::size() const {
    std::uint64_t bytes = 0;
    for (const base::Entry& entry : entries(directory_))
        if (entry.is_file())
            bytes += static_cast<std::uint64_t>(entry.status.st_size);
    return bytes;
}

std::vector<CacheLeftover> Cache::leftovers(std::chrono::seconds unused_for,
                                            const std::set<std::string>& needed) const {
    const std::int64_t now = ::time(nullptr);
    const auto is_older = [&](const base::Entry& entry, std::int64_t seconds) {
        return entry.status.st_mtime <= now - seconds;
    };
    std::vector<CacheLeftover> found;
    std::set<std::string> staying; // archives
    const auto add = [&](const base::Entry& entry) {
        found.push_back({entry.path.name(), static_cast<std::uint64_t>(entry.status.st_size),
                         std::int64_t{entry.status.st_mtime}});
    };
    const std::vector<base::Entry> all = entries(directory_);
    for (const base::Entry& entry : all) {
        const std::string name = entry.path.name();
        CacheFile kind = classify(name);
        if (!entry.is_file() && !(entry.is_directory() && kind == CacheFile::unfinished)) // scratch.hpp
            kind = CacheFile::foreign;
        if (kind == CacheFile::archive) {
            const bool is_needed = std::any_of(needed.begin(), needed.end(), [&](const std::string& sha256) {
                return archive_name(sha256) == name;
            });
            if (is_older(entry, unused_for.count()) && !is_needed)
                add(entry);
            else
                staying.insert(name);
        }
        // A command that is killed leaves these; one that runs touches its own more often than once a day.
        if (kind == CacheFile::unfinished && is_older(entry, day_seconds) &&
            (entry.is_directory() || !is_in_use(directory_ / name)))
            add(entry);
    }
    for (const base::Entry& entry : all) {
        const std::string name = entry.path.name();
        if (!entry.is_file() || classify(name) != CacheFile::label)
            continue;
        const auto sha256 = resolve_label(directory_, name);
        if (sha256 && !staying.contains(archive_name(*sha256)))
            add(entry);
    }
    return found;
}

bool Cache::remove(const CacheLeftover& leftover) const {
    const base::Tree tree = base::Tree::open(directory_);
    const auto entry = tree.stat(base::RootPath().entry(leftover.name));
    if (!entry)
        return true; // somebody else has removed it
    if (entry->status.st_mtime != leftover.used_at)
        return false;
    base::Fd part; // kept until it is gone, or a download could go on with it in between
    if (entry->is_file() && classify(leftover.name) == CacheFile::unfinished) {
        auto fd = open_own_file(directory_ / leftover.name, O_RDONLY);
        if (fd && ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
            return false;
        if (fd)
            part = std::move(*fd);
    }
    remove_any(directory_ / leftover.name);
    return true;
}

std::uint64_t Cache::prune(unsigned days) const {
    std::uint64_t freed = 0;
    for (const CacheLeftover& leftover : leftovers(std::chrono::seconds(days * day_seconds))) {
        if (remove(leftover))
            freed += leftover.size_bytes;
    }
    return freed;
}

} // namespace pkgjail::repo
