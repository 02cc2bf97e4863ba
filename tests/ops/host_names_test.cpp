// The block of other jails' names in /etc/hosts.
#include "pkgjail/ops/host_names.hpp"

#include "support/catch.hpp"

using namespace pkgjail;
using ops::with_block;

namespace {

const std::string localhost = "127.0.0.1 localhost\n";
const std::string begin = "# jails that this one requires, by pkgjail: begin\n";
const std::string end = "# jails that this one requires, by pkgjail: end\n";

std::string addresses(const std::string& network, std::vector<catalog::PortClaimRow> claims,
                      jail::NetworkMode from = jail::NetworkMode::host) {
    catalog::Jail jail;
    jail.network = network;
    if (network == "private")
        jail.address = "10.77.0.2";
    jail.claims = std::move(claims);
    std::string text;
    for (const std::string& address : ops::addresses_of(jail, from, "10.77.0.1"))
        text += (text.empty() ? "" : " ") + address;
    return text;
}

} // namespace

TEST_CASE("the names of other jails stand in a block of their own", "[ops][names]") {
    CHECK(with_block(localhost, {"127.0.0.1 db", "::1 db"}) ==
          localhost + begin + "127.0.0.1 db\n::1 db\n" + end);
    CHECK(with_block("", {"127.0.0.1 db"}) == begin + "127.0.0.1 db\n" + end);
    CHECK(with_block("127.0.0.1 localhost", {"127.0.0.1 db"}) ==
          localhost + begin + "127.0.0.1 db\n" + end); // a last line without an end of line
    CHECK(with_block(localhost, {}) == localhost);
}

TEST_CASE("a second time changes nothing, and nothing required takes the block away", "[ops][names]") {
    const std::string once = with_block(localhost, {"127.0.0.1 db"});

    CHECK(with_block(once, {"127.0.0.1 db"}) == once);
    CHECK(with_block(once, {}) == localhost);
}

TEST_CASE("what the operator wrote around the block stays where it is", "[ops][names]") {
    const std::string mine = localhost + begin + "127.0.0.1 old\n" + end + "10.0.0.1 printer";

    CHECK(with_block(mine, {"127.0.0.2 db"}) ==
          localhost + begin + "127.0.0.2 db\n" + end + "10.0.0.1 printer");
    CHECK(with_block(mine, {}) == localhost + "10.0.0.1 printer");
}

TEST_CASE("half a block is the operator's text", "[ops][names]") {
    const std::string no_end = begin + "127.0.0.1 old\n10.0.0.1 printer\n";
    const std::string indented = " " + begin + " " + end;

    CHECK(with_block(no_end, {}) == no_end);
    const std::string both = with_block(no_end, {"127.0.0.1 db"});
    CHECK(both == no_end + begin + "127.0.0.1 db\n" + end);
    CHECK(with_block(both, {"127.0.0.1 db"}) == both);
    CHECK(with_block(both, {}) == no_end);
    CHECK(with_block(indented, {}) == indented);
}

TEST_CASE("a jail is found at the addresses of its claims", "[ops][names]") {
    CHECK(addresses("host", {{"tcp", "127.0.0.2", 5432}, {"tcp", "::1", 5432}, {"udp", "127.0.0.2", 53}}) ==
          "127.0.0.2 ::1");
    CHECK(addresses("host", {{"tcp", "", 80}, {"tcp", "0.0.0.0", 81}, {"tcp", "::", 82}}) == "127.0.0.1");
    CHECK(addresses("host", {}) == "");
    CHECK(addresses("none", {{"tcp", "", 80}}) == "");
}

TEST_CASE("between networks a jail is found where it can be reached", "[ops][names]") {
    using jail::NetworkMode;
    const std::vector<catalog::PortClaimRow> claims = {
        {"tcp", "127.0.0.1", 1}, {"tcp", "", 2}, {"tcp", "192.0.2.7", 3}, {"tcp", "::1", 4}};

    CHECK(addresses("host", claims, NetworkMode::private_) == "10.77.0.1");
    CHECK(addresses("host", {{"tcp", "127.0.0.1", 1}}, NetworkMode::private_) == "");
    CHECK(addresses("private", {{"tcp", "", 8080}}, NetworkMode::private_) == "10.77.0.2");
    CHECK(addresses("private", {{"tcp", "", 8080}}, NetworkMode::host) == "10.77.0.2");
    CHECK(addresses("private", {}, NetworkMode::none) == "");
    CHECK(addresses("host", claims, NetworkMode::none) == "");
}
