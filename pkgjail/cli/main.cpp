// The program pkgjail.
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/umask.hpp"
#include "pkgjail/cli/command.hpp"

namespace {

/// Whoever starts us without one of the three must not have our output end up in the file that is opened next
/// and gets its number. Reading finds nothing, messages go nowhere; output is a write error, because somebody
/// asked for it.
void fill_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            ::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY); // the lowest free number is fd
}

} // namespace

int main(int argc, char** argv) {
    fill_standard_descriptors();
    pkgjail::base::set_umask();
    // A reader of our output that goes away (pkgjail list | head) must not end a command in the middle of its
    // work.
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    return pkgjail::cli::run(argc, argv);
}
