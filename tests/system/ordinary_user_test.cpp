// pkgjail without root: an ordinary user's own state, jails in user namespaces. The user is a number that
// nobody has; programs, recipes and repository are copied to where that user can read them.
#ifdef __linux__

#include <fstream>
#include <sstream>
#include <thread>

#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "support/temp_dir.hpp"
#include "system/support.hpp"

using namespace pkgjail;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody_has = 61234;

void give_away(const fs::path& path) {
    REQUIRE(::lchown(path.c_str(), nobody_has, nobody_has) == 0);
}

class OrdinaryUser {
  public:
    OrdinaryUser() {
        const fs::path top = directory_.path();
        REQUIRE(::chmod(top.c_str(), 0755) == 0);
        const fs::path built = fs::path(PKGJAIL_BINARY_DIR);
        for (const char* part : {"bin", "share/pkgjail", "home", "etc"})
            fs::create_directories(top / part);
        for (const char* program : {"pkgjail", "pkgjail-supervisor", "pkgjail-enter", "pkgjail-escape"})
            fs::copy_file(built / "bin" / program, top / "bin" / program);
        for (const char* data : {"recipes", "limits.d"})
            fs::copy(fs::canonical(built / "share" / "pkgjail" / data), top / "share" / "pkgjail" / data,
                     fs::copy_options::recursive);
        fs::copy(test::demo_repository("2026Q3"), top / "repository", fs::copy_options::recursive);
        std::ofstream(top / "etc" / "repositories.conf")
            << "[repository demo]\nurl = file://" << (top / "repository").string() << "\ntrust = none\n";
        give_away(top / "home");
    }
    ~OrdinaryUser() { run({"destroy", "--all", "--with-data", "--yes"}); }
    OrdinaryUser(const OrdinaryUser&) = delete;
    OrdinaryUser& operator=(const OrdinaryUser&) = delete;

    test::CommandResult run(const std::vector<std::string>& arguments) const {
        const auto setpriv = base::find_program("setpriv");
        REQUIRE(setpriv);
        return run_through({setpriv->string(), "--reuid=61234", "--regid=61234", "--clear-groups"},
                           arguments);
    }
    test::CommandResult run_in_chroot(const std::vector<std::string>& arguments) const {
        const auto unshare = base::find_program("unshare");
        REQUIRE(unshare);
        const fs::path root = directory_ / "root";
        fs::create_directories(root);
        const std::string script = "mount --rbind / \"$0\" && "
                                   "exec chroot --userspec=61234:61234 --groups= \"$0\" \"$@\"";
        return run_through({unshare->string(), "-m", "/bin/sh", "-c", script, root.string()}, arguments);
    }
    /// Root's: the user reads it.
    fs::path write_config(const std::string& name, const std::string& text) const {
        const fs::path file = directory_ / "etc" / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
        return file;
    }
    fs::path state() const { return directory_ / "home" / ".local" / "state" / "pkgjail"; }
    bool makes_jails() const {
        const auto result = run({"update"});
        CAPTURE(result.out, result.err);
        REQUIRE(result.status == 0);
        const auto doctor = run({"--json", "doctor"});
        for (const auto& finding : doctor.json().at("findings"))
            if (finding.at("subject") == "confinement" && finding.at("verdict") == "BAD") {
                WARN("skipped: " << finding.at("text").get<std::string>());
                return false;
            }
        return true;
    }

  private:
    test::CommandResult run_through(const std::vector<std::string>& before,
                                    const std::vector<std::string>& arguments) const {
        base::Command command;
        command.argv = before;
        for (const auto& word : {(directory_ / "bin" / "pkgjail").string(), std::string("--config"),
                                 (directory_ / "etc").string()})
            command.argv.push_back(word);
        command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
        command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME=" + (directory_ / "home").string()};
        const base::Output output = base::run(command, std::chrono::seconds(180));
        test::CommandResult result;
        result.status = output.exit.signalled ? 128 + output.exit.value : output.exit.value;
        result.out = output.out;
        result.err = output.err;
        return result;
    }

    test::TempDir directory_;
};

std::string line_with(const std::string& text, const std::string& part) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.find(part) != std::string::npos)
            return line;
    return {};
}

} // namespace

