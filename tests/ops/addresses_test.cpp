// Where a service answers, as the host sees it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/ops/service.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using jail::NetworkMode;

namespace {

std::string addresses(NetworkMode network, const std::optional<std::string>& url) {
    jail::RenderedRecipe recipe;
    recipe.network = network;
    recipe.claims = {{"tcp", "", 6379}};
    if (url)
        recipe.health.probe = jail::Probe{jail::Probe::Kind::http, *url, {}};
    return fmt::format("{}", fmt::join(ops::addresses(recipe, "10.77.0.2"), " "));
}

} // namespace

TEST_CASE("a service answers where the host can reach it, and nowhere without a network", "[ops]") {
    const std::string url = "http://127.0.0.1:8080/";
    CHECK(addresses(NetworkMode::host, url) == url);
    CHECK(addresses(NetworkMode::private_, url) == "http://10.77.0.2:8080/");
    CHECK(addresses(NetworkMode::none, url) == "");
    CHECK(addresses(NetworkMode::host, {}) == "tcp:6379");
    CHECK(addresses(NetworkMode::private_, {}) == "tcp:10.77.0.2:6379");
    CHECK(addresses(NetworkMode::none, {}) == "");
}
