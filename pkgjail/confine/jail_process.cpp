#ifdef __linux__

#include "pkgjail/confine/jail_process.hpp"

#include <cerrno>
#include <cstdint>
#include <set>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;

void check_stands_inside(pid_t pid, const std::string& jail) {
    const auto directory = base::open_file(fmt::format("/proc/{}/cwd", pid), O_PATH | O_DIRECTORY);
    std::string mount_id;
    std::istringstream info(base::read_file(fmt::format("/proc/self/fdinfo/{}", directory.get())));
    for (std::string key, value; info >> key >> value;)
        if (key == "mnt_id:")
            mount_id = value;
    if (mount_id.empty())
        throw Error(ErrorKind::system, jail,
                    "the kernel does not say on which mount its working directory is");
    std::istringstream mounts(base::read_file(fmt::format("/proc/{}/mountinfo", pid)));
    for (std::string line; std::getline(mounts, line);)
        if (line.substr(0, line.find(' ')) == mount_id)
            return;
    throw Error(ErrorKind::denied, jail, "its working directory would lie outside the jail");
}

void check_mounts_stand(pid_t pid, const JailSpec& spec) {
    std::set<std::string> points;
    std::istringstream mounts(base::read_file(fmt::format("/proc/{}/mountinfo", pid)));
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        points.insert(point);
    }
    for (const auto& mount : spec.mounts) {
        std::string shown; // as the kernel writes it
        for (const char c : mount.target.str())
            if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
                shown += fmt::format("\\{:03o}", static_cast<unsigned>(c));
            else
                shown += c;
        if (!points.contains(shown))
            throw Error(ErrorKind::denied, spec.jail,
                        "nothing was mounted at " + mount.target.str() +
                            ": its mount point was exchanged while the jail was made");
    }
}

namespace {

/// Opens what `path` names inside the root of a process, to be looked at only. -1 with errno when that fails.
int open_inside(const base::Fd& root, const std::string& path, std::uint64_t flags) {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC | flags;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how));
}

base::Fd open_root(pid_t pid) {
    return base::open_file(fmt::format("/proc/{}/root", pid), O_PATH | O_DIRECTORY);
}

} // namespace

void check_directory_inside(pid_t pid, const std::string& directory, const std::string& jail) {
    const base::Fd opened(open_inside(open_root(pid), directory, O_DIRECTORY));
    if (opened || errno == ENOSYS) // before Linux 5.6: the runtime's own check has to do
        return;
    if (errno == ENOENT)
        throw Error(ErrorKind::not_found, directory, "no such working directory in jail " + jail);
    throw Error(ErrorKind::denied, directory, "cannot be the working directory in jail " + jail);
}

void check_program_inside(pid_t pid, const std::string& program, const std::string& search_path,
                          const std::string& jail) {
    const auto root = open_root(pid);
    std::vector<std::string> candidates;
    if (program.find('/') == std::string::npos) {
        std::istringstream directories(search_path);
        for (std::string directory; std::getline(directories, directory, ':');)
            candidates.push_back(directory + "/" + program);
    } else if (program.front() == '/') {
        candidates.push_back(program);
    } else {
        return;
    }
    bool seen = false;
    for (const auto& candidate : candidates) {
        const base::Fd opened(open_inside(root, candidate, 0));
        if (!opened && errno == ENOSYS)
            return;
        struct stat status {};
        if (!opened || ::fstat(opened.get(), &status) != 0)
            continue;
        seen = true;
        if (S_ISREG(status.st_mode) && (status.st_mode & 0111u) != 0)
            return;
    }
    if (seen)
        throw Error(ErrorKind::denied, program, "cannot be executed in jail " + jail);
    throw Error(ErrorKind::not_found, program, "no such program in jail " + jail);
}

} // namespace pkgjail::confine

#endif
