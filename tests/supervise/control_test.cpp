#include <csignal>
#include <set>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/control_address.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using supervise::ControlClient;
using supervise::ServiceState;
using test::Supervised;

namespace {

base::SteadyTime soon() {
    return base::steady_now() + test::patience;
}

std::string ask(const base::HostPath& run, std::string_view text) {
    std::optional<ControlClient> client = ControlClient::connect(run);
    if (!client)
        return "nobody";
    client->send(text); // what was refused early is no failure of the test
    return client->read_line(soon()).value_or("closed");
}

} // namespace

TEST_CASE("the control socket is for its owner only", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);

    struct stat status {};
    REQUIRE(::stat((web.run() / "control").c_str(), &status) == 0);

    CHECK(S_ISSOCK(status.st_mode));
    CHECK((status.st_mode & 07777u) == 0600u);
    CHECK(web.stop());
    CHECK(::stat((web.run() / "control").c_str(), &status) != 0);
}

TEST_CASE("a request that is none is refused and changes nothing", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    auto running = web.settle();

    CHECK(ask(web.run(), "") == "error unknown request");
    CHECK(ask(web.run(), "STOP") == "error unknown request");
    CHECK(ask(web.run(), "stop now") == "error no service \"now\", there are: test");
    CHECK(ask(web.run(), "wait now") == "error unknown request");
    CHECK(ask(web.run(), std::string("sto\0p", 5)) == "error unknown request");
    CHECK(ask(web.run(), "\xff\xfe\x1b[2J") == "error unknown request");
    CHECK(ask(web.run(), std::string(64, 'x')) == "error unknown request");
    std::string answer = ask(web.run(), std::string(100'000, 'x'));
    CHECK((answer == "error the request is too long" || answer == "closed"));
    CHECK(ask(web.run(), "wait") == "ok ready");
    CHECK(web.status().service == running.service);
}

TEST_CASE("silent and slow peers keep nobody else waiting", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);
    std::vector<ControlClient> silent;
    for (std::size_t count = 0; count < 2 * supervise::ControlServer::most_peers; ++count)
        if (auto client = ControlClient::connect(web.run()))
            silent.push_back(std::move(*client));

    CHECK(ask(web.run(), "wait") == "ok ready");
    CHECK(web.stop());
}

TEST_CASE("a peer that says nothing is let go", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);
    std::optional<ControlClient> silent = ControlClient::connect(web.run());
    REQUIRE(silent);

    CHECK(silent->read_line(soon()) == "error no request came");
    CHECK(silent->wait_for_end(soon()));
}

TEST_CASE("a waiting peer that goes away, or talks on, is forgotten", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe =
        jail::Probe{jail::Probe::Kind::command, {}, {"/bin/sh", "-c", "test -e \"$DIR/open\""}};
    web.begin();
    web.wait_for([](const auto& now) { return !now.last_probe.empty(); });
    {
        std::optional<ControlClient> gone = ControlClient::connect(web.run());
        REQUIRE(gone);
        gone->send("wait");
    }
    std::optional<ControlClient> chatty = ControlClient::connect(web.run());
    REQUIRE(chatty);
    chatty->send("wait");
    chatty->send("and another thing");

    CHECK(chatty->wait_for_end(soon()));
    base::write_file_atomically(web.file("open"), "");
    CHECK(supervise::wait_until_settled(web.run(), test::patience).state == ServiceState::ready);
}

TEST_CASE("who asks to stop is told by the end of the connection", "[supervise][control]") {
    Supervised web("trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.01; done");
    auto running = web.settle();
    std::optional<ControlClient> client = ControlClient::connect(web.run());
    REQUIRE(client);

    REQUIRE(client->send("stop"));
    CHECK(client->read_line(soon()) == "ok");
    CHECK(web.status().state == ServiceState::stopping);
    CHECK(client->wait_for_end(soon()));

    CHECK_FALSE(base::is_alive(*running.service));
    CHECK(test::show(web.status()) == "stopped: stopped by operator");
}

TEST_CASE("waiting gives up after its patience and tells what it sees", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    web.service.health.probe = jail::Probe{jail::Probe::Kind::command, {}, {"/bin/sh", "-c", "exit 1"}};
    web.begin();
    web.wait_for([](const auto& now) { return !now.last_probe.empty(); });

    auto status = supervise::wait_until_settled(web.run(), 100ms);

    CHECK(status.state == ServiceState::starting);
    CHECK(status.last_probe == "exit status 1");
}

TEST_CASE("waiting where nothing runs returns at once", "[supervise][control]") {
    test::TempDir dir;

    CHECK(test::show(supervise::wait_until_settled(dir.path(), 1h)) == "stopped: never started");
    CHECK(test::show(supervise::wait_until_settled(dir / "missing", 1h)) == "stopped: never started");
}

