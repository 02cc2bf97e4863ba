#include "pkgjail/base/step.hpp"

#ifdef PKGJAIL_FAILPOINTS

#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::base {

namespace {

bool is_set_to(const char* variable, std::string_view name) {
    const char* value = std::getenv(variable);
    return value != nullptr && name == value;
}

} // namespace

void step(std::string_view name) {
    if (const char* log = std::getenv("PKGJAIL_STEP_LOG")) {
        // One write of one line, so that processes may share the file.
        Fd file = open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        write_all(file.get(), std::string(name) + "\n", log);
    }
    if (is_set_to("PKGJAIL_STOP_AT", name))
        ::kill(::getpid(), SIGKILL);
    if (is_set_to("PKGJAIL_FAIL_AT", name))
        throw Error(ErrorKind::system, std::string(name), "no space left");
}

} // namespace pkgjail::base

#else

namespace pkgjail::base {

void step(std::string_view) {}

} // namespace pkgjail::base

#endif
