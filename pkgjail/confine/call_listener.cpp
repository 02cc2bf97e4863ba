#include "pkgjail/confine/call_listener.hpp"

#include <filesystem>

#include "pkgjail/base/error.hpp"

#ifdef __linux__

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/peer.hpp"
#include "pkgjail/confine/call_names.hpp"

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;
using base::Fd;
using base::HostPath;

namespace {

constexpr const char* socket_name = "calls";
constexpr int most_waiting = 16;
constexpr std::size_t most_descriptors = 8; // in one message; the specification has one
constexpr std::size_t longest_message = 64u << 10;

HostPath socket_path(const HostPath& directory) {
    return directory / socket_name;
}

/// What the kernel calls such a descriptor; a runtime may hand over others beside it.
bool is_notice(int fd) {
    char target[64];
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
    return length > 0 &&
           std::string_view(target, static_cast<std::size_t>(length)) == "anon_inode:seccomp notify";
}

/// A newer kernel may say more than our headers know.
struct NoticeSizes {
    std::size_t request = sizeof(seccomp_notif);
    std::size_t response = sizeof(seccomp_notif_resp);
};
NoticeSizes notice_sizes() {
    seccomp_notif_sizes kernel{};
    if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &kernel) != 0)
        throw base::system_error(errno, "--learn", "seccomp notifications of this kernel");
    NoticeSizes sizes;
    sizes.request = std::max<std::size_t>(sizes.request, kernel.seccomp_notif);
    sizes.response = std::max<std::size_t>(sizes.response, kernel.seccomp_notif_resp);
    return sizes;
}

std::string program_of(pid_t pid) {
    const auto name = base::read_file_if_exists(fmt::format("/proc/{}/comm", pid)).value_or("");
    return name.substr(0, name.find('\n'));
}

void set_close_on_exec(const Fd& fd) {
    if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0)
        throw base::system_error(errno, "--learn", "fcntl");
}

} // namespace

CallListener::CallListener(const HostPath& directory, std::string handle, CallEars ears)
    : path_(socket_path(directory)), address_(path_), handle_(std::move(handle)), ears_(std::move(ears)),
      end_(base::make_pipe()) {
    static_cast<void>(notice_sizes());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path_.string().size() >= sizeof name.sun_path) {
        // As much as an address holds is exceeded: by way of a descriptor of ours, for others as well.
        directory_ = base::open_file(directory, O_RDONLY | O_DIRECTORY);
        address_ = fmt::format("/proc/{}/fd/{}/{}", ::getpid(), directory_.get(), socket_name);
    }
    std::memcpy(name.sun_path, address_.c_str(), address_.string().size() + 1);
    remove_left(directory);
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener_ || ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
        throw base::system_error(errno, path_.string(), "bind");
    if (::chmod(path_.c_str(), 0600) != 0 || ::listen(listener_.get(), most_waiting) != 0)
        throw base::system_error(errno, path_.string(), "listen");
    // Signals are the main thread's.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([this] { listen(); });
    } catch (const std::system_error& error) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        ::unlink(path_.c_str());
        throw base::system_error(error.code().value(), "--learn", "start a thread");
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CallListener::~CallListener() {
    // Not by closing it: children that were forked have it as well.
    while (::write(end_.write_end.get(), "", 1) < 0 && errno == EINTR) {
    }
    if (thread_.joinable())
        thread_.join();
    ::unlink(path_.c_str());
}

void CallListener::remove_left(const HostPath& directory) {
    const HostPath path = socket_path(directory);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        throw base::system_error(errno, path.string(), "unlink");
}

void CallListener::close_copies(int below) noexcept {
    try {
        for (int fd = 3; fd < below; ++fd)
            if (is_notice(fd))
                ::close(fd);
    } catch (const std::exception&) {
        // No memory: they go with the child, which is not there for long.
    }
}

void CallListener::listen() noexcept {
    const auto carefully = [this](auto&& work) noexcept {
        try {
            work();
        } catch (const std::exception& error) {
            try {
                ears_.trouble(error.what());
            } catch (const std::exception&) {
                // No memory for the reason either; the next one may be heard of.
            }
        }
    };
    for (;;) {
        std::vector<struct pollfd> waiting;
        carefully([&] {
            waiting.push_back({end_.read_end.get(), POLLIN, 0});
            waiting.push_back({listener_.get(), POLLIN, 0});
            for (const Fd& peer : peers_)
                waiting.push_back({peer.get(), POLLIN, 0});
            for (const Fd& notice : notices_)
                waiting.push_back({notice.get(), POLLIN, 0});
        });
        const bool is_whole = waiting.size() == 2 + peers_.size() + notices_.size();
        const int ready = is_whole ? ::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), -1) : -1;
        if (is_whole && ready < 0 && errno == EINTR)
            continue;
        if (ready < 0 || waiting[0].revents != 0) {
            // Told to end; or without memory, and then nothing can be heard any more. Nobody is kept waiting.
            if (is_whole && ready < 0) {
                const int why = errno;
                carefully([&] { throw base::system_error(why, path_.string(), "poll"); });
            }
            notices_.clear();
            peers_.clear();
            return;
        }
        const std::size_t first_notice = 2 + peers_.size();
        // Callers wait, so they come first.
        for (std::size_t index = 0; index < notices_.size(); ++index) {
            const short what = waiting[first_notice + index].revents;
            bool goes_on = (what & (POLLHUP | POLLERR | POLLNVAL)) == 0;
            if ((what & POLLIN) != 0) {
                goes_on = false; // unless it is answered
                carefully([&] { goes_on = answer(notices_[index].get()); });
            }
            if (!goes_on)
                notices_[index].reset();
        }
        for (std::size_t index = 0; index < peers_.size(); ++index)
            if (waiting[2 + index].revents != 0) {
                carefully([&] { take_descriptors(peers_[index].get()); });
                peers_[index].reset();
            }
        if (waiting[1].revents != 0)
            carefully([&] { accept_runtime(); });
        std::erase_if(notices_, [](const Fd& fd) { return !fd; });
        std::erase_if(peers_, [](const Fd& fd) { return !fd; });
    }
}

