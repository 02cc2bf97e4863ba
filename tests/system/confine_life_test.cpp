// The life of a jail with a real kernel and a real runtime: making, entering, ending, and what killing
// pkgjail in between leaves.
#ifdef __linux__

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "system/confine_fixture.hpp"

using namespace pkgjail;
using test::HostJail;
using test::traces_of;
namespace fs = std::filesystem;

namespace {

std::string failure(const std::function<void()>& act) {
    try {
        act();
    } catch (const base::Error& error) {
        return error.what();
    }
    return "done";
}

/// Until `holds`; false when it never does.
bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 3000; ++i) {
        if (holds())
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

} // namespace

TEST_CASE("a jail's first process waits for start, then runs with the streams given", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    auto input = base::make_pipe();
    auto output = base::make_pipe();
    auto error = base::make_pipe();
    jail.spec.command = {"/bin/sh", "-c",
                         "touch /data/ran; read line; echo got $line; echo bad >&2; exit 42"};
    const auto first = driver->create(jail.spec, jail.run_directory(),
                                      {input.read_end.get(), output.write_end.get(), error.write_end.get()});
    output.write_end.reset();
    error.write_end.reset();
    CHECK(base::is_alive(first));
    CHECK_FALSE(fs::exists(jail.data() / "ran"));
    CHECK(driver->exists(jail.spec.handle, jail.run_directory()));
    CHECK(driver->processes(jail.spec.handle, jail.run_directory()) == std::vector<pid_t>{first.pid});

    driver->start(jail.spec, jail.run_directory());
    base::write_all(input.write_end.get(), "hello\n", "pipe");

    CHECK(base::read_all(output.read_end, "pipe") == "got hello\n");
    CHECK(base::read_all(error.read_end, "pipe") == "bad\n");
    CHECK(jail.wait(first).describe() == "exit status 42");
    driver->remove(jail.spec.handle, jail.run_directory());
    CHECK(traces_of(jail).empty());
    CHECK_FALSE(driver->exists(jail.spec.handle, jail.run_directory()));
    driver->remove(jail.spec.handle, jail.run_directory());
}

TEST_CASE("removal ends processes that fled into sessions of their own, ignore signals or are paused",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto first = jail.launch(
        {"/bin/sh", "-c",
         "trap '' TERM INT HUP; for i in 1 2 3; do setsid sh -c \"trap '' TERM; while :; do sleep 600; "
         "done\" & done; touch /data/ready; while :; do sleep 600; done"});
    REQUIRE(
        eventually([&] { return driver->processes(jail.spec.handle, jail.run_directory()).size() >= 8; }));
    CHECK_FALSE(traces_of(jail).empty());
    driver->pause(jail.spec.handle, jail.run_directory());

    driver->remove(jail.spec.handle, jail.run_directory());

    CHECK(traces_of(jail).empty());
    CHECK(jail.wait(first).describe() == "signal 9 (Killed)");
}

TEST_CASE("signals reach every process of a jail, and a paused one stands still", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto first = jail.launch(
        {"/bin/sh", "-c",
         "for i in 1 2 3; do sh -c \"trap 'touch /data/got$i; exit' USR1; touch /data/up$i; while :; do "
         "sleep 0.01; done\" & done; trap 'touch /data/got0; wait; exit 6' USR1; touch /data/up0; while :; "
         "do sleep 0.01; done"});
    for (const char* name : {"up0", "up1", "up2", "up3"})
        REQUIRE(eventually([&] { return fs::exists(jail.data() / name); }));

    driver->pause(jail.spec.handle, jail.run_directory());
    const auto before = driver->usage(jail.spec.handle, jail.run_directory()).cpu_usec;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(driver->usage(jail.spec.handle, jail.run_directory()).cpu_usec == before);
    driver->resume(jail.spec.handle, jail.run_directory());

    driver->signal_all(jail.spec.handle, jail.run_directory(), SIGUSR1);
    CHECK(jail.wait(first).describe() == "exit status 6");
    for (const char* name : {"got0", "got1", "got2", "got3"})
        CHECK(fs::exists(jail.data() / name));
}

