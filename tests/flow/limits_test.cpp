// limits of jails that do not run.
#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;
using test::package;
using test::Shop;

TEST_CASE("a limit by which no start would succeed is refused while the jail is stopped", "[flow][limits]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    REQUIRE(host.run({"install", "web"}).status == 0);

    for (const std::vector<std::string>& dry : {std::vector<std::string>{}, {"-n"}}) {
        std::vector<std::string> command = dry;
        for (const char* word : {"limits", "web", "net-in=1M", "require=enforced"})
            command.emplace_back(word);
        check_fails(host, command, 77,
                    "pkgjail: limits: web: limit net-in is unavailable (the jail shares the network of the "
                    "host), and every limit has to be enforced\n"
                    "hint: pkgjail limits web require=any does without, pkgjail limits web net-in=none takes "
                    "the limit away\n");
    }

    CHECK(host.run({"limits", "web", "net-in=1M"}).status == 0);
    CHECK(host.run({"limits", "web", "require=enforced"}).status == 77);
    CHECK(host.run({"limits", "web", "require=enforced", "net-in=none"}).status == 0);
    CHECK(host.run({"limits", "web", "memory=64M"}).status == 0);
}
