// What a process that reads foreign bytes cannot do, and who makes such processes.
#include "pkgjail/base/confined.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/sanitized.hpp"

using namespace pkgjail;

namespace {

/// What a stream gives until it ends.
std::string all_of(const base::Fd& stream) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(stream.get(), buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

void say(int stream, const char* what, long result) {
    const char* const error = result >= 0 ? "done" : strerrorname_np(errno);
    const std::string line = std::string(what) + ": " + error + "\n";
    (void)!::write(stream, line.data(), line.size());
}

void attack(int stream) {
    say(stream, "read /etc/passwd", ::open("/etc/passwd", O_RDONLY));
    say(stream, "make a file", ::open("/x", O_WRONLY | O_CREAT, 0600));
    say(stream, "look around", ::open(".", O_RDONLY | O_DIRECTORY));
    say(stream, "remove", ::unlink("/etc/passwd"));
    say(stream, "internet", ::socket(AF_INET, SOCK_STREAM, 0));
    say(stream, "unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
    say(stream, "kill its maker", ::kill(::getppid(), SIGKILL));
    say(stream, "kill all", ::kill(-1, SIGKILL));
    say(stream, "fork", ::fork());
    say(stream, "run a program", ::execl("/bin/true", "true", nullptr));
    say(stream, "become root", ::setuid(0));
    say(stream, "run what it writes",
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED
            ? -1
            : 0);
    say(stream, "memory",
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                        : 0);
}

/// The same without what could hit others where nothing filters it; only whether it was refused.
void attack_softly(int stream) {
    const auto tell = [stream](const char* what, bool done) {
        const std::string line = std::string(what) + (done ? ": DONE\n" : ": refused\n");
        (void)!::write(stream, line.data(), line.size());
    };
    tell("read /etc/passwd", ::open("/etc/passwd", O_RDONLY) >= 0);
    tell("make a file", ::open("/tmp/pkgjail-attack", O_WRONLY | O_CREAT, 0600) >= 0);
    tell("internet", ::socket(AF_INET, SOCK_STREAM, 0) >= 0);
    tell("unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    tell("pipe", [] {
        int ends[2];
        return ::pipe(ends) == 0;
    }());
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(0);
    tell("fork", child > 0);
    ::execl("/bin/true", "true", nullptr);
    tell("run a program", false);
    tell("raise a limit", [] {
        struct rlimit limit = {64, 64};
        return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
    }());
    tell("become root", ::getuid() != 0 && ::setuid(0) == 0);
}

constexpr const char* softly_refused = "read /etc/passwd: refused\n"
                                       "make a file: refused\n"
                                       "internet: refused\n"
                                       "unix socket: refused\n"
                                       "pipe: refused\n"
                                       "fork: refused\n"
                                       "run a program: refused\n"
                                       "raise a limit: refused\n"
                                       "become root: refused\n";

/// What `tell` gives in a process of its own, which makes a helper of its own.
std::string elsewhere(const std::function<std::string()>& tell) {
    base::Pipe pipe = base::make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::string text;
        try {
            text = tell();
        } catch (const std::exception& error) {
            text = std::string("failed: ") + error.what();
        }
        (void)!::write(pipe.write_end.get(), text.data(), text.size());
        ::_exit(0);
    }
    pipe.write_end.reset();
    const std::string text = all_of(pipe.read_end);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += word + "\n";
    return text;
}

/// Says its pid and waits for us to close the stream.
void wait_for_end(int stream) {
    const pid_t self = ::getpid();
    (void)!::write(stream, &self, sizeof self);
    char byte = 0;
    (void)!::read(stream, &byte, 1);
}

pid_t pid_of(const base::Fd& stream) {
    pid_t pid = 0;
    REQUIRE(::read(stream.get(), &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid));
    return pid;
}

/// Field of /proc/PID/status.
std::string status_of(pid_t pid, const std::string& field) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(field + ":")) {
            std::istringstream words(line.substr(field.size() + 1));
            std::string text, word;
            while (words >> word)
                text += (text.empty() ? "" : " ") + word;
            return text;
        }
    return "no " + field;
}

