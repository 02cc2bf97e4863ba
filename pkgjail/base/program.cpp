// Where programs are: our own, and those of the host that pkgjail needs.
#include "pkgjail/base/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>
#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#endif

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

HostPath own_program() {
    std::string path(4096, '\0');
#ifdef __linux__
    ssize_t count = ::readlink("/proc/self/exe", path.data(), path.size());
    if (count < 0)
        throw system_error(errno, "/proc/self/exe", "readlink");
    path.resize(static_cast<std::size_t>(count));
#else
    std::size_t size = path.size();
    const int query[4] = {CTL_KERN, KERN_PROC_ARGS, -1, KERN_PROC_PATHNAME};
    if (::sysctl(query, 4, path.data(), &size, nullptr, 0) != 0)
        throw system_error(errno, "own program", "sysctl kern.proc_args");
    path.resize(std::min(path.find('\0'), path.size()));
#endif
    return path;
}

std::optional<HostPath> find_program(std::string_view name) {
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos)
        throw Error(ErrorKind::usage, std::string(name), "is not the plain name of a program");
    // The prefix that pkgjail itself is installed in comes last: PREFIX/sbin/pkgjail or PREFIX/bin/pkgjail.
    HostPath prefix = own_program().parent_path().parent_path();
    const std::array<HostPath, 10> directories = {
        "/usr/sbin",      "/usr/bin",      "/sbin",        "/bin",          "/usr/local/sbin",
        "/usr/local/bin", "/usr/pkg/sbin", "/usr/pkg/bin", prefix / "sbin", prefix / "bin"};
    for (const HostPath& directory : directories) {
        HostPath candidate = directory / name;
        struct stat status {};
        if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
            ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
    }
    return std::nullopt;
}

} // namespace pkgjail::base
