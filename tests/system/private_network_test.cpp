// Private networks as an operator has them: addresses, published ports, names, declarations, and what is left
// when everything was killed.
#ifdef __linux__

#include <csignal>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
namespace fs = std::filesystem;

namespace {

/// Apart from other runs of the tests, and from those at the driver.
std::string pool_prefix() {
    const int run = ::getpid();
    return fmt::format("10.{}.{}.", 100 + run % 50, run / 50 % 250);
}

class NetworkHost : public Host {
  public:
    explicit NetworkHost(const std::string& bits = "24") : Host(test::demo_repository("2026Q3")) {
        write_config("pkgjail.conf", "[pkgjail]\nnetwork-pool = " + pool_prefix() + "0/" + bits + "\n");
        write_config("recipes.d/app.recipe",
                     "[recipe]\nsummary = a test\npackage = tree\n[set]\nrequired =\n"
                     "[service]\ncommand = /bin/sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"\n"
                     "stop-timeout = 5s\n[network]\nmode = private\n[health]\ncommand = /usr/bin/true\n");
    }
    nlohmann::json status(const std::string& jail) const {
        return run({"status", jail, "--json"}).json()["jails"][0];
    }
    void must(const std::vector<std::string>& arguments) const {
        const CommandResult result = run(arguments);
        INFO(fmt::format("{}\n{}{}", arguments.front(), result.out, result.err));
        REQUIRE(result.status == 0);
    }
    std::vector<std::string> app(const std::string& jail, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"install", "tree", "-j", jail, "--recipe", "app"});
        return more;
    }
};

std::string output_of(std::vector<std::string> argv) {
    base::Command command;
    command.argv = std::move(argv);
    return base::run(command, std::chrono::seconds(30)).out;
}

/// Interfaces of pkgjail's with the addresses of this run, and tables of the packet filter.
std::string kernel_state() {
    std::string text;
    std::istringstream addresses(output_of({"/sbin/ip", "-o", "addr", "show"}));
    for (std::string line; std::getline(addresses, line);)
        if (line.find(pool_prefix()) != std::string::npos)
            text += line.substr(line.find(' ')) + "\n"; // without its number, which is another each time
    if (fs::exists("/usr/sbin/nft"))
        text += output_of({"/usr/sbin/nft", "list", "ruleset"});
    return text;
}

bool has_packet_filter() {
    if (base::find_program("nft"))
        return true;
    WARN("skipped: there is no nft on this host");
    return false;
}

/// First line of what `address`:`port` answers to somebody in the jail.
std::string asked_from(const Host& host, const std::string& jail, const std::string& address, int port) {
    return host
        .run({"exec", jail, "/bin/bash", "-c",
              fmt::format("exec 3<>/dev/tcp/{}/{} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && "
                          "head -n 1 <&3 | tr -d '\\r'",
                          address, port)})
        .out;
}

} // namespace