TEST_CASE("an ordinary user installs nginx, and it answers", "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;
    const std::string port = std::to_string(test::free_port());
    const std::string url = "http://127.0.0.1:" + port + "/";

    const auto installed = user.run({"install", "nginx", "--set", "port=" + port});

    CAPTURE(installed.out, installed.err);
    REQUIRE(installed.status == 0);
    CHECK(test::http_status(url) == 200);
    struct stat status {};
    REQUIRE(::stat(user.state().c_str(), &status) == 0);
    CHECK(status.st_uid == nobody_has);
    for (const auto& entry : fs::recursive_directory_iterator(user.state() / "images")) {
        INFO(entry.path().string());
        REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
        CHECK(status.st_uid == nobody_has);
    }
    const auto shown = user.run({"status", "nginx"}).out;
    CHECK(line_with(shown, "confined by").find("as user 61234") != std::string::npos);
    CHECK(line_with(shown, "RLIMIT_NOFILE").find("enforced") != std::string::npos);
    CHECK(
        line_with(shown, "memory  ").find("unavailable no control group for it is delegated to this user") !=
        std::string::npos);
    CHECK(user.run({"exec", "nginx", "id", "-u"}).out == "0\n");
    CHECK(user.run({"exec", "nginx", "touch", "/usr/pkg/sbin/mine"}).status == 1);
    CHECK(user.run({"snapshot", "nginx", "one"}).status == 0);
    CHECK(user.run({"restart", "nginx"}).status == 0);
    CHECK(test::http_status(url) == 200);
    CHECK(user.run({"verify"}).status == 0);
    CHECK(user.run({"restore", "nginx", "one", "--yes"}).status == 0);
    CHECK(test::http_status(url) == 200);
    CHECK(user.run({"stop", "nginx"}).status == 0);
    CHECK(test::http_status(url) == 0);
    CHECK(user.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
}

TEST_CASE("a service with an account of its own runs as the one user, without root's powers",
          "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;

    const auto installed =
        user.run({"install", "redis", "--set", "port=" + std::to_string(test::free_port())});

    CAPTURE(installed.out, installed.err);
    REQUIRE(installed.status == 0);
    const auto json = user.run({"--json", "status", "redis"}).json();
    const auto pid = json.at("jails").at(0).at("pid").get<int>();
    const auto facts = base::read_file("/proc/" + std::to_string(pid) + "/status");
    CHECK(line_with(facts, "Uid:") == "Uid:\t61234\t61234\t61234\t61234");
    CHECK(line_with(facts, "CapBnd:") == "CapBnd:\t0000000000000000");
}

TEST_CASE("a service of an ordinary user's jail finds its secret, and another value of it", "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;
    user.write_config("recipes.d/vault.recipe",
                      "[recipe]\nsummary = a test\npackage = redis\n[service]\n"
                      "command = /bin/sh -c 'trap : HUP; while :; do sleep 0.1; done'\nuser = redis\n"
                      "group = redis\nreload-signal = HUP\nsecret = password\n");
    const std::string value = user.write_config("value", "s3cr3t\n");

    const auto installed =
        user.run({"install", "redis", "-j", "vault", "--recipe", "vault", "--secret", "password=" + value});

    CAPTURE(installed.out, installed.err);
    REQUIRE(installed.status == 0);
    CHECK(user.run({"exec", "vault", "cat", "/run/secrets/password"}).out == "s3cr3t\n");
    CHECK(user.run({"exec", "vault", "stat", "-c", "%a", "/run/secrets/password"}).out == "400\n");
    const auto reloaded = user.run({"reload", "vault"});
    INFO(reloaded.err);
    CHECK(reloaded.status == 0);
}

TEST_CASE("a directory of the host is refused to an ordinary user's jail before anything is made",
          "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;
    user.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = /srv\n");

    const auto refused = user.run({"install", "nginx", "--no-start", "--mount", "/srv/www:/srv/www"});

    CHECK(refused.status == 77);
    CHECK(refused.err.find("/srv/www: can only be mounted into a jail of root's, because an ordinary user "
                           "may mount nothing of the host\nhint: pkgjail volume create VOLUME makes a "
                           "directory that the jail can have instead\n") != std::string::npos);
    CHECK(user.run({"status", "nginx"}).status == 5);
}

TEST_CASE("an ordinary user's jails hold against every attempt", "[user][escape][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;

    const auto result = user.run({"doctor", "--escape"});

    CAPTURE(result.out, result.err);
    CHECK(result.status == 0);
    CHECK(result.out.find("OPEN") == std::string::npos);
    CHECK(result.out.find("Everything held that a profile promises.") != std::string::npos);
}

TEST_CASE("an ordinary user's jail can learn", "[user][learn][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;
    user.write_config("recipes.d/curious.recipe",
                      "[recipe]\nsummary = a test\npackage = tree\n[service]\ncommand = /bin/sh -c "
                      "\"while :; do /usr/bin/unshare -U /bin/true; sleep 0.1; done\"\nstop-timeout = 1s\n");
    const auto installed =
        user.run({"install", "tree", "-j", "curious", "--recipe", "curious", "--no-start"});
    INFO(installed.err);
    REQUIRE(installed.status == 0);

    const auto started = user.run({"start", "curious", "--learn"});

    INFO(started.err);
    REQUIRE(started.status == 0);
    nlohmann::json learned;
    for (int look = 0; look < 100; ++look, std::this_thread::sleep_for(std::chrono::milliseconds(100))) {
        learned = user.run({"learned", "curious", "--json"}).json();
        if (!learned["calls"].empty())
            break;
    }
    REQUIRE(learned["calls"].size() == 1);
    CHECK(learned["calls"][0]["call"] == "unshare(CLONE_NEWUSER)");
    CHECK(learned["calls"][0]["program"] == "unshare");
}

TEST_CASE("a port of root's is refused to an ordinary user with the reason", "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;

    const auto result = user.run({"install", "nginx", "--set", "port=81"});

    CHECK(result.status == 4);
    CHECK(result.err.find("port 81 can only be opened by root, an ordinary user's begin at") !=
          std::string::npos);
}

TEST_CASE("where no user namespace can be made, the obstacle is named and reading works", "[user][root]") {
    if (!test::can_run_jails())
        return;
    const OrdinaryUser user;
    if (!user.makes_jails())
        return;
    // In a chroot no user namespace can be made.
    const auto refused = user.run_in_chroot({"install", "nginx"});
    const auto doctor = user.run_in_chroot({"doctor"});
    const auto search = user.run_in_chroot({"search", "nginx"});

    CAPTURE(refused.out, refused.err, doctor.out);
    CHECK(refused.status == 77);
    CHECK(refused.err.find("only root can make jails") != std::string::npos);
    CHECK(refused.err.find("install --no-start of packages without scripts") != std::string::npos);
    CHECK(doctor.status == 2);
    CHECK(doctor.out.find("or it runs in a chroot") != std::string::npos);
    CHECK(search.status == 0);
    CHECK(search.out.find("nginx-1.22.1") != std::string::npos);
}

#endif
