// Jails that require each other, on the real kernel: order of start and stop, upgrades and commands killed in
// between. What happened is read from the supervisors' own records, merged by time.
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// A jail whose service takes a moment to be ready, and one second at most to stop.
void write_recipe(const Host& host, const std::string& name, const std::vector<std::string>& required,
                  const std::string& script = "sleep 0.2; touch /var/db/up; while :; do sleep 0.1; done") {
    std::string text = "[recipe]\nsummary = a test\npackage = tree\n";
    for (const std::string& jail : required)
        text += "requires = " + jail + "\n";
    text += fmt::format("[service]\ncommand = /bin/sh -c \"rm -f /var/db/up; trap 'exit 0' TERM; {}\"\n"
                        "stop-timeout = 5s\n"
                        "[health]\ncommand = /usr/bin/test -e /var/db/up\ninterval = 200ms\nquiet = 200ms\n",
                        script);
    host.write_config("recipes.d/" + name + ".recipe", text);
}

CommandResult install(const Host& host, const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"install", "tree", "-j", name, "--recipe", name};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return host.run(arguments);
}

std::string states(const Host& host) {
    std::string text;
    const nlohmann::json list = host.run({"list", "--json"}).json();
    for (const auto& jail : list["jails"])
        text += (text.empty() ? "" : " ") + jail["jail"].get<std::string>() + ":" +
                jail["state"].get<std::string>();
    return text;
}

/// "db ready, app ready, app stopping, db stopping": since the last call.
class Events {
  public:
    explicit Events(const Host& host) : host_(host) { next(); }
    std::string next() {
        const nlohmann::json all = host_.run({"logs", "--lines", "0", "--json"}).json()["records"];
        std::string text;
        for (std::size_t i = seen_; i < all.size(); ++i) {
            const std::string said = all[i]["text"];
            for (const char* word : {"ready after", "stopping:"})
                if (all[i]["stream"] == "sup" && said.starts_with(word))
                    text +=
                        fmt::format("{}{} {}", text.empty() ? "" : ", ", all[i]["jail"].get<std::string>(),
                                    said.starts_with("ready") ? "ready" : "stopping");
        }
        seen_ = all.size();
        return text;
    }

  private:
    const Host& host_;
    std::size_t seen_ = 0;
};

} // namespace

TEST_CASE("jails are started after what they require, and stopped before it", "[system][root][requires]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, "db", {});
    write_recipe(host, "cache", {});
    write_recipe(host, "app", {"db", "cache"});
    write_recipe(host, "web", {"app"});

    const CommandResult missing = install(host, "app");
    CHECK(missing.status == 5);
    CHECK_THAT(missing.err, ContainsSubstring("db: there is no jail of this name, and jail app requires it"));
    CHECK_THAT(missing.err, ContainsSubstring("pkgjail install PACKAGE -j db"));
    CHECK(states(host).empty());

    for (const std::string name : {"db", "cache", "app", "web"})
        REQUIRE(install(host, name, {"--no-start"}).status == 0);
    Events events(host);

    const CommandResult started = host.run({"start", "web"});
    INFO(started.out << started.err);
    REQUIRE(started.status == 0);
    CHECK_THAT(started.out, ContainsSubstring("jail db: started, because web requires it\n"));
    CHECK_THAT(started.out, ContainsSubstring("jail web: started\n"));
    CHECK(states(host) == "app:ready cache:ready db:ready web:ready");
    const std::string up = events.next();
    CHECK((up == "db ready, cache ready, app ready, web ready" ||
           up == "cache ready, db ready, app ready, web ready"));
    CHECK(host.run({"start", "web"}).out == "jail web: running already\n");
    CHECK(host.run({"status", "app", "--json"}).json()["jails"][0]["requires"] ==
          nlohmann::json::array({"db", "cache"}));

    const CommandResult refused = host.run({"stop", "db"});
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("db: is required by jails web, app, which run"));
    CHECK_THAT(refused.err, ContainsSubstring("pkgjail stop --dependents db"));
    CHECK(host.run({"destroy", "db"}).status == 6);
    CHECK(host.run({"rename", "web", "front"}).status == 6); // runs
    CHECK(events.next().empty());

    const CommandResult restarted = host.run({"restart", "db"});
    INFO(restarted.err);
    CHECK(restarted.status == 0);
    CHECK(events.next() == "web stopping, app stopping, db stopping, db ready, app ready, web ready");

    const CommandResult stopped = host.run({"stop", "db", "--dependents"});
    CHECK(stopped.status == 0);
    CHECK_THAT(stopped.out, ContainsSubstring("jail app: stopped, because db is required by it\n"));
    CHECK(events.next() == "web stopping, app stopping, db stopping");
    CHECK(states(host) == "app:stopped cache:ready db:stopped web:stopped");
    CHECK_THAT(host.run({"rename", "db", "base"}).err,
               ContainsSubstring("is required by jail app, under this name"));

    CHECK(host.run({"start", "--all"}).status == 0);
    CHECK(events.next() == "db ready, app ready, web ready");
    CHECK(host.run({"stop", "--all"}).status == 0);
    CHECK_THAT(events.next(), ContainsSubstring("web stopping, app stopping, "));
    CHECK(host.run({"stop", "--all"}).status == 0);
    CHECK(events.next().empty());
}

