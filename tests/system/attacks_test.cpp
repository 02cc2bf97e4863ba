// Attacks on the host by packages' scripts and by root inside a jail, on the real kernel. Rows of
// tests/attacks/README.md that no smaller test can try.
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace fs = std::filesystem;

namespace {

/// Everything of an entry that anybody could change, but for the time of last access.
std::string portrait(const fs::path& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return fmt::format("{} {} {:o} {}:{} {} links {} {}.{} {}.{} {}\n", path.string(), status.st_ino,
                       status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_nlink,
                       status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                       status.st_ctim.tv_nsec,
                       S_ISREG(status.st_mode) ? base::sha256(base::read_file(path)) : "");
}

/// A directory outside of every jail, with files in it that nobody may touch.
class Canary {
  public:
    Canary() {
        fs::create_directory(directory_ / "sub");
        std::ofstream(directory_ / "file") << "root:x:0:0:canary\n";
        std::ofstream(directory_ / "sub/nginx.conf") << "canary\n";
        before_ = state();
    }
    std::string path() const { return directory_.path().string(); }
    bool is_untouched() const { return state() == before_; }

  private:
    std::string state() const {
        std::string text = portrait(directory_.path());
        for (const char* name : {"file", "sub", "sub/nginx.conf"})
            text +=
                fs::exists(fs::symlink_status(directory_ / name)) ? portrait(directory_ / name) : "gone\n";
        return text + std::to_string(std::distance(fs::recursive_directory_iterator(directory_.path()), {}));
    }

    test::TempDir directory_;
    std::string before_;
};

/// A process of the host's root that runs until the test ends.
class Bystander {
  public:
    Bystander() : child_(base::Child::start(command())) {}
    bool is_alive() { return !child_.wait_for(std::chrono::milliseconds(0)); }

  private:
    static base::Command command() {
        base::Command command;
        command.argv = {"/bin/sleep", "600"};
        return command;
    }
    base::Child child_;
};

std::string host_accounts() {
    std::string text;
    for (const char* file : {"/etc/passwd", "/etc/group", "/etc/shadow"})
        text += fs::exists(file) ? portrait(file) : "";
    return text;
}

/// evil-1.0, whose script does this after its installation.
test::PackageSpec evil(const std::string& script) {
    test::PackageSpec spec;
    spec.pkgname = "evil-1.0";
    spec.files = {{"share/evil/README", "evil\n"}};
    spec.install_script = "#!/bin/sh\n[ \"$2\" = POST-INSTALL ] || exit 0\n" + script + "\nexit 0\n";
    return spec;
}

std::size_t images(const Host& host) {
    const fs::path directory = host.state() / "images";
    return fs::exists(directory)
               ? static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), {}))
               : 0;
}

CommandResult inside(const Host& host, const std::string& script) {
    return host.run({"exec", "nginx", "/bin/sh", "-c", script});
}

} // namespace

TEST_CASE("a package's script that attacks the host reaches nothing of it", "[system][root][attack]") {
    if (!test::can_run_jails())
        return;
    const Canary canary;
    Bystander bystander;
    const std::string accounts = host_accounts();
    const test::TempDir site;
    test::HttpServer server(site.path());
    const test::TempDir repository;
    const Host host(repository.path());
    const std::string marks = "/usr/pkg/share/evil/";
    test::make_repository(
        repository.path(),
        {evil(fmt::format(
            "echo x >{0}/file && echo wrote >>{1}done\n"
            "rm -rf {0} && [ ! -e {0} ]\n"
            "echo intruder::0:0::/:/bin/sh >>/etc/passwd\n"
            "mount -t tmpfs none /mnt && echo mounted >>{1}done\n"
            "mknod /tmp/mem c 1 1 && echo device >>{1}done\n"
            "timeout -k 1 5 reboot -f && echo rebooted >>{1}done\n"
            "date -s 2001-01-01 && echo time >>{1}done\n"
            "hostname intruder && echo hostname >>{1}done\n"
            "echo 1 >/proc/sys/kernel/sysrq && echo sysrq >>{1}done\n"
            "/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/{2}; printf \"GET /x HTTP/1.0\\r\\n\\r\\n\" >&3'"
            " && echo connected >>{1}done\n"
            "chroot / /bin/true && echo chroot >>{1}done\n"
            "echo tried >>{1}done",
            canary.path(), marks, server.port()))});

    const CommandResult installed = host.run({"install", "evil", "--no-start"});

    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    std::string done;
    for (const auto& image : fs::directory_iterator(host.state() / "images"))
        done += base::read_file(image.path() / "tree/share/evil/done");
    CHECK(done == "tried\n");
    CHECK(server.requests().empty());
    CHECK(canary.is_untouched());
    CHECK(host_accounts() == accounts);

    INFO("one that kills all that it can");
    REQUIRE(host.run({"destroy", "evil", "--with-data", "--yes"}).status == 0);
    test::make_repository(repository.path(), {evil("kill -KILL -1; kill -KILL 1; exit 3")});
    REQUIRE(host.run({"update"}).status == 0);
    REQUIRE(host.run({"gc", "--yes"}).status == 0);
    const std::size_t before = images(host);
    const CommandResult killed = host.run({"install", "evil", "--no-start"});
    CHECK(killed.status != 0);
    CHECK(killed.status < 128);
    CHECK(images(host) == before);
    CHECK(bystander.is_alive());
    CHECK(canary.is_untouched());
}

