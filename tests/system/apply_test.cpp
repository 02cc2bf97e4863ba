// Declared jails, made and kept so: nginx and a jail that it requires.
#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/pkgjail_command.hpp"
#include "system/nginx.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

void declare(const Host& host, const std::string& name, const std::string& text) {
    host.write_config("jails.d/" + name + ".jail", text);
}

/// "web:limits cache:": what apply says that it did, or would do.
std::string actions(const CommandResult& result) {
    std::string text;
    const nlohmann::json results = result.json()["results"];
    for (const auto& jail : results) {
        text += (text.empty() ? "" : " ") + jail["jail"].get<std::string>() + ":";
        for (const auto& action : jail["actions"])
            text += action["action"].get<std::string>() + (action["restart"] == true ? "!" : "");
    }
    return text;
}

nlohmann::json status(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0];
}

std::string web(int port, const std::string& more = {}, const std::string& limits = {}) {
    return "[jail]\nrecipe = nginx\nrequires = cache\n" + more + "[limits]\nmemory = 300M\n" + limits +
           "[set]\nport = " + std::to_string(port) + "\n";
}

} // namespace

TEST_CASE("jails become as they are declared, and applied again nothing is done", "[system][root][apply]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    declare(host, "cache",
            "[jail]\nrecipe = redis\n[set]\nport = " + std::to_string(test::free_port()) + "\n");
    declare(host, "web", web(port));

    CommandResult result = host.run({"apply", "-n", "--json"});
    INFO(result.out << result.err);
    CHECK(result.status == 2);
    CHECK(actions(result) == "cache:create web:create");
    CHECK(host.run({"list", "--json"}).json()["jails"].empty());

    result = host.run({"apply", "--json"});
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(actions(result) == "cache:create web:create");
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 200);
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:");
    CHECK(host.run({"apply", "-n"}).status == 0);
    const auto before = status(host, "web");
    const auto cache = status(host, "cache");

    // Limits: at once, and the service never notices.
    declare(host, "web", web(port, "", "processes = 20\n"));
    CHECK(host.run({"apply", "-n"}).status == 2);
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:limits");
    CHECK(status(host, "web")["pid"] == before["pid"]);
    CHECK(host.run({"apply", "-n"}).status == 0);

    // Settings: a restart, and a new generation.
    const int other = test::free_port();
    declare(host, "web", web(other, "", "processes = 20\n"));
    result = host.run({"apply", "--json"});
    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK(actions(result) == "cache: web:settings!");
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(other) + "/") == 200);
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 0);
    CHECK(status(host, "web")["pid"] != before["pid"]);

    // Packages, in and out.
    declare(host, "web", web(other, "package = tree\n", "processes = 20\n"));
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:install!");
    CHECK(host.run({"exec", "web", "tree", "--version"}).status == 0);
    declare(host, "web", web(other, "", "processes = 20\n"));
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:remove!");
    CHECK(host.run({"apply", "-n"}).status == 0);

    // State, and what a person did by hand.
    REQUIRE(host.run({"stop", "web"}).status == 0);
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:start");
    declare(host, "web", web(other, "state = stopped\n", "processes = 20\n"));
    CHECK(actions(host.run({"apply", "--json"})) == "cache: web:stop");
    CHECK(status(host, "web")["state"] == "stopped");
    CHECK(host.run({"apply", "-n"}).status == 0);
    CHECK(status(host, "cache")["pid"] == cache["pid"]);

    // What is printed is what there is.
    for (const char* jail : {"web", "cache"}) {
        const CommandResult printed = host.run({"apply", "--export", jail});
        REQUIRE(printed.status == 0);
        declare(host, jail, printed.out);
    }
    result = host.run({"apply", "-n"});
    INFO(result.out << result.err);
    CHECK(result.status == 0);
}

