// Who requires whom: orders, cycles, jails that are missing.
#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using ops::Requirements;

namespace {

/// "app: db cache; db; cache: db"
Requirements parse(const std::string& text) {
    Requirements requirements;
    std::string jail;
    std::vector<std::string> required;
    const auto end = [&] {
        if (!jail.empty())
            requirements.add(jail, required);
        jail.clear();
        required.clear();
    };
    std::string word;
    for (const char c : text + ";") {
        if (c != ' ' && c != ':' && c != ';') {
            word += c;
            continue;
        }
        if (!word.empty() && jail.empty())
            jail = word;
        else if (!word.empty())
            required.push_back(word);
        word.clear();
        if (c == ';')
            end();
    }
    return requirements;
}

std::string show(const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, " "));
}

std::string failure(const Requirements& requirements, const std::string& jail) {
    try {
        requirements.start_order(jail);
    } catch (const base::Error& error) {
        return error.what();
    }
    return "none";
}

} // namespace

TEST_CASE("a jail starts after everything that it requires, directly or not", "[ops][requires]") {
    const Requirements shop = parse("web: app cache; app: db; cache; db: disk; disk; other: web");

    CHECK(show(shop.start_order("web")) == "disk db app cache web");
    CHECK(show(shop.start_order("cache")) == "cache");
    CHECK(show(shop.sorted({"web", "disk", "db"})) == "disk db web");
}

TEST_CASE("a jail is stopped after everybody who requires it, directly or not", "[ops][requires]") {
    const Requirements shop = parse("web: app cache; app: db; cache; db: disk; disk; other: web");

    CHECK(show(shop.dependents("disk")) == "other web app db");
    CHECK(show(shop.dependents("cache")) == "other web");
    CHECK(shop.dependents("other").empty());
    CHECK(show(shop.required_by("db")) == "app");
}

TEST_CASE("jails that require each other are refused with the way round", "[ops][requires]") {
    const Requirements circle = parse("in: a; a: b; b: c; c: a; alone: alone");

    CHECK(failure(circle, "in") == "a: requires itself: a -> b -> c -> a");
    CHECK(failure(circle, "c") == "c: requires itself: c -> a -> b -> c");
    CHECK(failure(circle, "alone") == "alone: requires itself: alone -> alone");
    // They can be stopped nevertheless.
    CHECK(show(circle.dependents("a")) == "in b c");
    CHECK(show(circle.sorted({"a", "b", "c"})) == "c b a");
}

TEST_CASE("a required jail that there is not is named with who requires it", "[ops][requires]") {
    const Requirements shop = parse("web: app; app: db");

    CHECK(failure(shop, "web") == "db: there is no jail of this name, and jail app requires it");
}

TEST_CASE("what a broken recipe requires is nobody's guess", "[ops][requires]") {
    Requirements shop = parse("web: app; app");
    shop.add_unreadable("app", base::Error(base::ErrorKind::configuration, "app.recipe:3", "found nonsense"));

    CHECK(failure(shop, "web") == "app.recipe:3: found nonsense");
    CHECK(show(shop.dependents("app")) == "web");
}
