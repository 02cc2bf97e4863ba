// What the benches measure with; times are milliseconds of a clock that nobody sets.
//
//     bench_clock run COMMAND…          how long COMMAND takes, and how long processors worked for it and
//     those it waited
//                                       for; what it prints is thrown away
//     bench_clock until PORT COMMAND…   from the start of COMMAND to the first answer on 127.0.0.1:PORT
//     bench_clock serve PORT COMMAND…   the same for a COMMAND that stays in the foreground, which is ended
//     then bench_clock watch PORT COMMAND…   asks every 5 ms while COMMAND runs, and half a second before and
//     after:
//                                       one line an interruption, from the last answer to the next
//     bench_clock memory COMMAND…       the most that COMMAND and all that it started held at one time, MiB:
//     the sum of
//                                       their shares (PSS), looked at each 3 ms, or the greatest of them if
//                                       that is more
//     bench_clock pss PID…              the share (PSS) of these processes, MiB
//     bench_clock port                  a port that is free
//
// An answer is the first byte of what comes back for "GET /". Fails where COMMAND does.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
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

/// What processors did for children that have ended.
double worked() {
    struct rusage used {};
    ::getrusage(RUSAGE_CHILDREN, &used);
    const auto milliseconds_of = [](const struct timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return milliseconds_of(used.ru_utime) + milliseconds_of(used.ru_stime);
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

pid_t start(char** command, bool own_session = false) {
    const pid_t pid = ::fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        if (own_session)
            ::setsid();
        const int nothing = ::open("/dev/null", O_WRONLY);
        if (nothing < 0 || ::dup2(nothing, STDOUT_FILENO) < 0)
            fail("/dev/null");
        ::close(nothing);
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
            std::printf("%.2f\n", since(last));
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

void until(int port, char** command, bool foreground) {
    const auto begin = Clock::now();
    const pid_t pid = start(command, foreground);
    bool over = false;
    while (!answers(port)) {
        // In the foreground it has to stay until it answered; else it may end before, and well.
        over = over || ended(pid, WNOHANG);
        if (over && foreground) {
            std::fprintf(stderr, "bench_clock: the command ended without an answer\n");
            std::exit(1);
        }
        if (since(begin) > 60'000) {
            std::fprintf(stderr, "bench_clock: no answer on port %d within a minute\n", port);
            std::exit(1);
        }
        std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    std::printf("%.2f\n", since(begin));
    if (foreground) {
        // The whole of what it started ends with it: it has a session of its own.
        ::kill(-pid, SIGTERM);
        ::waitpid(pid, nullptr, 0);
        while (answers(port) && since(begin) < 60'000)
            std::this_thread::sleep_for(milliseconds{1});
    } else if (!over) {
        ended(pid, 0);
    }
}

/// Who is whose child, of all processes now.
std::multimap<pid_t, pid_t> children_of_all() {
    std::multimap<pid_t, pid_t> children;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        std::ifstream file(entry.path() / "stat");
        std::string line;
        if (pid <= 0 || !std::getline(file, line))
            continue;
        // "PID (NAME) STATE PARENT …", and NAME may hold anything.
        const std::size_t end = line.rfind(')');
        if (end != std::string::npos && end + 4 < line.size())
            children.emplace(std::atoi(line.c_str() + end + 4), pid);
    }
    return children;
}

/// KiB; 0 of a process that has ended.
long share_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string line;
    while (std::getline(file, line))
        if (line.compare(0, 4, "Pss:") == 0)
            return std::atol(line.c_str() + 4);
    return 0;
}

long share_of_all_below(pid_t root) {
    const auto children = children_of_all();
    std::vector<pid_t> family{root};
    long sum = 0;
    for (std::size_t next = 0; next < family.size(); ++next) {
        sum += share_of(family[next]);
        const auto [first, last] = children.equal_range(family[next]);
        for (auto child = first; child != last; ++child)
            family.push_back(child->second);
    }
    return sum;
}

void memory(char** command) {
    const pid_t pid = start(command);
    long most = 0;
    do {
        most = std::max(most, share_of_all_below(pid));
        std::this_thread::sleep_for(milliseconds{3});
    } while (!ended(pid, WNOHANG));
    struct rusage used {};
    ::getrusage(RUSAGE_CHILDREN, &used);
    std::printf("%.1f\n", static_cast<double>(std::max(most, used.ru_maxrss)) / 1024);
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
        std::printf("%.2f %.2f\n", since(begin), worked());
    } else if ((what == "until" || what == "serve") && count > 3) {
        until(std::atoi(arguments[2]), arguments + 3, what == "serve");
    } else if (what == "memory" && count > 2) {
        memory(arguments + 2);
    } else if (what == "pss" && count > 2) {
        long sum = 0;
        for (int i = 2; i < count; ++i)
            sum += share_of(std::atoi(arguments[i]));
        std::printf("%.2f\n", static_cast<double>(sum) / 1024);
    } else if (what == "watch" && count > 3) {
        watch(std::atoi(arguments[2]), arguments + 3);
    } else {
        std::fputs(
            "usage: bench_clock run|memory|until PORT|serve PORT|watch PORT COMMAND…, pss PID…, or port\n",
            stderr);
        return 64;
    }
}
