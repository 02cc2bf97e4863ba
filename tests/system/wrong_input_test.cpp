// What goes wrong on a real host: ports taken, programs that are not there or end at once, no runtime, no
// space, users that nobody made. Each is one line with object and cause, and leaves nothing.
#include <fstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// A listener on loopback, as another program of the host would have it.
class Listener {
  public:
    Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        struct sockaddr_in name {};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof name;
        REQUIRE(::bind(fd_.get(), reinterpret_cast<struct sockaddr*>(&name), size) == 0);
        REQUIRE(::listen(fd_.get(), 4) == 0);
        REQUIRE(::getsockname(fd_.get(), reinterpret_cast<struct sockaddr*>(&name), &size) == 0);
        port_ = ntohs(name.sin_port);
    }
    int port() const { return port_; }

  private:
    base::Fd fd_;
    int port_ = 0;
};

/// A small file system of its own, unmounted at the end.
class SmallDisk {
  public:
    explicit SmallDisk(const std::string& size) : path_(directory_ / "disk") {
        std::filesystem::create_directory(path_);
        mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("mode=0755,size=" + size).c_str()) == 0;
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_)
            ::umount2(path_.c_str(), MNT_DETACH);
    }
    bool mounted() const { return mounted_; }
    const std::filesystem::path& path() const { return path_; }

  private:
    test::TempDir directory_;
    std::filesystem::path path_;
    bool mounted_ = false;
};

/// A repository with one package `svc`, whose service is a shell script of the test's.
class ServiceShop {
  public:
    explicit ServiceShop(const std::string& script) : host_(path()) {
        test::PackageSpec spec;
        spec.pkgname = "svc-1.0";
        spec.files = {{"bin/svc", script, 0755}};
        test::make_repository(path(), {spec});
    }
    const Host& host() const { return host_; }
    void recipe(const std::string& text) const {
        host_.write_config("recipes.d/svc.recipe",
                           "[recipe]\nsummary = a service of a test\npackage = svc\n" + text);
    }

  private:
    std::filesystem::path path() const { return directory_ / "All"; }
    test::TempDir directory_;
    Host host_;
};

bool runs(const Host& host, const std::string& jail) {
    return !host.run({"status", jail, "--json"}).json()["jails"][0]["pid"].is_null();
}

void check_empty(const Host& host) {
    CHECK(host.run({"list", "--json"}).json()["jails"].empty());
    CHECK(std::filesystem::is_empty(host.state() / "images"));
    CHECK(std::filesystem::is_empty(host.state() / "jails"));
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "run")) {
        INFO(entry.path().string());
        CHECK((!entry.is_directory() ||
               std::filesystem::is_empty(entry))); // the driver's own, with no jail in it
    }
}

constexpr const char* sleeper = "#!/bin/sh\nexec sleep 1000\n";

} // namespace

TEST_CASE("a port that another program has is a conflict, and nothing is started", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Listener taken;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(taken.port());

    const CommandResult result = host.run({"install", "nginx", "--set", "port=" + port});

    INFO(result.err);
    CHECK(result.status == 6);
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: install: "));
    CHECK_THAT(result.err, ContainsSubstring("port tcp:" + port + ": is in use by another program"));
    CHECK_THAT(result.err, ContainsSubstring("hint: "));
    if (!host.run({"list", "--json"}).json()["jails"].empty())
        CHECK_FALSE(runs(host, "nginx"));
}

TEST_CASE("a port that another jail claims is a conflict before anything is fetched", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + port}).status == 0);

    const CommandResult result = host.run({"install", "nginx", "-j", "web2", "--set", "port=" + port});

    CHECK(result.status == 6);
    CHECK_THAT(result.err, ContainsSubstring("port tcp:" + port + ": is claimed by jail nginx already"));
    CHECK(host.run({"list", "--json"}).json()["jails"].size() == 1);
}

