#include "pkgjail/base/boot.hpp"

#include <cerrno>
#include <fcntl.h>

#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::base {

std::string boot_id() {
#ifdef __NetBSD__
    struct timespec when {};
    std::size_t size = sizeof when;
    const int query[2] = {CTL_KERN, KERN_BOOTTIME};
    if (::sysctl(query, 2, &when, &size, nullptr, 0) != 0)
        throw system_error(errno, "host", "sysctl kern.boottime");
    return std::to_string(when.tv_sec);
#else
    // No process sees two boots.
    static const std::string id = [] {
        const char* path = "/proc/sys/kernel/random/boot_id";
        std::string text = read_all(open_file(path, O_RDONLY), path, 256);
        text.resize(text.find_last_not_of(" \n") + 1);
        if (text.empty())
            throw Error(ErrorKind::system, path, "is empty");
        return text;
    }();
    return id;
#endif
}

} // namespace pkgjail::base
