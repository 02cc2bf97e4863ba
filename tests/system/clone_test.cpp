// clone and rename: with the real redis and nginx.
#include <fstream>
#include <set>

#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

std::string redis(const Host& host, const std::string& jail, const std::string& port,
                  std::vector<std::string> words) {
    words.insert(words.begin(), {"exec", jail, "redis-cli", "-p", port});
    const CommandResult result = host.run(words);
    return result.status == 0 ? result.out : "status " + std::to_string(result.status) + " " + result.err;
}

/// The one directory in jails/ that is none of `others`.
std::filesystem::path new_jail(const Host& host, const std::set<std::filesystem::path>& others) {
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "jails"))
        if (others.count(entry.path()) == 0)
            return entry.path();
    return {};
}

std::string content(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

} // namespace

TEST_CASE("a clone answers on its own port with its own data", "[system][clone][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const std::string first = std::to_string(test::free_port());
    REQUIRE(host.run({"install", "redis", "--set", "port=" + first}).status == 0);
    REQUIRE(redis(host, "redis", first, {"set", "greeting", "hello"}) == "OK\n");
    REQUIRE(redis(host, "redis", first, {"save"}) == "OK\n");
    REQUIRE(host.run({"snapshot", "redis", "then"}).status == 0);
    REQUIRE(redis(host, "redis", first, {"set", "greeting", "later"}) == "OK\n");
    REQUIRE(redis(host, "redis", first, {"save"}) == "OK\n");
    const std::string second = std::to_string(test::free_port());

    const CommandResult cloned = host.run({"clone", "redis", "copy", "--set", "port=" + second, "--json"});

    INFO(cloned.out << cloned.err);
    REQUIRE(cloned.status == 0);
    CHECK(cloned.json()["started"] == true);
    CHECK(redis(host, "copy", second, {"get", "greeting"}) == "later\n");
    CHECK(redis(host, "copy", second, {"set", "greeting", "own"}) == "OK\n");
    CHECK(redis(host, "redis", first, {"get", "greeting"}) == "later\n");
    const std::string third = std::to_string(test::free_port());
    REQUIRE(host.run({"clone", "redis@then", "older", "--set", "port=" + third}).status == 0);
    CHECK(redis(host, "older", third, {"get", "greeting"}) == "hello\n");
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "images"),
                        std::filesystem::directory_iterator()) == 1);
    CHECK(host.run({"destroy", "redis", "--with-data", "--yes"}).status == 0);
    CHECK(redis(host, "copy", second, {"get", "greeting"}) == "own\n");
    CHECK(host.run({"doctor", "--json"}).status == 0);
}

TEST_CASE("a clone that would take a port or a name of another is refused before anything is copied",
          "[system][clone][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);

    const CommandResult clash = host.run({"clone", "nginx", "web2"});

    CHECK(clash.status == 6);
    CHECK_THAT(clash.err, ContainsSubstring("--set port=" + std::to_string(port + 1)));
    CHECK(host.run({"clone", "nginx", "nginx"}).status == 64);
    CHECK(host.run({"clone", "nginx@none", "web2", "--set", "port=1"}).status == 5);
    CHECK(host.run({"clone", "apache", "web2"}).status == 5);
    CHECK(host.run({"clone", "nginx", "web2", "--set", "colour=red"}).status == 64);
    CHECK(host.run({"clone", "nginx", "web2", "--set", "port=" + std::to_string(test::free_port()), "-n"})
              .status == 0);
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "jails"),
                        std::filesystem::directory_iterator()) == 1);
    CHECK(test::http_status(test::url(port)) == 200);
}

TEST_CASE("a clone has an identity of its own, and the operator's edits", "[system][clone][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--no-start", "--set", "port=" + std::to_string(port)}).status ==
            0);
    const auto source = new_jail(host, {});
    const auto etc = source / "config/1";
    std::ofstream(etc / "etc/hostname") << "nginx\n";
    std::ofstream(etc / "etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
    std::filesystem::create_directories(source / "data/var/lib");
    std::ofstream(source / "data/var/db/entropy-file") << "seed";
    std::filesystem::create_symlink("/etc", source / "data/var/lib/dbus");
    std::filesystem::create_directories(etc / "usr/pkg/etc/ssh");
    std::ofstream(etc / "usr/pkg/etc/ssh/ssh_host_ed25519_key") << "secret\n";
    std::ofstream(etc / "usr/pkg/etc/ssh/sshd_config") << "kept\n";
    const std::string rendered = content(etc / "usr/pkg/etc/nginx/nginx.conf");
    std::ofstream(etc / "usr/pkg/etc/nginx/nginx.conf") << rendered << "# edited\n";
    const int other = test::free_port();

    const CommandResult cloned =
        host.run({"clone", "nginx", "web2", "--set", "port=" + std::to_string(other), "--json"});

    INFO(cloned.out << cloned.err);
    REQUIRE(cloned.status == 0);
    CHECK(test::http_status(test::url(other)) == 200);
    const auto clone = new_jail(host, {source}) / "config/1";
    CHECK(content(clone / "etc/hostname") == "web2\n");
    CHECK(content(clone / "etc/machine-id").size() == 33);
    CHECK(content(clone / "etc/machine-id") != content(etc / "etc/machine-id"));
    CHECK_FALSE(std::filesystem::exists(clone / "usr/pkg/etc/ssh/ssh_host_ed25519_key"));
    CHECK(content(clone / "usr/pkg/etc/ssh/sshd_config") == "kept\n");
    CHECK(content(clone / "usr/pkg/etc/nginx/nginx.conf.from-nginx") == rendered + "# edited\n");
    CHECK(cloned.json()["kept"][0] == "/usr/pkg/etc/nginx/nginx.conf.from-nginx");
    CHECK(cloned.json()["renewed"].dump() == R"(["/etc/hostname","/etc/machine-id"])");
    CHECK(cloned.json()["removed"].dump() ==
          R"(["/usr/pkg/etc/ssh/ssh_host_ed25519_key","/var/db/entropy-file"])");
    CHECK_THAT(cloned.json()["warnings"].dump(),
               ContainsSubstring("jail web2: /var/lib/dbus/machine-id is behind a symbolic link"));
    CHECK(content(etc / "usr/pkg/etc/ssh/ssh_host_ed25519_key") == "secret\n");
    CHECK(content(source / "data/var/db/entropy-file") == "seed");
    CHECK_THAT(host.run({"exec", "web2", "hostname"}).out, ContainsSubstring("web2"));
}

