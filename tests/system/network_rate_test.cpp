// Private networks at the driver: made, held to their rates, and gone with the jail, whatever ends it.
#ifdef __linux__

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/port_rules.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "system/confine_fixture.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using jail::LimitKind;
using test::HostJail;
namespace fs = std::filesystem;

namespace {

constexpr std::uint16_t test_port = 7011;

/// Of this run of the tests alone, as far as two runs at once can help it.
std::string pool_prefix() {
    const int run = ::getpid();
    return fmt::format("10.{}.{}.", 160 + run % 50, run / 50 % 250);
}

std::string output_of(std::vector<std::string> argv) {
    base::Command command;
    command.argv = std::move(argv);
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    return base::run(command, std::chrono::seconds(30)).out;
}

/// What the host has of private networks: interfaces, addresses and routes to them, tables of the filter.
std::string kernel_state(const std::string& handle) {
    const std::string name = confine::interface_name(handle);
    const std::string table = confine::table_name(name);
    std::string text;
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"/sbin/ip", "-o", "link", "show"},
          {"/sbin/ip", "-o", "addr", "show"},
          {"/sbin/ip", "route", "show", "table", "all"},
          {"/usr/sbin/nft", "list", "tables"}}) {
        if (::access(command.front().c_str(), X_OK) != 0)
            continue;
        std::istringstream lines(output_of(command));
        for (std::string line; std::getline(lines, line);)
            if (line.find(name) != std::string::npos || line.find(table) != std::string::npos)
                text += line + "\n";
    }
    if (confine::PrivateNetworks(confine::network_notes(test::system_state())).is_noted(handle))
        text += "note\n";
    return text;
}

struct sockaddr_in name_of(const std::string& address, std::uint16_t port) {
    struct sockaddr_in name {};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
        throw std::runtime_error("no address: " + address);
    return name;
}

/// Bytes a second out of a socket, over three seconds after the first half.
double measured_rate(int socket) {
    using namespace std::chrono_literals;
    std::vector<char> buffer(64u << 10);
    const auto begin = base::steady_now() + 500ms;
    std::uint64_t bytes = 0;
    std::optional<base::SteadyTime> first;
    for (;;) {
        const ssize_t count = ::read(socket, buffer.data(), buffer.size());
        const auto now = base::steady_now();
        if (count <= 0)
            return 0;
        if (now < begin)
            continue;
        if (!first) {
            first = now;
            continue;
        }
        bytes += static_cast<std::uint64_t>(count);
        const std::chrono::duration<double> seconds = now - *first;
        if (seconds >= 3s)
            return static_cast<double>(bytes) / seconds.count();
    }
}

void send_until_closed(int socket) {
    const std::vector<char> block(64u << 10);
    while (::send(socket, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
}

/// A socket that listens on every address of the host.
base::Fd listening() {
    base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto name = name_of("0.0.0.0", test_port);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(socket.get(), 4) == 0);
    return socket;
}

/// A jail with a network of its own; what it does is in the environment of /test '[.inside-traffic]'.
struct NetworkJail : HostJail {
    NetworkJail() {
        spec.network = jail::NetworkMode::private_;
        spec.private_network = {pool_prefix() + "2", pool_prefix() + "1", pool_prefix() + "0/24", false, {}};
        spec.environment["PEER"] = pool_prefix() + "1";
    }
    void limit(LimitKind kind, std::uint64_t rate) { spec.limits.wanted[kind] = {rate, "a test"}; }
    std::string readings() {
        std::string text;
        for (const auto& reading : test::system_driver()->read_limits(spec, run_directory()))
            text +=
                fmt::format("{} {} {}: {}\n", jail::limit_name(reading.kind), reading.effective.value_or(0),
                            jail::enforcement_name(reading.enforcement), reading.mechanism);
        return text;
    }
};

} // namespace

TEST_CASE("one end of a connection to the host", "[.inside-traffic]") {
    const base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto name = name_of(std::getenv("PEER"), test_port);
    if (::connect(socket.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name) != 0)
        return;
    if (std::getenv("RECEIVE") == nullptr)
        send_until_closed(socket.get());
    else
        base::write_file_atomically("/data/rate", std::to_string(measured_rate(socket.get())), 0644);
}