TEST_CASE("a supervisor that does not answer is said to be so, and does not do it later behind our back",
          "[supervise][control][slow]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);
    ::kill(web.supervisor(), SIGSTOP);

    CHECK_THROWS_WITH(web.stop(), "test: its supervisor (process " + std::to_string(web.supervisor()) +
                                      ") does not answer");
    ::kill(web.supervisor(), SIGCONT);
    CHECK(ask(web.run(), "wait") == "ok ready"); // asked later, so heard later
    CHECK(web.stop());
}

TEST_CASE("a supervisor whose control socket is gone is stopped all the same, with its service",
          "[supervise][control]") {
    Supervised web("exec sleep 1000");
    const auto running = web.settle();
    REQUIRE(running.service);
    SECTION("removed") {
        REQUIRE(::unlink(supervise::control_path(web.run()).c_str()) == 0);
    }
    SECTION("replaced by one that nobody listens at") {
        supervise::ControlServer other(web.run());
        other.close_copies();
    }
    SECTION("removed, with what it was told") {
        REQUIRE(::unlink(supervise::control_path(web.run()).c_str()) == 0);
        REQUIRE(::unlink((web.run() / "service.json").c_str()) == 0);
    }

    CHECK(web.stop());

    CHECK(web.supervisor_exit() == 0);
    CHECK_FALSE(base::is_alive(*running.service));
    CHECK(web.status().state == ServiceState::stopped);
    CHECK_FALSE(web.stop());
}

TEST_CASE("a supervisor without a control socket that hangs is not said to be stopped",
          "[supervise][control][slow]") {
    Supervised web("exec sleep 1000");
    const auto running = web.settle();
    REQUIRE(::unlink(supervise::control_path(web.run()).c_str()) == 0);
    ::kill(web.supervisor(), SIGSTOP);

    try {
        web.stop();
        FAIL("it is said to be stopped");
    } catch (const base::Error& error) {
        const std::string pid = std::to_string(web.supervisor());
        CHECK(error.kind() == base::ErrorKind::busy);
        CHECK(error.object() == "test");
        CHECK(error.cause() == "its supervisor (process " + pid +
                                   ") has no control socket and does not end when it is told to");
        CHECK(error.hint() == "end it with: kill -9 " + pid + ", then give this command again");
    }
    CHECK(base::is_alive(*running.service));
    web.kill_supervisor();
    CHECK(web.stop());
    CHECK_FALSE(base::is_alive(*running.service));
}

TEST_CASE("who holds a supervisor's lock and is not known is not taken for one that has ended",
          "[supervise][control][slow]") {
    test::TempDir dir;
    const base::Lock lock =
        base::Lock::take(supervise::lock_file(dir.path()), base::LockMode::exclusive, "run", "test", 0ms);
    test::LastingDriver driver;

    CHECK_THROWS_WITH(supervise::stop(dir.path(), driver),
                      ContainsSubstring("its supervisor has no control socket and does not end"));
}

TEST_CASE("a supervisor removes only the control socket that it made itself", "[supervise][control]") {
    test::TempDir dir;
    std::optional<supervise::ControlServer> former(std::in_place, dir.path());
    supervise::ControlServer latter(dir.path());

    former.reset();

    CHECK(ControlClient::connect(dir.path(), 10ms));
}

TEST_CASE("of a supervisor without a control socket it is said what helps", "[supervise][control]") {
    Supervised web("exec sleep 1000");
    REQUIRE(web.settle().state == ServiceState::ready);
    CHECK_FALSE(supervise::lost_socket(web.run()));
    REQUIRE(::unlink(supervise::control_path(web.run()).c_str()) == 0);
    const std::string cause = "its supervisor (process " + std::to_string(web.supervisor()) +
                              ") cannot be reached: its control socket is gone";

    const auto lost = supervise::lost_socket(web.run());

    REQUIRE(lost);
    CHECK(lost->object() == "test");
    CHECK(lost->cause() == cause);
    CHECK(lost->hint() == "pkgjail restart test");
    CHECK_THROWS_WITH(supervise::reload(web.run()), "test: " + cause);
    CHECK_THROWS_WITH(supervise::change_limits(web.run(), {}), "test: " + cause);
    CHECK(web.stop());
    CHECK_FALSE(supervise::lost_socket(web.run()));
}

TEST_CASE("a run directory with a long path has a control socket all the same", "[supervise][control]") {
    test::TempDir dir;
    base::HostPath run = dir / std::string(150, 'x');
    base::make_directories(run, 0700);

    supervise::ControlServer server(run);
    std::optional<ControlClient> client = ControlClient::connect(run);

    REQUIRE(client);
    REQUIRE(client->send("wait"));
    for (int turn = 0; turn < 2; ++turn) // accepted in the first, read in the second
        server.serve([](const supervise::ControlRequest&) { return "ok"; });
    CHECK(client->read_line(soon()) == "ok");
}
