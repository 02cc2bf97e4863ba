// Generations on the real kernel: upgrade, the health gate, rollback, and commands killed in between.
#include <fstream>
#include <set>

#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

void use_edition(const Host& host, const std::string& edition) {
    host.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                               test::demo_repository(edition).string() + "\ntrust = none\n");
    REQUIRE(host.run({"update"}).status == 0);
}

std::string url(int port) {
    return "http://127.0.0.1:" + std::to_string(port) + "/";
}

nlohmann::json status_of(const Host& host) {
    return host.run({"status", "nginx", "--json"}).json()["jails"][0];
}

/// "1 2* 3": the generations, the current one marked.
std::string generations(const Host& host) {
    std::string text;
    const nlohmann::json history =
        host.run({"history", "nginx", "--json"}).json(); // lives as long as the loop
    for (const auto& generation : history["generations"])
        text += (text.empty() ? "" : " ") + std::to_string(generation["generation"].get<int>()) +
                (generation["current"] == true ? "*" : "");
    return text;
}

/// The shipped recipe with a quiet period that tests can wait for.
void shorten_quiet_period(const Host& host) {
    const std::filesystem::path shipped = std::filesystem::path(PKGJAIL_SOURCE_DIR) / "recipes";
    std::ifstream file(shipped / "nginx.recipe");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string section = "[health]\n";
    const std::size_t at = text.find(section);
    REQUIRE(at != std::string::npos);
    text.insert(at + section.size(), "quiet = 200ms\n");
    host.write_config("recipes.d/nginx.recipe", text);
    std::filesystem::copy(shipped / "nginx", host.etc() / "recipes.d" / "nginx",
                          std::filesystem::copy_options::recursive);
}

int install(const Host& host) {
    const int port = test::free_port();
    const CommandResult result = host.run({"install", "nginx", "--set", "port=" + std::to_string(port)});
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    return port;
}

} // namespace

TEST_CASE("an upgrade takes the new packages, and rollback brings the old ones back",
          "[system][root][upgrade]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    shorten_quiet_period(host);
    const int port = install(host);
    REQUIRE(host.run({"exec", "nginx", "/bin/sh", "-c", "echo kept >/var/db/nginx/data"}).status == 0);
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 0);
    use_edition(host, "2026Q4");
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 2);

    const CommandResult upgraded = host.run({"upgrade", "nginx", "--json"});

    INFO(upgraded.out << upgraded.err);
    REQUIRE(upgraded.status == 0);
    CHECK(generations(host) == "1 2*");
    CHECK(test::http_status(url(port)) == 200);
    CHECK(host.run({"upgrade", "nginx", "--json"}).json()["results"][0]["changed"] == false);
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 0);

    REQUIRE(host.run({"rollback", "nginx"}).status == 0);

    CHECK(generations(host) == "1* 2");
    CHECK(test::http_status(url(port)) == 200);
    CHECK(host.run({"exec", "nginx", "/bin/sh", "-c", "cat /var/db/nginx/data"}).out == "kept\n");
    CHECK(host.run({"rollback", "nginx", "2"}).status == 0);
    CHECK(generations(host) == "1 2*");
    CHECK(host.run({"rollback", "nginx", "7"}).status == 5);
    CHECK(host.run({"rollback", "nginx", "x"}).status == 64);
}

TEST_CASE("a new version that fails is put back by itself", "[system][root][upgrade]") {
    if (!test::can_run_jails())
        return;
    for (const std::string edition : {"2026Q4-broken-exit", "2026Q4-broken-late", "2026Q4-broken-port"}) {
        INFO(edition);
        if (test::demo_repository(edition).empty())
            FAIL("the demo repository lacks the broken editions; pkgsrc/demo-repository --with-broken makes "
                 "them");
        const Host host(test::demo_repository("2026Q3"));
        const int port = install(host);
        use_edition(host, edition);

        const CommandResult result = host.run({"upgrade", "nginx"});

        INFO(result.out << result.err);
        CHECK(result.status == 4);
        CHECK_THAT(result.err, ContainsSubstring("generation 2 was rolled back"));
        CHECK_THAT(result.err, ContainsSubstring("generation 1 runs again"));
        CHECK(generations(host) == "1* 2");
        CHECK(status_of(host)["state"] == "ready");
        CHECK(test::http_status(url(port)) == 200);
        CHECK(host.run({"doctor"}).status == 0);
    }
}

TEST_CASE("an upgrade killed at any step leaves a whole generation running after the next command",
          "[system][root][upgrade][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    shorten_quiet_period(host);
    const int port = install(host);
    use_edition(host, "2026Q4");
    const auto steps_file = host.etc() / "steps";
    REQUIRE(host.run({"upgrade", "nginx"}, {{"PKGJAIL_STEP_LOG", steps_file.string()}}).status == 0);
    std::set<std::string> steps;
    std::ifstream lines(steps_file);
    for (std::string step; std::getline(lines, step);)
        if (step.starts_with("switch.") || step.starts_with("generation.") || step.starts_with("start.") ||
            step.starts_with("install.image"))
            steps.insert(step);
    REQUIRE(steps.size() >= 8);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        REQUIRE(host.run({"rollback", "nginx", "1"}).status == 0);
        const CommandResult killed = host.run({"upgrade", "nginx"}, {{"PKGJAIL_STOP_AT", step}});
        INFO(killed.out << killed.err);
        if (!step.starts_with("install.image")) // the image is there already
            CHECK(killed.status == 128 + 9);

        const CommandResult next = host.run({"start", "nginx"});

        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(test::http_status(url(port)) == 200);
        CHECK(status_of(host)["state"] == "ready");
        const CommandResult doctor = host.run({"doctor"});
        INFO(doctor.out);
        CHECK(doctor.status == 0);
    }
}

TEST_CASE("packages can be added to a running jail and removed again", "[system][root][upgrade]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    shorten_quiet_period(host);
    const int port = install(host);

    CHECK(host.run({"install", "tree", "-j", "nginx"}).status == 0);

    CHECK(generations(host) == "1 2*");
    CHECK(host.run({"exec", "nginx", "tree", "--version"}).status == 0);
    CHECK(host.run({"remove", "tree", "-j", "nginx"}).status == 0);
    CHECK(generations(host) == "1 2 3*");
    CHECK(host.run({"exec", "nginx", "tree", "--version"}).status == 5);
    CHECK(host.run({"remove", "nginx", "-j", "nginx"}).status == 6);
    CHECK(test::http_status(url(port)) == 200);
}

TEST_CASE("a catalog that is gone is told, and nothing is removed", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install(host);
    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    const auto aside = host.etc() / "catalog.sqlite";
    std::filesystem::rename(host.state() / "catalog.sqlite", aside);

    const CommandResult result = host.run({"update"});

    CHECK(result.status == 65);
    CHECK_FALSE(std::filesystem::is_empty(host.state() / "jails"));
    std::filesystem::rename(aside, host.state() / "catalog.sqlite");
    CHECK(host.run({"start", "nginx"}).status == 0);
}
