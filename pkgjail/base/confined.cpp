#include "pkgjail/base/confined.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "pkgjail/base/confined_linux.hpp"
#include "pkgjail/base/descriptors.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

#ifdef PKGJAIL_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

namespace pkgjail::base {

namespace {

constexpr const char* object = "confined process";
#ifdef __linux__
constexpr unsigned nobody = 65534;
#else
constexpr unsigned nobody = 32767;
#endif
constexpr int work_stream = 3;
[[maybe_unused]] constexpr rlim_t most_memory = rlim_t{2} << 30; ///< dictionaries of decoders
constexpr rlim_t most_cpu_seconds = 2 * 60 * 60;

/// What the helper tells first: what holds, and 0, or the errno of the step that failed.
struct Report {
    int error = 0;
    char step[28] = {};
    bool other_user = false;
    bool empty_root = false;
    bool landlock = false;
    bool filter = false;
};

int failed(Report& report, const char* step) {
    report.error = errno == 0 ? EPERM : errno;
    std::strncpy(report.step, step, sizeof report.step - 1);
    return -1;
}

/// What a test takes away, as if the platform did not have it: "user", "root", "landlock", "filter".
bool is_withheld([[maybe_unused]] const char* part) {
#ifdef PKGJAIL_FAILPOINTS
    const char* const all = std::getenv("PKGJAIL_CONFINED_WITHOUT");
    return all != nullptr && std::strstr(all, part) != nullptr;
#else
    return false;
#endif
}

/// A directory with nothing in it, in which nothing can be made because it has no name any more. -1: there is
/// no place for one.
int make_empty_directory() {
    for (const char* place : {"/tmp", "/var/tmp", "/run", "/var/run"}) {
        std::string path = std::string(place) + "/pkgjail-" + std::string(6, 'X');
        if (::mkdtemp(path.data()) == nullptr)
            continue;
        const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        ::rmdir(path.c_str());
        if (directory >= 0)
            return directory;
    }
    return -1;
}

bool enter_empty_root() {
    const int directory = make_empty_directory();
    if (directory < 0)
        return false;
#ifdef __NetBSD__
    // In a directory that was removed "." is no name there.
    const bool entered = ::fchdir(directory) == 0 && ::fchroot(directory) == 0;
#else
    const bool entered = ::fchdir(directory) == 0 && ::chroot(".") == 0;
#endif
    ::close(directory);
    return entered;
}

/// False as root of a namespace that has no such user, and where the right is withheld.
bool become_nobody() {
    const bool without_groups = ::setgroups(0, nullptr) == 0;
    const bool other_group = ::setgid(nobody) == 0;
    return ::setuid(nobody) == 0 && other_group && without_groups;
}

void set_limit(int resource, rlim_t value) {
    struct rlimit limit {};
    if (::getrlimit(resource, &limit) != 0)
        return;
    limit.rlim_max = std::min(limit.rlim_max, value);
    limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
    ::setrlimit(resource, &limit); // lowering one's own cannot fail
}

int open_nothing(Report& report) {
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0)
        return failed(report, "open /dev/null");
#ifdef PKGJAIL_SANITIZED
    constexpr int last = 1; // a sanitizer's report must be seen, and it will be able to open no file for it
    __sanitizer_set_report_fd(reinterpret_cast<void*>(std::uintptr_t{2}));
#else
    constexpr int last = 2;
#endif
    for (int fd = 0; fd <= last; ++fd)
        if (null != fd && ::dup2(null, fd) < 0)
            return failed(report, "dup2");
    return 0;
}

int confine(int kept, Report& report) {
    if (open_nothing(report) != 0)
        return -1;
    close_between(3, static_cast<unsigned>(kept) - 1);
    close_between(static_cast<unsigned>(kept) + 1, ~0u);
#ifdef __linux__
    drop_shared_memory(); // where /proc does not tell, an early prepare_confined() has left none
#endif
    if (::geteuid() == 0) {
        report.empty_root = !is_withheld("root") && enter_empty_root();
        report.other_user = !is_withheld("user") && become_nobody();
    }
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_NOFILE, 16);
    set_limit(RLIMIT_CPU, most_cpu_seconds);
#ifndef PKGJAIL_SANITIZED // sanitizers map more than any limit, and standard error may be a file
    set_limit(RLIMIT_FSIZE, 0);
    set_limit(RLIMIT_DATA, most_memory);
#ifndef __linux__
    set_limit(RLIMIT_AS, most_memory); // there the other one is asked for brk(2) only
#endif
#endif
#ifdef __linux__
    if (!drop_capabilities())
        return failed(report, "capset");
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed(report, "prctl");
    if (const Given given = is_withheld("landlock") ? Given::unavailable : give_up_files_and_ports();
        given == Given::failed)
        return failed(report, "Landlock");
    else
        report.landlock = given == Given::done;
    if (const Given given =
            is_withheld("filter") ? Given::unavailable : filter_system_calls(CallFilter::helper);
        given == Given::failed)
        return failed(report, "seccomp");
    else
        report.filter = given == Given::done;
#endif
    return 0;
}

