#include "pkgjail/confine/kmod_terminal.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {
namespace {

using base::Fd;

constexpr int size_check_ms = 250; // how soon a change of size is seen

/// Our terminal without echo and line editing; as it was, at the end.
class RawTerminal {
  public:
    explicit RawTerminal(int number) : number_(number) {
        if (::tcgetattr(number_, &before_) != 0)
            throw base::system_error(errno, "terminal", "tcgetattr");
        struct termios raw = before_;
        raw.c_iflag &= static_cast<tcflag_t>(~(BRKINT | ICRNL | INPCK | ISTRIP | IXON | INLCR | IGNCR));
        raw.c_oflag &= static_cast<tcflag_t>(~OPOST);
        raw.c_lflag &= static_cast<tcflag_t>(~(ECHO | ECHONL | ICANON | ISIG | IEXTEN));
        raw.c_cflag |= CS8;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        if (::tcsetattr(number_, TCSANOW, &raw) != 0)
            throw base::system_error(errno, "terminal", "tcsetattr");
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal() { ::tcsetattr(number_, TCSADRAIN, &before_); }

  private:
    int number_;
    struct termios before_ {};
};

/// False at the end of the stream.
bool copy(int from, int to) {
    std::array<char, 4096> buffer;
    ssize_t count = -1;
    do
        count = ::read(from, buffer.data(), buffer.size());
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return false; // a pair whose other side is closed says EIO on some kernels, end of file on others
    base::write_all(to, {buffer.data(), static_cast<std::size_t>(count)}, "terminal");
    return true;
}

void pass_size(int from, int to) {
    struct winsize now {
    }, there{};
    if (::ioctl(from, TIOCGWINSZ, &now) == 0 && ::ioctl(to, TIOCGWINSZ, &there) == 0 &&
        (now.ws_row != there.ws_row || now.ws_col != there.ws_col))
        ::ioctl(to, TIOCSWINSZ, &now); // a size that stays wrong is an ugly screen and nothing else
}

} // namespace

PseudoTerminal::PseudoTerminal(int like) {
    outer_ = Fd(::posix_openpt(O_RDWR | O_NOCTTY));
    if (!outer_)
        throw base::system_error(errno, "pseudo terminal", "posix_openpt");
    ::fcntl(outer_.get(), F_SETFD, FD_CLOEXEC);
    if (::grantpt(outer_.get()) != 0 || ::unlockpt(outer_.get()) != 0)
        throw base::system_error(errno, "pseudo terminal", "grantpt");
    const char* name = ::ptsname(outer_.get());
    if (name == nullptr)
        throw base::system_error(errno, "pseudo terminal", "ptsname");
    inner_ = Fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!inner_)
        throw base::system_error(errno, name, "open");
    pass_size(like, outer_.get());
}

void PseudoTerminal::connect(int input, int output) {
    inner_.reset();
    const RawTerminal raw(input);
    bool typing = true;
    for (;;) {
        struct pollfd waiting[2] = {{outer_.get(), POLLIN, 0}, {typing ? input : -1, POLLIN, 0}};
        const int ready = ::poll(waiting, 2, size_check_ms);
        if (ready < 0 && errno != EINTR)
            throw base::system_error(errno, "terminal", "poll");
        pass_size(input, outer_.get());
        if (ready <= 0)
            continue;
        if (waiting[0].revents != 0 && !copy(outer_.get(), output))
            return;
        if (waiting[1].revents != 0 && !copy(input, outer_.get()))
            typing = false;
    }
}

} // namespace pkgjail::confine