void CallListener::accept_runtime() {
    Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED))
        return;
    if (!peer) {
        const int why = errno;
        std::this_thread::sleep_for(std::chrono::milliseconds(100)); // it is asked again at once
        throw base::system_error(why, path_.string(), "accept");
    }
    if (const uid_t user = base::peer_user(peer.get()); user != 0 && user != ::geteuid())
        throw Error(ErrorKind::denied, path_.string(),
                    fmt::format("user {} is nobody who makes jails", user));
    if (peers_.size() >= static_cast<std::size_t>(most_waiting))
        throw Error(ErrorKind::busy, path_.string(), "too many at once");
    peers_.push_back(std::move(peer));
}

void CallListener::take_descriptors(int peer) {
    std::string text(longest_message, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
    struct iovec part {
        text.data(), text.size()
    };
    struct msghdr message {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t length = ::recvmsg(peer, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0)
        throw base::system_error(errno, path_.string(), "recvmsg");
    text.resize(static_cast<std::size_t>(length));
    std::vector<Fd> received;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t index = 0; index < count; ++index) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + index * sizeof(int), sizeof fd);
            received.emplace_back(fd);
        }
    }
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto state = json.is_object() ? json.value("state", nlohmann::json::object()) : json;
    if (!state.is_object() || state.value("id", std::string()) != handle_)
        throw Error(ErrorKind::corrupt, path_.string(), "a message that is not about jail " + handle_);
    std::size_t found = 0;
    for (Fd& fd : received) {
        if (!is_notice(fd.get()))
            continue;
        set_close_on_exec(fd);
        notices_.push_back(std::move(fd));
        ++descriptors_;
        ++found;
    }
    if (found == 0)
        throw Error(ErrorKind::corrupt, path_.string(), "a message without a descriptor for notifications");
}

/// False when nothing more can come of this descriptor.
bool CallListener::answer(int notices) {
    static const NoticeSizes sizes = notice_sizes();
    std::vector<std::uint64_t> question((sizes.request + 7) / 8), reply((sizes.response + 7) / 8);
    auto* request = reinterpret_cast<seccomp_notif*>(question.data());
    auto* response = reinterpret_cast<seccomp_notif_resp*>(reply.data());
    if (::ioctl(notices, SECCOMP_IOCTL_NOTIF_RECV, request) != 0) {
        if (errno == ENOENT || errno == EINTR || errno == EAGAIN)
            return true; // the caller was killed meanwhile
        throw base::system_error(errno, handle_, "take a notification");
    }
    std::string program;
    try {
        program = program_of(static_cast<pid_t>(request->pid));
        // The number may have become somebody else's, unless the caller still waits.
        if (::ioctl(notices, SECCOMP_IOCTL_NOTIF_ID_VALID, &request->id) != 0)
            program.clear();
    } catch (const std::exception&) {
        // Gone between two looks; the call itself counts all the same.
    }
    response->id = request->id;
    response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (::ioctl(notices, SECCOMP_IOCTL_NOTIF_SEND, response) != 0 && errno != ENOENT)
        throw base::system_error(errno, handle_, "let a call go on");
    try {
        NoticedCall call{call_name(request->data.nr), {}, std::move(program)};
        for (const auto argument : request->data.args)
            call.arguments.push_back(argument);
        ears_.heard(call);
    } catch (const std::exception& error) {
        ears_.trouble(error.what()); // the call has gone on
    }
    return true;
}

} // namespace pkgjail::confine

#else

namespace pkgjail::confine {

CallListener::CallListener(const base::HostPath&, std::string handle, CallEars) : handle_(std::move(handle)) {
    throw base::Error(base::ErrorKind::configuration, "--learn",
                      "this platform cannot tell what a profile would deny");
}

CallListener::~CallListener() = default;
void CallListener::remove_left(const base::HostPath&) {} // nothing is ever there
void CallListener::close_copies(int) noexcept {}

} // namespace pkgjail::confine

#endif
