// Comparing manifests with each other, and an image on disk with its own.
#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/store/compare.hpp"
#include "pkgjail/store/tree_diff.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

const char* name_of(EntryType type) {
    switch (type) {
    case EntryType::file:
        return "file";
    case EntryType::directory:
        return "directory";
    case EntryType::symlink:
        return "symbolic link";
    }
    return "";
}

std::optional<EntryType> type_of(const Entry& entry) {
    if (entry.is_file())
        return EntryType::file;
    if (entry.is_directory())
        return EntryType::directory;
    if (entry.is_symlink())
        return EntryType::symlink;
    return std::nullopt;
}

std::vector<std::string> what_differs(const ManifestEntry& before, const ManifestEntry& after) {
    if (before.type != after.type)
        return {fmt::format("type: {}, now a {}", name_of(before.type), name_of(after.type))};
    std::vector<std::string> what;
    if (before.type != EntryType::symlink && before.mode != after.mode)
        what.push_back(fmt::format("mode: {:04o}, now {:04o}", before.mode, after.mode));
    if (before.uid != after.uid || before.gid != after.gid)
        what.push_back(fmt::format("owner: {}:{}, now {}:{}", before.uid, before.gid, after.uid, after.gid));
    if (before.type == EntryType::symlink && before.link_target != after.link_target)
        what.push_back(fmt::format("target: {}, now {}", before.link_target, after.link_target));
    if (before.type == EntryType::file && before.size != after.size)
        what.push_back(fmt::format("size: {}, now {}", before.size, after.size));
    else if (before.type == EntryType::file && before.sha256 != after.sha256)
        what.emplace_back("content");
    return what;
}

/// The entry as a manifest would have it, but for its digest.
ManifestEntry seen_entry(const Entry& entry, EntryType type, const ManifestEntry& like) {
    ManifestEntry found;
    found.path = entry.path;
    found.type = type;
    found.mode = entry.permissions();
    found.uid = entry.status.st_uid;
    found.gid = entry.status.st_gid;
    found.link_target = entry.link_target;
    found.size = type == EntryType::file ? static_cast<std::uint64_t>(entry.status.st_size) : like.size;
    return found;
}

/// A file that only its content can still tell from what is listed.
struct Unread {
    const ManifestEntry* listed;
    ManifestEntry found;
};

RootPath moved(const RootPath& path, const RootPath& top, const RootPath& shown) {
    RootPath result = shown;
    for (const std::string& name : path.below(top).components())
        result = result.entry(name);
    return result;
}

} // namespace

std::vector<Difference> differences(const jail::Manifest& before, const jail::Manifest& after,
                                    const RootPath& top, const RootPath& shown) {
    std::vector<Difference> found;
    auto a = before.entries.begin();
    auto b = after.entries.begin();
    while (a != before.entries.end() || b != after.entries.end()) {
        const bool is_old = b == after.entries.end() || (a != before.entries.end() && a->path < b->path);
        const bool is_new = a == before.entries.end() || (b != after.entries.end() && b->path < a->path);
        const RootPath& path = is_new ? b->path : a->path;
        if (path.is_within(top)) {
            if (is_old)
                found.push_back({moved(path, top, shown), Change::removed, {name_of(a->type)}});
            else if (is_new)
                found.push_back({moved(path, top, shown), Change::added, {name_of(b->type)}});
            else if (auto what = what_differs(*a, *b); !what.empty())
                found.push_back({moved(path, top, shown), Change::changed, std::move(what)});
        }
        if (!is_new)
            ++a;
        if (!is_old)
            ++b;
    }
    return found;
}

std::vector<Difference> image_damage(const Tree& image, const jail::Manifest& manifest) {
    std::vector<Difference> found;
    std::vector<bool> seen(manifest.entries.size(), false);
    std::vector<Unread> unread;
    const auto compare = [&found](const ManifestEntry& listed, const ManifestEntry& now) {
        if (auto what = what_differs(listed, now); !what.empty())
            found.push_back({now.path, Change::changed, std::move(what)});
    };
    for (const char* part : {"tree", "seed"}) {
        const RootPath top = RootPath().entry(part);
        if (!image.exists(top))
            continue;
        image.open_tree(top).walk([&](const Entry& below) {
            Entry entry = below;
            entry.path = moved(below.path, RootPath(), top);
            const auto listed = std::lower_bound(
                manifest.entries.begin(), manifest.entries.end(), entry.path,
                [](const ManifestEntry& each, const RootPath& path) { return each.path < path; });
            if (listed == manifest.entries.end() || listed->path != entry.path) {
                found.push_back({entry.path, Change::added, {type_name(entry)}});
                return true;
            }
            seen[static_cast<std::size_t>(listed - manifest.entries.begin())] = true;
            const auto type = type_of(entry);
            if (!type) {
                found.push_back(
                    {entry.path,
                     Change::changed,
                     {fmt::format("type: {}, now a {}", name_of(listed->type), type_name(entry))}});
                return true;
            }
            ManifestEntry now = seen_entry(entry, *type, *listed);
            if (*type == EntryType::file && listed->type == *type && now.size == listed->size)
                unread.push_back({&*listed, std::move(now)});
            else
                compare(*listed, now);
            return true;
        });
    }
    base::in_parallel(unread.size(), [&](std::size_t i) {
        ManifestEntry& file = unread[i].found;
        file.sha256 = base::digest_of_file(base::DigestAlgorithm::sha256, image.open_regular(file.path),
                                           image.show(file.path));
    });
    for (const Unread& file : unread)
        compare(*file.listed, file.found);
    for (std::size_t i = 0; i < seen.size(); ++i)
        if (!seen[i])
            found.push_back({manifest.entries[i].path, Change::removed, {name_of(manifest.entries[i].type)}});
    std::sort(found.begin(), found.end(),
              [](const Difference& a, const Difference& b) { return a.path < b.path; });
    return found;
}

} // namespace pkgjail::store