void give(int stream, std::string_view bytes) {
    (void)!::write(stream, bytes.data(), bytes.size());
}

} // namespace

#ifdef __linux__
TEST_CASE("who reads foreign bytes reaches no file, no network, no other process",
          "[format][confined][attack]") {
    const std::string denied = all_of(base::start_confined(attack));

    CHECK(denied == "read /etc/passwd: EPERM\n"
                    "make a file: EPERM\n"
                    "look around: EPERM\n"
                    "remove: EPERM\n"
                    "internet: EPERM\n"
                    "unix socket: EPERM\n"
                    "kill its maker: EPERM\n"
                    "kill all: EPERM\n"
                    "fork: EPERM\n"
                    "run a program: EPERM\n"
                    "become root: EPERM\n"
                    "run what it writes: EPERM\n"
                    "memory: done\n");
}

TEST_CASE("who reads foreign bytes is nobody, with an empty root and one descriptor",
          "[format][confined][attack]") {
    const base::Fd stream = base::start_confined(wait_for_end);
    const pid_t pid = pid_of(stream);

    CHECK(status_of(pid, "NoNewPrivs") == "1");
    CHECK(status_of(pid, "Seccomp") == "2");
    CHECK(status_of(pid, "CapEff") == "0000000000000000");
    CHECK(status_of(pid, "CapPrm") == "0000000000000000");
    if (::geteuid() != 0) {
        WARN("another user and an empty root are for root to give");
        return;
    }
    CHECK(status_of(pid, "Uid") == "65534 65534 65534 65534");
    CHECK(status_of(pid, "Gid") == "65534 65534 65534 65534");
    CHECK(status_of(pid, "Groups").empty());
    const std::string proc = fmt::format("/proc/{}/", pid);
    CHECK_THAT(std::filesystem::read_symlink(proc + "root").string(), ContainsSubstring("(deleted)"));
    if (test::is_sanitized) {
        WARN("with sanitizers it has standard error for their reports");
        return;
    }
    std::string descriptors;
    std::set<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(proc + "fd"))
        all.insert(entry.path());
    for (const std::filesystem::path& path : all)
        descriptors += std::filesystem::read_symlink(path).string().substr(0, 8) + "\n";
    CHECK(descriptors == "/dev/nul\n/dev/nul\n/dev/nul\nsocket:[\n");
}

TEST_CASE("each part of the confinement that is missing is told, and the others hold",
          "[format][confined][attack]") {
    if (::geteuid() != 0) {
        WARN("for root: another user and an empty root are taken away one by one");
        return;
    }
    const auto without = [](const char* part) {
        return elsewhere([part] {
            ::setenv("PKGJAIL_CONFINED_WITHOUT", part, 1);
            const base::Confinement found = base::confinement();
            return joined(found.missing) + (found.is_weak ? "weak\n" : "") +
                   all_of(base::start_confined(attack_softly));
        });
    };
    const std::string no_user = "another user, which this namespace does not have\n";
    const std::string no_root = "an empty root, because chroot, or a directory for it, was refused\n";
    const std::string no_landlock = "Landlock, which this kernel does not have\n";
    const std::string no_filter =
        "a filter of system calls, which this kernel, or whoever started pkgjail, does not allow\n";

    CHECK(elsewhere([] { return joined(base::confinement().held); }) ==
          "another user\nan empty root\nLandlock\na filter of system calls\n");
    if (test::is_sanitized) {
        WARN("with sanitizers there are no limits on descriptors and processes, which take the place of "
             "parts");
        return;
    }
    CHECK(without("none of it") == softly_refused);
    CHECK(without("landlock") == no_landlock + softly_refused);
    CHECK(without("user") == no_user + softly_refused);
    CHECK(without("root") == no_root + softly_refused);
    CHECK(without("filter") == no_filter + softly_refused);
    CHECK(without("filter landlock") == no_landlock + no_filter + softly_refused);
    CHECK_THAT(without("user root filter"),
               Catch::Matchers::StartsWith(no_user + no_root + no_filter + "weak\n"));
}

