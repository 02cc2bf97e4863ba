// Volumes and directories of the host in real jails: what is seen, what may be written, what a hostile jail
// or a stranger on the host can make of it.
#include <fstream>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/mount_source.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/host_steps.hpp"
#include "system/confine_fixture.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::HostJail;
namespace fs = std::filesystem;

namespace {

/// A jail of the real nginx that does not run.
void install(const Host& host, const std::string& jail, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {
        "install", "nginx", "-j", jail, "--set", "port=" + std::to_string(test::free_port()), "--no-start"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    well(host, arguments);
}

/// Standard output and error of a command in a jail.
std::string inside(const Host& host, const std::string& jail, const std::string& script) {
    const CommandResult result = host.run({"exec", jail, "sh", "-c", script});
    return result.out + result.err;
}

fs::path volume_files(const Host& host, const std::string& name) {
    return host.run({"volume", "list", name, "--json"}).json()["volumes"][0]["path"].get<std::string>();
}

std::string jail_id(const Host& host, const std::string& name) {
    return host.run({"status", name, "--json"}).json()["jails"][0]["id"];
}

confine::Mount by_descriptor(const fs::path& source, const std::string& target) {
    confine::Mount mount;
    mount.source = source;
    mount.target = base::RootPath::parse(target);
    mount.by_descriptor = true;
    mount.no_exec = true;
    return mount;
}

} // namespace

TEST_CASE("two jails share a volume, which outlives them", "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install(host, "one", {"--volume", "data:/srv/data"});
    install(host, "two", {"--volume", "data:/var/shared:ro"});

    CHECK(inside(host, "one", "echo hello > /srv/data/file && cat /srv/data/file") == "hello\n");
    CHECK(inside(host, "two", "cat /var/shared/file") == "hello\n");
    CHECK_THAT(inside(host, "two", "echo more > /var/shared/file"),
               ContainsSubstring("Read-only file system"));
    CHECK(
        inside(host, "one", "mknod /srv/data/null c 1 3; test -e /srv/data/null || echo none").find("none") !=
        std::string::npos);
    CHECK(inside(host, "one", "grep ' /srv/data ' /proc/self/mountinfo | grep -c 'nosuid,nodev'") == "1\n");
    // What has no volume does not see it, and it is no part of what is copied.
    install(host, "three");
    CHECK(inside(host, "three", "ls -d /srv/data 2>/dev/null || echo none") == "none\n");
    well(host, {"snapshot", "one", "now"});
    well(host, {"exec", "one", "sh", "-c", "echo later > /srv/data/file"});
    well(host, {"restore", "one", "now", "--yes"});
    CHECK(inside(host, "one", "cat /srv/data/file") == "later\n");
    const CommandResult copy = well(
        host, {"clone", "two", "copy", "--no-start", "--set", "port=" + std::to_string(test::free_port())});
    CHECK(inside(host, "copy", "cat /var/shared/file") == "later\n"); // read-only ones come along
    const CommandResult other = well(
        host, {"clone", "one", "other", "--no-start", "--set", "port=" + std::to_string(test::free_port())});
    CHECK_THAT(other.out, ContainsSubstring("what one has mounted at /srv/data is not cloned"));
    CHECK(inside(host, "other", "ls -d /srv/data 2>/dev/null || echo none") == "none\n");

    well(host, {"destroy", "one", "two", "copy", "other", "--with-data", "--yes"});
    CHECK(base::read_file(volume_files(host, "data") / "file") == "later\n");
    CHECK(host.run({"catalog", "check"}).status == 0);
}

TEST_CASE("copies of a jail say which volumes and mounts are not in them, and they come back without",
          "[system][root][volumes][export]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir shared;
    const std::string www = shared.path().string();
    host.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = " + www + "\n");
    install(host, "one", {"--volume", "data:/srv/data", "--mount", www + ":/srv/www"});
    inside(host, "one", "echo outside > /srv/data/file; echo own > /var/own");
    const nlohmann::json left_out{{{"volume", "data"}, {"path", "/srv/data"}},
                                  {{"mount", www}, {"path", "/srv/www"}}};
    const std::string words = "jail one: volume data at /srv/data is not in it\njail one: " + www +
                              " of the host at /srv/www is not in it\n";
    const std::string archive = (shared / "one.tar.zst").string();

    CHECK_THAT(well(host, {"snapshot", "one", "-n"}).out, ContainsSubstring(words));
    CHECK_THAT(well(host, {"snapshot", "one", "first"}).out, ContainsSubstring(words));
    CHECK(well(host, {"snapshot", "one", "second", "--json"}).json()["left_out"] == left_out);
    CHECK_THAT(well(host, {"export", "one", archive, "-n"}).out, ContainsSubstring(words));
    CHECK_THAT(well(host, {"export", "one", archive}).out, ContainsSubstring(words));
    CHECK(well(host, {"export", "one", archive, "--force", "--json"}).json()["left_out"] == left_out);
    const CommandResult piped = host.run({"export", "one", "-"});
    CHECK_THAT(piped.err, ContainsSubstring("jail one: volume data at /srv/data is not in it"));
    CHECK(piped.out.find("is not in it") == std::string::npos);
    install(host, "plain");
    CHECK(well(host, {"snapshot", "plain", "--json"}).json()["left_out"].empty());
    CHECK(well(host, {"snapshot", "plain", "x"}).out.find("is not in it") == std::string::npos);

    well(host,
         {"import", archive, "back", "--no-start", "--set", "port=" + std::to_string(test::free_port())});

    const auto back = host.run({"status", "back", "--json"}).json()["jails"][0];
    CHECK(back["volumes"].empty());
    CHECK(back["mounts"].empty());
    CHECK(inside(host, "back", "cat /var/own; ls -A /srv/data /srv/www 2>/dev/null") == "own\n");
    // What was left out can be given to it.
    well(host, {"volume", "attach", "back", "data:/srv/data:ro"});
    CHECK(inside(host, "back", "cat /srv/data/file") == "outside\n");
    CHECK(host.run({"catalog", "check"}).status == 0);
}

TEST_CASE("a fresh volume has the owner that its place had, and the service writes into it",
          "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    well(host, {"install", "redis", "--set", "port=" + port, "--volume", "db:/var/db/redis"});
    REQUIRE(host.run({"exec", "redis", "redis-cli", "-p", port, "set", "key", "value"}).out == "OK\n");
    well(host, {"exec", "redis", "redis-cli", "-p", port, "save"});

    const fs::path files = volume_files(host, "db");
    CHECK(fs::exists(files / "dump.rdb"));
    struct stat of_volume {
    }, of_seed{};
    REQUIRE(::stat(files.c_str(), &of_volume) == 0);
    const std::string image = host.run({"status", "redis", "--json"}).json()["jails"][0]["image"];
    REQUIRE(::stat((store::Layout(host.state()).image_seed(image) / "data/var/db/redis").c_str(), &of_seed) ==
            0);
    CHECK(of_volume.st_uid == of_seed.st_uid);
    CHECK(of_volume.st_uid != 0);
    CHECK(of_volume.st_mode == of_seed.st_mode);
    well(host, {"restart", "redis"});
    CHECK(host.run({"exec", "redis", "redis-cli", "-p", port, "get", "key"}).out == "value\n");
    CHECK(host.run({"volume", "destroy", "db", "--yes"}).status == 6);
    // Another owner, given by hand, stays. Not before the stop: redis does not end while it cannot save.
    well(host, {"stop", "redis"});
    REQUIRE(::chown(files.c_str(), 12345, 0) == 0);
    well(host, {"volume", "detach", "redis", "/var/db/redis"});
    well(host, {"volume", "attach", "redis", "db:/var/db/redis"});
    REQUIRE(::stat(files.c_str(), &of_volume) == 0);
    CHECK(of_volume.st_uid == 12345);
}

TEST_CASE("a rebuilt catalog gives jails their volumes again", "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install(host, "one", {"--volume", "data:/srv/data"});
    well(host, {"volume", "create", "spare"});
    inside(host, "one", "echo hello > /srv/data/file");
    const auto before = host.run({"status", "one", "--json"}).json()["jails"][0]["volumes"];
    const CommandResult checked = host.run({"catalog", "check"});
    INFO(checked.out);
    CHECK(checked.status == 0);

    fs::remove(host.state() / "catalog.sqlite");
    const auto rebuilt = well(host, {"catalog", "rebuild", "--json"}).json();

    CHECK(rebuilt["volumes"] == 2);
    CHECK(host.run({"status", "one", "--json"}).json()["jails"][0]["volumes"] == before);
    CHECK(inside(host, "one", "cat /srv/data/file") == "hello\n");
    CHECK(host.run({"catalog", "check"}).status == 0);
}

TEST_CASE("a directory of the host is seen as it is written, without programs and devices",
          "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir shared;
    host.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = " + shared.path().string() + "\n");
    fs::create_directories(shared / "www");
    std::ofstream(shared / "www" / "index") << "page\n";
    std::ofstream(shared / "www" / "program") << "#!/bin/sh\necho ran\n";
    fs::permissions(shared / "www" / "program", fs::perms::all);
    fs::create_symlink("/etc/passwd", shared / "www" / "link");
    std::ofstream(shared / "one-file") << "alone\n";
    const std::string www = (shared / "www").string();
    install(host, "web",
            {"--mount", www + ":/srv/www", "--mount", (shared / "one-file").string() + ":/var/one"});

    CHECK(inside(host, "web", "cat /srv/www/index /var/one") == "page\nalone\n");
    CHECK_THAT(inside(host, "web", "echo x > /srv/www/new"), ContainsSubstring("Read-only file system"));
    CHECK_THAT(inside(host, "web", "/srv/www/program"), ContainsSubstring("ermission denied"));
    CHECK(inside(host, "web", "cmp /srv/www/link /etc/passwd && echo own") == "own\n"); // the jail's own file
    CHECK(inside(host, "web", "grep -c ' /srv/www ro,nosuid,nodev,noexec' /proc/self/mountinfo") == "1\n");

    well(host, {"volume", "attach", "web", www + ":/srv/www:rw,exec"});
    CHECK(inside(host, "web", "echo x > /srv/www/new && /srv/www/program") == "ran\n");
    CHECK(fs::exists(shared / "www" / "new"));
    const std::string mounts = base::read_file("/proc/self/mountinfo");
    CHECK(mounts.find(host.state().string()) == std::string::npos); // nothing is left on the host

    // What was allowed and is not any more.
    host.write_config("pkgjail.conf", "");
    CHECK(host.run({"exec", "web", "true"}).status == 77);
    CHECK(host.run({"start", "web"}).status == 77);
}

TEST_CASE("a service starts in a directory that is mounted, and has it again after it was killed",
          "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir shared;
    host.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = " + shared.path().string() + "\n");
    fs::create_directories(shared / "site");
    std::ofstream(shared / "site" / "file") << "here\n";
    host.write_config("recipes.d/site.recipe",
                      "[recipe]\nsummary = a test\npackage = nginx\n[service]\n"
                      "command = /bin/sh -c 'cat file; exec sleep 1000'\ndirectory = /srv/site\n"
                      "restart-backoff = 10ms\n");
    well(host, {"install", "nginx", "-j", "site", "--recipe", "site", "--mount",
                (shared / "site").string() + ":/srv/site"});
    CHECK_THAT(host.run({"logs", "site", "--raw"}).out, ContainsSubstring("here\n"));

    // A stranger puts another directory in the place of the one that may be mounted.
    fs::rename(shared / "site", shared / "away");
    fs::create_directory_symlink("/root", shared / "site");
    const CommandResult refused = host.run({"restart", "site"});
    INFO(refused.err);
    CHECK(refused.status != 0);
    CHECK_THAT(refused.err, ContainsSubstring("site: is a symbolic link"));
    fs::remove(shared / "site");
    fs::rename(shared / "away", shared / "site");
    well(host, {"start", "site"});
}

TEST_CASE("links that a jail's root has planted do not lead a mount out of it", "[system][root][volumes]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir victim;
    install(host, "web");
    const fs::path data = store::Layout(host.state()).jail_data(jail_id(host, "web"));
    well(host, {"volume", "create", "data"});
    std::ofstream(volume_files(host, "data") / "file") << "hello\n";

    // As root inside would: a link in the place of the mount point, and one on the way.
    REQUIRE(inside(host, "web", "ln -s " + victim.path().string() + " /var/place") == "");
    well(host, {"volume", "attach", "web", "data:/var/place"});
    const CommandResult at_the_end = host.run({"exec", "web", "true"});
    CHECK(at_the_end.status == 6);
    CHECK_THAT(at_the_end.err, ContainsSubstring("is no directory, so nothing can be mounted there"));
    well(host, {"volume", "detach", "web", "/var/place"});

    REQUIRE(inside(host, "web", "ln -s / /var/way") == "");
    well(host, {"volume", "attach", "web", "data:/var/way/tmp/place"});
    const CommandResult on_the_way = host.run({"exec", "web", "true"});
    CHECK(on_the_way.status == 65);
    CHECK_THAT(on_the_way.err, ContainsSubstring("passes through a symbolic link"));
    CHECK_FALSE(fs::exists("/tmp/place"));
    well(host, {"volume", "detach", "web", "/var/way/tmp/place"});
    CHECK(fs::is_empty(victim.path()));

    // One that leads nowhere outside is refused all the same.
    REQUIRE(inside(host, "web", "mkdir /var/real; ln -s real /var/other") == "");
    well(host, {"volume", "attach", "web", "data:/var/other/place"});
    CHECK(host.run({"exec", "web", "true"}).status == 65);
    CHECK_FALSE(fs::exists(data / "var/real/place"));
}

TEST_CASE("what is mounted is what was looked at, whatever its path leads to then",
          "[root][confine][volumes]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail("mounts");
    const test::TempDir shared;
    fs::create_directories(shared / "good");
    std::ofstream(shared / "good" / "file") << "good\n";
    fs::create_directories(jail.data() / "place");
    jail.spec.closed = {test::system_state()};
    jail.spec.mounts.push_back(by_descriptor(shared / "good", "/data/place"));
    CHECK(jail.run_shell("cat /data/place/file; echo x > /data/place/new").out.starts_with("good\n"));
    CHECK_FALSE(fs::exists(shared / "good" / "new"));
    CHECK(test::traces_of(jail).empty());

    const auto why = [&](const fs::path& source) {
        jail.spec.mounts.back().source = source;
        try {
            confine::open_source(jail.spec, jail.spec.mounts.back());
        } catch (const base::Error& error) {
            return std::string(error.cause());
        }
        return std::string("opened");
    };
    fs::create_directory_symlink(shared / "good", shared / "link");
    fs::create_directories(shared / "link-above-target" / "below");
    fs::create_directory_symlink(shared / "link-above-target", shared / "above");
    CHECK(why(shared / "link") ==
          "is a symbolic link, and whoever can change it would choose what is mounted");
    CHECK(why(shared / "above" / "below").starts_with("is a symbolic link"));
    CHECK(why(shared / "nothing").starts_with("does not exist"));
    REQUIRE(::mkfifo((shared / "fifo").c_str(), 0600) == 0);
    CHECK(why(shared / "fifo").starts_with("is neither a directory nor a file"));
    CHECK(why(test::system_state() / "run").starts_with("belongs to " + test::system_state().string()));
    CHECK(why(test::system_state().parent_path()).starts_with("holds "));
    CHECK(why("/proc/self").starts_with("belongs to /proc"));
    CHECK(why(shared / "good") == "opened");
}

TEST_CASE("pkgjail's own files are not mounted under another name either", "[root][confine][volumes]") {
    if (test::system_driver() == nullptr)
        return;
    HostJail jail("own");
    const test::TempDir shared;
    fs::create_directories(shared / "state" / "jails");
    fs::create_directories(shared / "bound");
    REQUIRE(::mount((shared / "state").c_str(), (shared / "bound").c_str(), nullptr, MS_BIND, nullptr) == 0);
    jail.spec.closed = {shared / "state"};
    std::string cause;
    try {
        confine::open_source(jail.spec, by_descriptor(shared / "bound" / "jails", "/data/x"));
    } catch (const base::Error& error) {
        cause = error.cause();
    }
    REQUIRE(::umount((shared / "bound").c_str()) == 0);
    CHECK(cause == "leads to pkgjail's own files and cannot be mounted into a jail");
}
