// start, stop, restart and reload of one of several services: what is refused, and what there is nothing to
// do for.
#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Host;

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
