// What the benches measure with; times are milliseconds of a clock that nobody sets.
//
//     bench_clock run COMMAND…          how long COMMAND takes; its output goes to standard error
//     bench_clock until PORT COMMAND…   from the start of COMMAND to the first answer on 127.0.0.1:PORT
//     bench_clock watch PORT COMMAND…   asks every 5 ms while COMMAND runs, and half a second before and
//     after:
//                                       one line an interruption, from the last answer to the next
//     bench_clock port                  a port that is free
//
// An answer is the first byte of what comes back for "GET /". Fails where COMMAND does.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

double since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct sockaddr_in loopback(int port) {
    struct sockaddr_in name {};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

bool answers(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    const struct sockaddr_in name = loopback(port);
    constexpr std::string_view request = "GET / HTTP/1.0\r\n\r\n";
    struct pollfd waiting {
        fd, POLLIN, 0
    };
    char byte = 0;
    const bool answered =
        ::connect(fd, reinterpret_cast<const struct sockaddr*>(&name), sizeof name) == 0 &&
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()) &&
        ::poll(&waiting, 1, 1000) == 1 && ::recv(fd, &byte, 1, 0) == 1;
    ::close(fd);
    return answered;
}

pid_t start(char** command) {
    const pid_t pid = ::fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        ::execvp(command[0], command);
        std::perror(command[0]);
        ::_exit(127);
    }
    return pid;
}

/// Whether it has ended; ends us with its status when it failed.
bool ended(pid_t pid, int options) {
    int status = 0;
    const pid_t found = ::waitpid(pid, &status, options);
    if (found < 0)
        fail("waitpid");
    if (found == 0)
        return false;
    if (status != 0) {
        std::fprintf(stderr, "bench_clock: the command failed (%d)\n",
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        std::exit(1);
    }
    return true;
}

void watch(int port, char** command) {
    constexpr milliseconds every{5};
    const milliseconds margin{500};
    bool up = answers(port);
    if (!up) {
        std::fprintf(stderr, "bench_clock: nothing answers on port %d\n", port);
        std::exit(1);
    }
    Clock::time_point last = Clock::now();
    Clock::time_point next = last;
    const auto look = [&] {
        next += every;
        std::this_thread::sleep_until(next);
        if (!answers(port)) {
            up = false;
            return;
        }
        if (!up)
            std::printf("%.1f\n", since(last));
        up = true;
        last = Clock::now();
    };
    const auto look_for = [&](milliseconds time) {
        for (const auto end = Clock::now() + time; Clock::now() < end;)
            look();
    };
    look_for(margin);
    const pid_t pid = start(command);
    do
        look();
    while (!ended(pid, WNOHANG));
    look_for(margin);
    if (!up) {
        std::fprintf(stderr, "bench_clock: port %d does not answer any more\n", port);
        std::exit(1);
    }
}

void until(int port, char** command) {
    const auto begin = Clock::now();
    const pid_t pid = start(command);
    while (!answers(port)) {
        if (since(begin) > 60'000) {
            std::fprintf(stderr, "bench_clock: no answer on port %d within a minute\n", port);
            std::exit(1);
        }
        std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    std::printf("%.1f\n", since(begin));
    ended(pid, 0);
}

void free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = loopback(0);
    socklen_t size = sizeof name;
    if (fd < 0 || ::bind(fd, reinterpret_cast<struct sockaddr*>(&name), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<struct sockaddr*>(&name), &size) != 0)
        fail("port");
    std::printf("%d\n", ntohs(name.sin_port));
}

} // namespace

int main(int count, char** arguments) {
    const std::string_view what = count > 1 ? arguments[1] : "";
    if (what == "port" && count == 2) {
        free_port();
    } else if (what == "run" && count > 2) {
        const auto begin = Clock::now();
        ended(start(arguments + 2), 0);
        std::printf("%.1f\n", since(begin));
    } else if (what == "until" && count > 3) {
        until(std::atoi(arguments[2]), arguments + 3);
    } else if (what == "watch" && count > 3) {
        watch(std::atoi(arguments[2]), arguments + 3);
    } else {
        std::fputs("usage: bench_clock run|until PORT|watch PORT COMMAND…, or bench_clock port\n", stderr);
        return 64;
    }
}