TEST_CASE("a further process enters with its own identity, directory and environment, and its end is told",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    confine::ExecRequest request;
    request.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/x"}, {"WORD", "a b"}};
    const auto status_of = [&](const std::string& script) {
        request.command = {"/bin/sh", "-c", script};
        return driver->exec(jail.spec, jail.run_directory(), request).describe();
    };

    for (const int status : {0, 1, 42, 126, 127, 255})
        CHECK(status_of("exit " + std::to_string(status)) == "exit status " + std::to_string(status));
    CHECK(status_of("kill -TERM $$") == "exit status 143");
    CHECK(status_of("test \"$WORD\" = 'a b' && test \"$(id -u)\" = 0 && test $$ != 1 && kill -0 1") ==
          "exit status 0");
    CHECK(
        status_of(
            "grep -q 'Seccomp:.2' /proc/self/status && grep -q 'NoNewPrivs:.1' /proc/self/status && grep -q "
            "'CapBnd:.00000000000004fb' /proc/self/status") == "exit status 0");
    request.working_directory = "/data";
    request.identity = {1001, 1002, {20}};
    CHECK(status_of("test \"$(pwd)\" = /data && test \"$(id -u):$(id -g):$(id -G)\" = '1001:1002:1002 20'") ==
          "exit status 0");

    request.command = {"/nowhere/prog"};
    CHECK(failure([&] { driver->exec(jail.spec, jail.run_directory(), request); }) ==
          "/nowhere/prog: no such program in jail walls");
    request.command = {"/etc/passwd"};
    CHECK(failure([&] { driver->exec(jail.spec, jail.run_directory(), request); }) ==
          "/etc/passwd: cannot be executed in jail walls");
    request.command = {"/bin/true"};
    request.working_directory = "/gone";
    CHECK(failure([&] { driver->exec(jail.spec, jail.run_directory(), request); }) ==
          "/gone: no such working directory in jail walls");

    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
    request.working_directory = "/";
    CHECK(failure([&] { driver->exec(jail.spec, jail.run_directory(), request); }) ==
          "walls: is not running");
}

TEST_CASE("a jail that cannot be made says why and leaves nothing", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto create = [&] { return failure([&] { driver->create(jail.spec, jail.run_directory(), {}); }); };
    jail.spec.command = {"/nowhere/prog"};
    CHECK(create() == "/nowhere/prog: no such program in jail walls");
    CHECK(traces_of(jail).empty());
    jail.spec.command = {"/etc/passwd"};
    CHECK(create() == "/etc/passwd: cannot be executed in jail walls");
    CHECK(traces_of(jail).empty());
    jail.spec.command = {"/bin/true"};
    jail.spec.working_directory = "/gone";
    CHECK(create() == "/gone: no such working directory in jail walls");
    CHECK(traces_of(jail).empty());
    jail.spec.working_directory = "/";
    jail.spec.mounts.back().target = base::RootPath::parse("/nowhere");
    CHECK_THAT(create(), ContainsSubstring("mount point of jail walls is missing"));
    CHECK(traces_of(jail).empty());
}

TEST_CASE("two jails run at once and the end of one is not felt by the other", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail one("one");
    HostJail two("two");
    const auto first_of_one = one.launch({"/bin/sh", "-c", "sleep 600"});
    const auto first_of_two = two.launch({"/bin/sh", "-c", "sleep 600"});
    CHECK(driver->processes(one.spec.handle, one.run_directory()) !=
          driver->processes(two.spec.handle, two.run_directory()));

    driver->remove(one.spec.handle, one.run_directory());
    one.wait(first_of_one);

    CHECK(base::is_alive(first_of_two));
    confine::ExecRequest request;
    request.command = {"/bin/sh", "-c", "test \"$(cat /proc/sys/kernel/hostname)\" = two"};
    request.environment = {{"PATH", "/bin"}};
    CHECK(driver->exec(two.spec, two.run_directory(), request).success());
    driver->remove(two.spec.handle, two.run_directory());
    two.wait(first_of_two);
    CHECK(traces_of(one) + traces_of(two) == "");
}

