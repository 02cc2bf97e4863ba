// Hearing of system calls, with real filters of the kernel in a child, which hands over the descriptor as a
// runtime does. Needs no privilege.
#ifdef __linux__

#include "pkgjail/confine/call_listener.hpp"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::CallListener;
using confine::NoticedCall;

namespace {

/// What the thread tells, for the test's thread.
class Heard {
  public:
    confine::CallEars ears() {
        return {[this](const NoticedCall& call) {
                    const std::lock_guard hold(guard_);
                    std::string text = call.call + " by " + call.program;
                    if (!call.arguments.empty())
                        text += " with " + std::to_string(call.arguments.front());
                    lines_.push_back(text);
                    news_.notify_all();
                    if (throws)
                        throw std::runtime_error("no room to write it down");
                },
                [this](const std::string& trouble) {
                    const std::lock_guard hold(guard_);
                    lines_.push_back("trouble: " + trouble);
                    news_.notify_all();
                }};
    }
    /// As soon as there are `count`.
    std::vector<std::string> lines(std::size_t count) {
        std::unique_lock hold(guard_);
        news_.wait_for(hold, std::chrono::seconds(30), [&] { return lines_.size() >= count; });
        return lines_;
    }
    bool throws = false;

  private:
    std::mutex guard_;
    std::condition_variable news_;
    std::vector<std::string> lines_;
};

/// A descriptor that hears of each personality(2) of this process and its children.
int filter_personality() {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_personality, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return static_cast<int>(
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

bool hand_over(const std::string& socket, const std::string& text, int fd) {
    const base::Fd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, socket.c_str(), sizeof name.sun_path - 1);
    if (::connect(peer.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
        return false;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    struct iovec part {
        const_cast<char*>(text.data()), text.size()
    };
    struct msghdr message {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return ::sendmsg(peer.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string state_of(const std::string& jail) {
    return R"({"ociVersion":"1.0.2","fds":["seccompFd"],"pid":1,"state":{"id":")" + jail + R"("}})";
}

/// A program in a jail: hands its descriptor over, does `act`, and ends with its result, below 200.
class Program {
  public:
    Program(const std::string& socket, const std::string& text, const std::function<int()>& act) {
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ != 0)
            return;
        ::alarm(60);
        ::prctl(PR_SET_NAME, "pro\x1bgram");
        const int fd = filter_personality();
        if (fd < 0)
            ::_exit(201);
        if (!hand_over(socket, text, fd))
            ::_exit(202);
        ::close(fd);
        ::_exit(act());
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() { static_cast<void>(result()); }
    /// 300 + the signal that ended it.
    int result() {
        if (pid_ > 0) {
            int status = 0;
            ::waitpid(std::exchange(pid_, -1), &status, 0);
            result_ = WIFSIGNALED(status) ? 300 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        return result_;
    }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
    int result_ = -1;
};

/// 0 when the call did what it does, else its errno.
int ask_personality() {
    return ::personality(0xffffffff) < 0 ? errno : 0;
}

} // namespace

TEST_CASE("a call that is heard of goes on", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    CallListener listener(dir.path(), "web", heard.ears());

    Program program(listener.socket(), state_of("web"), [] {
        const int first = ask_personality();
        return first != 0 ? first : ask_personality();
    });

    CHECK(program.result() == 0);
    CHECK(heard.lines(2) == std::vector<std::string>(2, "personality by pro\x1bgram with 4294967295"));
    CHECK(listener.descriptors() == 1);
}

TEST_CASE("each process that is put into a jail later is heard as well", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    CallListener listener(dir.path(), "web", heard.ears());

    Program one(listener.socket(), state_of("web"), ask_personality);
    Program other(listener.socket(), state_of("web"), ask_personality);

    CHECK(one.result() == 0);
    CHECK(other.result() == 0);
    CHECK(heard.lines(2).size() == 2);
    CHECK(listener.descriptors() == 2);
}

TEST_CASE("a call goes on although it cannot be written down", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    heard.throws = true;
    CallListener listener(dir.path(), "web", heard.ears());

    Program program(listener.socket(), state_of("web"), ask_personality);

    CHECK(program.result() == 0);
    CHECK(heard.lines(2) == std::vector<std::string>{"personality by pro\x1bgram with 4294967295",
                                                     "trouble: no room to write it down"});
}

TEST_CASE("a message about another jail, or about nothing, is not taken", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    CallListener listener(dir.path(), "web", heard.ears());
    const std::string text = GENERATE(state_of("shop"), std::string("what?"), std::string(R"({"state":7})"),
                                      std::string(R"({"state":{"id":7}})"));
    INFO(text);

    Program program(listener.socket(), text, ask_personality);

    // Nobody has the descriptor any more, so the kernel answers.
    CHECK(program.result() == ENOSYS);
    const auto lines = heard.lines(1);
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines.front(), ContainsSubstring("trouble: "));
    CHECK(listener.descriptors() == 0);
}

TEST_CASE("a program that is killed while it is heard leaves the others heard", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    CallListener listener(dir.path(), "web", heard.ears());
    Program loops(listener.socket(), state_of("web"), [] {
        while (ask_personality() == 0)
            ;
        return 1;
    });
    REQUIRE(heard.lines(20).size() >= 20);

    ::kill(loops.pid(), SIGKILL);

    CHECK(loops.result() == 300 + SIGKILL);
    Program next(listener.socket(), state_of("web"), ask_personality);
    CHECK(next.result() == 0);
    CHECK(listener.descriptors() == 2);
}

TEST_CASE("a listener that ends leaves no socket, and nobody waiting", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    std::optional<CallListener> listener(std::in_place, dir.path(), "web", heard.ears());
    const std::string socket = listener->socket();
    Program loops(socket, state_of("web"), [] {
        int last = 0;
        while (last == 0)
            last = ask_personality();
        return last;
    });
    REQUIRE(heard.lines(1).size() >= 1);

    listener.reset();

    CHECK(loops.result() == ENOSYS);
    CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("what a killed listener has left is no obstacle", "[confine][learn]") {
    const test::TempDir dir;
    Heard heard;
    const pid_t pid = ::fork();
    if (pid == 0) {
        CallListener listener(dir.path(), "web", heard.ears());
        ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(pid, nullptr, 0);
    REQUIRE(std::filesystem::exists(dir / "calls"));

    CallListener listener(dir.path(), "web", heard.ears());
    Program program(listener.socket(), state_of("web"), ask_personality);

    CHECK(program.result() == 0);
}

TEST_CASE("a directory with a long path is listened in as well", "[confine][learn]") {
    const test::TempDir dir;
    const auto deep = dir / std::string(100, 'a') / std::string(100, 'b');
    std::filesystem::create_directories(deep);
    Heard heard;
    CallListener listener(deep, "web", heard.ears());

    Program program(listener.socket(), state_of("web"), ask_personality);

    CHECK(program.result() == 0);
    CHECK(std::filesystem::exists(deep / "calls"));
}

#endif
