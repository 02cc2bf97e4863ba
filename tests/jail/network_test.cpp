// Published ports, name servers, the operator's choice over a recipe, and the pool of addresses.
#include "pkgjail/jail/address_pool.hpp"
#include "pkgjail/jail/network.hpp"

#include "jail/show.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using jail::AddressPool;
using jail::NetworkChoice;
using test::failure;

namespace {

std::string published(const std::string& text) {
    std::string shown;
    const std::string problem = failure([&] {
        shown = jail::parse_published_port({"publish", text, {"x", 1, "publish"}}).str();
    });
    return problem == "no error" ? shown : "wrong";
}

std::string resolv(const std::string& text) {
    std::string shown;
    const std::string problem = failure([&] {
        shown = jail::parse_resolv({"resolv", text, {"x", 1, "resolv"}}).str();
    });
    return problem == "no error" ? shown : "wrong";
}

std::string show(const jail::RenderedRecipe& recipe) {
    std::string text(jail::network_mode_name(recipe.network));
    for (const auto& claim : recipe.claims)
        text += " claims " + claim.str();
    for (const auto& port : recipe.publish)
        text += " publishes " + port.str();
    return text + (recipe.nat ? " nat" : "") + " resolv " + recipe.resolv.str();
}

jail::RenderedRecipe recipe(jail::NetworkMode mode) {
    jail::RenderedRecipe made;
    made.network = mode;
    if (mode != jail::NetworkMode::none)
        made.claims = {{"tcp", "", 80}};
    if (mode == jail::NetworkMode::private_) {
        made.publish = {{"tcp", "", 8080, 80}};
        made.nat = true;
    }
    made.resolv = {jail::Resolv::From::host, {}};
    return made;
}

std::string chosen(jail::NetworkMode mode, const NetworkChoice& choice) {
    jail::RenderedRecipe made = recipe(mode);
    const std::string problem = failure([&] { jail::choose_network(made, choice, "jail web"); });
    return problem == "no error" ? show(made) : problem;
}

std::string pool(const std::string& text) {
    const auto made = AddressPool::parse(text);
    return made ? fmt::format("{} {} {}", made->str(), made->gateway(), made->size()) : "none";
}

} // namespace

TEST_CASE("a published port is the host's and then the jail's, with an address of the host if any",
          "[jail][network]") {
    CHECK(published("tcp:8080:80") == "tcp:8080:80");
    CHECK(published("udp:192.0.2.1:5353:53") == "udp:192.0.2.1:5353:53");
    CHECK(published("tcp:0.0.0.0:80:80") == "tcp:80:80");
    for (const char* wrong : {"", "tcp", "tcp:80", "8080:80", "sctp:80:80", "tcp:0:80", "tcp:80:0",
                              "tcp:65536:80", "tcp:80:80:80", "tcp:[::1]:80:80", "tcp:localhost:80:80",
                              "tcp::80:80", "tcp:80:80 ", "tcp:1.2.3:80:80"})
        CHECK(published(wrong) == "wrong");
}

TEST_CASE("name servers are the host's, none, or up to three by number", "[jail][network]") {
    CHECK(resolv("host") == "host");
    CHECK(resolv("none") == "none");
    CHECK(resolv("servers=192.0.2.1") == "servers=192.0.2.1");
    CHECK(resolv("servers=192.0.2.1,2001:DB8:0::1") == "servers=192.0.2.1,2001:db8::1");
    for (const char* wrong : {"", "Host", "servers", "servers=", "servers=192.0.2.1,",
                              "servers=dns.example.org", "servers=192.0.2.1 192.0.2.2",
                              "servers=1.1.1.1,1.1.1.1", "servers=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4"})
        CHECK(resolv(wrong) == "wrong");
}

