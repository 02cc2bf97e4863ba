// A copy of a state directory, made while its jails run, on the same host: nothing that is done with it may
// reach the jails of the original, which the kernel knows by the same names.
#include "pkgjail/base/process.hpp"
#include "system/nginx.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// As a backup does.
void back_up(const std::filesystem::path& from, const std::filesystem::path& to) {
    base::Command command;
    command.argv = {"/bin/cp", "-a", from.string(), to.string()};
    REQUIRE(base::Child::start(command).wait().success());
}

} // namespace

TEST_CASE("what is done with a copy of a state directory does not reach the jails of the original",
          "[system][root][crash][copied]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::shorten_quiet_period(host);
    const int port = test::nginx::install(host);
    const auto view = [](const Host& of) { return of.run({"status", "nginx", "--json"}).json()["jails"][0]; };
    const int pid = view(host)["pid"];
    const test::TempDir directory;
    back_up(host.state(), directory / "state");
    const Host copy(test::demo_repository("2026Q3"), directory / "state");
    test::nginx::shorten_quiet_period(copy);
    const auto goes_on = [&] {
        return test::http_status(test::url(port)) == 200 && view(host)["pid"] == pid &&
               view(host)["state"] == "ready";
    };

    CHECK(view(copy)["state"] == "stopped");
    CHECK_THAT(view(copy)["reason"].get<std::string>(), ContainsSubstring("is a copy of"));
    CHECK_THAT(copy.run({"doctor"}).out, ContainsSubstring("is a copy of another state directory"));
    const CommandResult entered = copy.run({"exec", "nginx", "/bin/true"});
    CHECK(entered.status == 6);
    CHECK_THAT(entered.err, ContainsSubstring("was copied from"));
    CHECK(goes_on());

    const CommandResult stopped = copy.run({"stop", "nginx"});
    INFO(stopped.out << stopped.err);
    CHECK(stopped.status == 0);
    CHECK_THAT(stopped.err, ContainsSubstring("is a copy of another state directory"));
    CHECK(goes_on());
    const CommandResult again = copy.run({"stop", "nginx"});
    CHECK(again.err.find("is a copy") == std::string::npos);
    for (const char* verb : {"start", "restart"}) {
        const CommandResult refused = copy.run({verb, "nginx"});
        INFO(verb << ": " << refused.out << refused.err);
        CHECK(refused.status == 6);
        CHECK_THAT(refused.err, ContainsSubstring("was copied from"));
        CHECK(goes_on());
    }
    CHECK(copy.run({"gc"}).status == 0);
    CHECK(goes_on());

    // The original is stopped: then it can run from the copy, and the other way round.
    REQUIRE(host.run({"stop", "nginx"}).status == 0);
    CHECK(copy.run({"start", "nginx"}).status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(copy.run({"restart", "nginx"}).status == 0);
    CHECK(copy.run({"destroy", "nginx", "--with-data", "--yes"}).status == 0);
    CHECK(host.run({"start", "nginx"}).status == 0);
    CHECK(test::http_status(test::url(port)) == 200);
}