namespace {

/// A verb, the exit status that its page promises for what it meets here, and what it names of that.
struct Attempt {
    std::vector<std::string> verb;
    int status = 0;
    std::string named = {};
};

/// The first character that would steer a terminal, as a number; empty: there is none.
std::string steering(const std::string& text) {
    for (const unsigned char c : text)
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return fmt::format("{:#04x}", c);
    return "";
}

void declare_nginx(const Host& host, const std::string& memory) {
    host.write_config("jails.d/nginx.jail", "[jail]\nrecipe = nginx\n[limits]\nmemory = " + memory + "\n");
}

} // namespace

TEST_CASE("no verb is led out of a running jail whose root has prepared every path",
          "[system][root][attack]") {
    if (!test::can_run_jails())
        return;
    const Canary canary;
    const std::string accounts = host_accounts();
    const test::TempDir away;
    const Host host(test::demo_repository("2026Q3"));
    const CommandResult installed = host.run(
        {"install", "nginx", "--resolv", "host", "--set", "port=" + std::to_string(test::free_port())});
    INFO(installed.err);
    REQUIRE(installed.status == 0);
    REQUIRE(host.run({"install", "jq", "-j", "nginx"}).status == 0); // a generation to go back from
    REQUIRE(host.run({"snapshot", "nginx", "before"}).status == 0);
    const CommandResult prepared = inside(
        host,
        fmt::format(
            "for f in /etc/passwd /etc/group /etc/shadow /etc/hosts /etc/resolv.conf /etc/nsswitch.conf;"
            " do rm -rf $f; ln -s {0}/file $f; done;"
            "mv /usr/pkg/etc/nginx /usr/pkg/etc/real; ln -s {0}/sub /usr/pkg/etc/nginx;"
            "for d in /var/db /var/log /var/run /var/tmp; do rm -rf $d; ln -s {0}/sub $d; done;"
            "ln -s / /etc/all; ln -s {0} /home/away; ln -s {0}/file /root/.profile;"
            // What a terminal would obey, as names, targets and content.
            "e=$(printf 'x\\033]0;forged\\007\\033[2J\\r'); echo \"$e\" >\"/etc/$e\"; ln -s \"$e\" "
            "\"/usr/pkg/etc/$e\";"
            "echo \"$e\" >>/usr/pkg/etc/real/mime.types; mkdir \"/home/$e\";"
            "mkfifo /etc/fifo; ln -s /dev/zero /etc/zero; truncate -s 10G /etc/huge; echo prepared",
            canary.path()));
    REQUIRE(prepared.out == "prepared\n");

    const std::string file = (away / "nginx.pkgjail").string();
    const std::string link = ": passes through a symbolic link";
    const std::string config_link = "/usr/pkg/etc/nginx/fastcgi.conf" + link;
    const std::string recipe_link = "/usr/pkg/etc/nginx/nginx.conf" + link;
    const std::string accounts_link = "/etc/passwd" + link;
    const std::string port = "port=" + std::to_string(test::free_port());
    const std::string shown = "/etc/x\\x1b]0;forged\\x07\\x1b[2J\\x0d";
    const std::vector<Attempt> attempts = {
        {{"status", "nginx"}},
        {{"list"}},
        {{"config", "nginx"}, 0, shown},
        {{"config", "nginx", "--diff"}, 65, config_link},
        {{"config", "nginx", "--take", "/etc/passwd", "--take", "/usr/pkg/etc/nginx/nginx.conf"},
         65,
         recipe_link},
        {{"diff", "nginx"}, 0, shown},
        {{"diff", "nginx", "before"}, 0, shown},
        {{"verify", "nginx"}},
        {{"files", "nginx", "-j", "nginx"}},
        {{"du", "nginx"}},
        {{"logs", "nginx"}},
        {{"limits", "nginx", "memory=200M"}},
        {{"apply", "nginx"}, 65, accounts_link},
        {{"snapshot", "nginx", "prepared"}},
        {{"export", "nginx", file}},
        {{"clone", "nginx", "copy", "--set", port, "--no-start"}, 65, recipe_link},
        {{"import", file, "back", "--set", port, "--no-start"}, 65, recipe_link},
        {{"exec", "nginx", "/bin/true"}, 65, accounts_link},
        {{"restart", "nginx"}, 65, accounts_link},
        {{"stop", "nginx"}},
        {{"start", "nginx"}, 65, accounts_link},
        {{"update"}},
        {{"upgrade", "nginx"}, 65, accounts_link},
        {{"rollback", "nginx"}, 4, "generation 1 was rolled back"},
        {{"restore", "nginx", "prepared", "--yes"}, 65, accounts_link},
        {{"stop", "nginx"}},
        {{"rename", "nginx", "other"}},
        {{"catalog", "check"}},
        {{"catalog", "rebuild"}},
        {{"drop", "other", "prepared", "--yes"}},
        {{"gc", "--yes"}},
        {{"destroy", "--all", "--with-data", "--yes"}}};
    for (const Attempt& attempt : attempts) {
        const std::string& verb = attempt.verb.front();
        if (verb == "update")
            host.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                                       test::demo_repository("2026Q4").string() +
                                                       "\ntrust = none\n");
        if (verb == "apply")
            declare_nginx(host, "300M");
        const CommandResult result = host.run(attempt.verb);
        INFO(fmt::format("pkgjail {}\n{}{}", fmt::join(attempt.verb, " "), result.out, result.err));
        CHECK(result.status == attempt.status);
        CHECK_THAT(result.out + result.err, ContainsSubstring(attempt.named));
        CHECK(steering(result.out) == "");
        CHECK(steering(result.err) == "");
        CHECK((result.out + result.err).find("canary") == std::string::npos);
        CHECK(canary.is_untouched());
        CHECK(host_accounts() == accounts);
        for (const auto& entry : fs::directory_iterator(away.path()))
            CHECK(entry.path() == file);
    }
    CHECK(host.run({"list"}).out == "no jails; pkgjail install PACKAGE makes the first one\n");
}