TEST_CASE("settings with which a service does not get ready are put back", "[system][root][apply]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/moody.recipe",
                      "[recipe]\nsummary = a test\npackage = tree\n[set]\nmood = good\n"
                      "[service]\ncommand = /bin/sh -c \"test ${mood} = good && exec sleep 1000\"\n"
                      "stop-timeout = 1s\n[health]\ngrace = 1s\nquiet = 200ms\n");
    declare(host, "moody", "[jail]\nrecipe = moody\n");
    REQUIRE(host.run({"apply"}).status == 0);

    declare(host, "moody", "[jail]\nrecipe = moody\n[set]\nmood = bad\n");
    const CommandResult result = host.run({"apply"});

    INFO(result.out << result.err);
    CHECK(result.status == 4);
    CHECK(status(host, "moody")["state"] == "ready");
    CHECK(status(host, "moody")["generation"] == 1);
    CHECK(host.run({"apply", "-n"}).status == 2); // it is still not as declared
    declare(host, "moody", "[jail]\nrecipe = moody\n");
    CHECK(host.run({"apply", "-n"}).status == 0);

    // Cut while the new values are not proven: the next command goes on, and puts them back.
    declare(host, "moody", "[jail]\nrecipe = moody\n[set]\nmood = bad\n");
    CHECK(host.run({"apply"}, {{"PKGJAIL_STOP_AT", "switch.committed"}}).status == 128 + 9);
    host.run({"update"});
    CHECK(status(host, "moody")["state"] == "ready");
    declare(host, "moody", "[jail]\nrecipe = moody\n");
    CHECK(host.run({"apply", "-n"}).status == 0);
}

TEST_CASE("whoever goes back to a generation or snapshot is answered at the port of then",
          "[system][root][apply]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int first = test::nginx::install(host);
    const int second = test::free_port();
    const auto answers_at = [&](int port, int not_at) {
        CHECK(test::http_status(test::url(port)) == 200);
        CHECK(test::http_status(test::url(not_at)) == 0);
    };
    test::well(host, {"snapshot", "nginx", "one"});
    declare(host, "nginx", "[jail]\nrecipe = nginx\n[set]\nport = " + std::to_string(second) + "\n");
    test::well(host, {"apply"});
    answers_at(second, first);

    test::well(host, {"rollback", "nginx"});
    answers_at(first, second);
    test::well(host, {"rollback", "nginx", "2"});
    answers_at(second, first);
    test::well(host, {"restore", "nginx", "one", "--yes"});
    answers_at(first, second);

    // One that is to run and cannot is started by what puts it right.
    const auto jail = std::filesystem::directory_iterator(host.state() / "jails")->path();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(jail / "config/3"))
        if (entry.path().filename() == "nginx.conf")
            std::ofstream(entry.path()) << "no such directive;\n";
    CHECK(host.run({"restart", "nginx"}).status == 4);
    CHECK(status(host, "nginx")["state"] == "failed");
    const CommandResult restored = host.run({"restore", "nginx", "one", "--yes"});
    INFO(restored.out << restored.err);
    CHECK(restored.status == 0);
    answers_at(first, second);
    test::check_sound(host);
}

TEST_CASE("what is meant to run is started with the host, and stays so when the host is shut down",
          "[system][root][apply]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/idle.recipe",
                      "[recipe]\nsummary = a test\npackage = tree\n[service]\ncommand = /bin/sleep 1000\n"
                      "stop-timeout = 1s\n");
    for (const char* name : {"a", "b", "c", "d"})
        REQUIRE(host.run({"install", "tree", "-j", name, "--recipe", "idle"}).status == 0);
    REQUIRE(host.run({"stop", "b", "c"}).status == 0);
    declare(host, "c", "[jail]\nrecipe = idle\nautostart = yes\n");
    declare(host, "d", "[jail]\nrecipe = idle\nautostart = no\n");

    REQUIRE(host.run({"stop", "--all", "--keep-wanted"}).status == 0);
    REQUIRE(host.run({"start", "--wanted"}).status == 0);

    const std::string states = status(host, "a")["state"].get<std::string>() + " " +
                               status(host, "b")["state"].get<std::string>() + " " +
                               status(host, "c")["state"].get<std::string>() + " " +
                               status(host, "d")["state"].get<std::string>();
    CHECK(states == "ready stopped ready stopped");
    CHECK(host.run({"start", "--wanted", "a"}).status == 64);
}