TEST_CASE("jails are made and removed at the same time without getting into each other's way",
          "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    std::vector<pid_t> workers;
    for (int worker = 0; worker < 3; ++worker) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            int status = 1;
            try {
                confine::become_reaper();
                for (int round = 0; round < 6; ++round) {
                    HostJail jail("crowd");
                    if (jail.run_shell("echo here").out != "here\n")
                        ::_exit(2);
                }
                status = 0;
            } catch (const base::Error& error) {
                std::fprintf(stderr, "%s\n", error.what());
            }
            ::_exit(status);
        }
        workers.push_back(pid);
    }
    for (const pid_t pid : workers) {
        int status = 0;
        ::waitpid(pid, &status, 0);
        CHECK(status == 0);
    }
}

TEST_CASE("after everything was killed at any moment of create, start or remove, the next create works",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    jail.spec.command = {"/bin/sh", "-c", "echo alive; sleep 600"};
    const bool with_runtime = GENERATE(true, false);
    for (int delay_ms = 0; delay_ms < 120; delay_ms += 5) {
        INFO("killed after " << delay_ms << " ms, " << (with_runtime ? "with" : "without")
                             << " the runtime's client");
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            ::setpgid(0, 0);
            try {
                driver->create(jail.spec, jail.run_directory(), {});
                driver->start(jail.spec, jail.run_directory());
                driver->remove(jail.spec.handle, jail.run_directory());
            } catch (const base::Error&) {
                ::_exit(1);
            }
            ::_exit(0);
        }
        ::setpgid(pid, pid);
        std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
        ::kill(with_runtime ? -pid : pid, SIGKILL);
        int status = 0;
        ::waitpid(pid, &status, 0);

        auto output = base::make_pipe();
        const auto first = driver->create(jail.spec, jail.run_directory(), {-1, output.write_end.get(), -1});
        output.write_end.reset();
        driver->start(jail.spec, jail.run_directory());
        char word[6] = "";
        CHECK(::read(output.read_end.get(), word, 5) == 5);
        CHECK(std::string(word) == "alive");
        driver->remove(jail.spec.handle, jail.run_directory());
        jail.wait(first);
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        CHECK(traces_of(jail) == "");
    }
}

TEST_CASE("a jail whose maker was killed at any step is made anew, or taken away", "[root][confine][crash]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    for (const char* step : {"confine.bundle_written", "confine.created"})
        for (const bool anew : {true, false}) {
            INFO(step << (anew ? ", made anew" : ", taken away"));
            HostJail jail;
            jail.spec.command = {"/bin/sleep", "600"};
            jail.create_killed_at(step);
            CHECK(fs::exists(jail.run_directory()));

            if (anew) {
                const auto first = jail.launch({"/bin/sleep", "600"});
                CHECK(driver->processes(jail.spec.handle, jail.run_directory()) ==
                      std::vector<pid_t>{first.pid});
                driver->remove(jail.spec.handle, jail.run_directory());
                jail.wait(first);
            } else {
                driver->remove(jail.spec.handle, jail.run_directory());
            }
            while (::waitpid(-1, nullptr, WNOHANG) > 0) {
            }
            CHECK(traces_of(jail) == "");
        }
}

TEST_CASE("what a killed command left can be found by its handle and removed with any run directory",
          "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    CHECK(driver->handles() == std::vector<std::string>{jail.spec.handle});

    driver->remove(jail.spec.handle, jail.directory() / "elsewhere");

    CHECK(driver->handles().empty());
    CHECK_FALSE(fs::exists(jail.directory() / "elsewhere"));
    CHECK(jail.wait(first).describe() == "signal 9 (Killed)");
}

TEST_CASE("a probe that was killed is cleared away by the next one", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    const test::TempDir state;
    for (const int delay_ms : {5, 20, 40, 60, 80}) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            confine::open_driver(state.path());
            ::_exit(0);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    fs::remove(state / "run" / "driver.json");

    confine::open_driver(state.path());

    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    for (const auto& entry : fs::directory_iterator(state / "run"))
        CHECK_FALSE(entry.path().filename().string().starts_with("pkgjail-probe-"));
    CHECK(fs::is_empty(state / "run" / "oci"));
    CHECK(base::read_file("/proc/self/mountinfo").find(state.path().string()) == std::string::npos);
}

