#include "pkgjail/store/zfs.hpp"

#include <algorithm>
#include <sstream>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/process.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {

constexpr std::string_view our_prefix = "pkgjail-";
/// zfs waits for the pool's next write, which a busy disk takes its time for.
constexpr std::chrono::minutes patience{10};

const Zfs* replaced = nullptr;

std::optional<HostPath> program_of_host() {
    // Where pkgjail itself is confined, the file systems may be ZFS and its device not
    // there.
    return ::access("/dev/zfs", R_OK | W_OK) == 0 ? base::find_program("zfs") : std::nullopt;
}

/// What zfs(8) allows: components of letters, digits and "-_.: " between "/"; never an option or a snapshot.
const std::string& checked(const std::string& name) {
    constexpr std::string_view allowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.: /";
    if (name.empty() || name.front() == '-' || name.front() == '/' || name.back() == '/' ||
        name.find("//") != std::string::npos || name.size() > 255 ||
        name.find_first_not_of(allowed) != std::string::npos)
        throw Error(ErrorKind::corrupt, base::printable(name), "is no name of a ZFS dataset");
    return name;
}

std::string pool_of(const std::string& dataset) {
    return dataset.substr(0, dataset.find('/'));
}

bool is_ours(const std::string& dataset) {
    return std::string_view(dataset).substr(dataset.rfind('/') + 1).starts_with(our_prefix);
}

std::string new_name(const std::string& parent) {
    return checked(fmt::format("{}/{}{}", parent, our_prefix, base::random_hex(8)));
}

std::string mountpoint(const HostPath& directory) {
    return "mountpoint=" + directory.string();
}

HostPath real_path(const HostPath& path) {
    return base::real_path(path);
}

} // namespace

const Zfs& Zfs::host() {
    static const Zfs here(program_of_host(), base::mount_table);
    return replaced != nullptr ? *replaced : here;
}

void Zfs::replace_host(const Zfs* other) {
    replaced = other;
}

std::vector<base::Mount> Zfs::table() const {
    return program_ ? mounts_() : std::vector<base::Mount>{};
}

std::optional<Zfs::Dataset> Zfs::mounted_at(const HostPath& directory) const {
    const std::string wanted = real_path(directory).string();
    std::optional<Dataset> found;
    for (const base::Mount& mount : table())
        if (mount.point == wanted) {
            found.reset(); // the last one is on top
            if (mount.type == "zfs")
                found = Dataset{checked(mount.source), mount.point};
        }
    return found;
}

std::optional<Zfs::Dataset> Zfs::holder_of(const HostPath& directory) const {
    const std::string wanted = real_path(directory).string();
    std::optional<base::Mount> nearest;
    for (base::Mount& mount : table())
        if ((mount.point == "/" || base::lies_below(wanted, mount.point)) &&
            (!nearest || mount.point.size() >= nearest->point.size()))
            nearest = std::move(mount);
    if (!nearest || nearest->type != "zfs")
        return std::nullopt;
    return Dataset{checked(nearest->source), nearest->point};
}

std::vector<Zfs::Dataset> Zfs::ours_below(const HostPath& directory) const {
    const std::string wanted = real_path(directory).string();
    std::vector<Dataset> found;
    for (const base::Mount& mount : table())
        if (mount.type == "zfs" && base::lies_below(mount.point, wanted) && is_ours(mount.source))
            found.push_back({checked(mount.source), mount.point});
    return found;
}

std::vector<std::string> Zfs::other_mounts_below(const HostPath& directory) const {
    std::vector<std::string> others = program_ ? std::vector<std::string>{} : base::mounts_below(directory);
    const std::string wanted = real_path(directory).string();
    for (const base::Mount& mount : table())
        if (base::lies_below(mount.point, wanted) && !(mount.type == "zfs" && is_ours(mount.source)))
            others.push_back(mount.point);
    return others;
}

