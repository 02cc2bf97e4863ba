#include "pkgjail/base/boot.hpp"

#include <fcntl.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"

namespace pkgjail::base {

std::string boot_id() {
#ifdef __NetBSD__
    // Not kern.boottime, which every step of the clock moves: when init(8) started is written down once.
    const std::optional<ProcessId> init = identify_process(1);
    if (!init)
        throw Error(ErrorKind::system, "process 1", "is hidden from this user (security.curtain)");
    return std::to_string(init->start);
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
