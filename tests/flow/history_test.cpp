// history: the audit trail of the host.
#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/catalog/actions.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;

namespace {

void record_acts(const Host& host) {
    catalog::Catalog catalog = test::open_catalog(host);
    catalog::Actions actions(catalog);
    const auto record = [&](std::int64_t at, const std::string& verb, const std::string& target,
                            const std::string& outcome, int status) {
        catalog::Action action;
        action.at = at;
        action.verb = verb;
        action.target = target;
        action.command_line = verb + " " + target;
        const std::int64_t id = actions.begin(action);
        if (!outcome.empty())
            actions.finish(id, outcome, status);
    };
    record(1'700'000'000, "install", "web", "done", 0);
    record(1'700'000'060, "upgrade", "web", "failed", 1);
    record(1'700'000'120, "destroy", "db\x1b[2J", "done", 0);
    record(1'700'000'180, "upgrade", "web", "", 0);
}

} // namespace

TEST_CASE("history without a jail tells who did what, and how it ended", "[flow][history]") {
    const Host host;
    record_acts(host);

    CHECK(host.run({"history"}).out == "2023-11-14T22:13:20Z  root     install web\n"
                                       "2023-11-14T22:14:20Z  root     upgrade web\n"
                                       "      failed\n"
                                       "2023-11-14T22:15:20Z  root     destroy db\\x1b[2J\n"
                                       "2023-11-14T22:16:20Z  root     upgrade web\n"
                                       "      under way, or killed\n");
    CHECK(host.run({"history", "--lines", "1"}).out == "2023-11-14T22:16:20Z  root     upgrade web\n"
                                                       "      under way, or killed\n");
}

TEST_CASE("a jail's acts outlive the jail", "[flow][history]") {
    const Host host;
    record_acts(host);

    const auto acts = host.run({"history", "--acts", "web", "--json"}).json()["acts"];

    REQUIRE(acts.size() == 3);
    CHECK(acts[1]["at"] == "2023-11-14T22:14:20Z");
    CHECK(acts[1]["uid"] == 0);
    CHECK(acts[1]["command"] == "upgrade web");
    CHECK(acts[1]["outcome"] == "failed");
    CHECK(acts[1]["exit_status"] == 1);
    check_fails(host, {"history", "--acts", "nobody"}, 5,
                "pkgjail: history: nobody: there is no jail of this name\n"
                "hint: pkgjail list shows the jails there are\n");
    check_fails(host, {"history", "web", "--lines", "3"}, 64,
                "pkgjail: history: --lines: is for acts; a jail's generations are all shown\n"
                "hint: pkgjail history --acts JAIL\n");
}

TEST_CASE("a host where nothing was done has no acts", "[flow][history]") {
    const Host host;

    CHECK(host.run({"history"}).out == "nothing was done yet\n");
    CHECK(host.run({"history", "--json"}).json()["acts"].empty());
}

TEST_CASE("an act that failed has the failure and its exit status", "[flow][history]") {
    const test::Shop shop({test::package("web-1.0"), test::package("db-1.0")});
    const Host& host = shop.host();
    const auto last = [&](const std::string& jail) {
        const auto acts = host.run({"history", "--acts", jail, "--json"}).json()["acts"];
        return acts.empty() ? nlohmann::json() : nlohmann::json(acts.back());
    };
    for (const char* jail : {"web", "db"})
        REQUIRE(host.run({"install", jail, "-j", jail}).status == 0);

    CHECK(host.run({"rollback", "web", "7"}).status == 5);
    CHECK(last("web")["outcome"] == "web: has no generation 7");
    CHECK(last("web")["exit_status"] == 5);

    SECTION("an update of which nothing came") {
        std::filesystem::remove_all(shop.path());
        const int status = host.run({"update"}).status;
        const auto acts = host.run({"history", "--json"}).json()["acts"];
        CHECK(status == 69);
        CHECK(acts.back()["exit_status"] == status);
        CHECK(acts.back()["outcome"].get<std::string>().find(shop.path().string()) != std::string::npos);
    }
    SECTION("one act of several jails") {
        REQUIRE(host.run({"stop", "web", "db"}).status == 0);
        CHECK(last("web") == last("db"));
        CHECK(last("web")["jail"] == "web db");
        CHECK(last("web")["outcome"] == "done");
        CHECK(host.run({"stop", "web", "nobody"}).status == 3);
        CHECK(last("web")["outcome"] == "nobody: there is no jail of this name");
        CHECK(last("web")["exit_status"] == 5);
    }
    SECTION("an act for each of several jails") {
        shop.offer({test::package("web-1.1"), test::package("db-1.1")});
        test::write_bytes(shop.path() / "web-1.1.tgz", "damaged");
        REQUIRE(host.run({"update"}).status == 0);
        CHECK(host.run({"upgrade", "web", "db"}).status == 3);
        CHECK(last("web")["exit_status"] == 7);
        CHECK(last("web")["outcome"].get<std::string>().starts_with("web-1.1"));
        CHECK(last("db")["outcome"] == "done");
        CHECK(host.run({"history", "--acts", "db"}).out.find("\n      fetched\n") != std::string::npos);
    }
}