TEST_CASE("an ordinary user's readers reach as little, and a namespace's root has as much",
          "[format][confined][attack]") {
    if (::geteuid() != 0) {
        WARN("the other tests run as an ordinary user already");
        return;
    }
    const auto as_user = [](bool in_namespace) {
        return elsewhere([in_namespace] {
            if (::setgroups(0, nullptr) != 0 || ::setgid(1234) != 0 || ::setuid(1234) != 0)
                return std::string("no other user");
            if (in_namespace) {
                ::prctl(PR_SET_DUMPABLE, 1); // or its own files in /proc are root's
                if (::unshare(CLONE_NEWUSER) != 0)
                    return std::string("no namespaces");
                std::ofstream("/proc/self/setgroups") << "deny";
                std::ofstream("/proc/self/uid_map") << "0 1234 1";
                std::ofstream("/proc/self/gid_map") << "0 1234 1";
            }
            return joined(base::confinement().missing) + all_of(base::start_confined(attack));
        });
    };
    const std::string denied = all_of(base::start_confined(attack));

    CHECK(as_user(false) == "another user, which only root can make of it\n"
                            "an empty root, which only root can give it\n" +
                                denied);
    const std::string in_namespace = as_user(true);
    if (in_namespace == "no namespaces")
        WARN("this host lets no user make namespaces");
    else
        CHECK(in_namespace == "another user, which this namespace does not have\n" + denied);
}

TEST_CASE("memory that is shared with others is not there for who reads foreign bytes",
          "[format][confined][attack]") {
    static int* shared = static_cast<int*>(
        ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(shared != MAP_FAILED);
    *shared = 1;

    elsewhere([] { // with a helper that is made when the memory is there already
        return all_of(base::start_confined([](int stream) {
            ::signal(SIGSEGV, SIG_DFL); // which no sanitizer is to report
            *shared = 2;
            give(stream, "written");
        }));
    });

    CHECK(*shared == 1);
}
#endif

TEST_CASE("one helper makes all confined processes, and they end when nobody listens", "[format][confined]") {
    std::set<std::string> makers;
    pid_t last = 0;
    for (int i = 0; i < 3; ++i) {
        const base::Fd stream = base::start_confined(wait_for_end);
        last = pid_of(stream);
        makers.insert(status_of(last, "PPid"));
    }

    CHECK(makers.size() == 1);
    bool ended = false;
    for (int i = 0; i < 5'000 && !ended; ++i) {
        ended = !std::filesystem::exists(fmt::format("/proc/{}", last));
        ::usleep(2'000);
    }
    CHECK(ended);
}

TEST_CASE("work finds what its preparation made, also where the helper was there without it",
          "[format][confined]") {
    static int prepared = 0;
    const base::ConfinedWork tell = [](int stream) { give(stream, std::to_string(prepared)); };
    const base::ConfinedPreparation prepare = []() noexcept { prepared = 42; };

    CHECK(elsewhere([&] {
              std::string told = all_of(base::start_confined(tell));
              told += " " + all_of(base::start_confined(tell, prepare));
              return told + " " + all_of(base::start_confined(tell));
          }) == "0 42 42");
    CHECK(prepared == 0); // it is the helper that is prepared, and not we
}

TEST_CASE("a helper that was killed is made again", "[format][confined]") {
    const auto maker = [] {
        const base::Fd stream = base::start_confined(wait_for_end);
        return std::stoi(status_of(pid_of(stream), "PPid"));
    };
    const int first = maker();
    REQUIRE(::kill(first, SIGKILL) == 0);

    CHECK(maker() != first);
}
