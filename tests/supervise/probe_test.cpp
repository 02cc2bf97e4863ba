#include <csignal>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/supervise/attempt.hpp"
#include "pkgjail/supervise/probe.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using jail::Probe;

namespace {

/// Listens on a free loopback port and answers one connection after the other with fixed bytes, in a process
/// of its own.
class Server {
  public:
    enum class Then { close, hang };
    explicit Server(const std::string& answer, Then then = Then::close) {
        base::Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(listener.get(), 8) == 0);
        REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = std::to_string(ntohs(address.sin_port));
        pid_ = ::fork();
        if (pid_ != 0)
            return;
        ::signal(SIGPIPE, SIG_IGN);
        for (;;) {
            base::Fd peer(::accept(listener.get(), nullptr, nullptr));
            char request[4096];
            if (::read(peer.get(), request, sizeof request) < 0 ||
                ::write(peer.get(), answer.data(), answer.size()) < 0)
                continue;
            if (then == Then::hang)
                ::pause();
        }
    }
    ~Server() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    const std::string& port() const { return port_; }

  private:
    pid_t pid_ = -1;
    std::string port_;
};

/// Without the time, which differs.
std::string show(const supervise::ProbeResult& result) {
    std::string detail = result.detail;
    if (std::size_t at = detail.rfind(" in "); at != detail.npos)
        detail.resize(at);
    return (result.healthy ? "healthy: " : "not healthy: ") + detail;
}

std::string ask_http(const std::string& answer) {
    Server server(answer);
    return show(supervise::ask_http("http://127.0.0.1:" + server.port() + "/", 20s));
}

} // namespace

TEST_CASE("2xx and 3xx are healthy answers, all others are not", "[supervise][probe]") {
    CHECK(ask_http("HTTP/1.1 200 OK\r\n\r\nbody") == "healthy: 200 OK");
    CHECK(ask_http("HTTP/1.1 204\r\n\r\n") == "healthy: 204");
    CHECK(ask_http("HTTP/1.0 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n") == "healthy: 302 Found");
    CHECK(ask_http("HTTP/1.1 404 Not Found\r\n\r\n") == "not healthy: 404 Not Found");
    CHECK(ask_http("HTTP/1.1 503 Busy\n") == "not healthy: 503 Busy");
}

