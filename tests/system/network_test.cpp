// What a jail may bind, tried from inside with a real kernel and a real runtime.
#ifdef __linux__

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "system/confine_fixture.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::Host;
using test::HostJail;
namespace fs = std::filesystem;

namespace {

/// A socket of ours that listens, for a jail to connect to.
class Listening {
  public:
    Listening() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        struct sockaddr_in name {};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof name;
        REQUIRE(::bind(socket_.get(), reinterpret_cast<struct sockaddr*>(&name), size) == 0);
        REQUIRE(::listen(socket_.get(), 8) == 0);
        REQUIRE(::getsockname(socket_.get(), reinterpret_cast<struct sockaddr*>(&name), &size) == 0);
        port_ = std::to_string(ntohs(name.sin_port));
    }
    const std::string& port() const { return port_; }

  private:
    base::Fd socket_;
    std::string port_;
};

/// A jail that claims one TCP port, and what its processes need to know to try the walls.
struct PortJail : HostJail {
    PortJail() {
        const int claimed = test::free_port();
        spec.claims = {{"tcp", "", static_cast<std::uint16_t>(claimed)}};
        spec.environment["CLAIMED"] = std::to_string(claimed);
        spec.environment["OTHER"] = std::to_string(test::free_port());
        spec.environment["LISTENING"] = listening.port();
    }
    Listening listening;
};

const std::string held = "claimed, as root: done\n"
                         "claimed, IPv6, as root: done\n"
                         "other, as root: EACCES\n"
                         "other, IPv6, as root: EACCES\n"
                         "the kernel's choice, as root: done\n"
                         "UDP, as root: done\n"
                         "connect, as root: done\n"
                         "claimed, as a user: done\n"
                         "other, as a user: EACCES\n"
                         "connect, as a user: done\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

std::string marked(const std::string& output) {
    std::string lines;
    std::istringstream stream(output);
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("@"))
            lines += line.substr(1) + "\n";
    return lines.empty() ? output : lines;
}

confine::ExecRequest attempts(const HostJail& jail) {
    confine::ExecRequest request;
    request.command = {"sh", "-c", "exec /test '[.inside-ports]' >/data/out 2>&1"};
    request.environment = jail.spec.environment;
    return request;
}

std::string show(const confine::PortsReading& reading) {
    return "tcp " + std::string(jail::enforcement_name(reading.tcp)) + ": " + reading.tcp_mechanism +
           "\nudp " + std::string(jail::enforcement_name(reading.udp)) + ": " + reading.udp_mechanism + "\n";
}

/// False, and said, on a kernel that cannot hold jails to ports.
bool ports_can_be_held() {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return false;
    if (driver->info().detail.ends_with(", Landlock"))
        return true;
    WARN("skipped: " << driver->info().detail << " does not hold jails to ports");
    return false;
}

} // namespace

TEST_CASE("the first process of a jail binds the ports that it claims and no others", "[root][network]") {
    if (!ports_can_be_held())
        return;
    PortJail jail;
    CHECK(jail.run_inside("[.inside-ports]") == held);

    jail.spec.claims[0].protocol = "udp"; // says nothing about TCP
    std::string none = replaced(held, "claimed, as root: done", "claimed, as root: EACCES");
    none = replaced(none, "claimed, IPv6, as root: done", "claimed, IPv6, as root: EACCES");
    CHECK(jail.run_inside("[.inside-ports]") ==
          replaced(none, "claimed, as a user: done", "claimed, as a user: EACCES"));
}