TEST_CASE("a jail's network is held to its rates in both directions, and they can be changed meanwhile",
          "[root][network][rates]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    constexpr double rate = 1u << 20;
    const auto near = [](double measured, double wanted) {
        INFO(fmt::format("{:.0f} of {:.0f} bytes a second", measured, wanted));
        CHECK(measured > wanted * 0.85);
        CHECK(measured < wanted * 1.15);
    };
    const base::Fd listener = listening();
    const std::string inner = std::string(confine::inner_interface) + " in the jail";

    {
        NetworkJail sending;
        sending.limit(LimitKind::net_out, 1u << 20);
        const auto first = sending.launch({"/test", "[.inside-traffic]"});
        const base::Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        REQUIRE(peer);
        near(measured_rate(peer.get()), rate);
        CHECK(sending.readings() == "net-out 1048576 enforced: tbf on " + inner + "\n");

        sending.limit(LimitKind::net_out, 2u << 20);
        driver->set_limits(sending.spec, sending.run_directory());
        near(measured_rate(peer.get()), 2 * rate);
        CHECK(sending.readings() == "net-out 2097152 enforced: tbf on " + inner + "\n");
        const auto usage = driver->usage(sending.spec.handle, sending.run_directory());
        CHECK(usage.net_out_bytes.value_or(0) > 6u << 20);
        CHECK(usage.net_in_bytes.value_or(0) < 6u << 20);

        sending.spec.limits.wanted.clear();
        driver->set_limits(sending.spec, sending.run_directory());
        CHECK(measured_rate(peer.get()) > 4 * rate);
        driver->remove(sending.spec.handle, sending.run_directory());
        sending.wait(first);
    }
    {
        NetworkJail receiving;
        receiving.limit(LimitKind::net_in, 1u << 20);
        receiving.spec.environment["RECEIVE"] = "1";
        const auto first = receiving.launch({"/test", "[.inside-traffic]"});
        const base::Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        REQUIRE(peer);
        CHECK(receiving.readings() ==
              "net-in 1048576 enforced: tbf on " + confine::interface_name(receiving.spec.handle) + "\n");
        send_until_closed(peer.get());
        receiving.wait(first);
        near(std::stod(base::read_file(receiving.data() / "rate")), rate);
        driver->remove(receiving.spec.handle, receiving.run_directory());
    }
}

TEST_CASE("a private network goes with its jail, whichever way that ends", "[root][network]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    NetworkJail jail;
    const std::string before = kernel_state(jail.spec.handle);
    REQUIRE(before.empty());

    auto first = jail.launch({"/bin/sleep", "600"});
    const std::string made = kernel_state(jail.spec.handle);
    INFO(made);
    CHECK(made.find("link") != std::string::npos);
    CHECK(made.find(pool_prefix() + "1 peer " + pool_prefix() + "2/32") != std::string::npos);
    CHECK(made.find("note") != std::string::npos);
    CHECK(traces_of(jail) != "");
    CHECK_FALSE(driver->usage(jail.spec.handle, jail.run_directory()).net_in_bytes == std::nullopt);

    SECTION("removed") {
        driver->remove(jail.spec.handle, jail.run_directory());
        jail.wait(first);
        CHECK(kernel_state(jail.spec.handle).empty());
        driver->remove(jail.spec.handle, jail.run_directory());
    }
    SECTION("its first process killed, and then removed by a driver that has not made it") {
        ::kill(first.pid, SIGKILL);
        jail.wait(first);
        const auto another = confine::open_driver(test::system_state());
        another->remove(jail.spec.handle, jail.run_directory());
        CHECK(kernel_state(jail.spec.handle).empty());
    }
    SECTION("made again over what is left") {
        ::kill(first.pid, SIGKILL);
        jail.wait(first);
        first = jail.launch({"/bin/sleep", "600"});
        CHECK(kernel_state(jail.spec.handle).find("peer " + pool_prefix() + "2/32") != std::string::npos);
        driver->remove(jail.spec.handle, jail.run_directory());
        jail.wait(first);
        CHECK(kernel_state(jail.spec.handle).empty());
    }
}

TEST_CASE("a network whose maker was killed at any step is made anew, or taken away",
          "[root][network][crash]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    for (const char* step : {"confine.network_noted", "confine.network_paired", "confine.network_up"}) {
        INFO(step);
        NetworkJail jail;
        jail.spec.private_network->nat = base::find_program("nft").has_value();
        jail.spec.command = {"/bin/sleep", "600"};
        jail.create_killed_at(step);
        CHECK(kernel_state(jail.spec.handle) != "");

        const auto first = jail.launch({"/bin/sleep", "600"});
        CHECK(kernel_state(jail.spec.handle).find("peer " + pool_prefix() + "2/32") != std::string::npos);
        driver->remove(jail.spec.handle, jail.run_directory());
        jail.wait(first);
        CHECK(kernel_state(jail.spec.handle).empty());
    }
}

TEST_CASE("an address that a jail of another state directory has is refused, and nothing is left",
          "[root][network]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    NetworkJail jail;
    NetworkJail same;
    const auto first = jail.launch({"/bin/sleep", "600"});
    std::string why = "it was made";
    try {
        same.launch({"/bin/sleep", "600"});
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::conflict);
        why = error.what();
    }
    CHECK(why ==
          fmt::format("walls: its address {}2 is in use by interface {}, a jail of another state directory",
                      pool_prefix(), confine::interface_name(jail.spec.handle)));
    CHECK(kernel_state(same.spec.handle).empty());
    CHECK_FALSE(driver->exists(same.spec.handle, same.run_directory()));
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
    ::waitpid(-1, nullptr, WNOHANG);
}

#endif
