// A supervisor on its way in, of a command that was killed, or on its way out, since its service has failed:
// the next command starts its own all the same.
#include "pkgjail/supervise/launch_anew.hpp"

#include <future>
#include <thread>

#include <sys/stat.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::Supervised;

namespace {

/// Stands in for a supervisor that begins well, and counts how often it was launched.
base::HostPath program(const Supervised& web) {
    const base::HostPath file = web.file("program");
    base::write_file_atomically(file, "#!/bin/sh\necho launched >> " + web.file("launched").string() +
                                          "\necho '{}'\n");
    ::chmod(file.c_str(), 0755);
    return file;
}

} // namespace

TEST_CASE("a supervisor that a dead command has launched makes way for the next command's",
          "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    const supervise::ServiceStatus running = web.settle();

    supervise::launch_anew(program(web), web.run(), web.service, test::patience);

    CHECK(web.supervisor_exit() == 0);
    CHECK_FALSE(base::is_alive(*running.service));
    CHECK(base::read_file(web.file("launched")) == "launched\n");
}

TEST_CASE("a supervisor that holds its lock and does not listen, yet or any more, is waited for",
          "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    web.write_service();
    std::optional<base::Lock> coming =
        base::Lock::try_take(supervise::lock_file(web.run()), base::LockMode::exclusive, "test");
    REQUIRE(coming);

    std::future<void> launched = std::async(std::launch::async, [&] {
        supervise::launch_anew(program(web), web.run(), web.service, test::patience);
    });
    CHECK(launched.wait_for(200ms) == std::future_status::timeout);
    coming.reset();

    launched.get();
    CHECK(base::read_file(web.file("launched")) == "launched\n");
}

TEST_CASE("what was left by who was killed while writing a file of the service goes with the next start",
          "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    web.write_service();
    const base::HostPath of_service = web.run() / "service.json.new",
                         of_driver = web.run() / ".pkgjail-0123456789abcdef";
    for (const base::HostPath& left : {of_service, of_driver})
        base::write_file_atomically(left, "{");

    supervise::launch_anew(program(web), web.run(), web.service, test::patience);

    CHECK_FALSE(base::exists(of_service));
    CHECK_FALSE(base::exists(of_driver));
    CHECK(base::exists(web.run() / "service.json"));
}

TEST_CASE("a supervisor that neither listens nor goes is a conflict in the end", "[supervise][launch]") {
    Supervised web("exec sleep 1000");
    web.write_service();
    const auto coming =
        base::Lock::try_take(supervise::lock_file(web.run()), base::LockMode::exclusive, "test");

    CHECK_THROWS_WITH(supervise::launch_anew(program(web), web.run(), web.service, 50ms),
                      ContainsSubstring("already"));
    CHECK_FALSE(base::exists(web.file("launched")));
}