TEST_CASE("what is added to a jail is held to the ports of its first process", "[root][network]") {
    if (!ports_can_be_held())
        return;
    auto* driver = test::system_driver();
    PortJail jail;
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    CHECK(show(driver->read_ports(jail.spec.handle, jail.run_directory())) ==
          "tcp enforced: Landlock, whatever the address\nudp advisory: Landlock does not cover UDP\n");
    // A recipe that has claimed more since means the next start.
    auto later = jail.spec;
    later.claims.push_back(
        {"tcp", "", static_cast<std::uint16_t>(std::stoi(jail.spec.environment["OTHER"]))});

    CHECK(driver->exec(later, jail.run_directory(), attempts(jail)).describe() == "exit status 0");
    CHECK(marked(base::read_file(jail.data() / "out")) == held);

    fs::remove(jail.data() / "out");
    const auto spawned = driver->spawn(later, jail.run_directory(), attempts(jail), {});
    CHECK(jail.wait(spawned).describe() == "exit status 0");
    CHECK(marked(base::read_file(jail.data() / "out")) == held);

    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

TEST_CASE("a program that is added to a jail gets no descriptor of pkgjail's and fails by its own name",
          "[root][network]") {
    if (!ports_can_be_held())
        return;
    auto* driver = test::system_driver();
    HostJail jail;
    base::write_file_atomically(jail.data() / "private", "#!/bin/sh\n", 0700);
    base::write_file_atomically(jail.data() / "broken", "#!/nowhere/sh\n", 0755);
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    confine::ExecRequest request;
    request.environment = jail.spec.environment;
    const auto failure = [&](bool wait) -> std::string {
        try {
            if (wait)
                driver->exec(jail.spec, jail.run_directory(), request);
            else
                driver->spawn(jail.spec, jail.run_directory(), request, {});
        } catch (const base::Error& error) {
            return error.what();
        }
        return "it was run";
    };

    request.command = {"sh", "-c", "test $(ls /proc/self/fd | wc -l) = 4 && exit 5"}; // 3 is ls's own
    CHECK(driver->exec(jail.spec, jail.run_directory(), request).value == 5);
    for (const bool wait : {true, false}) {
        request.command = {"/data/broken"};
        CHECK(failure(wait) == "/data/broken: no such program in jail walls");
        request.identity.uid = 1001;
        request.command = {"/data/private"};
        CHECK(failure(wait) == "/data/private: cannot be executed in jail walls");
        request.identity.uid = 0;
    }
    CHECK(driver->processes(jail.spec.handle, jail.run_directory()).size() <= 2); // sh and its sleep

    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

#ifdef PKGJAIL_FAILPOINTS

TEST_CASE("without Landlock a jail is not held to its ports, and that is told", "[root][network]") {
    if (test::system_driver() == nullptr)
        return;
    const test::TempDir state;
    ::setenv("PKGJAIL_NO_LANDLOCK", "1", 1);
    const auto driver = confine::open_driver(state.path());
    PortJail jail;
    jail.spec.command = {"/bin/sh", "-c", "/test '[.inside-ports]' >/data/out; sleep 600"};
    const auto first = driver->create(jail.spec, jail.run_directory(), {});
    driver->start(jail.spec, jail.run_directory());
    const auto reading = driver->read_ports(jail.spec.handle, jail.run_directory());
    CHECK(driver->exec(jail.spec, jail.run_directory(), attempts(jail)).describe() == "exit status 0");
    const std::string seen = marked(base::read_file(jail.data() / "out"));
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
    ::unsetenv("PKGJAIL_NO_LANDLOCK");

    CHECK(seen.find("EACCES") == std::string::npos);
    CHECK(show(reading) == "tcp advisory: this kernel has no Landlock\n"
                           "udp advisory: Landlock does not cover UDP\n");
    const auto& notes = driver->info().notes;
    CHECK(std::count(notes.begin(), notes.end(),
                     "jails are not held to the ports that they claim: this kernel has no Landlock") == 1);
    // A kernel that has it is tried anew.
    CHECK(confine::open_driver(state.path())->info().detail == test::system_driver()->info().detail);
}

#endif

TEST_CASE("a service answers on the port that it claims and cannot move to another",
          "[system][root][network]") {
    if (!test::can_run_jails() || !ports_can_be_held())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port()), other = std::to_string(test::free_port());
    const auto installed = host.run({"install", "nginx", "-j", "web", "--set", "port=" + port});
    INFO(installed.err);
    REQUIRE(installed.status == 0);
    CHECK(test::http_status("http://127.0.0.1:" + port + "/") == 200);
    const auto status = host.run({"status", "web", "--json"}).json()["jails"][0];
    CHECK(status["ports"].dump() ==
          R"([{"address":"","family":"any","port":)" + port + R"(,"protocol":"tcp"}])");
    CHECK(status["ports_held"].dump() ==
          R"({"tcp":{"enforcement":"enforced","mechanism":"Landlock, whatever the address"},)"
          R"("udp":{"enforcement":"advisory","mechanism":"Landlock does not cover UDP"}})");
    CHECK(host.run({"status", "web"}).out.find("ports held  tcp enforced: Landlock, whatever the address") !=
          std::string::npos);

    const auto file = host.state() / "jails" / status["id"].get<std::string>() / "config" / "1" /
                      "usr/pkg/etc" / "nginx" / "nginx.conf";
    base::write_file_atomically(file, replaced(base::read_file(file), port, other), 0644);
    CHECK(host.run({"restart", "web"}).status != 0);
    const std::string log = host.run({"logs", "web"}).out;
    CHECK(log.find(":" + other + " failed (13: Permission denied)") != std::string::npos);
    CHECK(host.run({"status", "web", "--json"}).json()["jails"][0]["ports_held"].is_null());
}

TEST_CASE("a jail finds those that it requires by their names", "[system][root][network]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const auto write_recipe = [&](const std::string& name, const std::string& more) {
        host.write_config("recipes.d/" + name + ".recipe",
                          "[recipe]\nsummary = a test\npackage = tree\n" + more +
                              "[service]\ncommand = /bin/sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; "
                              "done\"\nstop-timeout = 5s\n[health]\ncommand = /usr/bin/true\n");
    };
    const std::string port = std::to_string(test::free_port());
    write_recipe("db", "[network]\nclaim = tcp:127.0.0.2:" + port + "\n");
    write_recipe("app", "requires = db\n");
    for (const std::string name : {"db", "app"}) {
        const auto installed = host.run({"install", "tree", "-j", name, "--recipe", name});
        INFO(installed.err);
        REQUIRE(installed.status == 0);
    }
    const std::string named = "127.0.0.1 localhost\n::1 localhost\n"
                              "# jails that this one requires, by pkgjail: begin\n127.0.0.2 db\n"
                              "# jails that this one requires, by pkgjail: end\n";
    CHECK(host.run({"exec", "app", "cat", "/etc/hosts"}).out == named);
    CHECK(host.run({"exec", "db", "cat", "/etc/hosts"}).out == "127.0.0.1 localhost\n::1 localhost\n");

    const auto id = host.run({"status", "app", "--json"}).json()["jails"][0]["id"].get<std::string>();
    const auto file = host.state() / "jails" / id / "config" / "1" / "etc" / "hosts";
    base::write_file_atomically(file, named + "10.0.0.1 printer\n", 0600);
    const auto time = fs::last_write_time(file);
    REQUIRE(host.run({"restart", "app"}).status == 0);
    CHECK(base::read_file(file) == named + "10.0.0.1 printer\n");
    CHECK(fs::last_write_time(file) == time);

    write_recipe("app", ""); // requires nothing any more
    REQUIRE(host.run({"restart", "app"}).status == 0);
    CHECK(base::read_file(file) == "127.0.0.1 localhost\n::1 localhost\n10.0.0.1 printer\n");
    CHECK((fs::status(file).permissions() & fs::perms::mask) == fs::perms(0600));

    write_recipe("app", "requires = db\n");
    const auto outside = host.etc() / "outside";
    base::write_file_atomically(outside, "untouched\n", 0644);
    fs::remove(file);
    fs::create_symlink(outside, file);
    const auto restarted = host.run({"restart", "app"});
    CHECK(restarted.status == 0);
    CHECK(restarted.err.find("jail app: its /etc/hosts is not a file") != std::string::npos);
    CHECK(base::read_file(outside) == "untouched\n");
    CHECK(fs::is_symlink(file));
}

#endif
