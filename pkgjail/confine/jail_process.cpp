#ifdef __linux__

#include "pkgjail/confine/jail_process.hpp"

#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <linux/openat2.h>
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

void check_directory_inside(pid_t pid, const std::string& directory, const std::string& jail) {
    const auto root = base::open_file(fmt::format("/proc/{}/root", pid), O_PATH | O_DIRECTORY);
    struct open_how how {};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const long number = ::syscall(SYS_openat2, root.get(), directory.c_str(), &how, sizeof how);
    if (number >= 0) {
        const base::Fd opened(static_cast<int>(number));
        return;
    }
    if (errno == ENOSYS) // before Linux 5.6: the runtime's own check has to do
        return;
    if (errno == ENOENT)
        throw Error(ErrorKind::not_found, directory, "no such working directory in jail " + jail);
    throw Error(ErrorKind::denied, directory, "cannot be the working directory in jail " + jail);
}

} // namespace pkgjail::confine

#endif