TEST_CASE("what a jail requires and does not get ready keeps it from starting", "[system][root][requires]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, "db", {}, "echo no disk; exit 1");
    write_recipe(host, "app", {"db"});
    write_recipe(host, "other", {});
    for (const std::string name : {"db", "app", "other"})
        REQUIRE(install(host, name, {"--no-start"}).status == 0);

    const CommandResult result = host.run({"start", "--all"});

    CHECK(result.status == 3);
    CHECK_THAT(result.err, ContainsSubstring("db: the service did not get ready: exit status 1"));
    CHECK_THAT(result.err, ContainsSubstring(
                               "app: is not started, because jail db, which it requires, did not get ready"));
    CHECK(states(host) == "app:stopped db:failed other:ready");
    CHECK(host.run({"start", "app"}).status == 4);

    // A circle made by editing recipes is refused, and hinders nobody else.
    write_recipe(host, "db", {"app"});
    const CommandResult circle = host.run({"start", "app"});
    CHECK(circle.status == 78);
    CHECK_THAT(circle.err, ContainsSubstring("app: requires itself: app -> db -> app"));
    CHECK(host.run({"start", "other"}).status == 0);
    CHECK(host.run({"stop", "--all"}).status == 0);
}

TEST_CASE("an upgrade of a required jail takes down who requires it, and brings them up, on the way back too",
          "[system][root][requires]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, "db", {});
    write_recipe(host, "app", {"db"});
    write_recipe(host, "web", {"app"});
    for (const std::string name : {"db", "app", "web"})
        REQUIRE(install(host, name).status == 0);
    Events events(host);
    use_edition(host, "2026Q4");
    // The demo's tree does not change between editions, so another package makes the generation.
    const CommandResult extended = host.run({"install", "nginx", "-j", "db"});
    INFO(extended.out << extended.err);
    REQUIRE(extended.status == 0);
    CHECK(events.next() == "web stopping, app stopping, db stopping, db ready, app ready, web ready");

    CHECK(host.run({"rollback", "db"}).status == 0);
    CHECK(events.next() == "web stopping, app stopping, db stopping, db ready, app ready, web ready");

    REQUIRE(host.run({"snapshot", "db", "now"}).status == 0);
    events.next();
    CHECK(host.run({"restore", "db", "now", "--yes"}).status == 0);
    CHECK(events.next() == "web stopping, app stopping, db stopping, db ready, app ready, web ready");

    // The next generation of db is fine, but app does not come up on it.
    write_recipe(host, "app", {"db"},
                 "test -e /var/db/once || { touch /var/db/once; exit 3; }; "
                 "touch /var/db/up; while :; do sleep 0.1; done");
    const CommandResult back = host.run({"install", "nginx", "-j", "db"});
    INFO(back.err);
    CHECK(back.status == 4);
    CHECK_THAT(back.err, ContainsSubstring("was rolled back: start jail app, which requires db"));
    CHECK(states(host) == "app:ready db:ready web:ready");
}

TEST_CASE("a command killed while it has taken down who requires a jail leaves nothing down",
          "[system][root][requires][crash]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, "db", {});
    write_recipe(host, "app", {"db"});
    write_recipe(host, "a-web", {"app"}); // before the others by name, and after them by order
    for (const std::string name : {"db", "app", "a-web"})
        REQUIRE(install(host, name).status == 0);
    std::set<std::string> steps;
    for (const std::string& step : steps_of(host, {"install", "nginx", "-j", "db"}))
        if (step.starts_with("switch.") || step.starts_with("dependents.") || step.starts_with("start."))
            steps.insert(step);
    REQUIRE(steps.contains("dependents.noted"));
    REQUIRE(steps.contains("dependents.stopped"));
    REQUIRE(steps.contains("dependents.started"));

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        REQUIRE(host.run({"rollback", "db", "1"}).status == 0);
        REQUIRE(host.run({"install", "nginx", "-j", "db"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        const CommandResult next = host.run({"update"});

        INFO(next.err);
        CHECK(next.status == 0);
        CHECK(states(host) == "a-web:ready app:ready db:ready");
    }
}