TEST_CASE("a jail cannot write to the programs that go into it", "[system][root][attack]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const CommandResult installed =
        host.run({"install", "nginx", "--set", "port=" + std::to_string(test::free_port())});
    INFO(installed.err);
    REQUIRE(installed.status == 0);
    std::vector<fs::path> programs = {PKGJAIL_BINARY_DIR "/bin/pkgjail",
                                      PKGJAIL_BINARY_DIR "/bin/pkgjail-supervisor", "/bin/sh"};
    for (const char* name : {"runc", "crun"})
        if (const auto program = base::find_program(name))
            programs.push_back(*program);
    const auto digests = [&] {
        std::string text;
        for (const fs::path& program : programs)
            text +=
                fmt::format("{} {}\n", program.string(), base::sha256(base::read_file(program, 1u << 30)));
        return text;
    };
    const std::string before = digests();

    CommandResult wrote;
    std::thread writer([&] {
        wrote =
            inside(host, "n=0; ln -s /proc/self/exe /var/self; touch /var/ready; end=$(($(date +%s) + 8));"
                         "while [ $(date +%s) -lt $end ]; do for e in /proc/[0-9]*/exe; do n=$((n + 1));"
                         " (echo x >\"$e\") 2>/dev/null && echo \"$e\"; done; done; echo tried $n");
    });
    bool ready = false;
    for (int i = 0; i < 100 && !ready; ++i)
        ready = inside(host, "test -e /var/ready").status == 0;
    int entered = 0;
    for (int i = 0; i < 20; ++i) {
        host.run({"exec", "nginx", "/var/self"}); // whatever it is then: it runs inside
        entered += inside(host, "echo inside").out == "inside\n" ? 1 : 0;
    }
    writer.join();

    INFO(wrote.err);
    CHECK(ready);
    CHECK(entered == 20);
    CHECK(wrote.status == 0);
    CHECK_THAT(wrote.out,
               Catch::Matchers::Matches("tried [1-9][0-9]*\n")); // and nothing that could be written to
    CHECK(digests() == before);
}
