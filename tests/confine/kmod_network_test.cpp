#include "pkgjail/confine/kmod_network.hpp"

#include "support/catch.hpp"

using namespace pkgjail;
using confine::AltqPlace;

namespace {

const std::string operators_file = "# shaping\n"
                                   "interface wm1 bandwidth 10M priq\n"
                                   "class priq wm1 high NULL priority 0\n"
                                   "interface wm0 bandwidth 100M cbq # uplink\n"
                                   "class cbq wm0 root_class NULL priority 0 pbandwidth 100\n"
                                   "class cbq wm0 def_class root_class borrow pbandwidth 90 default\n";

confine::JailSpec web() {
    confine::JailSpec spec;
    spec.handle = "pkgjail-1";
    spec.jail = "web";
    spec.claims = {{"tcp", "10.0.0.5", 80}, {"udp", "10.0.0.5", 53}, {"tcp", "2001:db8::5", 80}};
    spec.limits.wanted[jail::LimitKind::net_out] = {1'000'000, "test"};
    return spec;
}

std::string reading(const confine::JailSpec& spec, const std::optional<std::string>& altq_conf) {
    const auto found = confine::net_out_reading(spec, 1'000'000, altq_conf, "/run/web/altq.conf");
    return std::string(jail::enforcement_name(found.enforcement)) + ": " + found.mechanism;
}

} // namespace

TEST_CASE("what a jail claims may come in to its addresses, and nothing else", "[confine][kmod]") {
    CHECK(confine::npf_rules(web()) ==
          "pass stateful in final family inet4 proto tcp to 10.0.0.5 port 80\n"
          "pass stateful in final family inet4 proto udp to 10.0.0.5 port 53\n"
          "block in final family inet4 to 10.0.0.5\n"
          "pass stateful in final family inet6 proto tcp to 2001:db8::5 port 80\n"
          "block in final family inet6 to 2001:db8::5\n");
}

TEST_CASE("from the addresses of a jail without network nothing goes in or out", "[confine][kmod]") {
    auto spec = web();
    spec.network = jail::NetworkMode::none;
    CHECK(confine::npf_rules(spec) == "block in final family inet4 to 10.0.0.5\n"
                                      "block out final family inet4 from 10.0.0.5\n"
                                      "block in final family inet6 to 2001:db8::5\n"
                                      "block out final family inet6 from 2001:db8::5\n");
}

TEST_CASE("a jail that shares the host's addresses is told apart by nothing", "[confine][kmod]") {
    auto spec = web();
    spec.claims.push_back({"tcp", "", 443});
    CHECK(confine::npf_rules(spec).empty());
    CHECK(confine::altq_lines(spec, {"wm0", "root"}).empty());
    CHECK(reading(spec, operators_file) ==
          "unavailable: the jail has no address of its own that a shaper could tell it by");
}

TEST_CASE("a jail's class hangs on the operator's interface with cbq", "[confine][kmod]") {
    const auto place = confine::find_altq_place(operators_file);
    REQUIRE(place);
    CHECK(place->interface == "wm0");
    CHECK(place->root_class == "root_class");
    CHECK(confine::altq_lines(web(), *place) ==
          "class cbq wm0 pkgjail_web root_class exactbandwidth 8000000\n"
          "filter wm0 pkgjail_web 0 0 10.0.0.5 0 0\n"
          "filter6 wm0 pkgjail_web 0 0 2001:db8::5 0 0\n");
    CHECK_FALSE(confine::find_altq_place("interface wm0 bandwidth 1M cbq\n"));
    CHECK_FALSE(confine::find_altq_place("#interface wm0 cbq\nclass cbq wm0 root NULL\n"));
    CHECK_FALSE(confine::find_altq_place(""));
}

TEST_CASE("net-out is advisory with every line in the operator's file, else unavailable", "[confine][kmod]") {
    const auto lines = confine::altq_lines(web(), {"wm0", "root_class"});
    CHECK(reading(web(), std::nullopt) ==
          "unavailable: /etc/altq.conf has no interface with cbq and a root class");
    CHECK(reading(web(), operators_file) ==
          "unavailable: not all lines of /run/web/altq.conf are in /etc/altq.conf");
    CHECK(reading(web(), operators_file + "  " + lines) == "advisory: ALTQ on wm0, if altqd runs");
    auto faster = web();
    faster.limits.wanted[jail::LimitKind::net_out].value *= 2;
    CHECK(reading(faster, operators_file + lines) ==
          "unavailable: not all lines of /run/web/altq.conf are in /etc/altq.conf");
}
