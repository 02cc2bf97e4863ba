#include "support/fake_driver.hpp"

#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::JailSpec;

namespace {

JailSpec shell(const std::string& script, const std::string& handle = "web") {
    JailSpec spec;
    spec.handle = handle;
    spec.jail = handle;
    spec.command = {"/bin/sh", "-c", script};
    spec.environment = {{"PATH", "/bin:/usr/bin"}};
    return spec;
}

base::ErrorKind kind_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const base::Error& error) {
        return error.kind();
    }
    FAIL("did not throw");
    return base::ErrorKind::finding;
}

} // namespace

TEST_CASE("a fake jail runs its command only after start, with the streams given", "[confine][fake]") {
    const test::TempDir dir;
    test::FakeDriver driver;
    auto pipe = base::make_pipe();
    const auto spec = shell("echo \"$A-$HOME\"; exit 5");
    auto with_environment = spec;
    with_environment.environment = {{"A", "b"}};

    const auto first = driver.create(with_environment, dir.path(), {-1, pipe.write_end.get(), -1});
    pipe.write_end.reset();
    CHECK(base::is_alive(first));
    CHECK(driver.exists("web", dir.path()));
    driver.start(spec, dir.path());

    CHECK(base::read_all(pipe.read_end, "pipe") == "b-\n");
    int status = 0;
    REQUIRE(::waitpid(first.pid, &status, 0) == first.pid);
    CHECK(WEXITSTATUS(status) == 5);
    CHECK(driver.calls() == "create web: /bin/sh -c echo \"$A-$HOME\"; exit 5\nstart web\n");
    driver.remove("web", dir.path());
    CHECK_FALSE(driver.exists("web", dir.path()));
}

TEST_CASE("a fake jail that is not started ends when its gate is closed", "[confine][fake]") {
    const test::TempDir dir;
    base::ProcessId first;
    {
        test::FakeDriver driver;
        first = driver.create(shell("touch " + (dir / "ran").string()), dir.path(), {});
        driver.create(shell("sleep 600", "other"), dir.path(), {});
    }
    CHECK_FALSE(base::is_alive(first));
    CHECK_FALSE(std::filesystem::exists(dir / "ran"));
}

TEST_CASE("removing a fake jail ends its children too and is fine twice", "[confine][fake]") {
    const test::TempDir dir;
    test::FakeDriver driver;
    auto pipe = base::make_pipe();
    const auto spec = shell("sleep 600 & echo here; sleep 600");
    const auto first = driver.create(spec, dir.path(), {-1, pipe.write_end.get(), -1});
    driver.start(spec, dir.path());
    pipe.write_end.reset();
    char byte = 0;
    REQUIRE(::read(pipe.read_end.get(), &byte, 1) == 1);
    const auto members = driver.processes("web", dir.path());
    CHECK(members.size() >= 2);

    driver.remove("web", dir.path());
    driver.remove("web", dir.path());

    for (const pid_t pid : members)
        CHECK_FALSE(base::identify_process(pid).has_value());
    CHECK(::waitpid(first.pid, nullptr, 0) == first.pid);
}

TEST_CASE("a fake jail keeps the order of its life", "[confine][fake]") {
    const test::TempDir dir;
    test::FakeDriver driver;
    const auto spec = shell("sleep 600");
    confine::ExecRequest request;
    request.command = {"/bin/sh", "-c", "exit 3"};

    CHECK(kind_of([&] { driver.start(spec, dir.path()); }) == base::ErrorKind::conflict);
    CHECK(kind_of([&] { driver.signal_all("web", dir.path(), SIGTERM); }) == base::ErrorKind::conflict);
    const auto first = driver.create(spec, dir.path(), {});
    CHECK(kind_of([&] { driver.exec(spec, dir.path(), request); }) == base::ErrorKind::conflict);
    driver.start(spec, dir.path());
    CHECK(kind_of([&] { driver.start(spec, dir.path()); }) == base::ErrorKind::conflict);
    CHECK(driver.exec(spec, dir.path(), request).describe() == "exit status 3");
    request.command = {"/nowhere/prog"};
    CHECK(kind_of([&] { driver.exec(spec, dir.path(), request); }) == base::ErrorKind::not_found);

    const auto second = driver.create(spec, dir.path(), {});
    CHECK_FALSE(base::is_alive(first));
    CHECK(base::is_alive(second));
    ::waitpid(first.pid, nullptr, 0);
}

TEST_CASE("a driver without means for it says that no jail can learn", "[confine][fake][learn]") {
    test::FakeDriver driver;
    std::string text;
    try {
        driver.check_learning();
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::configuration);
        text = error.what();
    }
    CHECK(text == "--learn: driver fake cannot tell what a profile would deny");
}

TEST_CASE("a fake jail can be told to fail", "[confine][fake]") {
    const test::TempDir dir;
    test::FakeDriver driver;
    driver.on_call = [](std::string_view call) {
        if (call.starts_with("create"))
            throw base::Error(base::ErrorKind::system, "driver", "out of luck");
    };
    CHECK(kind_of([&] { driver.create(shell("true"), dir.path(), {}); }) == base::ErrorKind::system);
    CHECK_FALSE(driver.exists("web", dir.path()));
}