TEST_CASE("a process that asks for a terminal has one of its own, connected to ours", "[root][confine]") {
    auto* driver = test::system_driver();
    if (driver == nullptr)
        return;
    HostJail jail;
    const auto first = jail.launch({"/bin/sh", "-c", "sleep 600"});
    confine::ExecRequest request;
    request.command = {"/bin/sh", "-c",
                       "while [ \"$(stty size)\" = '0 0' ]; do sleep 0.01; done; stty size; tty; ls "
                       "/dev/pts; exit 9"}; // runc gives it its size a moment after it runs
    request.environment = {{"PATH", "/usr/bin:/bin"}};
    request.terminal = true;
    const base::Fd ours(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(ours);
    REQUIRE(::grantpt(ours.get()) == 0);
    REQUIRE(::unlockpt(ours.get()) == 0);
    const struct winsize size { 33, 101, 0, 0 };
    REQUIRE(::ioctl(ours.get(), TIOCSWINSZ, &size) == 0);
    const std::string name = ::ptsname(ours.get());

    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        ::setsid();
        const int terminal = ::open(name.c_str(), O_RDWR);
        for (int number = 0; number < 3; ++number)
            ::dup2(terminal, number);
        ::close(terminal);
        int status = 99;
        try {
            status = driver->exec(jail.spec, jail.run_directory(), request).value;
        } catch (const base::Error& error) {
            ::dprintf(1, "%s\n", error.what());
        }
        ::_exit(status);
    }
    std::string shown;
    int status = 0;
    REQUIRE(eventually([&] {
        struct pollfd waiting {
            ours.get(), POLLIN, 0
        };
        while (::poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0) {
            char bytes[256];
            const auto count = ::read(ours.get(), bytes, sizeof bytes);
            if (count <= 0)
                break;
            shown.append(bytes, static_cast<std::size_t>(count));
        }
        return shown.find("ptmx") != std::string::npos && ::waitpid(pid, &status, WNOHANG) == pid;
    }));

    CHECK(shown == "33 101\r\n/dev/pts/0\r\n0  ptmx\r\n");
    CHECK(WEXITSTATUS(status) == 9);

    const int saved = ::dup(0);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    CHECK(failure([&] { driver->exec(jail.spec, jail.run_directory(), request); }) ==
          "walls: a terminal was asked for, but standard input is none");
    ::dup2(saved, 0);
    ::close(saved);
    ::close(nothing);
    driver->remove(jail.spec.handle, jail.run_directory());
    jail.wait(first);
}

TEST_CASE("the runtime that works is remembered until it or the boot changes", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    const auto file = test::system_state() / "run" / "driver.json";
    const auto before = base::read_file(file);
    const auto time = fs::last_write_time(file);

    const auto again = confine::open_driver(test::system_state());
    CHECK(again->info().detail == test::system_driver()->info().detail);
    CHECK(again->info().notes == test::system_driver()->info().notes);
    CHECK(fs::last_write_time(file) == time);
    CHECK_THAT(before, !ContainsSubstring("is older than")); // what pkgjail knows of it is not remembered

    auto text = before;
    text.replace(text.find("\"boot\": \""), 9, "\"boot\": \"0");
    base::write_file_atomically(file, text);
    confine::open_driver(test::system_state());
    CHECK(base::read_file(file) == before);

    base::write_file_atomically(file, "{ damaged");
    confine::open_driver(test::system_state());
    CHECK(base::read_file(file) == before);
}

TEST_CASE("a runtime that does not work is refused with what it said", "[root][confine]") {
    if (test::system_driver() == nullptr)
        return;
    const test::TempDir dir;
    CHECK_THAT(failure([&] { confine::open_driver(dir.path(), "/nowhere/runc"); }),
               ContainsSubstring("/nowhere/runc: configured runtime is not the path of a program"));
    base::write_file_atomically(
        dir / "runtime",
        "#!/bin/sh\n[ \"$1\" = --version ] && echo broken version 1 && exit 0\n"
        "printf '{\"level\":\"error\",\"msg\":\"no luck today\"}\\n' > \"$4\"\nexit 1\n",
        0755);
    CHECK_THAT(failure([&] { confine::open_driver(dir.path(), (dir / "runtime").string()); }),
               ContainsSubstring("no OCI runtime works here: ") && ContainsSubstring("no luck today"));
    CHECK(fs::is_empty(dir / "run" / "oci"));
}

#endif