TEST_CASE("the operator's choice stands over the recipe's", "[jail][network]") {
    using enum jail::NetworkMode;
    CHECK(chosen(host, {}) == "host claims tcp:80 resolv host");
    CHECK(chosen(host, {"none", "", "none", {}}) == "none resolv none");
    CHECK(chosen(host, {"private", "yes", "", {"tcp:81:80"}}) ==
          "private claims tcp:80 publishes tcp:81:80 nat resolv host");
    CHECK(chosen(private_, {}) == "private claims tcp:80 publishes tcp:8080:80 nat resolv host");
    CHECK(chosen(private_, {"", "no", "", {"none"}}) == "private claims tcp:80 resolv host");
    CHECK(chosen(private_, {"", "", "", {"tcp:81:80", "udp:81:80"}}) ==
          "private claims tcp:80 publishes tcp:81:80 publishes udp:81:80 nat resolv host");
    CHECK(chosen(private_, {"host", "", "", {}}) == "host claims tcp:80 resolv host");
}

TEST_CASE("what only a private network has is refused beside another mode", "[jail][network]") {
    using enum jail::NetworkMode;
    CHECK(chosen(host, {"", "", "", {"tcp:81:80"}}) ==
          "jail web: a published port is asked for with network mode host, allowed: beside network mode "
          "private");
    CHECK(chosen(private_, {"none", "yes", "", {}}) ==
          "jail web: NAT is asked for with network mode none, allowed: beside network mode private");
    CHECK(chosen(host, {"", "no", "", {"none"}}) == "host claims tcp:80 resolv host");
}

TEST_CASE("a later choice replaces what it says and leaves the rest", "[jail][network]") {
    const NetworkChoice first{"private", "yes", "host", {"tcp:1:1"}};

    CHECK(jail::over(first, {}) == first);
    CHECK(jail::over(first, {"", "no", "", {"none"}}) == NetworkChoice{"private", "no", "host", {"none"}});
    CHECK(jail::over({}, first) == first);
    CHECK(jail::checked({"", "", "servers=2001:DB8::1", {"tcp:0.0.0.0:1:1"}}, "x") ==
          NetworkChoice{"", "", "servers=2001:db8::1", {"tcp:1:1"}});
    CHECK(failure([] {
              jail::checked({"", "", "", {"tcp:1:1", "tcp:0.0.0.0:1:1"}}, "x");
          }) == "x: publish: found \"tcp:0.0.0.0:1:1\", allowed: each port once");
    CHECK(failure([] {
              jail::checked({"bridge", "", "", {}}, "x");
          }) == "x: network: found \"bridge\", allowed: host, none, private");
}

TEST_CASE("a pool is a network with room for one jail at least", "[jail][network]") {
    CHECK(pool("10.77.0.0/24") == "10.77.0.0/24 10.77.0.1 253");
    CHECK(pool("192.168.3.64/30") == "192.168.3.64/30 192.168.3.65 1");
    CHECK(pool("10.0.0.0/8") == "10.0.0.0/8 10.0.0.1 16777213");
    for (const char* wrong : {"", "10.77.0.0", "10.77.0.1/24", "10.77.0.0/31", "10.77.0.0/7", "127.0.0.0/8",
                              "0.0.0.0/8", "224.0.0.0/8", "2001:db8::/64", "10.77.0.0/24x"})
        CHECK(pool(wrong) == "none");
}

TEST_CASE("addresses are given out from the lowest, never network, gateway or the last", "[jail][network]") {
    const AddressPool small = AddressPool::parse("10.77.0.0/29").value();

    CHECK(small.first_free({}) == "10.77.0.2");
    CHECK(small.first_free({"10.77.0.2", "10.77.0.4"}) == "10.77.0.3");
    CHECK(small.first_free({"10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5"}) == "10.77.0.6");
    CHECK(small.first_free({"10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5", "10.77.0.6"}) ==
          std::nullopt);
    for (const char* reserved : {"10.77.0.0", "10.77.0.1", "10.77.0.7", "10.77.0.8", "10.76.255.255", "x"})
        CHECK_FALSE(small.has_room_for(reserved));
    CHECK(small.has_room_for("10.77.0.2"));
    CHECK(small.has_room_for("10.77.0.6"));
    CHECK(small.contains("10.77.0.7"));
    CHECK_FALSE(small.contains("10.77.0.8"));
}