std::string Zfs::run(const std::vector<std::string>& arguments) const {
    base::Command command;
    command.argv = {program_->string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    const base::Output output = base::run(command, patience);
    const std::string called = fmt::format("zfs {}", fmt::join(arguments, " "));
    if (output.timed_out)
        throw Error(ErrorKind::system, called,
                    fmt::format("did not end within {} minutes", patience.count()));
    if (!output.exit.success()) {
        std::string words = output.err.empty() ? output.exit.describe() : output.err;
        while (!words.empty() && words.back() == '\n')
            words.pop_back();
        std::replace(words.begin(), words.end(), '\n', ' ');
        throw Error(ErrorKind::system, called, base::printable(words));
    }
    return output.out;
}

bool Zfs::make(const HostPath& directory) const {
    const auto parent = holder_of(directory.parent_path());
    if (!parent)
        return false;
    run({"create", "-o", mountpoint(real_path(directory)), new_name(parent->name)});
    return true;
}

bool Zfs::copy(const HostPath& from, const HostPath& to) const {
    const auto source = mounted_at(from);
    const auto parent = source ? holder_of(to.parent_path()) : std::nullopt;
    if (!parent || pool_of(source->name) != pool_of(parent->name))
        return false;
    const std::string name = new_name(parent->name);
    const std::string snapshot = source->name + "@" + name.substr(name.rfind('/') + 1);
    run({"snapshot", snapshot});
    try {
        run({"clone", "-o", mountpoint(real_path(to)), snapshot, name});
    } catch (...) {
        try {
            run({"destroy", snapshot});
        } catch (const Error&) {
            // The first failure is told; the snapshot goes with its dataset.
        }
        throw;
    }
    run({"destroy", "-d", snapshot}); // it goes when the copy does
    return true;
}

bool Zfs::move(const HostPath& from, const HostPath& to) const {
    const auto dataset = mounted_at(from);
    if (!dataset)
        return false;
    run({"set", mountpoint(real_path(to)), dataset->name});
    return true;
}

void Zfs::follow_rename(const HostPath& before, const HostPath& now) const {
    const std::string old_place = real_path(before).string();
    const std::string new_place = real_path(now).string();
    for (const base::Mount& mount : table()) {
        if (mount.type != "zfs" || !is_ours(mount.source))
            continue;
        // A kernel that does not follow renames still says where it was mounted.
        if (base::lies_below(mount.point, new_place))
            run({"set", mountpoint(mount.point), checked(mount.source)});
        else if (base::lies_below(mount.point, old_place))
            run({"set", mountpoint(new_place + mount.point.substr(old_place.size())), checked(mount.source)});
    }
}

void Zfs::destroy(const std::string& dataset) const {
    // A copy depends on a snapshot of what it was made from. Promoted, it has that snapshot itself, and takes
    // all older ones along; so each round leaves fewer.
    for (;;) {
        std::vector<std::string> snapshots;
        std::string copy;
        std::istringstream lines(
            run({"list", "-H", "-t", "snapshot", "-d", "1", "-o", "name,clones", dataset}));
        for (std::string line; std::getline(lines, line);) {
            const std::size_t tab = line.find('\t');
            const std::string clones = tab == std::string::npos ? "-" : line.substr(tab + 1);
            const std::string snapshot = line.substr(0, tab);
            if (!snapshot.starts_with(dataset + "@"))
                throw Error(ErrorKind::corrupt, "zfs list",
                            fmt::format("answered \"{}\"", base::printable(line)));
            checked(snapshot.substr(dataset.size() + 1));
            snapshots.push_back(snapshot);
            if (clones != "-" && !clones.empty())
                copy = checked(clones.substr(0, clones.find(',')));
        }
        if (copy.empty()) {
            for (const std::string& snapshot : snapshots)
                run({"destroy", snapshot});
            run({"destroy", dataset});
            return;
        }
        run({"promote", copy});
    }
}

void Zfs::remove(const HostPath& directory) const {
    std::vector<Dataset> datasets = ours_below(directory);
    // What lies in another one goes first.
    std::sort(datasets.begin(), datasets.end(),
              [](const Dataset& a, const Dataset& b) { return a.point.size() > b.point.size(); });
    for (const Dataset& dataset : datasets)
        destroy(dataset.name);
}

} // namespace pkgjail::store