TEST_CASE("a clone killed at any step is a jail or nothing, and its source runs",
          "[system][clone][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    const int other = test::free_port();
    const std::vector<std::string> clone = {"clone", "nginx", "web2", "--set",
                                            "port=" + std::to_string(other)};
    const std::vector<std::string> steps = steps_of(host, clone);
    REQUIRE(steps.size() >= 10);
    REQUIRE(host.run({"destroy", "web2", "--with-data", "--yes"}).status == 0);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        CHECK(host.run(clone, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        const CommandResult next = host.run({"start", "nginx"});
        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(test::http_status(test::url(port)) == 200);
        const int start = host.run({"start", "web2"}).status;
        CHECK((start == 0 || start == 5));
        CHECK(test::http_status(test::url(other)) == (start == 0 ? 200 : 0));
        CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "jails"),
                            std::filesystem::directory_iterator()) == (start == 0 ? 2 : 1));
        if (start == 0)
            CHECK(host.run({"destroy", "web2", "--with-data", "--yes"}).status == 0);
    }
}

TEST_CASE("a renamed jail takes its log along, and is refused while it runs", "[system][clone][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port)}).status == 0);
    CHECK(host.run({"rename", "nginx", "web"}).status == 6);
    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    for (const std::string step : {"rename.noted", "rename.log_renamed"}) {
        INFO("killed at " << step);
        CHECK(host.run({"rename", "nginx", "web"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        CHECK(host.run({"stop", "nginx"}).status == 0);
        CHECK(std::filesystem::exists(host.state() / "log/nginx.log"));
        CHECK_FALSE(std::filesystem::exists(host.state() / "log/web.log"));
    }

    const CommandResult renamed = host.run({"rename", "nginx", "web"});

    INFO(renamed.out << renamed.err);
    REQUIRE(renamed.status == 0);
    CHECK(std::filesystem::exists(host.state() / "log/web.log"));
    CHECK_FALSE(std::filesystem::exists(host.state() / "log/nginx.log"));
    CHECK(host.run({"status", "nginx"}).status == 5);
    CHECK(host.run({"start", "web"}).status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK_THAT(content(new_jail(host, {}) / "jail.json"), ContainsSubstring("\"web\""));
}

TEST_CASE("a rename puts the new name into the recipe's files, and an edited one is left alone",
          "[system][clone][rename][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/named.recipe", "[recipe]\nsummary = has its name in files\npackage = tree\n"
                                                "[service]\ncommand = /bin/sleep 1000000\n"
                                                "[file /etc/one.conf]\nsource = name.in\nmode = 0640\n"
                                                "[file /etc/two.conf]\nsource = name.in\n"
                                                "[file /etc/other.conf]\nsource = other.in\n");
    host.write_config("recipes.d/name.in", "name = ${jail}\n");
    host.write_config("recipes.d/other.in", "nothing\n");
    REQUIRE(host.run({"install", "tree", "--recipe", "named", "-j", "old", "--no-start"}).status == 0);
    REQUIRE(host.run({"install", "less", "-j", "old"}).status == 0); // a second generation
    REQUIRE(host.run({"stop", "old"}).status == 0);
    const auto config = new_jail(host, {}) / "config";
    std::ofstream(config / "2/etc/two.conf") << "name = old, edited\n";
    for (const std::string step : {"rename.noted", "rename.files_written"}) {
        INFO("killed at " << step);
        CHECK(host.run({"rename", "old", "new"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        CHECK(host.run({"stop", "old"}).status == 0);
        CHECK(content(config / "1/etc/one.conf") == "name = old\n");
        CHECK(content(config / "2/etc/one.conf") == "name = old\n");
    }

    const CommandResult renamed = host.run({"rename", "old", "new", "--json"});

    INFO(renamed.out << renamed.err);
    REQUIRE(renamed.status == 0);
    CHECK(renamed.json()["written"].dump() == R"(["/etc/one.conf","/etc/two.conf"])");
    CHECK(renamed.json()["edited"].dump() == R"(["/etc/two.conf"])");
    CHECK(content(config / "1/etc/one.conf") == "name = new\n");
    CHECK(content(config / "1/etc/two.conf") == "name = new\n");
    CHECK(content(config / "2/etc/one.conf") == "name = new\n");
    CHECK(content(config / "2/etc/two.conf") == "name = old, edited\n");
    CHECK((std::filesystem::status(config / "2/etc/one.conf").permissions() ==
           static_cast<std::filesystem::perms>(0640)));
    CHECK(host.run({"start", "new"}).status == 0);
}
