// The main job, on the real kernel with the real nginx: install, answer, confine, install again, destroy.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "pkgjail/base/mounts.hpp"
#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

CommandResult install_nginx(const Host& host, int port, const std::string& jail = "nginx") {
    return host.run({"install", "nginx", "-j", jail, "--set", "port=" + std::to_string(port), "--json"});
}

/// What a command inside the jail says, with its status in front.
std::string inside(const Host& host, const std::string& jail, const std::string& script) {
    const CommandResult result = host.run({"exec", jail, "/bin/sh", "-c", script});
    return std::to_string(result.status) + " " + result.out + result.err;
}

/// What the kernel still has of a jail: cgroup directories with its id. Other jails of this host are none of
/// our business.
std::set<std::string> kernel_traces(const std::string& jail_id) {
    std::set<std::string> traces;
    std::error_code error;
    for (auto it = std::filesystem::recursive_directory_iterator("/sys/fs/cgroup", error);
         it != std::filesystem::recursive_directory_iterator(); it.increment(error))
        if (it->path().filename().string().find(jail_id) != std::string::npos)
            traces.insert(it->path().string());
    return traces;
}

} // namespace

TEST_CASE("install nginx ends with nginx answering from inside a jail", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();

    const CommandResult installed = install_nginx(host, port);

    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
    const auto json = installed.json();
    CHECK(json["schema"] == "pkgjail.install/1");
    CHECK(json["jail_created"] == true);
    CHECK(json["status"]["state"] == "ready");
    const auto status = host.run({"status", "nginx", "--json"}).json()["jails"][0];
    CHECK(status["jail"] == "nginx");
    CHECK(status["generation"] == 1);
    CHECK(status["image"].get<std::string>().size() == 64);
    CHECK(status["pid"].get<int>() > 1);
    CHECK(status["ports"][0]["port"] == port);
    std::set<std::string> enforced;
    for (const auto& limit : status["limits"])
        if (limit["enforcement"] == "enforced")
            enforced.insert(limit["limit"].get<std::string>());
    CHECK(enforced.count("memory") == 1);
    CHECK(enforced.count("processes") == 1);
    CHECK(enforced.count("files") == 1);
}

