// start, stop, restart and reload of one of several services: what is refused, and what there is nothing to
// do for.
#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Host;
using test::package;
using test::Shop;

namespace {

/// As test::check_fails, but told as the result of a jail.
void check_jail_fails(const Host& host, const std::vector<std::string>& arguments, int status,
                      const std::string& text) {
    const auto plain = host.run(arguments);
    CHECK(plain.status == status);
    CHECK(test::failure_text(plain) == text);
    CHECK(plain.out.empty());
    std::vector<std::string> with_json = arguments;
    with_json.emplace_back("--json");
    const auto result = host.run(with_json).json()["results"][0];
    CHECK(result["error"]["exit_status"] == status);
}

} // namespace

TEST_CASE("a service of a jail that does not run is stopped already, and not started alone",
          "[flow][services]") {
    const Host host;
    test::record_jail(host, "web", {"web-1.0"});

    for (int time = 0; time < 2; ++time) {
        const auto stopped = host.run({"stop", "web/worker"});
        CHECK(stopped.status == 0);
        CHECK(stopped.out == "service web/worker: not running\n");
    }
    for (const char* verb : {"start", "restart", "reload"})
        check_jail_fails(host, {verb, "web/worker"}, 6,
                         std::string("pkgjail: ") + verb +
                             ": web: does not run, and its services only with it\nhint: pkgjail start web\n");
    const auto json = host.run({"stop", "web/worker", "--json"}).json()["results"][0];
    CHECK(json["jail"] == "web");
    CHECK(json["service"] == "worker");
    CHECK(json["changed"] == false);
}

TEST_CASE("a reload that cannot be is told of the jail, with what can be done", "[flow][services]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    host.write_config("recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                              "[service]\ncommand = /bin/true\n");
    REQUIRE(host.run({"install", "web", "--no-start"}).status == 0);
    test::record_jail(host, "tools", {"tools-1.0"});

    check_jail_fails(host, {"reload", "web"}, 6,
                     "pkgjail: reload: web: does not run\nhint: pkgjail start web\n");
    check_jail_fails(host, {"reload", "tools"}, 78,
                     "pkgjail: reload: tools: the jail has no service, because no recipe was given for it\n"
                     "hint: run its programs with `pkgjail exec tools COMMAND`\n");
}

TEST_CASE("a start that another command is in the way of is tried again, and one that cannot be is not",
          "[flow][services]") {
    const Shop shop({package("web-1.0"), package("front-1.0")});
    const Host& host = shop.host();
    const auto write_recipe = [&](const std::string& name, const std::string& required) {
        host.write_config("recipes.d/" + name + ".recipe", "[recipe]\nsummary = a test\npackage = " + name +
                                                               "\n" + required +
                                                               "[service]\ncommand = /bin/true\n");
    };
    write_recipe("web", "");
    write_recipe("front", "requires = web\n");
    for (const char* name : {"web", "front"})
        REQUIRE(host.run({"install", name, "--recipe", name, "--no-start"}).status == 0);
    const auto note = [&] {
        catalog::Catalog catalog = test::open_catalog(host);
        return catalog::Jails(catalog).find("front")->operation.value_or("none");
    };
    const store::Layout layout(host.state());
    auto held = base::Lock::try_take(layout.jail_lock("web"), base::LockMode::exclusive, "upgrade web");
    REQUIRE(held);

    const auto restart = host.run({"restart", "front"});

    INFO(restart.err);
    CHECK(restart.status == 75);
    CHECK_THAT(restart.err, ContainsSubstring("jail web: ") && ContainsSubstring(": upgrade web"));
    CHECK(note() == "restart");
    const auto next = host.run({"update"});
    INFO(next.err);
    CHECK(next.status == 0);
    CHECK_THAT(next.err, ContainsSubstring("jail front: it is to be started again (restart)") &&
                             ContainsSubstring("web: was stopped, and front requires it; pkgjail start front "
                                               "starts both, pkgjail stop front leaves it down"));
    CHECK(note() == "restart");

    write_recipe("front", "requires = nobody\n");
    const auto last = host.run({"update"});
    INFO(last.err);
    CHECK_THAT(last.err, ContainsSubstring("nobody") && !ContainsSubstring("the next command tries again"));
    CHECK(note() == "none");
}

TEST_CASE("what is beside a jail says that it is meant to run, also where its start failed before the launch",
          "[flow][services]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    const auto write_recipe = [&](const std::string& more) {
        host.write_config("recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                                  "[service]\ncommand = /bin/true\n" +
                                                      more);
    };
    write_recipe("");
    REQUIRE(host.run({"install", "web", "--no-start"}).status == 0);
    write_recipe("secret = token\n");
    const auto check = [&] { return host.run({"catalog", "check"}); };

    SECTION("and could be written down") {
        const auto start = host.run({"start", "web"});
        INFO(start.err);
        CHECK(start.status == 78);
        CHECK_THAT(start.err, ContainsSubstring("web: needs the secret token"));
    }
    SECTION("and was not written down, which is said and made good by the next command") {
        const auto start = host.run({"start", "web"}, {{"PKGJAIL_FAIL_AT", "start.wanted"}});
        INFO(start.err);
        CHECK(start.status == 78);
        CHECK_THAT(start.err, ContainsSubstring("web: needs the secret token") &&
                                  ContainsSubstring("the next command that changes something writes this "
                                                    "record"));
        CHECK_THAT(check().out, ContainsSubstring("jail.json: tells something else than the catalog"));
        REQUIRE(host.run({"gc"}).status == 0);
    }

    const auto checked = check();
    INFO(checked.out);
    CHECK(checked.status == 0);
    REQUIRE(host.run({"catalog", "rebuild"}).status == 0);
    catalog::Catalog catalog = test::open_catalog(host);
    CHECK(catalog::Jails(catalog).find("web")->wanted_running);
}

TEST_CASE("a service is named by its jail and its own name", "[flow][services]") {
    const Host host;
    test::record_jail(host, "web", {"web-1.0"});

    check_jail_fails(host, {"restart", "web/"}, 64,
                     "pkgjail: restart: found \"web/\", allowed: JAIL or JAIL/SERVICE\n");
    check_jail_fails(host, {"restart", "/worker"}, 64,
                     "pkgjail: restart: found \"/worker\", allowed: JAIL or JAIL/SERVICE\n");
    check_jail_fails(host, {"stop", "web/a/b"}, 64,
                     "pkgjail: stop: found \"web/a/b\", allowed: JAIL or JAIL/SERVICE\n");
    check_jail_fails(
        host, {"stop", "shop/worker"}, 5,
        "pkgjail: stop: shop: there is no jail of this name\nhint: pkgjail list shows the jails there are\n");
}
