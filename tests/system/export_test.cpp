// export and import: with the real nginx, on real file systems.
#include <fstream>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/base/tree.hpp"
#include "support/host_steps.hpp"
#include "support/loop_mount.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

std::filesystem::path only_entry(const std::filesystem::path& directory) {
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        REQUIRE(found.empty());
        found = entry.path();
    }
    return found;
}

std::size_t entries(const std::filesystem::path& directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

/// Type, mode, owner, time, links, size, holes, attributes, content of everything below.
std::string everything(const std::filesystem::path& top, const std::set<std::string>& but = {}) {
    std::string text;
    std::map<ino_t, std::string> first;
    base::Tree::open(top).walk([&](const base::Entry& entry) {
        if (but.contains(entry.path.str()))
            return false;
        const std::filesystem::path path = top / std::string(entry.path.relative());
        const struct stat& s = entry.status;
        text += entry.path.str() + " " + std::to_string(s.st_mode) + " " + std::to_string(s.st_uid) + ":" +
                std::to_string(s.st_gid) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
                std::to_string(s.st_mtim.tv_nsec);
        char value[256];
        for (const char* name : {"user.note", "system.posix_acl_access"})
            if (const ssize_t size = ::lgetxattr(path.c_str(), name, value, sizeof value); size > 0)
                text += std::string(" ") + name + "=" +
                        base::sha256(std::string_view(value, static_cast<std::size_t>(size)));
        if (entry.is_file()) {
            text += " " + std::to_string(s.st_size) + " " +
                    base::digest_of_file(base::DigestAlgorithm::sha256, base::open_file(path, O_RDONLY), "");
            if (static_cast<off_t>(s.st_blocks) * 512 < s.st_size / 2)
                text += " sparse";
            if (s.st_nlink > 1 && top.filename() != "tree") // an image's files may be shared with others
                text += " same as " + first.try_emplace(s.st_ino, entry.path.str()).first->second;
        } else if (entry.is_symlink()) {
            text += " -> " + entry.link_target;
        }
        text += "\n";
        return true;
    });
    return text;
}

/// A bit of what a service may leave in its data.
void leave_data(const std::filesystem::path& data) {
    const auto var = data / "var/db";
    std::filesystem::create_directories(var / "svc");
    std::ofstream(var / "svc/a") << "first";
    std::filesystem::create_hard_link(var / "svc/a", var / "svc/b");
    std::filesystem::create_symlink("/somewhere/else", var / "link");
    std::ofstream(var / "holes").close();
    std::filesystem::resize_file(var / "holes", 64u << 20);
    std::ofstream(var / "odd\nname \xff") << "odd";
    REQUIRE(::mkfifo((var / "fifo").c_str(), 0620) == 0);
    REQUIRE(::chown((var / "svc/a").c_str(), 1234, 4321) == 0);
    REQUIRE(::chmod((var / "svc/a").c_str(), 0640) == 0);
    REQUIRE(::lsetxattr((var / "svc").c_str(), "user.note", "kept", 4, 0) == 0);
    const std::string list("\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\4\0\x25\x4e\0\0\4\0\5\0\xff\xff\xff\xff"
                           "\x10\0\7\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
                           44);
    REQUIRE(::lsetxattr((var / "svc").c_str(), "system.posix_acl_access", list.data(), list.size(), 0) == 0);
    const struct timespec times[2] = {{1000, 1}, {2000, 123456789}};
    for (const char* path : {"svc/a", "link", "fifo", "svc"})
        REQUIRE(::utimensat(AT_FDCWD, (var / path).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

base::Output run_program(const std::string& program, std::vector<std::string> arguments) {
    base::Command command;
    command.argv = {base::find_program(program)->string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"};
    return base::run(command, std::chrono::seconds(120));
}

} // namespace

TEST_CASE("an exported jail comes back on another file system with every file and attribute, and runs",
          "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const std::string type = GENERATE("btrfs", "xfs");
    INFO(type);
    const auto mount = test::LoopMount::make(type, 512);
    if (!mount)
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    const auto source = only_entry(host.state() / "jails");
    leave_data(source / "data");
    const auto file = mount->top() / "nginx.tar.zst";

    const CommandResult exported = host.run({"export", "nginx", file.string(), "--json"});

    INFO(exported.out << exported.err);
    REQUIRE(exported.status == 0);
    CHECK(test::http_status(test::url(port)) == 200); // it went on
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_read) ==
          std::filesystem::perms::none);
    CHECK(host.run({"export", "nginx", file.string()}).status == 6);
    CHECK(host.run({"export", "nginx", file.string(), "--force"}).status == 0);
    CHECK(entries(mount->top()) <= 2); // the file, and lost+found
    CHECK(entries(host.state() / "snapshots") == 0);
    REQUIRE(host.run({"stop", "nginx"}).status == 0);

    const Host other({}, mount->top() / "state");
    const CommandResult imported = other.run({"import", file.string(), "nginx", "--no-start", "--json"});

    INFO(imported.out << imported.err);
    REQUIRE(imported.status == 0);
    CHECK(imported.json()["image_reused"] == false);
    CHECK(imported.json()["renumbered"].empty());
    const auto copy = only_entry(other.state() / "jails");
    CHECK(everything(copy / "data") == everything(source / "data"));
    // What the recipe wrote is noted anew.
    CHECK(everything(copy / "config", {"/1/.pkgjail"}) == everything(source / "config", {"/1/.pkgjail"}));
    for (const char* part : {"tree", "seed"})
        CHECK(everything(only_entry(other.state() / "images") / part) ==
              everything(only_entry(host.state() / "images") / part));
    CHECK(other.run({"start", "nginx"}).status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(other.run({"verify"}).status == 0);
    CHECK(other.run({"doctor", "--json"}).status == 0);

    // Where the image is already it is shared, and a name or port that is taken is told before anything.
    CHECK(host.run({"import", file.string(), "nginx"}).status == 6);
    const CommandResult clash = host.run({"import", file.string(), "web2"});
    CHECK(clash.status == 6);
    CHECK_THAT(clash.err, ContainsSubstring("--set port="));
    const CommandResult beside =
        host.run({"import", file.string(), "web2", "--no-start", "--json", "--set", "port=1"});
    CHECK(beside.json()["image_reused"] == true);
    CHECK(entries(host.state() / "images") == 1);
}

TEST_CASE("a snapshot can be exported, and an archive can come and go through pipes",
          "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + port}).status == 0);
    const auto source = only_entry(host.state() / "jails");
    std::ofstream(source / "data/var/then") << "then";
    REQUIRE(host.run({"snapshot", "nginx", "before"}).status == 0);
    std::ofstream(source / "data/var/later") << "later";

    const Host other;
    const std::string program = std::string(PKGJAIL_BINARY_DIR) + "/bin/pkgjail";
    const auto on = [&](const Host& which) {
        return program + " --state " + which.state().string() + " --config " + which.etc().string();
    };

    const base::Output piped = run_program(
        "sh", {"-c", on(host) + " export nginx@before - | " + on(other) + " import - web --no-start"});

    INFO(piped.out << piped.err);
    REQUIRE(piped.exit.success());
    const auto copy = only_entry(other.state() / "jails");
    CHECK(std::filesystem::exists(copy / "data/var/then"));
    CHECK_FALSE(std::filesystem::exists(copy / "data/var/later"));
    CHECK(host.run({"export", "nginx@none", "-"}).status == 5);
    CHECK(host.run({"export", "nginx", "-", "--json"}).status == 64);
    CHECK(host.run({"export", "nginx", "-", "--format", "oci"}).status == 64);
    CHECK(host.run({"export", "nginx", "-", "--format", "zip"}).status == 64);
}

TEST_CASE("accounts of an imported jail get this host's numbers", "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "redis", "--no-start", "--set", "port=" + port}).status == 0);
    const auto file = host.etc() / "redis.tar.zst";
    REQUIRE(host.run({"export", "redis", file.string()}).status == 0);
    // On the other host nginx has come first, and has the number that redis has on this one.
    const Host other(test::demo_repository("2026Q3"));
    const std::string web_port = std::to_string(test::free_port());
    REQUIRE(other.run({"install", "nginx", "--no-start", "--set", "port=" + web_port}).status == 0);

    const CommandResult imported = other.run({"import", file.string(), "redis", "--json"});

    INFO(imported.out << imported.err);
    REQUIRE(imported.status == 0);
    REQUIRE(imported.json()["renumbered"].size() == 2);
    CHECK_THAT(imported.json()["renumbered"][0].get<std::string>(),
               ContainsSubstring("group redis: 20000 there"));
    CHECK(imported.json()["started"] == true);
    const CommandResult id = other.run({"exec", "redis", "stat", "-c", "%U:%G", "/var/db/redis"});
    CHECK(id.out == "redis:redis\n");
    CHECK(other.run({"verify"}).status == 0);
    CHECK(host.run({"verify"}).status == 0);
}

TEST_CASE("damaged and foreign archives leave nothing", "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + port}).status == 0);
    const auto file = host.etc() / "nginx.tar.zst";
    REQUIRE(host.run({"export", "nginx", file.string()}).status == 0);
    const std::string bytes = base::read_file(file);
    const Host other;
    REQUIRE(other.run({"import", file.string(), "first", "--no-start"}).status == 0);
    REQUIRE(other.run({"destroy", "first", "--with-data", "--yes"}).status == 0);
    const auto damaged = host.etc() / "damaged";
    const auto refused = [&](const std::string& content) {
        std::ofstream(damaged, std::ios::binary) << content;
        const CommandResult result = other.run({"import", damaged.string(), "web", "--no-start"});
        INFO(result.out << result.err);
        CHECK((result.status == 65 || result.status == 7));
        CHECK(entries(other.state() / "images") == 0);
        CHECK(entries(other.state() / "jails") == 0);
    };

    refused("");
    refused("no archive at all");
    refused(bytes.substr(0, bytes.size() / 2));
    refused(bytes.substr(0, bytes.size() - 100));
    for (const std::size_t at : {bytes.size() / 3, bytes.size() / 2, bytes.size() - 1000}) {
        std::string flipped = bytes;
        flipped[at] = static_cast<char>(flipped[at] ^ 16);
        refused(flipped);
    }
    const auto package = test::demo_repository("2026Q3") / "pcre2-10.42.tgz";
    if (std::filesystem::exists(package))
        refused(base::read_file(package));
    CHECK(other.run({"import", (host.etc() / "missing").string(), "web"}).status == 5);
    CHECK(other.run({"import", file.string(), "../web"}).status == 64);
}

TEST_CASE("an import killed at any step is a jail or nothing", "[system][export][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + std::to_string(port)}).status ==
            0);
    const auto file = host.etc() / "nginx.tar.zst";
    REQUIRE(host.run({"export", "nginx", file.string()}).status == 0);
    const Host other;
    const std::vector<std::string> import = {"import", file.string(), "web"};
    const std::vector<std::string> steps = steps_of(other, import);
    REQUIRE(steps.size() >= 10);
    REQUIRE(other.run({"destroy", "web", "--with-data", "--yes"}).status == 0);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        CHECK(other.run(import, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        const int start = other.run({"start", "web"}).status;
        CHECK((start == 0 || start == 5));
        CHECK(test::http_status(test::url(port)) == (start == 0 ? 200 : 0));
        CHECK(entries(other.state() / "images") == (start == 0 ? 1 : 0));
        CHECK(entries(other.state() / "jails") == (start == 0 ? 1 : 0));
        CHECK(other.run({"verify"}).status == 0);
        if (start == 0)
            CHECK(other.run({"destroy", "web", "--with-data", "--yes"}).status == 0);
    }
    for (const std::string& step : steps) {
        if (!step.starts_with("import.") && !step.starts_with("clone."))
            continue;
        INFO("a full disk at " << step);
        const CommandResult full = other.run(import, {{"PKGJAIL_FAIL_AT", step}});
        const bool made = step == "import.committed";
        CHECK(full.status == 1);
        CHECK(entries(other.state() / "images") == (made ? 1 : 0));
        CHECK(entries(other.state() / "jails") == (made ? 1 : 0));
        if (made)
            CHECK(other.run({"destroy", "web", "--with-data", "--yes"}).status == 0);
    }
}

TEST_CASE("an export killed at any step leaves the jail running and no file of that name",
          "[system][export][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    const auto file = host.etc() / "nginx.tar.zst";
    const std::vector<std::string> steps = steps_of(host, {"export", "nginx", file.string()});
    std::filesystem::remove(file);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        CHECK(host.run({"export", "nginx", file.string()}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        CHECK(std::filesystem::exists(file) == (step == "export.placed"));
        CHECK(host.run({"start", "nginx"}).status == 0);
        CHECK(test::http_status(test::url(port)) == 200);
        CHECK(entries(host.state() / "snapshots") == 0);
        std::filesystem::remove(file);
    }
}

TEST_CASE("an import and an export that fill the disk leave nothing", "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const auto mount = test::LoopMount::make("tmpfs", 7);
    if (!mount)
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string port = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + port}).status == 0);
    {
        std::ofstream noise(only_entry(host.state() / "jails") / "data/var/noise", std::ios::binary);
        noise << std::ifstream("/dev/urandom", std::ios::binary).rdbuf()->sbumpc();
        std::string block(1u << 20, '\0');
        std::ifstream random("/dev/urandom", std::ios::binary);
        for (int i = 0; i < 8; ++i) {
            random.read(block.data(), static_cast<std::streamsize>(block.size()));
            noise << block;
        }
    }
    const auto file = host.etc() / "nginx.tar.zst";
    REQUIRE(host.run({"export", "nginx", file.string()}).status == 0);
    const Host small({}, mount->top() / "state");

    const CommandResult imported = small.run({"import", file.string(), "web", "--no-start"});
    CHECK(imported.status == 1);
    CHECK_THAT(imported.err, ContainsSubstring("bytes are free"));
    CHECK(entries(small.state() / "images") == 0);
    CHECK(entries(small.state() / "jails") == 0);

    const CommandResult exported = host.run({"export", "nginx", (mount->top() / "n").string()});
    CHECK(exported.status == 1);
    CHECK_THAT(exported.err, ContainsSubstring("No space left"));
    CHECK(entries(mount->top()) == 1); // the state directory
}

TEST_CASE("an OCI image is what other programs take it for, and the same each time",
          "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + std::to_string(port)}).status ==
            0);
    const auto layout = host.etc() / "oci";

    const CommandResult exported =
        host.run({"export", "nginx", layout.string(), "--format", "oci", "--json"});

    INFO(exported.out << exported.err);
    REQUIRE(exported.status == 0);
    CHECK_THAT(exported.json()["warnings"].dump(), ContainsSubstring("without its base"));
    CHECK(exported.json()["members"] == 6); // four packages, what scripts made, configuration
    const auto parse = [&](const std::filesystem::path& file) {
        return nlohmann::json::parse(base::read_file(file));
    };
    const auto blob = [&](const std::string& digest) { return layout / "blobs/sha256" / digest.substr(7); };
    const nlohmann::json index = parse(layout / "index.json");
    const nlohmann::json manifest = parse(blob(index["manifests"][0]["digest"]));
    const nlohmann::json config = parse(blob(manifest["config"]["digest"]));
    CHECK(parse(layout / "oci-layout")["imageLayoutVersion"] == "1.0.0");
    REQUIRE(manifest["layers"].size() == config["rootfs"]["diff_ids"].size());
    CHECK(manifest["layers"].size() == config["history"].size());
    for (std::size_t i = 0; i < manifest["layers"].size(); ++i) {
        const std::string digest = manifest["layers"][i]["digest"];
        CHECK(config["rootfs"]["diff_ids"][i] == digest);
        CHECK("sha256:" + base::sha256(base::read_file(blob(digest), 1u << 28)) == digest);
        CHECK(std::filesystem::file_size(blob(digest)) == manifest["layers"][i]["size"]);
    }
    const base::Output listed =
        run_program("tar", {"-tf", blob(manifest["layers"].back()["digest"]).string()});
    CHECK_THAT(listed.out, ContainsSubstring("usr/pkg/etc/nginx/nginx.conf\n"));
    CHECK_THAT(listed.out, !ContainsSubstring(".pkgjail"));
    CHECK(manifest["layers"][3]["annotations"]["org.opencontainers.image.title"] == "nginx-1.22.1");
    CHECK(config["config"]["Entrypoint"][0] == "/usr/pkg/sbin/nginx");
    CHECK(config["config"]["StopSignal"] == "SIGQUIT");
    CHECK(config["config"]["User"] == "0:0");
    CHECK(config["config"]["ExposedPorts"].contains(std::to_string(port) + "/tcp"));

    // Once more, as an archive: the same digests.
    const auto archive = host.etc() / "image.tar";
    const CommandResult again = host.run({"export", "nginx", archive.string(), "--format", "oci", "--json"});
    CHECK(again.json()["sha256"] == exported.json()["sha256"]);
    CHECK(host.run({"export", "nginx", layout.string(), "--format", "oci"}).status == 6);
    CHECK(host.run({"export", "nginx", layout.string(), "--format", "oci", "--force"}).status == 0);
    CHECK(host.run({"export", "nginx", host.etc().string(), "--format", "oci", "--force"}).status == 6);

    if (!base::find_program("skopeo")) {
        WARN("skipped: no skopeo");
        return;
    }
    const base::Output inspected =
        run_program("skopeo", {"inspect", "--raw", "oci-archive:" + archive.string()});
    INFO(inspected.out << inspected.err);
    CHECK(base::sha256(inspected.out) == exported.json()["sha256"].get<std::string>());
    const base::Output copied =
        run_program("skopeo", {"--insecure-policy", "copy", "oci:" + layout.string(),
                               "docker-archive:" + (host.etc() / "docker.tar").string() + ":nginx:1"});
    INFO(copied.out << copied.err);
    CHECK(copied.exit.success()); // it has read and compared every part
}

