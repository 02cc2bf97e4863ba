// What a client sees of an upgrade: one interruption. How long it is, tests/bench/downtime.bench measures.
#include <atomic>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pkgjail/base/fd.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

bool answers(int port) {
    const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const struct timeval limit { 1, 0 };
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct sockaddr_in name {};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    constexpr std::string_view request = "GET / HTTP/1.0\r\n\r\n";
    char byte = 0;
    return ::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name) == 0 &&
           ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
           ::recv(fd.get(), &byte, 1, 0) == 1;
}

/// Asks every 5 ms, for as long as it lives.
class Client {
  public:
    explicit Client(int port)
        : thread_([this, port] {
              while (!done_) {
                  const bool answered = answers(port);
                  if (seen_.empty() || (seen_.back() == '+') != answered)
                      seen_ += answered ? '+' : '-';
                  std::this_thread::sleep_for(std::chrono::milliseconds(5));
              }
          }) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    ~Client() { finish(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// "+-+": answered, not, answered; each sign is as long as it lasted.
    std::string finish() {
        if (thread_.joinable()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            done_ = true;
            thread_.join();
        }
        return seen_;
    }

  private:
    std::atomic<bool> done_{false};
    std::string seen_;
    std::thread thread_;
};

} // namespace

TEST_CASE("a client sees one interruption of an upgrade, of a rollback, and of a restart",
          "[system][root][upgrade][downtime]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    host.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                               test::demo_repository("2026Q4").string() + "\ntrust = none\n");
    REQUIRE(host.run({"update"}).status == 0);

    for (const char* verb : {"upgrade", "rollback", "restart"}) {
        INFO(verb);
        Client client(port);
        const CommandResult result = host.run({verb, "nginx"});
        INFO(result.out << result.err);
        CHECK(result.status == 0);
        CHECK(client.finish() == "+-+");
    }
    Client client(port);
    CHECK(host.run({"snapshot", "nginx", "one"}).status == 0);
    CHECK(client.finish() == "+"); // paused for the copy: the answer comes late, but comes
}
