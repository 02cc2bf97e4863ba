// How much the cache holds, and removing what nobody used for long.

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
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

std::uint64_t Cache::prune(unsigned days) const {
    const std::int64_t now = ::time(nullptr);
    const auto is_older = [&](const base::Entry& entry, std::int64_t count) {
        return entry.status.st_mtime <= now - count * day_seconds;
    };
    std::uint64_t freed = 0;
    const auto remove = [&](const base::Entry& entry) {
        remove_any(directory_ / entry.path.name());
        freed += static_cast<std::uint64_t>(entry.status.st_size);
    };
    // Archives first: a line that leads to none is of no use.
    for (const base::Entry& entry : entries(directory_)) {
        const std::string name = entry.path.name();
        const CacheFile kind = entry.is_file() ? classify(name) : CacheFile::foreign;
        if (kind == CacheFile::archive && is_older(entry, days))
            remove(entry);
        // A command that is killed leaves these; one that runs touches its own more often than once a day.
        if (kind == CacheFile::unfinished && is_older(entry, 1) && !is_in_use(directory_ / name))
            remove(entry);
    }
    for (const base::Entry& entry : entries(directory_)) {
        const std::string name = entry.path.name();
        if (!entry.is_file() || classify(name) != CacheFile::label)
            continue;
        const auto sha256 = resolve_label(directory_, name);
        struct stat status {};
        if (sha256 && ::lstat((directory_ / archive_name(*sha256)).c_str(), &status) != 0 && errno == ENOENT)
            remove(entry);
    }
    return freed;
}

} // namespace pkgjail::repo