TEST_CASE("root inside a jail sees no host and changes no program", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(install_nginx(host, test::free_port()).status == 0);

    CHECK(inside(host, "nginx", "ls -d /proc/[0-9]* | wc -l").size() <= std::string("0 99\n").size());
    CHECK_THAT(inside(host, "nginx", "cat /proc/1/comm"), ContainsSubstring("nginx"));
    CHECK_THAT(inside(host, "nginx", "touch /usr/pkg/sbin/mine"), ContainsSubstring("Read-only file system"));
    CHECK_THAT(inside(host, "nginx", "touch /usr/bin/x"), ContainsSubstring("Read-only file system"));
    CHECK_THAT(inside(host, "nginx", "touch /x"), ContainsSubstring("Read-only file system"));
    CHECK(inside(host, "nginx", "stat -c %a /tmp /run") == "0 1777\n755\n");
    CHECK(inside(host, "nginx", "test -e /etc/debian_version").starts_with("1 "));
    CHECK(inside(host, "nginx", "test -e " + host.state().string()).starts_with("1 "));
    CHECK_FALSE(inside(host, "nginx", "mknod /tmp/mem c 1 1").starts_with("0 "));
    CHECK_FALSE(inside(host, "nginx", "mount -t tmpfs none /tmp").starts_with("0 "));
    CHECK_FALSE(inside(host, "nginx", "mount --bind /etc /tmp").starts_with("0 "));
    CHECK_FALSE(inside(host, "nginx", "chroot /tmp /bin/true; chroot / /bin/true").starts_with("0 "));
    CHECK_FALSE(inside(host, "nginx", "unshare -m true").starts_with("0 "));
    CHECK_THAT(inside(host, "nginx", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t\\n' '  '"),
               ContainsSubstring("NoNewPrivs: 1 Seccomp: 2"));
    // 3 is ls's own view of the directory.
    CHECK(inside(host, "nginx", "echo $(ls /proc/self/fd)") == "0 0 1 2 3\n");
    // Without nosuid are only the skeleton, which is read-only and holds no files, and the runtime's covers
    // over parts of /proc, which are empty.
    CHECK(inside(host, "nginx", "grep -v nosuid /proc/self/mountinfo | cut -d' ' -f5 | grep -v ^/proc/") ==
          "0 /\n");
}

TEST_CASE("a second jail of the same packages reuses the image", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int first = test::free_port();
    REQUIRE(install_nginx(host, first).status == 0);
    const int second = test::free_port();

    const CommandResult result = install_nginx(host, second, "web2");

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(result.json()["image_reused"] == true);
    CHECK(test::http_status(test::url(first)) == 200);
    CHECK(test::http_status(test::url(second)) == 200);
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "images"),
                        std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("every verb run twice does nothing the second time", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(install_nginx(host, port).status == 0);
    const int pid = host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"];

    const auto again = host.run({"install", "nginx", "--json"}).json();
    CHECK(again["steps"].empty());
    CHECK(again["started"] == false);
    CHECK(host.run({"start", "nginx", "--json"}).json()["results"][0]["changed"] == false);
    CHECK(host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"] == pid);
    CHECK(host.run({"stop", "nginx", "--json"}).json()["results"][0]["changed"] == true);
    CHECK(test::http_status(test::url(port)) == 0);
    CHECK(host.run({"stop", "nginx", "--json"}).json()["results"][0]["changed"] == false);
    CHECK(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
    CHECK(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 5);
}

TEST_CASE("destroy leaves nothing on disk and nothing in the kernel", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(install_nginx(host, port).status == 0);
    const std::string id = host.run({"status", "nginx", "--json"}).json()["jails"][0]["id"];
    CHECK_FALSE(kernel_traces(id).empty());

    REQUIRE(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);

    CHECK(kernel_traces(id).empty());
    CHECK(base::mounts_below(host.state()).empty());
    CHECK(std::filesystem::is_empty(host.state() / "images"));
    CHECK(std::filesystem::is_empty(host.state() / "jails"));
    CHECK(test::http_status(test::url(port)) == 0);
}

TEST_CASE("an install killed at any step is put right by the next one", "[system][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    const std::vector<std::string> install = {"install", "nginx", "--set", "port=" + std::to_string(port)};
    const std::vector<std::string> steps = steps_of(host, install);
    REQUIRE(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
    REQUIRE(steps.size() >= 15);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        const CommandResult killed = host.run(install, {{"PKGJAIL_STOP_AT", step}});
        INFO(killed.out << killed.err);
        if (step.starts_with("update.")) // the index is there already
            CHECK(killed.status == 0);
        else
            CHECK(killed.status == 128 + 9);

        const CommandResult next = host.run(install);
        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(test::http_status(test::url(port)) == 200);
        const CommandResult doctor = host.run({"doctor", "--json"});
        INFO(doctor.out);
        CHECK(doctor.status == 0);
        CHECK(host.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
        CHECK(std::filesystem::is_empty(host.state() / "images"));
        CHECK(std::filesystem::is_empty(host.state() / "jails"));
    }
}

TEST_CASE("redis from its recipe answers and keeps its data over a restart", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());

    const CommandResult installed = host.run({"install", "redis", "--set", "port=" + port});

    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    CHECK_THAT(inside(host, "redis", "redis-cli -p " + port + " set greeting hello"),
               ContainsSubstring("OK"));
    CHECK_THAT(inside(host, "redis", "redis-cli -p " + port + " save"), ContainsSubstring("OK"));
    CHECK(host.run({"restart", "redis"}).status == 0);
    CHECK_THAT(inside(host, "redis", "redis-cli -p " + port + " get greeting"), ContainsSubstring("hello"));
}