/// For one descriptor; NetBSD's CMSG_SPACE is no constant.
struct ControlBytes {
    alignas(struct cmsghdr) char bytes[64] = {};
};

/// A request is the address of the work, which is the same in the helper because it was forked, and the
/// stream for it.
bool receive(int socket, ConfinedWork& work, int& stream) {
    std::uintptr_t address = 0;
    struct iovec part = {&address, sizeof address};
    ControlBytes control;
    struct msghdr message {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t got = 0;
    do
        got = ::recvmsg(socket, &message, 0);
    while (got < 0 && errno == EINTR);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (got != static_cast<ssize_t>(sizeof address) || header == nullptr || header->cmsg_type != SCM_RIGHTS)
        return false; // our maker is gone
    std::memcpy(&stream, CMSG_DATA(header), sizeof stream);
    work = reinterpret_cast<ConfinedWork>(address);
    return true;
}

[[noreturn]] void run_work(ConfinedWork work, int stream, bool filter) {
    // The stream becomes 3, so that the limit leaves no number for another descriptor.
    if (stream != work_stream) {
        if (::dup2(stream, work_stream) < 0)
            ::_exit(1);
        ::close(stream);
    }
#ifndef PKGJAIL_SANITIZED
    set_limit(RLIMIT_NOFILE, work_stream + 1);
    set_limit(RLIMIT_NPROC, 0);
#endif
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (filter && filter_system_calls(CallFilter::work) != Given::done)
        ::_exit(1);
#else
    (void)filter;
#endif
    work(work_stream);
    ::_exit(0);
}

[[noreturn]] void run_helper(int end, ConfinedPreparation preparation) {
    const int socket = ::fcntl(end, F_DUPFD, 3); // 0 to 2 will be /dev/null
    if (socket < 0)
        ::_exit(1);
    ::setsid();
    // What interrupts the command ends us with it, by the end of its socket; children are nobody's to wait
    // for.
    for (const int number : {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGCHLD, SIGWINCH})
        ::signal(number, SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (preparation != nullptr)
        preparation();
    Report report;
    confine(socket, report);
    if (::send(socket, &report, sizeof report, 0) != static_cast<ssize_t>(sizeof report) || report.error != 0)
        ::_exit(1);
    ConfinedWork work = nullptr;
    int stream = -1;
    while (receive(socket, work, stream)) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(socket);
            run_work(work, stream, report.filter);
        }
        const int error = child < 0 ? errno : 0;
        ::close(stream);
        if (::send(socket, &error, sizeof error, 0) != static_cast<ssize_t>(sizeof error))
            break;
    }
#ifndef __linux__
    ::kill(0, SIGKILL); // work that listens to nobody; on Linux the kernel does this when we end
#endif
    ::_exit(0);
}

/// The way to the helper, and what it reported.
class Helper {
  public:
    ~Helper() { end(); }

