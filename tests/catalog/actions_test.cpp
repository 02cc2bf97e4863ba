#include "pkgjail/catalog/actions.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;

namespace {

std::string show(const std::vector<Action>& actions) {
    std::string text;
    for (const Action& each : actions)
        text += std::to_string(each.id) + " " + std::to_string(each.at) + " uid " + std::to_string(each.uid) +
                " " + each.verb + " [" + each.target + "] " + each.command_line + ": " + each.outcome + " (" +
                std::to_string(each.exit_status) + ")\n";
    return text;
}

Action action(const std::string& verb, const std::string& target) {
    Action result;
    result.at = 1000;
    result.uid = 501;
    result.verb = verb;
    result.target = target;
    result.command_line = "pkgjail " + verb + " " + target;
    return result;
}

} // namespace

TEST_CASE("what was done is listed newest first, of all or of one jail", "[catalog][actions]") {
    Fixture fixture;
    Actions actions(fixture.catalog);
    const auto first = actions.begin(action("install", "web"));
    actions.begin(action("update", ""));
    const auto third = actions.begin(action("upgrade", "web"));

    actions.finish(first, "done", 0);
    actions.finish(third, "not healthy", 4);

    CHECK(show(actions.latest(std::nullopt, 100)) ==
          "3 1000 uid 501 upgrade [web] pkgjail upgrade web: not healthy (4)\n"
          "2 1000 uid 501 update [] pkgjail update :  (0)\n"
          "1 1000 uid 501 install [web] pkgjail install web: done (0)\n");
    CHECK(actions.latest("web", 100).size() == 2);
    CHECK(actions.latest("", 100).size() == 1);
    CHECK(actions.latest("db", 100).empty());
    actions.begin(action("stop", "web-2 db web"));
    CHECK(actions.latest("web", 100).size() == 3);
    CHECK(actions.latest("db", 100).size() == 1);
    CHECK(actions.latest("web-2", 100).size() == 1);
    CHECK(actions.latest("we", 100).empty());
    CHECK(actions.latest("2", 100).empty());
    CHECK(actions.latest("", 100).size() == 1);
    CHECK(actions.latest(std::nullopt, 2).back().id == third);
    CHECK(actions.latest(std::nullopt, 0).empty());
}

TEST_CASE("an action that was never begun cannot end", "[catalog][actions]") {
    Fixture fixture;
    const auto error = error_of([&] { Actions(fixture.catalog).finish(1, "done", 0); });
    REQUIRE(error);
    CHECK(error->kind() == base::ErrorKind::not_found);
}

TEST_CASE("only what ended as failed, and is that act, is explained", "[catalog][actions]") {
    Fixture fixture;
    Actions actions(fixture.catalog);
    const auto failed = actions.begin(action("upgrade", "web"));
    actions.finish(failed, "failed", 1);
    const auto done = actions.begin(action("start", "web"));
    actions.finish(done, "done", 0);

    actions.explain(failed, 999, "another catalog's", 4);
    actions.explain(done, 1000, "not this one", 4);
    actions.explain(7, 1000, "nor this one", 4);
    CHECK(show(actions.latest(std::nullopt, 9)) ==
          "2 1000 uid 501 start [web] pkgjail start web: done (0)\n"
          "1 1000 uid 501 upgrade [web] pkgjail upgrade web: failed (1)\n");
    actions.explain(failed, 1000, "not healthy", 4);
    CHECK(actions.latest(std::nullopt, 9).back().outcome == "not healthy");
    CHECK(actions.latest(std::nullopt, 9).back().exit_status == 4);
}