TEST_CASE("a service whose program is not there is told by its name", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);
    shop.recipe("[service]\ncommand = ${prefix}/bin/svcd\n");

    const CommandResult result = shop.host().run({"install", "svc"});

    INFO(result.err);
    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("/usr/pkg/bin/svcd"));
    CHECK_FALSE(runs(shop.host(), "svc"));
}

TEST_CASE("a service that ends at once is a failed start with its last words", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(
        "#!/bin/sh\necho warming up\necho 'svc: no such table: \033[31musers' >&2\nexit 7\n");
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\n");

    const CommandResult result = shop.host().run({"install", "svc"});

    INFO(result.err);
    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("exit status 7"));
    CHECK_THAT(result.err, ContainsSubstring("(last output: svc: no such table: "));
    CHECK_THAT(result.err, ContainsSubstring("hint: pkgjail logs svc"));
    CHECK(result.err.find('\033') == std::string::npos);
    CHECK_FALSE(runs(shop.host(), "svc"));
    const CommandResult again = shop.host().run({"start", "svc", "--json"});
    CHECK(again.status == 4);
    CHECK(again.json()["results"][0]["error"]["kind"] == "unhealthy");
}

TEST_CASE("a service that never answers is a failed start", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);
    const std::string port = std::to_string(test::free_port());
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\n[network]\nmode = host\nclaim = tcp:" + port +
                "\n[health]\ntcp = 127.0.0.1:" + port + "\ngrace = 1s\ninterval = 1s\ntimeout = 1s\n");

    const CommandResult result = shop.host().run({"install", "svc"});

    INFO(result.err);
    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("the service did not get ready"));
    CHECK_FALSE(runs(shop.host(), "svc"));
}

TEST_CASE("a recipe's user that no package made is bad configuration", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\nuser = nosuchuser\n");

    const CommandResult result = shop.host().run({"install", "svc"});

    INFO(result.err);
    CHECK(result.status == 78);
    CHECK_THAT(result.err, ContainsSubstring("nosuchuser"));
    if (!shop.host().run({"list", "--json"}).json()["jails"].empty())
        CHECK_FALSE(runs(shop.host(), "svc"));
}

TEST_CASE("without a runtime packages are installed but nothing is run", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\n");
    shop.host().write_config("pkgjail.conf", "[pkgjail]\nruntime = /bin/false\n");

    const CommandResult placed = shop.host().run({"install", "svc", "--no-start"});
    INFO(placed.err);
    CHECK(placed.status == 0);

    const CommandResult started = shop.host().run({"start", "svc"});
    INFO(started.err);
    CHECK(started.status == 77);
    CHECK_THAT(started.err, ContainsSubstring("/bin/false"));
    const CommandResult inside = shop.host().run({"exec", "svc", "true"});
    CHECK(inside.status == 77);
    CHECK(shop.host().run({"list"}).status == 0);
    CHECK(shop.host().run({"status"}).status == 0);
    CHECK(shop.host().run({"doctor"}).status == 2);
    // Nothing of it runs, so it needs no runtime to be removed.
    REQUIRE(shop.host().run({"install", "svc", "-j", "other", "--no-start"}).status == 0);
    CHECK(shop.host().run({"start", "other"}).status == 77);
    const CommandResult destroyed = shop.host().run({"destroy", "other", "--with-data", "--yes"});
    INFO(destroyed.err);
    CHECK(destroyed.status == 0);

    // With a runtime again everything goes on.
    shop.host().write_config("pkgjail.conf", "");
    CHECK(shop.host().run({"start", "svc"}).status == 0);
    CHECK(shop.host().run({"destroy", "svc", "--with-data", "--yes"}).status == 0);
    check_empty(shop.host());
}

TEST_CASE("scripts of packages without a runtime are not skipped but refused", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("pkgjail.conf", "[pkgjail]\nruntime = /bin/false\n[packages]\ninstall-scripts = run\n");

    const CommandResult result = host.run({"install", "nginx", "--no-start"});

    INFO(result.err);
    CHECK(result.status == 77);
    CHECK_THAT(result.err, ContainsSubstring("/bin/false"));
    check_empty(host);
}

