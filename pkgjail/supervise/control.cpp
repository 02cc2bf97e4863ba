// The supervisor's side of the control socket.
#include "pkgjail/supervise/control.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/peer.hpp"
#include "pkgjail/supervise/control_address.hpp"

namespace pkgjail::supervise {

namespace {

/// The words of the conversation: which of them take a service, and which need one.
constexpr struct {
    std::string_view word;
    ControlVerb verb;
    bool takes_service;
    bool needs_service;
    int since = lowest_control_version;
} words[] = {{"version", ControlVerb::version, false, false}, {"stop", ControlVerb::stop, true, false},
             {"reload", ControlVerb::reload, true, false},    {"limits", ControlVerb::limits, false, false},
             {"wait", ControlVerb::wait, false, false},       {"start", ControlVerb::start, true, true},
             {"restart", ControlVerb::restart, true, true},   {"usage", ControlVerb::usage, false, false, 3}};

bool would_block(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

} // namespace

ParsedRequest parse_control_request(std::string_view line) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= line.size();) {
        const std::size_t end = std::min(line.find(' ', begin), line.size());
        parts.emplace_back(line.substr(begin, end - begin));
        begin = end + 1;
    }
    int asked = lowest_control_version;
    const std::string& first = parts.front();
    const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), asked);
    if (error == std::errc() && end == first.data() + first.size()) {
        if (asked < lowest_control_version || asked > control_version)
            return {std::nullopt,
                    fmt::format("error this supervisor speaks version {} to {}, and was asked in {}",
                                lowest_control_version, control_version, asked)};
        parts.erase(parts.begin());
    }
    for (const auto& known : words) {
        if (parts.empty() || parts.front() != known.word)
            continue;
        const bool takes_service = known.takes_service && asked > lowest_control_version;
        if (asked < known.since || parts.size() > (takes_service ? 2u : 1u) ||
            (parts.size() == 1 && known.needs_service) || parts.back().empty())
            break;
        return {ControlRequest{known.verb, parts.size() == 2 ? parts[1] : std::string()}, {}};
    }
    return {std::nullopt, "error unknown request"};
}

ControlServer::ControlServer(const base::HostPath& run_directory) : path_(control_path(run_directory)) {
    ControlAddress address(run_directory);
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT)
        throw base::system_error(errno, path_.string(), "unlink");
    listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener_)
        throw base::system_error(errno, path_.string(), "socket");
    if (::bind(listener_.get(), address.get(), address.size()) != 0)
        throw base::system_error(errno, path_.string(), "bind");
    // Nobody gets in before listen().
    if (::chmod(path_.c_str(), 0600) != 0)
        throw base::system_error(errno, path_.string(), "chmod");
    struct stat made {};
    if (::lstat(path_.c_str(), &made) != 0)
        throw base::system_error(errno, path_.string(), "stat");
    device_ = made.st_dev;
    inode_ = made.st_ino;
    if (::listen(listener_.get(), static_cast<int>(most_peers)) != 0)
        throw base::system_error(errno, path_.string(), "listen");
}

ControlServer::~ControlServer() {
    if (listener_ && is_still_there())
        ::unlink(path_.c_str());
}

bool ControlServer::is_still_there() const noexcept {
    struct stat named {};
    return ::lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_;
}

void ControlServer::close_copies() noexcept {
    listener_.reset();
    peers_.clear();
}

void ControlServer::add_descriptors(std::vector<struct pollfd>& waiting) const {
    waiting.push_back({listener_.get(), POLLIN, 0});
    for (const Peer& peer : peers_)
        waiting.push_back({peer.fd.get(), POLLIN, 0});
}

std::optional<base::SteadyTime> ControlServer::next_deadline() const {
    std::optional<base::SteadyTime> next;
    for (const Peer& peer : peers_)
        if (peer.stage == Peer::Stage::asking)
            next = std::min(next.value_or(peer.deadline), peer.deadline);
    return next;
}