TEST_CASE("a jail with a private network is reached at its address, by host and jails, and by name",
          "[system][root][network][private]") {
    if (!test::can_run_jails())
        return;
    const std::string before = kernel_state();
    NetworkHost host;
    const std::string web = pool_prefix() + "2";

    host.must({"install", "nginx", "-j", "web", "--network", "private"});
    CHECK(test::http_status("http://" + web + ":8080/") == 200);
    CHECK(test::http_status("http://127.0.0.1:8080/") != 200);
    auto status = host.status("web");
    CHECK(status["network"] == "private");
    CHECK(status["address"] == web);
    CHECK(status["addresses"].dump() == R"(["http://)" + web + R"(:8080/"])");
    CHECK(status["ports"].dump() == "[]");
    CHECK(status["usage"]["net_in_bytes"].get<int>() > 0);
    CHECK(host.run({"status", "web"}).out.find("\n  address     " + web + "\n") != std::string::npos);
    CHECK(host.run({"metrics"}).out.find("pkgjail_jail_network_received_bytes_total{") != std::string::npos);

    // The same port, because it is another network.
    host.must({"install", "nginx", "-j", "second", "--network", "private"});
    CHECK(host.status("second")["address"] == pool_prefix() + "3");
    CHECK(test::http_status("http://" + pool_prefix() + "3:8080/") == 200);

    host.write_config("jails.d/app.jail", "[jail]\nrecipe = app\nrequires = web\nnetwork = private\n");
    host.must({"apply", "app"});
    CHECK(asked_from(host, "app", "web", 8080) == "HTTP/1.1 200 OK\n");
    CHECK(host.run({"exec", "app", "cat", "/etc/hosts"}).out.find(web + " web\n") != std::string::npos);
    // Nothing leads out of the pool, and a process of the jail's cannot change that.
    CHECK(host.run({"exec", "app", "cat", "/proc/net/route"}).out.find("eth0\t00000000\t") ==
          std::string::npos);

    const auto traffic = [&] {
        const std::string text = host.run({"metrics"}).out;
        const std::size_t at = text.find("pkgjail_jail_network_received_bytes_total{jail=\"web\"");
        return at == std::string::npos ? 0 : std::stoll(text.substr(text.find("} ", at) + 2));
    };
    const auto counted = traffic();
    CHECK(counted > 0);
    host.must({"restart", "web"});
    CHECK(traffic() >= counted);
    CHECK(host.status("web")["address"] == web);
    CHECK(test::http_status("http://" + web + ":8080/") == 200);

    host.must({"stop", "app"});
    host.must({"stop", "web"});
    host.must({"stop", "second"});
    CHECK(kernel_state() == before);
    host.must({"destroy", "second", "--with-data", "--yes"});
    host.must(host.app("third"));
    CHECK(host.status("third")["address"] == pool_prefix() + "3");
}

TEST_CASE("an exported jail has a private network where it comes to, with an address of that place",
          "[system][root][network][private][export]") {
    if (!test::can_run_jails())
        return;
    const std::string before = kernel_state();
    const test::TempDir directory;
    const std::string archive = (directory / "web.tar.zst").string();
    {
        NetworkHost host;
        host.must({"install", "nginx", "-j", "web", "--network", "private", "--resolv", "servers=192.0.2.53",
                   "--limit", "net-out=8M"});
        host.must({"exec", "web", "sh", "-c", "echo here > /var/marker"});
        host.must({"export", "web", archive});

        // Beside the jail that it was: another address, nothing else.
        host.must({"import", archive, "copy"});
        const auto copy = host.status("copy");
        CHECK(copy["network"] == "private");
        CHECK(copy["address"] == pool_prefix() + "3");
        CHECK(copy["resolv"] == "servers=192.0.2.53");
        CHECK(host.status("web")["address"] == pool_prefix() + "2");
        for (const char* end : {"2", "3"})
            CHECK(test::http_status("http://" + pool_prefix() + end + ":8080/") == 200);
        CHECK(host.run({"exec", "copy", "cat", "/var/marker"}).out == "here\n");
        const auto limits = host.run({"limits", "copy", "--json"}).json();
        for (const auto& limit : limits["limits"])
            if (limit["limit"] == "net-out") {
                CHECK(limit["wanted"] == 8u << 20);
                CHECK(limit["enforcement"] == "enforced");
            }
        // What the command says wins over the archive.
        host.must({"import", archive, "alone", "--network", "none", "--no-start"});
        CHECK(host.status("alone")["network"] == "none");
        CHECK(host.status("alone")["address"].is_null());
        host.must({"destroy", "web", "copy", "alone", "--with-data", "--yes"});
        CHECK(kernel_state() == before);
    }
    NetworkHost elsewhere("29");

    elsewhere.must({"import", archive, "web"});

    CHECK(elsewhere.status("web")["address"] == pool_prefix() + "2");
    CHECK(test::http_status("http://" + pool_prefix() + "2:8080/") == 200);
    CHECK(elsewhere.run({"exec", "web", "cat", "/var/marker"}).out == "here\n");
}

TEST_CASE("a published port comes back with an import, and is refused where it is taken",
          "[system][root][network][private][export]") {
    if (!test::can_run_jails() || !has_packet_filter())
        return;
    const test::TempDir directory;
    const std::string archive = (directory / "web.tar.zst").string();
    NetworkHost host;
    const int port = test::free_port();
    host.must({"install", "nginx", "-j", "web", "--network", "private", "--publish",
               fmt::format("tcp:{}:8080", port)});
    host.must({"export", "web", archive});

    const CommandResult clash = host.run({"import", archive, "copy"});
    CHECK(clash.status == 6);
    CHECK(host.run({"status", "copy"}).status == 5);
    host.must({"import", archive, "copy", "--publish", "none"});
    CHECK(host.status("copy")["published"].empty());
    host.must({"destroy", "web", "copy", "--with-data", "--yes"});
    host.must({"import", archive, "web"});

    CHECK(test::http_status(fmt::format("http://127.0.0.1:{}/", port)) == 200);
}

TEST_CASE("addresses run out with a reason, and destroy gives one back", "[system][root][network][private]") {
    if (!test::can_run_jails())
        return;
    NetworkHost host("30");
    host.must(host.app("one"));
    const CommandResult refused = host.run(host.app("two"));
    CHECK(refused.status == 6);
    CHECK(refused.err.find("two: no address is free for it: jails have all 1 of network-pool " +
                           pool_prefix() + "0/30\n") != std::string::npos);
    CHECK(host.run({"clone", "one", "two"}).status == 6);
    host.must({"destroy", "one", "--with-data", "--yes"});
    host.must(host.app("two"));

    // Another pool: the jail moves at its next start.
    host.write_config("pkgjail.conf", "[pkgjail]\nnetwork-pool = " + pool_prefix() + "64/26\n");
    host.must({"restart", "two"});
    CHECK(host.status("two")["address"] == pool_prefix() + "66");
    // And through what a lost catalog is made from.
    fs::remove(host.state() / "catalog.sqlite");
    host.must({"catalog", "rebuild"});
    CHECK(host.status("two")["address"] == pool_prefix() + "66");
}

TEST_CASE("what is left of networks whose jails were killed is taken down by the next command",
          "[system][root][network][private][crash]") {
    if (!test::can_run_jails() || !has_packet_filter())
        return;
    const std::string before = kernel_state();
    NetworkHost host;
    const std::string port = std::to_string(test::free_port());
    host.must(host.app("app", {"--publish", "tcp:" + port + ":80"}));
    const std::string running = kernel_state();
    CHECK(running.find(port) != std::string::npos);
    const auto status = host.status("app");
    // The supervisor alone: the jail goes on, and so does its network.
    REQUIRE(::kill(status["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
    host.run({"update"});
    CHECK(kernel_state() == running);
    REQUIRE(::kill(status["pid"].get<pid_t>(), SIGKILL) == 0);
    for (int look = 0; look < 100 && host.status("app")["state"] == "unsupervised"; ++look)
        ::usleep(20'000);
    const CommandResult next = host.run({"update"});
    CHECK(next.err.find("removed what a jail left that was killed: its network pj-") != std::string::npos);
    CHECK(kernel_state() == before);
    host.must({"start", "app"});
    CHECK(kernel_state() == running);
    host.must({"destroy", "app", "--with-data", "--yes"});
    CHECK(kernel_state() == before);
}

TEST_CASE("published ports lead into the jail from every address of the host, and clash like others",
          "[system][root][network][private]") {
    if (!test::can_run_jails() || !has_packet_filter())
        return;
    const std::string before = kernel_state();
    NetworkHost host;
    const int port = test::free_port();
    const std::string published = fmt::format("tcp:{}:8080", port);
    host.must({"install", "nginx", "-j", "web", "--network", "private", "--publish", published});

    CHECK(test::http_status(fmt::format("http://127.0.0.1:{}/", port)) == 200);
    CHECK(test::http_status(fmt::format("http://{}1:{}/", pool_prefix(), port)) == 200);
    auto status = host.status("web");
    CHECK(status["published"].dump() ==
          fmt::format(R"([{{"address":"","jail_port":8080,"port":{},"protocol":"tcp"}}])", port));
    CHECK(host.run({"list"}).out.find(fmt::format("tcp:{}", port)) != std::string::npos);

    host.must(host.app("app"));
    CHECK(asked_from(host, "app", pool_prefix() + "1", port) == "HTTP/1.1 200 OK\n");
    CHECK(asked_from(host, "web", pool_prefix() + "1", port) == "HTTP/1.1 200 OK\n"); // its own

    const CommandResult clash =
        host.run({"install", "nginx", "-j", "other", "--set", fmt::format("port={}", port)});
    CHECK(clash.status == 6);
    CHECK(clash.err.find(fmt::format("port tcp:{}: is claimed by jail web already", port)) !=
          std::string::npos);
    const CommandResult clone = host.run({"clone", "web", "copy"});
    CHECK(clone.status == 6);
    const int second = test::free_port();
    host.must({"clone", "web", "copy", "--publish", fmt::format("tcp:127.0.0.1:{}:8080", second)});
    CHECK(test::http_status(fmt::format("http://127.0.0.1:{}/", second)) == 200);
    CHECK(test::http_status(fmt::format("http://{}1:{}/", pool_prefix(), second)) != 200);
    CHECK(host.status("copy")["address"] != status["address"]);

    host.write_config("jails.d/copy.jail", "[jail]\nrecipe = nginx\npackage = nginx\nnetwork = private\n");
    const CommandResult drift = host.run({"apply", "-n", "copy"});
    CHECK(drift.status == 2);
    CHECK(drift.out.find("publish is tcp:127.0.0.1") != std::string::npos);
    host.must({"apply", "copy"});
    CHECK(test::http_status(fmt::format("http://127.0.0.1:{}/", second)) != 200);
    CHECK(host.run({"apply", "-n", "copy"}).status == 0);

    host.write_config("jails.d/copy.jail",
                      "[jail]\nrecipe = nginx\npackage = nginx\nnetwork = host\n[set]\nport = " +
                          std::to_string(second) + "\n");
    host.must({"apply", "copy"});
    CHECK(host.status("copy")["address"].is_null());
    CHECK(test::http_status(fmt::format("http://127.0.0.1:{}/", second)) == 200);

    for (const char* jail : {"app", "copy", "web"})
        host.must({"destroy", jail, "--with-data", "--yes"});
    CHECK(kernel_state() == before);
}

namespace {

/// A neighbour of the host: a network namespace behind a pair of interfaces, with a web server's port open to
/// nobody. The host forwards what comes in from it.
class Neighbour {
  public:
    Neighbour() {
        ip({"netns", "add", name});
        ip({"link", "add", name, "type", "veth", "peer", "name", "out", "netns", name});
        ip({"addr", "add", "198.51.100.1/24", "dev", name});
        ip({"link", "set", name, "up"});
        ip({"-n", name, "addr", "add", "198.51.100.2/24", "dev", "out"});
        ip({"-n", name, "link", "set", "out", "up"});
        ip({"-n", name, "link", "set", "lo", "up"});
    }
    ~Neighbour() { output_of({"/sbin/ip", "netns", "del", name}); }
    Neighbour(const Neighbour&) = delete;
    Neighbour& operator=(const Neighbour&) = delete;

    void let_in(bool forwarding) const {
        base::Fd file = base::open_file("/proc/sys/net/ipv4/conf/" + name + "/forwarding", O_WRONLY);
        base::write_all(file.get(), forwarding ? "1" : "0", name);
    }
    std::string fetch(const std::string& url) const {
        return output_of({"/sbin/ip", "netns", "exec", name, "/usr/bin/curl", "-s", "-m", "3", "-o",
                          "/dev/null", "-w", "%{http_code}", url});
    }
    const std::string name = "pkgjail" + std::to_string(::getpid());

  private:
    static void ip(std::vector<std::string> words) {
        words.insert(words.begin(), "/sbin/ip");
        output_of(words);
    }
};

bool reaches(const Host& host, const std::string& jail, const std::string& address) {
    return host.run({"exec", jail, "/usr/bin/timeout", "3", "/bin/bash", "-c",
                     "exec 3<>/dev/tcp/" + address + "/7 || echo no"})
               .err.find("Connection refused") != std::string::npos;
}

} // namespace

TEST_CASE("beyond the host only published ports lead in, and only NAT leads out",
          "[system][root][network][private]") {
    if (!test::can_run_jails() || !has_packet_filter())
        return;
    const Neighbour neighbour;
    NetworkHost host;
    const int port = test::free_port();
    const CommandResult installed = host.run({"install", "nginx", "-j", "web", "--network", "private",
                                              "--publish", fmt::format("tcp:{}:8080", port)});
    REQUIRE(installed.status == 0);
    CHECK(installed.err.find("its published ports are reached from this host alone") != std::string::npos);
    CHECK(installed.err.find("sysctl -w net.ipv4.conf." + neighbour.name + ".forwarding=1") !=
          std::string::npos);
    const std::string url = fmt::format("http://198.51.100.1:{}/", port);
    CHECK(neighbour.fetch(url) == "000");

    neighbour.let_in(true);
    CHECK(neighbour.fetch(url) == "200");
    CHECK(neighbour.fetch(fmt::format("http://198.51.100.1:{}/", port + 1)) == "000");
    CHECK_FALSE(reaches(host, "web", "198.51.100.2"));
    host.must(host.app("app"));
    CHECK_FALSE(reaches(host, "app", "198.51.100.2"));
    CHECK(reaches(host, "app", pool_prefix() + "1")); // the host itself

    host.must(host.app("out", {"--nat", "yes"}));
    CHECK(reaches(host, "out", "198.51.100.2"));
    CHECK(reaches(host, "out", host.status("web")["address"].get<std::string>()));
    neighbour.let_in(false);
    CHECK_FALSE(reaches(host, "out", "198.51.100.2"));
}

#endif
