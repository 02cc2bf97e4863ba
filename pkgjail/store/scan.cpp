#include "pkgjail/store/scan.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;

/// The path as people know it: "/tree/bin/x" is PREFIX/bin/x.
std::string inside(const RootPath& path, const std::string& prefix) {
    const RootPath tree = RootPath::parse("/tree");
    const RootPath config = RootPath::parse("/seed/config");
    const RootPath data = RootPath::parse("/seed/data");
    if (path.is_within(tree))
        return prefix + path.below(tree).str();
    if (path.is_within(config))
        return path.below(config).str();
    if (path.is_within(data))
        return path.below(data).str();
    return path.str();
}

/// Set-id bits that scripts (+PERMS) set. Those of the archives were dealt with when they were unpacked; with
/// `keep` they are listed a second time by nobody, because the list is a set. Set-gid directories are
/// harmless on a nosuid mount and are left alone.
unsigned apply_policy(const Tree& staging, const Entry& entry, const std::string& prefix,
                      jail::SetidPolicy policy, std::vector<std::string>& listed) {
    unsigned mode = entry.permissions();
    if (!entry.is_file() || (mode & setid_bits) == 0)
        return mode;
    const std::string path = inside(entry.path, prefix);
    switch (policy) {
    case jail::SetidPolicy::refuse:
        throw Error(ErrorKind::denied, path,
                    fmt::format("a package's script made it a set-id file (mode {:04o})", mode),
                    "set `setid = strip` or `setid = keep` in pkgjail.conf if you want it");
    case jail::SetidPolicy::strip:
        listed.push_back(fmt::format("{} {:04o} script: stripped", path, mode));
        mode &= ~setid_bits;
        staging.set_permissions(entry.path, mode);
        return mode;
    case jail::SetidPolicy::keep:
        listed.push_back(fmt::format("{} {:04o} script: kept", path, mode));
        return mode;
    }
    return mode;
}

/// Fills in the digests of `entries[indices]`, sharing the work between as many threads as there are
/// processors.
void hash_files(const Tree& staging, std::vector<ManifestEntry>& entries,
                const std::vector<std::size_t>& indices) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&] {
        try {
            for (std::size_t i = next++; i < indices.size(); i = next++) {
                ManifestEntry& entry = entries[indices[i]];
                const base::Fd fd = staging.open_regular(entry.path);
                entry.sha256 =
                    base::digest_of_file(base::DigestAlgorithm::sha256, fd, staging.show(entry.path));
            }
        } catch (...) {
            const std::lock_guard guard(failure_lock);
            failure = std::current_exception();
            next = indices.size();
        }
    };
    const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < count && indices.size() > 16; ++i)
        threads.emplace_back(work);
    work();
    for (std::thread& thread : threads)
        thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace

ScanResult scan(const Tree& staging, const std::string& prefix, jail::SetidPolicy policy,
                const std::map<std::string, std::string>& packages) {
    ScanResult result;
    std::vector<std::size_t> files;
    std::vector<ManifestEntry>& entries = result.manifest.entries;
    for (const char* part : {"tree", "seed"}) {
        const RootPath top = RootPath::parse(part);
        const Tree tree = staging.open_tree(top);
        tree.walk([&](const Entry& found) {
            Entry entry = found;
            entry.path = top / found.path.relative();
            ManifestEntry line;
            line.path = entry.path;
            line.uid = entry.status.st_uid;
            line.gid = entry.status.st_gid;
            if (const auto package = packages.find(entry.path.str()); package != packages.end())
                line.package = package->second;
            if (entry.is_file()) {
                line.type = EntryType::file;
                line.mode = apply_policy(staging, entry, prefix, policy, result.setid);
                line.size = static_cast<std::uint64_t>(entry.status.st_size);
                files.push_back(entries.size());
            } else if (entry.is_directory()) {
                line.type = EntryType::directory;
                line.mode = entry.permissions();
            } else if (entry.is_symlink()) {
                line.type = EntryType::symlink;
                line.mode = 0777;
                line.link_target = entry.link_target;
                line.size = entry.link_target.size();
                line.sha256 = base::sha256(entry.link_target);
            } else {
                throw Error(ErrorKind::corrupt, inside(entry.path, prefix),
                            "a package's script made a device, FIFO or socket, which no image may hold");
            }
            entries.push_back(std::move(line));
            return true;
        });
    }
    hash_files(staging, entries, files);
    std::sort(entries.begin(), entries.end(),
              [](const ManifestEntry& a, const ManifestEntry& b) { return a.path < b.path; });
    return result;
}

} // namespace pkgjail::store
