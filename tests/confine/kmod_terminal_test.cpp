#include "pkgjail/confine/kmod_terminal.hpp"

#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace pkgjail;

namespace {

/// A terminal with somebody at it.
struct Operator {
    base::Fd keyboard_and_screen{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    base::Fd terminal;

    Operator() {
        REQUIRE(::grantpt(keyboard_and_screen.get()) == 0);
        REQUIRE(::unlockpt(keyboard_and_screen.get()) == 0);
        terminal = base::Fd(::open(::ptsname(keyboard_and_screen.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(terminal);
        struct winsize size {};
        size.ws_row = 40;
        size.ws_col = 100;
        REQUIRE(::ioctl(terminal.get(), TIOCSWINSZ, &size) == 0);
    }
};

} // namespace

TEST_CASE("a command in a jail has a terminal of its own, which is copied to ours", "[confine][kmod]") {
    Operator seat;
    struct termios before {
    }, after{};
    REQUIRE(::tcgetattr(seat.terminal.get(), &before) == 0);
    confine::PseudoTerminal jail(seat.terminal.get());
    struct winsize size {};
    REQUIRE(::ioctl(jail.inner(), TIOCGWINSZ, &size) == 0);
    CHECK(size.ws_row == 40);
    CHECK(size.ws_col == 100);

    const pid_t pid = ::fork();
    if (pid == 0) {
        char line[64] = {};
        const ssize_t count = ::read(jail.inner(), line, sizeof line - 1); // a whole line, edited there
        const std::string answer =
            "got " + std::string(line, count > 0 ? static_cast<std::size_t>(count) : 0);
        ::_exit(::write(jail.inner(), answer.data(), answer.size()) > 0 ? 0 : 1);
    }
    REQUIRE(::write(seat.keyboard_and_screen.get(), "ab\r", 3) == 3);
    jail.connect(seat.terminal.get(), seat.terminal.get());
    int status = -1;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);

    std::string screen; // what was typed is echoed first, by one side or the other
    struct pollfd shown {};
    shown.fd = seat.keyboard_and_screen.get();
    shown.events = POLLIN;
    while (screen.find("got ab") == std::string::npos && ::poll(&shown, 1, 5000) == 1) {
        char some[256];
        const ssize_t count = ::read(shown.fd, some, sizeof some);
        if (count <= 0)
            break;
        screen.append(some, static_cast<std::size_t>(count));
    }
    CHECK_THAT(screen, ContainsSubstring("got ab"));
    REQUIRE(::tcgetattr(seat.terminal.get(), &after) == 0);
    CHECK(after.c_lflag == before.c_lflag); // as it was
    CHECK(after.c_iflag == before.c_iflag);
}
