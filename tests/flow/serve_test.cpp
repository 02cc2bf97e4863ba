// serve over HTTP on loopback: what it answers, and peers that mean no good.
#include <csignal>
#include <cstring>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"
#include "support/json_outputs.hpp"
#include "support/metrics_text.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;

namespace {

/// `pkgjail serve` on a free port, ended by SIGTERM.
class Serving {
  public:
    explicit Serving(const Host& host) : pipe_(base::make_pipe()), child_(start(host, pipe_)) {
        pipe_.write_end.reset();
        std::string line;
        for (char c = 0; ::read(pipe_.read_end.get(), &c, 1) == 1 && c != '\n';)
            line += c;
        const std::size_t colon = line.rfind(':');
        REQUIRE(line.starts_with("listening on http://127.0.0.1:"));
        port_ = std::stoi(line.substr(colon + 1));
    }
    int port() const { return port_; }
    std::string end() {
        child_.kill(SIGTERM);
        return child_.wait().describe();
    }

    base::Fd connect() const {
        base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        struct sockaddr_in name {};
        name.sin_family = AF_INET;
        name.sin_port = htons(static_cast<std::uint16_t>(port_));
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(fd.get(), reinterpret_cast<struct sockaddr*>(&name), sizeof name) == 0);
        // No test waits for ever.
        const struct timeval limit { 30, 0 };
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }
    /// Sends bytes and reads to the connection's end.
    std::string ask(const std::string& bytes) const {
        const base::Fd fd = connect();
        send(fd, bytes);
        return read_all(fd);
    }
    std::string get(const std::string& path) const {
        return ask("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n\r\n");
    }
    static void send(const base::Fd& fd, const std::string& bytes) {
        std::string_view left = bytes;
        while (!left.empty()) {
            const ssize_t count = ::send(fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
            if (count <= 0)
                return; // closed in our face
            left.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    static std::string read_all(const base::Fd& fd) {
        std::string text;
        char buffer[4096];
        for (ssize_t count; (count = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
            text.append(buffer, static_cast<std::size_t>(count));
        return text;
    }

  private:
    static base::Child start(const Host& host, const base::Pipe& pipe) {
        base::Command command;
        command.argv = {test::pkgjail_program(),
                        "--state",
                        host.state().string(),
                        "--config",
                        host.etc().string(),
                        "serve",
                        "--listen",
                        "127.0.0.1:0"};
        command.environment = {"LC_ALL=C.UTF-8"};
        command.standard_output = pipe.write_end.get();
        return base::Child::start(command);
    }

    base::Pipe pipe_;
    base::Child child_;
    int port_ = 0;
};

std::string status_line(const std::string& answer) {
    return answer.substr(0, answer.find("\r\n"));
}
std::string body(const std::string& answer) {
    const std::size_t end = answer.find("\r\n\r\n");
    return end == answer.npos ? "" : answer.substr(end + 4);
}

} // namespace

TEST_CASE("serve answers with the page, metrics, status and health", "[flow][serve]") {
    const Host host;
    test::record_jail(host, "web", {"nginx-1.26"});
    Serving serving(host);

    const std::string page = serving.get("/?x=1");
    CHECK(status_line(page) == "HTTP/1.1 200 OK");
    CHECK_THAT(page, ContainsSubstring("Content-Security-Policy: default-src 'none'"));
    CHECK_THAT(body(page), ContainsSubstring("<h2>web</h2><span class=\"state soft\">stopped</span>"));
    CHECK_THAT(body(page), ContainsSubstring("nginx-1.26"));
    CHECK(body(page).find("<script") == std::string::npos);
    CHECK(body(page).find("src=") == std::string::npos);

    const test::MetricsText metrics = test::read_metrics(body(serving.get("/metrics")));
    CHECK(metrics.faults.empty());
    CHECK(metrics.samples.at("pkgjail_jails") == 1);
    const std::string status = body(serving.get("/api/status"));
    test::check_json_output({"/api/status", "--json"}, status);
    CHECK(nlohmann::json::parse(status) == host.run({"status", "--json"}).json());
    CHECK(body(serving.get("/healthz")) == "ok\n");
    CHECK(status_line(serving.get("/nothing")) == "HTTP/1.1 404 Not Found");
    CHECK(body(serving.ask("HEAD / HTTP/1.0\r\n\r\n")).empty());
    CHECK(serving.end() == "exit status 0");
}

TEST_CASE("serve writes nothing", "[flow][serve]") {
    const Host host;
    test::record_jail(host, "web", {"nginx-1.26"});
    const std::string before = test::listing(host.state());
    Serving serving(host);

    for (const char* path : {"/", "/metrics", "/api/status", "/healthz"})
        CHECK(status_line(serving.get(path)) == "HTTP/1.1 200 OK");

    CHECK(serving.end() == "exit status 0");
    CHECK(test::listing(host.state()) == before);
}

TEST_CASE("foreign text on the page is text", "[flow][serve]") {
    const Host host;
    test::record_jail(host, "web", {"<script>alert(1)</script>\"'&\x1b-1.0"});
    Serving serving(host);

    const std::string page = body(serving.get("/"));

    CHECK_THAT(page, ContainsSubstring("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\x1b-1.0"));
    CHECK(page.find("<script") == std::string::npos);
}

TEST_CASE("requests that are none are refused, and the next one is answered", "[flow][serve]") {
    const Host host;
    Serving serving(host);

    CHECK(status_line(serving.ask("hello\r\n\r\n")) == "HTTP/1.1 400 Bad Request");
    CHECK(status_line(serving.ask("GET / HTTP/2.0\r\n\r\n")) == "HTTP/1.1 400 Bad Request");
    CHECK(status_line(serving.ask("GET http://x/ HTTP/1.1\r\n\r\n")) == "HTTP/1.1 400 Bad Request");
    CHECK(status_line(serving.ask("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")) ==
          "HTTP/1.1 405 Method Not Allowed");
    CHECK(status_line(serving.ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")) ==
          "HTTP/1.1 421 Misdirected Request");
    CHECK(status_line(serving.ask("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'x') + "\r\n\r\n")) ==
          "HTTP/1.1 431 Request Header Fields Too Large");
    std::string many;
    for (int line = 0; line < 10'000; ++line)
        many += "A: b\r\n";
    CHECK(status_line(serving.ask("GET / HTTP/1.1\r\n" + many + "\r\n")) ==
          "HTTP/1.1 431 Request Header Fields Too Large");
    CHECK(body(serving.get("/healthz")) == "ok\n");
    CHECK(serving.end() == "exit status 0");
}

TEST_CASE("peers that say nothing keep nobody out", "[flow][serve]") {
    const Host host;
    Serving serving(host);
    std::vector<base::Fd> silent;
    for (int peer = 0; peer < 200; ++peer) {
        silent.push_back(serving.connect());
        Serving::send(silent.back(), "GET / HT");
    }

    CHECK(body(serving.get("/healthz")) == "ok\n");
    CHECK(body(serving.get("/healthz")) == "ok\n");
    // The first ones had to make room.
    CHECK(Serving::read_all(silent.front()).empty());
    CHECK(serving.end() == "exit status 0");
}

TEST_CASE("a request that never ends is ended", "[flow][serve]") {
    const Host host;
    Serving serving(host);
    const base::Fd slow = serving.connect();
    const auto begun = std::chrono::steady_clock::now();

    bool ended = false;
    while (!ended && std::chrono::steady_clock::now() - begun < std::chrono::seconds(60)) {
        ended = ::send(slow.get(), "x", 1, MSG_NOSIGNAL) != 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }

    CHECK(ended);
}

TEST_CASE("serve refuses addresses that it should not or cannot take", "[flow][serve]") {
    const Host host;
    Serving serving(host);
    const std::string taken = "127.0.0.1:" + std::to_string(serving.port());

    check_fails(host, {"serve", "--listen", taken}, 6,
                "pkgjail: serve: " + taken +
                    ": is in use by another program\n"
                    "hint: choose another port with --listen; 0 takes a free one\n");
    check_fails(host, {"serve", "--listen", "0.0.0.0:0"}, 64,
                "pkgjail: serve: --listen: 0.0.0.0 is not the loopback's\n"
                "hint: with --public everybody who reaches it may read the state of all jails\n");
    check_fails(host, {"serve", "--listen", "example.org:80"}, 64,
                "pkgjail: serve: --listen: found \"example.org:80\", allowed: a numeric address and a port, "
                "such as 127.0.0.1:9750 or [::1]:9750\n");
    CHECK(serving.end() == "exit status 0");
}
