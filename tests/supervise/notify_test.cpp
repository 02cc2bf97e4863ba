// The operator's program: what it is told, and that nothing waits for it.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "pkgjail/supervise/notifier.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using jail::NotifyEvent;
using supervise::ServiceState;
using test::Supervised;

namespace {

/// A script that appends what it finds in its environment to a file.
std::vector<std::string> teller(const Supervised& web, const std::string& more = {}) {
    const auto script = web.file("tell");
    std::ofstream(script) << "#!/bin/sh\n"
                          << more << "\necho \"$PKGJAIL_EVENT $PKGJAIL_JAIL/$PKGJAIL_SERVICE: "
                          << "$PKGJAIL_REASON ($1)\" >> '" << web.file("told").string() << "'\n";
    std::filesystem::permissions(script, std::filesystem::perms(0700));
    return {script.string(), "a;b $x"};
}

} // namespace

TEST_CASE("a program of the host is told when a service fails, with the reason", "[supervise][notify]") {
    Supervised web("sleep 0.4; exit 3");
    web.service.notify.command = teller(web);
    web.service.notify.events = {NotifyEvent::failed, NotifyEvent::restart};
    web.service.service.restart.budget = 1;

    web.begin();

    CHECK(web.wait_for(ServiceState::failed).state == ServiceState::failed);
    CHECK(web.wait_for_text("told", "failed test/test"));
    CHECK(base::read_file(web.file("told")) ==
          "restart test/test: exit status 3 (a;b $x)\n"
          "failed test/test: exit status 3 (given up after 1 restarts within 60 s) (a;b $x)\n");
}

TEST_CASE("events that nobody asked for are not told", "[supervise][notify]") {
    Supervised web("exit 3");
    web.service.service.restart.policy = jail::Restart::Policy::never;
    web.service.notify.command = teller(web);
    web.service.notify.events = {NotifyEvent::well};

    web.begin();

    CHECK(web.wait_for(ServiceState::failed).state == ServiceState::failed);
    CHECK(web.supervisor_exit() == 1);
    CHECK_FALSE(base::read_file_if_exists(web.file("told")));
}

TEST_CASE("a program that hangs or is not there holds up neither service nor supervisor",
          "[supervise][notify]") {
    Supervised web("sleep 0.4; exit 3");
    web.service.notify.events = {NotifyEvent::failed, NotifyEvent::restart};
    SECTION("it hangs") {
        web.service.notify.command =
            teller(web, "echo $$ >> '" + web.file("pid").string() + "'; exec sleep 30");
        web.begin();
        CHECK(web.wait_for(ServiceState::failed).restarts == 2);
        CHECK(web.supervisor_exit() == 1);
        CHECK(web.wait_for_text("pid", "\n")); // the supervisor does not wait for it
        std::istringstream lines(base::read_file(web.file("pid")));
        for (pid_t pid = 0; lines >> pid;)
            ::kill(pid, SIGKILL);
    }
    SECTION("it is not there") {
        web.service.notify.command = {"/no/such/program"};
        web.begin();
        CHECK(web.wait_for(ServiceState::failed).restarts == 2);
        CHECK_THAT(web.notes(), ContainsSubstring("notify: /no/such/program ended with exit status 127\n"));
    }
}

TEST_CASE("what a jail's process said reaches the program as one clean value", "[supervise][notify]") {
    const supervise::Notice notice{NotifyEvent::unhealthy, "web",
                                   "a\nPATH=/evil\x1b[2J\xff" + std::string(2000, 'x'), 3};
    std::string text;
    for (const std::string& line : supervise::notice_environment(notice, "shop", base::from_unix(0)))
        text += line.substr(0, 60) + "\n";
    CHECK(text == "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
                  "LC_ALL=C\n"
                  "PKGJAIL_EVENT=unhealthy\n"
                  "PKGJAIL_JAIL=shop\n"
                  "PKGJAIL_SERVICE=web\n"
                  "PKGJAIL_REASON=a\\x0aPATH=/evil\\x1b[2J\\xffxxxxxxxxxxxxxxxxxxx\n"
                  "PKGJAIL_RESTARTS=3\n"
                  "PKGJAIL_TIME=1970-01-01T00:00:00Z\n");
}
