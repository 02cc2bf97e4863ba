// The runtime makes missing mount points itself, following
// what it finds; here they must be there already, so that it has nothing to make and nothing to follow.
#include "pkgjail/confine/mount_points.hpp"

#include <cerrno>

#include <sys/stat.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;

bool is_directory_source(const Mount& mount, const std::string& jail) {
    if (mount.kind == Mount::Kind::tmpfs)
        return true;
    struct stat status {};
    if (::lstat(mount.source.c_str(), &status) != 0)
        throw base::system_error(errno, mount.source.string(), "mount source of jail " + jail);
    if (S_ISLNK(status.st_mode))
        throw Error(ErrorKind::configuration, mount.source.string(),
                    "is a symbolic link and cannot be mounted into jail " + jail,
                    "name the directory that it points to");
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        throw Error(ErrorKind::configuration, mount.source.string(),
                    "is neither a directory nor a file and cannot be mounted into jail " + jail);
    return S_ISDIR(status.st_mode);
}

/// The mount that covers `target`, of the first `count`; nullptr: the skeleton does.
const Mount* covering_mount(const JailSpec& spec, std::size_t count, const base::RootPath& target) {
    const Mount* deepest = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
        const Mount& mount = spec.mounts[i];
        if (target.is_within(mount.target) && (deepest == nullptr || mount.target.is_within(deepest->target)))
            deepest = &mount;
    }
    return deepest;
}

// The runtime makes a missing working directory, in the skeleton on the host if it comes to that.
void check_working_directory_exists(const JailSpec& spec) {
    const auto path = base::RootPath::parse(spec.working_directory);
    const Mount* mount = covering_mount(spec, spec.mounts.size(), path);
    if (path.is_root() || (mount != nullptr && mount->target == path))
        return;
    const Error missing(ErrorKind::not_found, spec.working_directory,
                        "no such working directory in jail " + spec.jail);
    if (mount != nullptr && mount->kind == Mount::Kind::tmpfs)
        throw missing;
    std::optional<base::Entry> entry;
    try {
        entry = mount != nullptr ? base::Tree::open(mount->source).stat(path.below(mount->target))
                                 : base::Tree::open(spec.root).stat(path);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::corrupt) // a link on the way
            return;
        throw;
    }
    if (!entry)
        throw missing;
    if (!entry->is_directory() && !entry->is_symlink())
        throw Error(ErrorKind::denied, spec.working_directory,
                    "cannot be the working directory in jail " + spec.jail);
}

} // namespace

void check_mount_points(const JailSpec& spec) {
    const auto skeleton = base::Tree::open(spec.root);
    for (const char* own : {"/dev", "/proc", "/sys"}) {
        const auto entry = skeleton.stat(base::RootPath::parse(own));
        if (!entry || !entry->is_directory())
            throw Error(ErrorKind::configuration, skeleton.show(base::RootPath::parse(own)),
                        "must be a directory");
    }
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
        const Mount& mount = spec.mounts[i];
        const bool directory = is_directory_source(mount, spec.jail);
        const Mount* below = covering_mount(spec, i, mount.target);
        if (below != nullptr && (below->kind == Mount::Kind::tmpfs || below->target == mount.target))
            continue; // in a fresh tmpfs the runtime makes it; on the same place it exists
        const auto tree = below != nullptr ? base::Tree::open(below->source) : base::Tree::open(spec.root);
        const auto path = below != nullptr ? mount.target.below(below->target) : mount.target;
        const auto entry = tree.stat(path);
        if (!entry)
            throw Error(ErrorKind::configuration, tree.show(path),
                        "mount point of jail " + spec.jail + " is missing");
        if (directory ? !entry->is_directory() : !entry->is_file())
            throw Error(ErrorKind::configuration, tree.show(path),
                        std::string("mount point of jail ") + spec.jail + " must be a " +
                            (directory ? "directory" : "file"));
    }
    check_working_directory_exists(spec);
}

} // namespace pkgjail::confine
