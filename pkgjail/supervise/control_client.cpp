// The asking side of the control socket.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/control_address.hpp"
#include "pkgjail/supervise/service_json.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t longest_answer = 4096;

} // namespace

std::optional<ControlClient> ControlClient::open(const base::HostPath& run_directory,
                                                 std::chrono::milliseconds patience) {
    std::string name = control_path(run_directory).string();
    if (::access(run_directory.c_str(), F_OK) != 0 && errno == ENOENT)
        return std::nullopt;
    ControlAddress address(run_directory);
    // The queue of those who wait may be full for a moment.
    for (base::SteadyTime deadline = base::steady_now() + patience;;) {
        base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd)
            throw base::system_error(errno, name, "socket");
        if (::connect(fd.get(), address.get(), address.size()) == 0)
            return ControlClient(std::move(fd));
        if (errno == ENOENT || errno == ECONNREFUSED)
            return std::nullopt;
        if (errno != EAGAIN && errno != EINTR)
            throw base::system_error(errno, name, "connect");
        if (base::steady_now() >= deadline)
            throw base::Error(base::ErrorKind::busy, jail_of(run_directory),
                              "its supervisor does not take connections");
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

std::optional<ControlClient> ControlClient::connect(const base::HostPath& run_directory,
                                                    std::chrono::milliseconds patience) {
    int version = lowest_control_version;
    bool silent = false;
    if (auto asking = open(run_directory, patience); !asking) {
        return std::nullopt;
    } else if (asking->send_line("version")) {
        // No answer is for whoever asks the real question to judge, and an error is a supervisor of
        // version 1.
        const auto answer = asking->read_line(base::steady_now() + patience);
        silent = !answer;
        int lowest = 0, highest = 0;
        if (answer && std::sscanf(answer->c_str(), "ok %d %d", &lowest, &highest) == 2) {
            if (lowest > control_version)
                throw base::Error(
                    base::ErrorKind::conflict, jail_of(run_directory),
                    fmt::format("its supervisor is of a newer pkgjail: it speaks version {} to {} of "
                                "their conversation, this one {} to {}",
                                lowest, highest, lowest_control_version, control_version),
                    "use that pkgjail, or stop the jail with it first");
            version = std::max(std::min(highest, control_version), lowest_control_version);
        }
    }
    auto client = open(run_directory, patience);
    if (client) {
        client->version_ = version;
        client->silent_ = silent;
    }
    return client;
}

bool ControlClient::send(std::string_view request) {
    if (version_ == lowest_control_version) {
        const std::size_t space = request.find(' ');
        const bool has_service = space != std::string_view::npos;
        if (has_service && silent_)
            throw base::Error(base::ErrorKind::busy, "service " + std::string(request.substr(space + 1)),
                              "its supervisor does not answer", "try again");
        if (has_service)
            throw base::Error(base::ErrorKind::conflict, std::string(request),
                              "its supervisor is of an older pkgjail and does not know single services",
                              "pkgjail restart JAIL gives the jail a new one");
        return send_line(std::string(request));
    }
    return send_line(fmt::format("{} {}", version_, request));
}

bool ControlClient::send_line(std::string text) {
    text += '\n';
    ssize_t sent = 0;
    do
        sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(text.size());
}

bool ControlClient::receive(base::SteadyTime deadline) {
    for (;;) {
        char buffer[512];
        ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (count > 0) {
            received_.append(buffer, static_cast<std::size_t>(count));
            return true;
        }
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            ended_ = true;
            return true;
        }
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::steady_now());
        if (left.count() <= 0)
            return false;
        struct pollfd waiting {
            fd_.get(), POLLIN, 0
        };
        // In pieces: a patience of days does not fit into poll's milliseconds.
        constexpr std::chrono::milliseconds longest(60'000);
        if (::poll(&waiting, 1, static_cast<int>(std::min(left, longest).count())) < 0 && errno != EINTR)
            throw base::system_error(errno, "control socket", "poll");
    }
}

std::optional<std::string> ControlClient::read_line(base::SteadyTime deadline) {
    for (;;) {
        if (std::size_t newline = received_.find('\n'); newline != std::string::npos) {
            std::string line = received_.substr(0, newline);
            received_.erase(0, newline + 1);
            return line;
        }
        if (ended_ || received_.size() > longest_answer || !receive(deadline))
            return std::nullopt;
    }
}

bool ControlClient::wait_for_end(base::SteadyTime deadline) {
    while (!ended_) {
        received_.clear();
        if (!receive(deadline))
            return false;
    }
    return true;
}

} // namespace pkgjail::supervise
