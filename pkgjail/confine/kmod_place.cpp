#include "pkgjail/confine/kmod_place.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds unmount_patience(5'000); // then by force: nothing of the jail lives any more

void remove_empty_directory(const HostPath& path) {
    // Never what is in it: if a mount were still there, that would be the host's own files.
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
        throw base::system_error(errno, path.string(), "rmdir");
}

} // namespace

void assemble_root(KmodHost& host, const HostPath& place, const std::vector<RootStep>& steps,
                   const std::string& jail) {
    for (const char* directory : {place_root, place_devices})
        base::make_directories(place / directory, 0700);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const int error = host.carry_out(steps[i]);
        if (error == 0)
            continue;
        for (std::size_t done = i; done > 0; --done)
            if (steps[done - 1].is_mount())
                host.unmount(steps[done - 1].target, true); // what stays is taken apart with the place
        throw Error(
            ErrorKind::system, jail,
            fmt::format("its root cannot be put together: {}: {}", show(steps[i]), std::strerror(error)));
    }
}

void take_apart(KmodHost& host, const HostPath& place, const std::string& handle) {
    // By the kernel's list, not by a description: whoever mounted may have been killed between two steps.
    auto points = host.mounts_below(place);
    for (auto point = points.rbegin(); point != points.rend(); ++point) {
        int error = host.unmount(*point, false);
        milliseconds waited(0);
        // A process that has just ended may hold its directories for a moment.
        while (error == EBUSY && waited < unmount_patience) {
            host.pause(milliseconds(20));
            waited += milliseconds(20);
            error = host.unmount(*point, false);
        }
        if (error == EBUSY)
            error = host.unmount(*point, true);
        if (error != 0)
            throw Error(ErrorKind::system, handle,
                        fmt::format("unmount {}: {}", *point, std::strerror(error)),
                        "umount it by hand, then try again");
    }
    for (const HostPath& directory : {place / place_root, place / place_devices, place})
        remove_empty_directory(directory);
}

} // namespace pkgjail::confine
