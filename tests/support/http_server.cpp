#include "support/http_server.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/digest.hpp"

namespace pkgjail::test {

namespace {

std::string http_date(std::time_t time) {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

std::string base64(const std::string& text) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        unsigned bits = 0;
        for (std::size_t j = 0; j < 3; ++j)
            bits = bits << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out += i + j <= text.size() ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    return out;
}

std::string decoded(const std::string& path) {
    std::string out;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '%' && i + 2 < path.size()) {
            out += static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else {
            out += path[i];
        }
    }
    return out;
}

std::string header(const HttpServer::Request& request, const std::string& name) {
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
}

} // namespace

HttpServer::HttpServer(std::filesystem::path root) : root_(std::move(root)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        throw std::runtime_error(std::string("test server: ") + std::strerror(errno));
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        for (const int socket : sockets_)
            ::shutdown(socket, SHUT_RDWR);
    }
    changed_.notify_all();
    // Wakes accept(2) on every platform, which closing the listener does not.
    const int waker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    ::connect(waker, reinterpret_cast<sockaddr*>(&address), sizeof address);
    acceptor_.join();
    ::close(waker);
    for (std::thread& thread : threads_)
        thread.join();
    ::close(listener_);
}

std::string HttpServer::url() const {
    return "http://127.0.0.1:" + std::to_string(port_);
}

void HttpServer::behave(const std::string& path, Behaviour behaviour) {
    const std::lock_guard lock(mutex_);
    behaviours_[path] = std::move(behaviour);
}

void HttpServer::gather(unsigned count) {
    const std::lock_guard lock(mutex_);
    gather_ = count;
}

std::vector<HttpServer::Request> HttpServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::string HttpServer::log() const {
    std::string text;
    for (const Request& request : requests())
        text +=
            request.path + " " + std::to_string(request.status) + " " + std::to_string(request.sent) + "\n";
    return text;
}

void HttpServer::forget_requests() {
    const std::lock_guard lock(mutex_);
    requests_.clear();
}

unsigned HttpServer::most_at_once() const {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
}

void HttpServer::accept_all() {
    for (;;) {
        const int socket = ::accept(listener_, nullptr, nullptr);
        const std::lock_guard lock(mutex_);
        if (ending_) {
            if (socket >= 0)
                ::close(socket);
            return;
        }
        if (socket < 0)
            continue;
        sockets_.insert(socket);
        threads_.emplace_back([this, socket] {
            serve(socket);
            const std::lock_guard inner(mutex_);
            sockets_.erase(socket);
            ::close(socket);
        });
    }
}

/// The requests of one connection, one after another.
void HttpServer::serve(int socket) {
    std::string input;
    for (;;) {
        std::size_t end = input.find("\r\n\r\n");
        while (end == std::string::npos) {
            char buffer[4096];
            const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
            if (count <= 0)
                return;
            input.append(buffer, static_cast<std::size_t>(count));
            end = input.find("\r\n\r\n");
        }
        std::string head = input.substr(0, end + 2);
        input.erase(0, end + 4);
        Request request;
        const std::string first = head.substr(0, head.find("\r\n"));
        head.erase(0, first.size() + 2);
        const std::size_t space = first.find(' ');
        const std::string method = first.substr(0, space);
        request.path = first.substr(space + 1, first.rfind(' ') - space - 1);
        while (!head.empty()) {
            const std::string line = head.substr(0, head.find("\r\n"));
            head.erase(0, line.size() + 2);
            std::string name = line.substr(0, line.find(':'));
            std::transform(name.begin(), name.end(), name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
            request.headers[name] = line.substr(std::min(line.size(), name.size() + 2));
        }
        {
            const std::lock_guard lock(mutex_);
            most_at_once_ = std::max(most_at_once_, ++at_once_);
        }
        changed_.notify_all();
        wait_for_company();
        const bool more = answer(socket, std::move(request), method);
        {
            const std::lock_guard lock(mutex_);
            --at_once_;
        }
        if (!more)
            return;
    }
}

void HttpServer::wait_for_company() {
    std::unique_lock lock(mutex_);
    // Once so many have been there at once, nobody waits any more: the last of them would stay alone.
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return ending_ || most_at_once_ >= gather_; });
    // Time for one too many to come.
    if (gather_ > 0)
        changed_.wait_for(lock, std::chrono::milliseconds(200), [&] { return ending_; });
}

