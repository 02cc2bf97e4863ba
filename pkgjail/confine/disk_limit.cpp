#include "pkgjail/confine/disk_limit.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/base/project_quota.hpp"
#include "pkgjail/base/subvolume.hpp"
#include "pkgjail/base/subvolume_quota.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::confine {

using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

enum class Means { project, subvolume, dataset, none };

struct Found {
    Means means = Means::none;
    std::string dataset;
    std::string problem; ///< none: why
};

HostPath data_of(const HostPath& storage) {
    return storage / "data";
}

std::string dataset_at(const HostPath& directory) {
    const std::string path = base::real_path(directory).string();
    for (const base::Mount& mount : base::mount_table())
        if (mount.type == "zfs" && mount.point == path)
            return mount.source;
    return {};
}

Found find_means(const HostPath& storage) {
    Found found;
    if (::geteuid() != 0) {
        found.problem = "setting quotas takes root";
        return found;
    }
    std::error_code error;
    if (!std::filesystem::is_directory(data_of(storage), error) ||
        !std::filesystem::is_directory(storage / "config", error)) {
        found.problem = "the jail has no data";
        return found;
    }
    found.dataset = dataset_at(data_of(storage));
    if (!found.dataset.empty()) {
        found.means = Means::dataset;
        return found;
    }
    const Tree data = Tree::open(data_of(storage));
    if (base::is_subvolume(data.fd(), data.name())) {
        if (base::read_subvolume_use(data.fd(), data.name()))
            found.means = Means::subvolume;
        else
            found.problem = "quotas are not enabled on this btrfs (btrfs quota enable)";
        return found;
    }
    found.problem = base::project_quota_problem(storage);
    if (found.problem.empty())
        found.means = Means::project;
    return found;
}

/// What is counted. Not the directory that holds them: in it a restore prepares data beside those that there
/// are.
std::vector<HostPath> counted_parts(const HostPath& storage) {
    return {storage / "data", storage / "config"};
}

/// The jail's own project; 0: none.
std::uint32_t present_project(const HostPath& storage) {
    for (const HostPath& part : counted_parts(storage))
        if (const std::uint32_t project = base::project_of(part); project != 0)
            return project;
    return 0;
}

/// Restored data have none before the next start.
bool all_have(const HostPath& storage, std::uint32_t project) {
    const auto parts = counted_parts(storage);
    return std::all_of(parts.begin(), parts.end(),
                       [&](const HostPath& part) { return base::project_of(part) == project; });
}

/// The jail's own project, or a number that no other jail beside it has: made of its id, above those that
/// people give out.
std::uint32_t project_for(const HostPath& storage) {
    if (const std::uint32_t present = present_project(storage); present != 0)
        return present;
    constexpr std::uint32_t first = 0x40000000;
    constexpr std::uint32_t count = 0x10000000;
    const std::string id = storage.filename().string();
    std::uint32_t number = 0;
    std::from_chars(id.data(), id.data() + std::min<std::size_t>(id.size(), 7), number, 16);
    std::set<std::uint32_t> taken;
    for (const auto& entry : std::filesystem::directory_iterator(storage.parent_path()))
        if (std::filesystem::is_directory(entry.path() / "data") &&
            std::filesystem::is_directory(entry.path() / "config"))
            taken.insert(present_project(entry.path()));
    while (taken.contains(first + number % count))
        ++number;
    return first + number % count;
}

