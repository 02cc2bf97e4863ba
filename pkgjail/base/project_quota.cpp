#include "pkgjail/base/project_quota.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/syscall.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::base {

#if defined(__linux__) && defined(SYS_quotactl_fd)

namespace {

constexpr unsigned block_bytes = 512; // the unit of these calls, whatever the file system's own is

Fd open_directory(const HostPath& directory) {
    return open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/// Asks the file system that the descriptor lies on; the errno, 0 when it went well.
int quota_call(const Fd& fd, unsigned command, std::uint32_t project, void* data) {
    return ::syscall(SYS_quotactl_fd, static_cast<unsigned>(fd.get()), QCMD(command, PRJQUOTA), project,
                     data) == 0
               ? 0
               : errno;
}

std::optional<struct fsxattr> attributes_of(const Fd& fd) {
    struct fsxattr attributes {};
    if (::ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) != 0)
        return std::nullopt;
    return attributes;
}

void give(const Fd& fd, std::uint32_t project, bool directory, const std::string& shown) {
    auto attributes = attributes_of(fd);
    if (!attributes)
        throw system_error(errno, shown, "get the project of");
    const unsigned inherit = directory && project != 0 ? FS_XFLAG_PROJINHERIT : 0u;
    if (attributes->fsx_projid == project && (attributes->fsx_xflags & FS_XFLAG_PROJINHERIT) == inherit)
        return;
    attributes->fsx_projid = project;
    attributes->fsx_xflags =
        (attributes->fsx_xflags & ~static_cast<unsigned>(FS_XFLAG_PROJINHERIT)) | inherit;
    if (::ioctl(fd.get(), FS_IOC_FSSETXATTR, &*attributes) != 0)
        throw system_error(errno, shown, "set the project of");
}

Fd readable(const Tree& directory) {
    Fd own(retrying([&] { return ::openat(directory.fd().get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!own)
        throw system_error(errno, directory.name(), "open");
    return own;
}

} // namespace

std::string project_quota_problem(const HostPath& directory) {
    const Fd fd = open_directory(directory);
    struct fs_quota_stat state {};
    state.qs_version = FS_QSTAT_VERSION;
    if (const int error = quota_call(fd, Q_XGETQSTAT, 0, &state); error != 0) {
        if (error == EPERM || error == EACCES)
            return "asking for quotas is not permitted";
        return "the file system has no quotas by project (mount option prjquota)";
    }
    if ((state.qs_flags & FS_QUOTA_PDQ_ENFD) == 0)
        return "the file system does not enforce quotas by project (mount option prjquota)";
    if (!attributes_of(fd))
        return "the file system's files have no project";
    return {};
}

std::uint32_t project_of(const HostPath& directory) {
    const auto attributes = attributes_of(open_directory(directory));
    if (!attributes || (attributes->fsx_xflags & FS_XFLAG_PROJINHERIT) == 0)
        return 0;
    return attributes->fsx_projid;
}

void give_project(const HostPath& directory, std::uint32_t project) {
    const Tree top = Tree::open(directory);
    // A directory before what is in it: what is made in it meanwhile has the project already.
    top.walk([&](const Entry& entry) {
        try {
            if (entry.is_directory())
                give(readable(top.open_tree(entry.path)), project, true, top.show(entry.path));
            else if (entry.is_file())
                give(top.open_regular(entry.path), project, false, top.show(entry.path));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::corrupt)
                throw; // otherwise it went, or was replaced by what has the project from its beginning
        }
        return true;
    });
    give(readable(top), project, true, top.name());
}

ProjectUse read_project(const HostPath& directory, std::uint32_t project) {
    struct fs_disk_quota quota {};
    const int error = quota_call(open_directory(directory), Q_XGETQUOTA, project, &quota);
    if (error == ENOENT || error == ESRCH) // nothing was ever counted for it
        return {};
    if (error != 0)
        throw system_error(error, directory.string(), "read the quota of");
    ProjectUse use;
    use.used_bytes = quota.d_bcount * block_bytes;
    if (quota.d_blk_hardlimit != 0)
        use.limit_bytes = quota.d_blk_hardlimit * block_bytes;
    return use;
}

void set_project_limit(const HostPath& directory, std::uint32_t project,
                       const std::optional<std::uint64_t>& bytes) {
    struct fs_disk_quota quota {};
    quota.d_version = FS_DQUOT_VERSION;
    quota.d_flags = FS_PROJ_QUOTA;
    quota.d_id = project;
    quota.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT;
    quota.d_blk_hardlimit = bytes ? (*bytes + block_bytes - 1) / block_bytes : 0;
    if (const int error = quota_call(open_directory(directory), Q_XSETQLIM, project, &quota); error != 0)
        throw system_error(error, directory.string(), "set the quota of");
}

#else

// FFS of NetBSD has quotas by user and group only, which say nothing about a directory.
std::string project_quota_problem(const HostPath&) {
    return "this system has no quotas by directory";
}

std::uint32_t project_of(const HostPath&) {
    return 0;
}

void give_project(const HostPath& directory, std::uint32_t) {
    throw Error(ErrorKind::configuration, directory.string(), project_quota_problem(directory));
}

ProjectUse read_project(const HostPath&, std::uint32_t) {
    return {};
}

void set_project_limit(const HostPath& directory, std::uint32_t, const std::optional<std::uint64_t>&) {
    throw Error(ErrorKind::configuration, directory.string(), project_quota_problem(directory));
}

#endif

} // namespace pkgjail::base