TEST_CASE("an OCI image with its base runs where there is nothing else", "[system][export][root]") {
    if (!test::can_run_jails())
        return;
    for (const char* program : {"umoci", "runc", "skopeo"})
        if (!base::find_program(program)) {
            WARN("skipped: no " << program);
            return;
        }
    // A base of a few megabytes: what nginx is linked against.
    const test::TempDir directory;
    const auto base_top = directory / "base";
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    std::filesystem::create_directories(base_top / "usr/bin");
    std::filesystem::create_directories(base_top / "bin");
    std::filesystem::create_directories(base_top / "lib");
    std::filesystem::create_directories(base_top / "lib64");
    for (const char* program : {"sh", "env", "cat", "chgrp", "chmod", "chown", "cmp", "cp", "find", "grep",
                                "ls", "mkdir", "mv", "pwd", "rm", "rmdir", "sed", "touch"}) {
        const auto path = base::find_program(program);
        REQUIRE(path);
        for (const char* place : {"bin", "usr/bin"})
            std::filesystem::copy_file(std::filesystem::canonical(*path), base_top / place / program);
    }
    for (const char* library : {"libc.so.6", "ld-linux-x86-64.so.2", "libcrypt.so.1", "libm.so.6",
                                "libselinux.so.1", "libpcre2-8.so.0", "libacl.so.1", "libattr.so.1"}) {
        const std::filesystem::path path = std::filesystem::path("/lib/x86_64-linux-gnu") / library;
        if (std::filesystem::exists(path))
            std::filesystem::copy_file(std::filesystem::canonical(path), base_top / "lib" / library);
    }
    if (!std::filesystem::exists(base_top / "lib/ld-linux-x86-64.so.2")) {
        WARN("skipped: made for Debian on x86_64");
        return;
    }
    std::filesystem::copy_file(base_top / "lib/ld-linux-x86-64.so.2",
                               base_top / "lib64/ld-linux-x86-64.so.2");
    host.write_config("pkgjail.conf", "[pkgjail]\nbase = " + base_top.string() + "\n");
    const CommandResult installed =
        host.run({"install", "nginx", "--no-start", "--set", "port=" + std::to_string(port)});
    const auto build_log = base::read_file_if_exists(host.state() / "log/nginx.build.log");
    INFO(installed.out << installed.err << build_log.value_or(""));
    REQUIRE(installed.status == 0);
    const auto layout = directory / "oci";
    REQUIRE(host.run({"export", "nginx", layout.string(), "--format", "oci", "--with-base"}).status == 0);

    const auto bundle = directory / "bundle";
    const base::Output unpacked =
        run_program("umoci", {"unpack", "--image", layout.string() + ":nginx", bundle.string()});

    INFO(unpacked.out << unpacked.err);
    REQUIRE(unpacked.exit.success());
    CHECK(std::filesystem::exists(bundle / "rootfs/usr/pkg/sbin/nginx"));
    const base::Output tried = [&] {
        base::Command command;
        command.argv = {base::find_program("chroot")->string(),
                        (bundle / "rootfs").string(),
                        "/usr/pkg/sbin/nginx",
                        "-t",
                        "-c",
                        "/usr/pkg/etc/nginx/nginx.conf"};
        command.environment = {"PATH=/bin"};
        return base::run(command, std::chrono::seconds(30));
    }();
    INFO(tried.out << tried.err);
    CHECK_THAT(tried.out + tried.err, ContainsSubstring("test is successful"));
}
