#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/service_order.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

namespace {

/// "a, b after a, c after a b", or what is wrong.
std::string order(const std::vector<std::pair<std::string, std::vector<std::string>>>& given) {
    std::vector<jail::Service> services;
    std::map<std::string, jail::Position> where;
    for (const auto& [name, after] : given) {
        services.emplace_back();
        services.back().name = name;
        services.back().after = after;
        where[name] = {"x.recipe", static_cast<unsigned>(services.size()), "after"};
    }
    try {
        std::string text;
        for (const jail::Service& service : jail::order_services(services, where)) {
            text += (text.empty() ? "" : ", ") + service.name + (service.after.empty() ? "" : " after");
            for (const std::string& other : service.after)
                text += " " + other;
        }
        return text;
    } catch (const base::Error& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("services are started in the order of the file, unless they say what they wait for",
          "[jail][services]") {
    CHECK(order({}).empty());
    CHECK(order({{"a", {}}}) == "a");
    CHECK(order({{"a", {}}, {"b", {}}, {"c", {}}}) == "a, b after a, c after b");
    CHECK(order({{"a", {}}, {"b", {"c"}}, {"c", {"a"}}}) == "a, c after a, b after c");
    CHECK(order({{"a", {}}, {"b", {"a"}}, {"c", {"a"}}, {"d", {"b", "c"}}}) ==
          "a, b after a, c after a, d after b c");
}

TEST_CASE("services that wait for themselves, for nobody, or before the first are refused",
          "[jail][services]") {
    CHECK(order({{"a", {}}, {"b", {"c"}}, {"c", {"d"}}, {"d", {"b"}}}) ==
          "x.recipe:2: after: found \"b -> c -> d -> b\", allowed: services that do not wait for themselves");
    CHECK(order({{"a", {}}, {"b", {"b"}}}) ==
          "x.recipe:2: after: found \"b -> b\", allowed: services that do not wait for themselves");
    CHECK(order({{"a", {"b"}}, {"b", {}}}) == "x.recipe:1: after: found \"b\", allowed: nothing in the first "
                                              "service, because the jail begins with it");
    CHECK(order({{"a", {}}, {"b", {"z"}}, {"c", {}}}) ==
          "x.recipe:2: after: found \"z\", allowed: another service: a, c");
}
