#include "pkgjail/supervise/control_address.hpp"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::supervise {

base::HostPath control_path(const base::HostPath& run_directory) {
    return run_directory / "control";
}

ControlAddress::ControlAddress(const base::HostPath& run_directory) {
    std::string path = control_path(run_directory).string();
    if (path.size() >= sizeof address_.sun_path) {
        directory_ = base::open_file(run_directory, O_RDONLY | O_DIRECTORY);
        std::string view = "/proc/self/fd/" + std::to_string(directory_.get());
        if (::access(view.c_str(), F_OK) != 0)
            throw base::Error(base::ErrorKind::configuration, run_directory.string(),
                              "is " + std::to_string(path.size()) +
                                  " bytes long with its socket's name, at most " +
                                  std::to_string(sizeof address_.sun_path - 1) + " are possible",
                              "use a state directory with a shorter path");
        path = control_path(view).string();
    }
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
}

} // namespace pkgjail::supervise