TEST_CASE("a script that fails fails the install and leaves nothing", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const test::TempDir directory;
    test::PackageSpec spec;
    spec.pkgname = "svc-1.0";
    spec.files = {{"bin/svc", sleeper, 0755}};
    spec.install_script = "#!/bin/sh\necho the disk is not round >&2\nexit 3\n";
    test::make_repository(directory / "All", {spec});
    const Host host(directory / "All");

    const CommandResult result = host.run({"install", "svc"});

    INFO(result.err);
    CHECK(result.status == 4);
    CHECK_THAT(result.err, ContainsSubstring("svc-1.0"));
    CHECK_THAT(result.err, ContainsSubstring("exit status 3"));
    check_empty(host);
}

TEST_CASE("a full disk fails the install, and with space the next one works", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const SmallDisk disk("24M");
    if (!disk.mounted()) {
        WARN("skipped: a tmpfs cannot be mounted here");
        return;
    }
    const test::TempDir directory;
    test::PackageSpec spec;
    spec.pkgname = "big-1.0";
    spec.files = {{"share/big/data", std::string(8u << 20, 'b')}}; // nothing once compressed
    test::make_repository(directory / "All", {spec});
    const Host host(directory / "All");
    const std::string state = (disk.path() / "state").string();
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--no-progress"});
        base::Command command;
        command.argv = {PKGJAIL_BINARY_DIR "/bin/pkgjail", "--state", state, "--config", host.etc().string()};
        command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
        command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
        const base::Output output = base::run(command, std::chrono::seconds(180));
        return CommandResult{output.exit.signalled ? 128 + output.exit.value : output.exit.value, output.out,
                             output.err};
    };
    REQUIRE(run({"update"}).status == 0);
    {
        std::ofstream ballast(disk.path() / "ballast");
        ballast << std::string(18u << 20, 'x');
        REQUIRE(ballast.flush().good());
    }

    const CommandResult full = run({"install", "big"});
    INFO(full.err);
    CHECK(full.status == 1);
    CHECK_THAT(full.err, ContainsSubstring("No space left on device"));
    CHECK(std::filesystem::is_empty(state + "/images"));
    CHECK(std::filesystem::is_empty(state + "/jails"));

    std::filesystem::remove(disk.path() / "ballast");
    const CommandResult next = run({"install", "big"});
    INFO(next.err);
    CHECK(next.status == 0);
    CHECK(next.err.find("interrupted") == std::string::npos);
    CHECK(run({"doctor"}).status == 0);
    CHECK(run({"destroy", "big", "--with-data", "--yes"}).status == 0);
}

TEST_CASE("history names the command without the options of its surroundings", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);

    REQUIRE(shop.host().run({"install", "svc", "-j", "one", "--no-progress", "--wait=5"}).status == 0);

    CHECK_THAT(shop.host().run({"status", "one"}).out,
               ContainsSubstring("1, made by: pkgjail install svc --jail one\n"));
}

TEST_CASE("a configuration that does not parse stops a change and names the place", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const ServiceShop shop(sleeper);
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\n");
    REQUIRE(shop.host().run({"install", "svc"}).status == 0);
    shop.recipe("[service]\ncommand = ${prefix}/bin/svc\nuser = \n[healt]\n");

    const CommandResult restart = shop.host().run({"restart", "svc"});

    INFO(restart.err);
    CHECK(restart.status == 78);
    CHECK_THAT(restart.err, ContainsSubstring("svc.recipe:"));
    CHECK(runs(shop.host(), "svc")); // what runs is not ended for a recipe that cannot start it again
    const CommandResult status = shop.host().run({"status", "svc"});
    CHECK(status.status == 0);
    CHECK_THAT(status.err, ContainsSubstring("svc.recipe:"));
    CHECK(shop.host().run({"stop", "svc"}).status == 0);
}