TEST_CASE("what is no HTTP is not healthy", "[supervise][probe]") {
    CHECK(ask_http("-ERR unknown command\r\n") == "not healthy: no HTTP answer");
    CHECK(ask_http("HTTP/1.1 2000 OK\r\n") == "not healthy: no HTTP answer");
    CHECK(ask_http("HTTP/1.1 20\r\n") == "not healthy: no HTTP answer");
    CHECK(ask_http(std::string(100'000, 'x')) == "not healthy: no HTTP answer");
    CHECK(ask_http("") == "not healthy: connection closed without an HTTP answer");
    CHECK(ask_http("HTTP/1.1 200") == "not healthy: connection closed without an HTTP answer");
}

TEST_CASE("an http probe is over at its deadline", "[supervise][probe]") {
    Server silent("", Server::Then::hang);
    CHECK(show(supervise::ask_http("http://127.0.0.1:" + silent.port() + "/", 50ms)) ==
          "not healthy: no answer within 50 ms");
    Server slow("HTTP/1.1 200 O", Server::Then::hang);
    CHECK(show(supervise::ask_http("http://localhost:" + slow.port() + "/", 50ms)) ==
          "not healthy: no answer within 50 ms");
}

TEST_CASE("an address that cannot be asked is said to be so", "[supervise][probe]") {
    CHECK(show(supervise::ask_http("https://127.0.0.1/", 1s)) ==
          "not healthy: https://127.0.0.1/: only http:// can be asked");
    CHECK(show(supervise::ask_http("http://127.0.0.1/ HTTP/1.1\r\nX: y", 1s)) ==
          "not healthy: the address holds blanks or control characters");
    CHECK(supervise::local_address("192.0.2.1:80", 0).problem == "192.0.2.1:80: not an address of this host");
    CHECK(supervise::local_address("example.org:80", 0).problem ==
          "example.org:80: neither localhost nor a numeric address");
    for (const char* text : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:8o",
                             "[::1]80", "[::1]", "127.0.0.1:-1"}) {
        INFO(text);
        CHECK_THAT(supervise::local_address(text, 0).problem,
                   ContainsSubstring("has no port from 1 to 65535"));
    }
    CHECK_THAT(supervise::local_address("[::1:80", 0).problem,
               ContainsSubstring("the bracket is not closed"));
}

TEST_CASE("addresses of this host are taken apart", "[supervise][probe]") {
    auto address = supervise::local_address("[::1]:6379", 0);
    CHECK(address.problem.empty());
    CHECK(address.hosts == std::vector<std::string>{"::1"});
    CHECK(address.port == 6379);
    CHECK(supervise::local_address("127.0.0.1", 80).port == 80);
    CHECK(supervise::local_address("127.1.2.3:1", 0).problem.empty());
    CHECK(supervise::local_address("localhost:5", 0).hosts.size() == 2);
}

TEST_CASE("a tcp probe asks for a connection", "[supervise][probe]") {
    std::string port;
    {
        Server server("");
        port = server.port();
        CHECK(show(supervise::ask_tcp("127.0.0.1:" + port, 20s)) == "healthy: connected");
        CHECK(show(supervise::ask_tcp("localhost:" + port, 20s)) == "healthy: connected");
    }
    CHECK(show(supervise::ask_tcp("127.0.0.1:" + port, 20s)) == "not healthy: connection refused");
}

TEST_CASE("a unix probe asks for a connection", "[supervise][probe]") {
    test::TempDir dir;
    std::string path = dir / "socket";
    CHECK(show(supervise::ask_unix(path, 20s)) == "not healthy: no such file or directory");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    base::Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(show(supervise::ask_unix(path, 20s)) == "not healthy: connection refused");

    REQUIRE(::listen(listener.get(), 1) == 0);

    CHECK(show(supervise::ask_unix(path, 20s)) == "healthy: connected");
    CHECK_THAT(supervise::ask_unix(std::string(200, 'x'), 1s).detail, ContainsSubstring("longer than"));
}

TEST_CASE("run_probe never takes longer than its timeout, and tells a command's last line",
          "[supervise][probe]") {
    test::TempDir dir;
    test::LastingDriver driver;
    confine::JailSpec spec;
    spec.handle = "pkgjail-probe";
    spec.jail = "probe";
    spec.command = {"/bin/sleep", "1000"};
    spec.environment = {{"PATH", "/bin:/usr/bin"}};
    base::ProcessId first = driver.create(spec, dir.path(), {});
    driver.start(spec, dir.path());
    auto ask = [&](const std::string& script, std::chrono::milliseconds timeout) {
        Probe probe{Probe::Kind::command, {}, {"/bin/sh", "-c", script}};
        return show(supervise::run_probe(probe, timeout, driver, spec, dir.path()));
    };

    CHECK(ask("true", 20s) == "healthy: exit status 0");
    CHECK(ask("echo first; echo 'last \033[2J'; echo; exit 4", 20s) ==
          "not healthy: exit status 4: last \\x1b[2J");
    CHECK(ask("kill -9 $$", 20s) == "not healthy: signal 9 (Killed)");
    CHECK(ask("echo hm; exec sleep 1000", 100ms) == "not healthy: no answer within 100 ms: hm");
    CHECK(ask("head -c 3000000 /dev/zero; echo; echo end", 20s) == "healthy: exit status 0: end");
    CHECK(ask("sleep 3 & echo left something behind", 20s) ==
          "healthy: exit status 0: left something behind");
    driver.remove(spec.handle, dir.path());
    ::waitpid(first.pid, nullptr, 0);
}
