#include "pkgjail/cli/live_screen.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::cli {

namespace {

constexpr int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t ending = 0;
volatile std::sig_atomic_t stopping = 0;

// poll() ends at each of them, so that the loop sees what they have set.
void take_end(int number) {
    ending = number;
}
void take_stop(int) {
    stopping = 1;
}
void take_resize(int) {}

void handle(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(number, &action, nullptr) != 0)
        throw base::system_error(errno, "terminal", "sigaction");
}

std::size_t rows() {
    struct winsize size {};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

} // namespace

LiveScreen::LiveScreen() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0)
        throw base::system_error(errno, "terminal", "tcgetattr");
    for (const int number : ending_signals)
        handle(number, take_end);
    handle(SIGTSTP, take_stop);
    handle(SIGWINCH, take_resize);
    enter();
}

LiveScreen::~LiveScreen() {
    leave();
}

void LiveScreen::enter() {
    struct termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) != 0)
        throw base::system_error(errno, "terminal", "tcsetattr");
    print("\033[?1049h\033[?25l");
}

void LiveScreen::leave() noexcept {
    try {
        print("\033[?25h\033[?1049l");
    } catch (const std::exception&) {
        // Nobody sees the screen any more.
    }
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void LiveScreen::draw(const std::string& text) {
    std::string picture = "\033[H";
    std::size_t left = rows();
    for (std::size_t at = 0; at < text.size() && left > 0; --left) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        // What an earlier, longer line left is cleared; after the last row nothing is moved on.
        picture += text.substr(at, end - at) + "\033[K" + (left > 1 ? "\r\n" : "");
        at = end + 1;
    }
    print(picture + (left > 0 ? "\033[J" : ""));
}

char LiveScreen::wait_for_key(std::chrono::milliseconds limit) {
    struct pollfd input {
        STDIN_FILENO, POLLIN, 0
    };
    const int count = ::poll(&input, 1, static_cast<int>(limit.count()));
    if (stopping != 0) {
        stopping = 0;
        leave();
        ::raise(SIGSTOP); // goes on here after SIGCONT
        enter();
        return 0;
    }
    if (ending != 0 || reader_has_gone())
        return 'q';
    if (count <= 0)
        return 0;
    char key = 0;
    return ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}

int LiveScreen::ended_by() {
    return ending;
}

} // namespace pkgjail::cli
