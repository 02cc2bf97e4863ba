// Generations on the real kernel: upgrade, the health gate, rollback, and commands killed in between.
#include <fstream>
#include <set>

#include "system/nginx.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

nlohmann::json status_of(const Host& host) {
    return host.run({"status", "nginx", "--json"}).json()["jails"][0];
}

} // namespace

TEST_CASE("an upgrade takes the new packages, and rollback brings the old ones back",
          "[system][root][upgrade]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    REQUIRE(host.run({"exec", "nginx", "/bin/sh", "-c", "echo kept >/var/db/nginx/data"}).status == 0);
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 0);
    use_edition(host, "2026Q4");
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 2);

    const CommandResult upgraded = host.run({"upgrade", "nginx", "--json"});

    INFO(upgraded.out << upgraded.err);
    REQUIRE(upgraded.status == 0);
    CHECK(generations(host, "nginx") == "1 2*");
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(host.run({"upgrade", "nginx", "--json"}).json()["results"][0]["changed"] == false);
    CHECK(host.run({"upgrade", "nginx", "--check"}).status == 0);

    REQUIRE(host.run({"rollback", "nginx"}).status == 0);

    CHECK(generations(host, "nginx") == "1* 2");
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(host.run({"exec", "nginx", "/bin/sh", "-c", "cat /var/db/nginx/data"}).out == "kept\n");
    CHECK(host.run({"rollback", "nginx", "2"}).status == 0);
    CHECK(generations(host, "nginx") == "1 2*");
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
        const int port = test::nginx::install(host);
        use_edition(host, edition);

        const CommandResult result = host.run({"upgrade", "nginx"});

        INFO(result.out << result.err);
        CHECK(result.status == 4);
        CHECK_THAT(result.err, ContainsSubstring("generation 2 was rolled back"));
        CHECK_THAT(result.err, ContainsSubstring("generation 1 runs again"));
        CHECK(generations(host, "nginx") == "1* 2");
        CHECK(status_of(host)["state"] == "ready");
        CHECK(test::http_status(test::url(port)) == 200);
        CHECK(host.run({"doctor"}).status == 0);
    }
}

TEST_CASE("an upgrade killed at any step leaves a whole generation running after the next command",
          "[system][root][upgrade][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    use_edition(host, "2026Q4");
    std::vector<std::string> steps;
    for (const std::string& step : steps_of(host, {"upgrade", "nginx"}))
        if (step.starts_with("switch.") || step.starts_with("generation.") || step.starts_with("start.") ||
            step.starts_with("install.image"))
            steps.push_back(step);
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
        CHECK(test::http_status(test::url(port)) == 200);
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
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);

    CHECK(host.run({"install", "tree", "-j", "nginx"}).status == 0);

    CHECK(generations(host, "nginx") == "1 2*");
    CHECK(host.run({"exec", "nginx", "tree", "--version"}).status == 0);
    CHECK(host.run({"remove", "tree", "-j", "nginx"}).status == 0);
    CHECK(generations(host, "nginx") == "1 2 3*");
    CHECK(host.run({"exec", "nginx", "tree", "--version"}).status == 5);
    CHECK(host.run({"remove", "nginx", "-j", "nginx"}).status == 6);
    CHECK(test::http_status(test::url(port)) == 200);
}

TEST_CASE("a catalog that is gone is told, and nothing is removed", "[system][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::install(host);
    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    const auto aside = host.etc() / "catalog.sqlite";
    std::filesystem::rename(host.state() / "catalog.sqlite", aside);

    const CommandResult result = host.run({"update"});

    CHECK(result.status == 65);
    CHECK_FALSE(std::filesystem::is_empty(host.state() / "jails"));
    std::filesystem::rename(aside, host.state() / "catalog.sqlite");
    CHECK(host.run({"start", "nginx"}).status == 0);
}