void ControlServer::serve(const Handler& handle) noexcept {
    // Reading first makes room for those who come.
    for (Peer& peer : peers_) {
        try {
            read_request(peer, handle);
        } catch (const std::exception&) {
            peer.stage = Peer::Stage::done; // no memory: this peer is let go, the service is not
        }
        if (peer.stage == Peer::Stage::asking && base::steady_now() >= peer.deadline)
            send_line(peer, "error no request came");
    }
    std::erase_if(peers_, [](const Peer& peer) { return peer.stage == Peer::Stage::done; });
    try {
        accept_peers();
    } catch (const std::exception&) {
        // Whoever could not be accepted sees the connection end.
    }
}

void ControlServer::accept_peers() {
    while (peers_.size() < most_peers) {
        base::Fd fd(::accept(listener_.get(), nullptr, nullptr));
        if (!fd)
            return;
        if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0)
            continue;
        uid_t user = base::peer_user(fd.get());
        Peer peer{std::move(fd), {}, base::steady_now() + request_patience};
        if (user != 0 && user != ::geteuid())
            send_line(peer, "error not permitted");
        else
            peers_.push_back(std::move(peer));
    }
    // Full: whoever has been silent longest makes room. Those who wait for an answer stay.
    auto silent = std::find_if(peers_.begin(), peers_.end(),
                               [](const Peer& peer) { return peer.stage == Peer::Stage::asking; });
    if (silent == peers_.end()) {
        base::Fd fd(::accept(listener_.get(), nullptr, nullptr));
        return;
    }
    struct pollfd another {
        listener_.get(), POLLIN, 0
    };
    if (::poll(&another, 1, 0) > 0)
        peers_.erase(silent);
}

void ControlServer::read_request(Peer& peer, const Handler& handle) {
    char buffer[longest_request + 1];
    ssize_t count = ::recv(peer.fd.get(), buffer, sizeof buffer, 0);
    if (count < 0 && would_block(errno))
        return;
    // Gone, or saying more than was asked of it.
    if (count <= 0 || peer.stage != Peer::Stage::asking) {
        peer.stage = Peer::Stage::done;
        return;
    }
    peer.request.append(buffer, static_cast<std::size_t>(count));
    std::size_t newline = peer.request.find('\n');
    if (newline == std::string::npos) {
        if (peer.request.size() > longest_request)
            send_line(peer, "error the request is too long");
        return;
    }
    if (newline + 1 != peer.request.size()) {
        send_line(peer, "error one request a connection");
        return;
    }
    // Whoever gave up has told its user so: what was asked is not done behind their back.
    struct pollfd asker {
        peer.fd.get(), 0, 0
    };
    if (::poll(&asker, 1, 0) > 0 && (asker.revents & POLLHUP) != 0) {
        peer.stage = Peer::Stage::done;
        return;
    }
    const ParsedRequest parsed = parse_control_request(std::string_view(peer.request).substr(0, newline));
    if (!parsed.request) {
        send_line(peer, parsed.refusal);
        return;
    }
    const ControlRequest& request = *parsed.request;
    peer.request = std::string();
    std::optional<std::string> answer = request.verb == ControlVerb::version
                                            ? fmt::format("ok {} {}", lowest_control_version, control_version)
                                            : handle(request);
    if (!answer) {
        peer.stage = Peer::Stage::waiting;
        return;
    }
    send_line(peer, *answer);
    if (request.verb == ControlVerb::stop && request.service.empty())
        peer.stage = Peer::Stage::held;
}

void ControlServer::send_line(Peer& peer, std::string_view line) {
    peer.stage = Peer::Stage::done;
    std::string text(line);
    text += '\n';
    // A socket's buffer always has room for a first line; a peer for which it has none gets no answer.
    ssize_t sent = 0;
    do
        sent = ::send(peer.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
}

void ControlServer::answer_waiting(std::string_view line) noexcept {
    try {
        for (Peer& peer : peers_)
            if (peer.stage == Peer::Stage::waiting)
                send_line(peer, line);
    } catch (const std::exception&) {
        // No memory for the line: their connections end below, and they look at the state file.
        for (Peer& peer : peers_)
            if (peer.stage == Peer::Stage::waiting)
                peer.stage = Peer::Stage::done;
    }
    std::erase_if(peers_, [](const Peer& peer) { return peer.stage == Peer::Stage::done; });
}

} // namespace pkgjail::supervise