    /// Starts it where there is none with that preparation, or where ours is that of the process that we were
    /// forked from.
    void begin(ConfinedPreparation preparation) {
        if (socket_ && owner_ == ::getpid() && (preparation == nullptr || preparation == preparation_))
            return;
        end();
        start(preparation);
    }
    /// The same, and waits until it is confined.
    void require(ConfinedPreparation preparation) {
        begin(preparation);
        if (!reported_)
            await_report();
    }
    void end() {
        if (pid_ > 0 && owner_ == ::getpid()) {
            ::shutdown(socket_.get(), SHUT_RDWR); // whoever was forked from us meanwhile may have it too
            while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
        socket_.reset();
        pid_ = -1;
    }
    int socket() const { return socket_.get(); }
    const Report& report() const { return report_; }

  private:
    void start(ConfinedPreparation preparation) {
        sha256(""); // what libraries open once they open now
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            throw system_error(errno, object, "socketpair");
        Fd ours(ends[0]);
        Fd theirs(ends[1]);
        const pid_t pid = ::fork();
        if (pid < 0)
            throw system_error(errno, object, "fork");
        if (pid == 0)
            run_helper(theirs.get(), preparation);
        theirs.reset();
        socket_ = std::move(ours);
        pid_ = pid;
        owner_ = ::getpid();
        preparation_ = preparation;
        reported_ = false;
    }
    void await_report() {
        ssize_t got = 0;
        do
            got = ::recv(socket_.get(), &report_, sizeof report_, 0);
        while (got < 0 && errno == EINTR);
        if (got == static_cast<ssize_t>(sizeof report_) && report_.error == 0) {
            reported_ = true;
            return;
        }
        end();
        if (got != static_cast<ssize_t>(sizeof report_))
            throw Error(ErrorKind::system, object, "it ended before it could begin");
        report_.step[sizeof report_.step - 1] = '\0';
        throw system_error(report_.error, object, std::string("cannot be confined: ") + report_.step);
    }

    Fd socket_;
    pid_t pid_ = -1;
    pid_t owner_ = -1;
    ConfinedPreparation preparation_ = nullptr;
    bool reported_ = false;
    Report report_;
};

std::mutex helper_lock;
Helper& the_helper() {
    static Helper helper;
    return helper;
}

bool send_request(int helper, ConfinedWork work, const Fd& stream) {
    auto address = reinterpret_cast<std::uintptr_t>(work);
    struct iovec part = {&address, sizeof address};
    ControlBytes control;
    struct msghdr message {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int sent_descriptor = stream.get();
    std::memcpy(CMSG_DATA(header), &sent_descriptor, sizeof sent_descriptor);
    ssize_t sent = 0;
    do
        sent = ::sendmsg(helper, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/// The helper's answer to a request. False with errno; ECONNRESET where it is gone.
bool is_started(int helper) {
    int error = 0;
    ssize_t got = 0;
    do
        got = ::recv(helper, &error, sizeof error, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    errno = got == static_cast<ssize_t>(sizeof error) ? error : ECONNRESET;
    return errno == 0;
}

bool means_gone(int error) {
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

/// Room for some pieces on the way, so that neither side waits for the other at each of them.
void widen(const Fd& stream) {
    constexpr int bytes = 1 << 20;
    constexpr int smallest = 16 << 10;
#ifdef SO_SNDBUFFORCE
    if (::setsockopt(stream.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0)
        return;
#endif
    // A smaller one does as well, only slower. Linux takes less by itself; NetBSD refuses what is too much.
    for (int less = bytes; less >= smallest; less /= 2)
        if (::setsockopt(stream.get(), SOL_SOCKET, SO_SNDBUF, &less, sizeof less) == 0)
            return;
}

} // namespace

Fd start_confined(ConfinedWork work, ConfinedPreparation preparation) {
    const std::lock_guard<std::mutex> hold(helper_lock);
    Helper& helper = the_helper();
    for (bool again = false;; again = true) {
        helper.require(preparation);
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw system_error(errno, object, "socketpair");
        Fd ours(ends[0]);
        const Fd theirs(ends[1]);
        widen(ours);
        widen(theirs);
        if (send_request(helper.socket(), work, theirs) && is_started(helper.socket()))
            return ours;
        // Somebody killed it; what it was doing is told by those who wait for it.
        if (again || !means_gone(errno))
            throw system_error(errno, object, "fork");
        helper.end();
    }
}

void prepare_confined(ConfinedPreparation preparation) noexcept {
    try {
        const std::lock_guard<std::mutex> hold(helper_lock);
        the_helper().begin(preparation);
    } catch (...) {
        return; // start_confined() finds the same, and says it
    }
}

Confinement confinement() {
    const std::lock_guard<std::mutex> hold(helper_lock);
    the_helper().require(nullptr);
    const Report& report = the_helper().report();
    const bool root = ::geteuid() == 0;
    Confinement result;
    const auto tell = [&](bool held, const char* what, const char* why_not) {
        if (held)
            result.held.emplace_back(what);
        else
            result.missing.push_back(std::string(what) + ", " + why_not);
    };
    tell(report.other_user, "another user",
         root ? "which this namespace does not have" : "which only root can make of it");
    tell(report.empty_root, "an empty root",
         root ? "because chroot, or a directory for it, was refused" : "which only root can give it");
#ifdef __linux__
    tell(report.landlock, "Landlock", "which this kernel does not have");
    tell(report.filter, "a filter of system calls",
         "which this kernel, or whoever started pkgjail, does not allow");
#endif
    result.is_weak = !report.filter && !(report.other_user && report.empty_root);
    return result;
}

} // namespace pkgjail::base
