#include "pkgjail/store/layout.hpp"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {

/// False when it does not exist. Everything that another user could have put there, or could change, is
/// refused: pkgjail works as root below it.
/// To look only, the host's own state will do as well: root is trusted anyway.
bool check_directory(const HostPath& path, bool to_look = false) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT)
            return false;
        throw base::system_error(errno, path.string(), "lstat");
    }
    if (S_ISLNK(status.st_mode))
        throw Error(ErrorKind::conflict, path.string(),
                    "is a symbolic link where the state directory must be a real directory",
                    "name the directory itself with --state");
    if (!S_ISDIR(status.st_mode))
        throw Error(ErrorKind::conflict, path.string(), "is not a directory");
    const bool of_root = to_look && status.st_uid == 0;
    if (status.st_uid != ::geteuid() && ::geteuid() != 0 && !of_root)
        throw Error(ErrorKind::denied, path.string(),
                    "belongs to another user (uid " + std::to_string(status.st_uid) + ")",
                    "run pkgjail as root, or give a state directory of your own with --state");
    if (status.st_uid != ::geteuid() && !of_root)
        throw Error(ErrorKind::conflict, path.string(),
                    "belongs to uid " + std::to_string(status.st_uid) +
                        ", who could change what root relies on",
                    "chown it to root, or choose another directory with --state");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        throw Error(ErrorKind::conflict, path.string(), "can be written by group or others",
                    "chmod go-w " + path.string());
    return true;
}

/// In a directory that everybody can write to, everybody can put another one in our place.
void check_above(const HostPath& path) {
    for (HostPath above = std::filesystem::canonical(path).parent_path();; above = above.parent_path()) {
        struct stat status {};
        if (::lstat(above.c_str(), &status) != 0)
            throw base::system_error(errno, above.string(), "lstat");
        if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
            throw Error(ErrorKind::conflict, above.string(),
                        "can be written by others, who could replace the state directory " + path.string(),
                        "chmod o-w " + above.string() + ", or choose another directory with --state");
        if (above == above.parent_path())
            return;
    }
}

} // namespace

std::optional<std::string> Layout::kept_jail(const std::string& name) {
    constexpr std::string_view prefix = "keep-";
    if (!name.starts_with(prefix))
        return std::nullopt;
    return name.substr(prefix.size());
}

void Layout::create() const {
    if (!check_directory(state_)) {
        if (!state_.parent_path().empty())
            base::make_directories(state_.parent_path(), 0755);
        base::make_directories(state_, 0700);
        check_directory(state_);
    }
    check_above(state_);
    for (const HostPath& directory :
         {cache(), images(), jails(), snapshots(), volumes(), secrets(), logs(), runs(), locks()})
        if (!check_directory(directory))
            base::make_directories(directory, 0700);
}

bool Layout::check() const {
    if (!check_directory(state_, ::access(state_.c_str(), R_OK | X_OK) == 0))
        return false;
    check_above(state_);
    for (const HostPath& directory :
         {cache(), images(), jails(), snapshots(), volumes(), secrets(), logs(), runs(), locks()})
        check_directory(directory, true);
    return true;
}

} // namespace pkgjail::store