/// False when the connection is to be closed.
bool HttpServer::answer(int socket, Request request, const std::string& method) {
    Behaviour behaviour;
    std::size_t record = 0;
    std::optional<std::uint64_t> stop_after;
    {
        const std::lock_guard lock(mutex_);
        Behaviour& ours = behaviours_[request.path];
        behaviour = ours;
        if (!ours.first_statuses.empty()) {
            behaviour.status = ours.first_statuses.front();
            ours.first_statuses.erase(ours.first_statuses.begin());
        } else if (!ours.drop_after.empty()) {
            stop_after = ours.drop_after.front();
            ours.drop_after.erase(ours.drop_after.begin());
        }
        if (!ours.first_bodies.empty())
            ours.first_bodies.erase(ours.first_bodies.begin());
        record = requests_.size();
        requests_.push_back(request);
    }
    const auto respond = [&](int status, const std::string& headers, const std::string& body) {
        {
            const std::lock_guard lock(mutex_);
            if (record < requests_.size())
                requests_[record].status = status;
        }
        const std::string length =
            behaviour.endless || behaviour.no_length
                ? "Connection: close\r\n"
                : "Content-Length: " + std::to_string(behaviour.claimed_length.value_or(body.size())) +
                      "\r\n";
        return send(socket, "HTTP/1.1 " + std::to_string(status) + " Said So\r\n" + headers +
                                (status == 304 ? "" : length) + "\r\n") &&
               (status == 304 || send_body(socket, record, behaviour, body, stop_after)) &&
               !behaviour.endless && !behaviour.no_length && !behaviour.claimed_length;
    };
    if (behaviour.silent) {
        wait_for_end(socket);
        return false;
    }
    if (behaviour.endless_headers) {
        send(socket, "HTTP/1.1 200 OK\r\n");
        while (send(socket, "X-More: " + std::string(1000, 'x') + "\r\n")) {
        }
        return false;
    }
    if (behaviour.trickling_headers.count() > 0) {
        send(socket, "HTTP/1.1 200 OK\r\n");
        while (send(socket, "X-More: x\r\n"))
            std::this_thread::sleep_for(behaviour.trickling_headers);
        return false;
    }
    if (!behaviour.user_and_password.empty() &&
        header(request, "authorization") != "Basic " + base64(behaviour.user_and_password))
        return respond(401, "WWW-Authenticate: Basic realm=\"test\"\r\n", "");
    if (!behaviour.redirect_to.empty())
        return respond(302, "Location: " + behaviour.redirect_to + "\r\n", "");
    if (behaviour.status != 0)
        return respond(behaviour.status, "", "an error\n");

    const std::filesystem::path path = root_ / decoded(request.path).substr(1);
    struct stat status {};
    if (method != "GET" || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return respond(method == "GET" ? 404 : 405, "", "");
    std::ifstream file(path, std::ios::binary);
    std::string body{std::istreambuf_iterator<char>(file), {}};
    if (!behaviour.first_bodies.empty())
        body = behaviour.first_bodies.front();

    std::string etag =
        behaviour.etag.empty() ? "\"" + base::sha256(body).substr(0, 16) + "\"" : behaviour.etag;
    if (behaviour.weak_etag)
        etag = "W/" + etag;
    const std::string date = http_date(status.st_mtime);
    std::string headers;
    if (!behaviour.no_validators)
        headers = "ETag: " + etag + "\r\nLast-Modified: " + date + "\r\n";
    const std::string if_none_match = header(request, "if-none-match");
    const std::string if_modified_since = header(request, "if-modified-since");
    const bool current = if_none_match.empty() ? !if_modified_since.empty() && if_modified_since == date
                                               : if_none_match == etag;
    if (current)
        return respond(304, headers, "");
    const std::string range = header(request, "range");
    const std::string if_range = header(request, "if-range");
    const bool same = if_range.empty() || if_range == etag || if_range == date;
    if (range.substr(0, 6) == "bytes=" && !behaviour.no_range && (same || behaviour.any_range)) {
        const std::size_t begin = std::stoull(range.substr(6));
        if (begin >= body.size())
            return respond(416, "Content-Range: bytes */" + std::to_string(body.size()) + "\r\n", "");
        const std::size_t end = begin + std::min<std::uint64_t>(behaviour.range_at_most, body.size() - begin);
        headers += "Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/" +
                   std::to_string(body.size()) + "\r\n";
        return respond(206, headers, body.substr(begin, end - begin));
    }
    return respond(200, headers, body);
}

bool HttpServer::send_body(int socket, std::size_t record, const Behaviour& behaviour,
                           const std::string& body, std::optional<std::uint64_t> stop_after) {
    const auto send_counted = [&](const std::string& bytes) {
        {
            const std::lock_guard lock(mutex_);
            if (record < requests_.size())
                requests_[record].sent += bytes.size();
        }
        return send(socket, bytes);
    };
    if (behaviour.endless) {
        while (send_counted(std::string(16u << 10, 'e'))) {
        }
        return false;
    }
    if (behaviour.silent_after) {
        send_counted(body.substr(0, *behaviour.silent_after));
        wait_for_end(socket);
        return false;
    }
    if (stop_after) {
        send_counted(body.substr(0, *stop_after));
        return false;
    }
    if (behaviour.trickle.count() > 0) {
        for (const char byte : body) {
            if (!send_counted(std::string(1, byte)))
                return false;
            std::this_thread::sleep_for(behaviour.trickle);
        }
        return true;
    }
    return body.empty() || send_counted(body);
}

bool HttpServer::send(int socket, const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::send(socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        done += static_cast<std::size_t>(count);
    }
    return true;
}

void HttpServer::wait_for_end(int socket) {
    char byte = 0;
    while (::recv(socket, &byte, 1, 0) > 0) {
    }
}

} // namespace pkgjail::test