std::string zfs(const std::vector<std::string>& arguments) {
    const auto program = base::find_program("zfs");
    if (!program)
        throw base::Error(base::ErrorKind::system, "zfs", "is not installed");
    base::Command command;
    command.argv = {program->string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const base::Output output = base::run(command, std::chrono::seconds(30));
    if (!output.exit.success())
        throw base::Error(base::ErrorKind::system, "zfs " + arguments.front(), output.err);
    return output.out;
}

std::uint32_t give_project_of(const HostPath& storage) {
    const std::uint32_t project = project_for(storage);
    for (const HostPath& part : counted_parts(storage))
        if (base::project_of(part) != project)
            base::give_project(part, project);
    return project;
}

/// A property in bytes; 0: none.
std::uint64_t zfs_number(const std::string& dataset, const char* property) {
    const std::string text = zfs({"get", "-Hp", "-o", "value", property, dataset});
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

} // namespace

void give_disk_project(const HostPath& storage) {
    if (find_means(storage).means == Means::project)
        give_project_of(storage);
}

void set_disk_limit(const HostPath& storage, const std::optional<std::uint64_t>& bytes) {
    const Found found = find_means(storage);
    switch (found.means) {
    case Means::dataset:
        zfs({"set", bytes ? fmt::format("refquota={}", *bytes) : "refquota=none", found.dataset});
        return;
    case Means::subvolume: {
        const Tree data = Tree::open(data_of(storage));
        base::set_subvolume_limit(data.fd(), bytes, data.name());
        return;
    }
    case Means::project: {
        if (!bytes && present_project(storage) == 0)
            return; // it never had one
        base::set_project_limit(storage, give_project_of(storage), bytes);
        return;
    }
    case Means::none:
        return;
    }
}

jail::LimitReading read_disk_limit(const HostPath& storage, std::uint64_t wanted) {
    jail::LimitReading reading;
    reading.kind = jail::LimitKind::disk;
    reading.wanted = wanted;
    const Found found = find_means(storage);
    switch (found.means) {
    case Means::dataset:
        if (const std::uint64_t quota = zfs_number(found.dataset, "refquota"); quota != 0)
            reading.effective = quota;
        reading.mechanism = "refquota of " + found.dataset;
        break;
    case Means::subvolume: {
        const Tree data = Tree::open(data_of(storage));
        if (const auto use = base::read_subvolume_use(data.fd(), data.name()))
            reading.effective = use->limit_bytes;
        reading.mechanism = "quota group of the data's subvolume";
        break;
    }
    case Means::project: {
        const std::uint32_t project = present_project(storage);
        if (project != 0 && all_have(storage, project))
            reading.effective = base::read_project(storage, project).limit_bytes;
        reading.mechanism = fmt::format("quota of project {}", project);
        break;
    }
    case Means::none:
        reading.effective = wanted;
        reading.enforcement = jail::Enforcement::advisory;
        reading.mechanism = "measured from time to time: " + found.problem;
        return reading;
    }
    if (reading.effective)
        reading.enforcement = jail::Enforcement::enforced;
    else
        reading.mechanism += " (not set)";
    return reading;
}

std::optional<std::uint64_t> counted_disk_use(const HostPath& storage) {
    const Found found = find_means(storage);
    switch (found.means) {
    case Means::dataset:
        return zfs_number(found.dataset, "referenced");
    case Means::subvolume: {
        const Tree data = Tree::open(data_of(storage));
        const auto use = base::read_subvolume_use(data.fd(), data.name());
        return use ? std::optional(use->used_bytes) : std::nullopt;
    }
    case Means::project:
        if (const std::uint32_t project = present_project(storage); project != 0)
            return base::read_project(storage, project).used_bytes;
        return std::nullopt;
    case Means::none:
        break;
    }
    return std::nullopt;
}

void release_disk(const HostPath& data) {
    if (base::project_of(data) != 0)
        base::give_project(data, 0);
}

std::uint64_t measured_disk_use(const HostPath& storage) {
    constexpr std::uint64_t block_bytes = 512; // of st_blocks, everywhere
    std::uint64_t bytes = 0;
    std::set<std::pair<dev_t, ino_t>> several; // files that have more than one name
    const auto add = [&](const base::Entry& entry) {
        const bool linked = !entry.is_directory() && entry.status.st_nlink > 1;
        if (!linked || several.emplace(entry.status.st_dev, entry.status.st_ino).second)
            bytes += static_cast<std::uint64_t>(entry.status.st_blocks) * block_bytes;
        return true;
    };
    const Tree top = Tree::open(storage);
    for (const std::string& name : top.list(RootPath())) {
        const auto entry = top.stat(RootPath().entry(name));
        if (!entry)
            continue;
        add(*entry);
        if (entry->is_directory()) // data may be a file system's own unit, which a walk from above stays out
                                   // of
            Tree::open(storage / name).walk(add);
    }
    return bytes;
}

} // namespace pkgjail::confine
