#include "support/catch.hpp"

#include <csignal>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/in_child.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail::base;
using namespace std::chrono_literals;
using pkgjail::test::TempDir;

namespace {

Command shell(std::string script) {
    Command command;
    command.argv = {"/bin/sh", "-c", std::move(script)};
    return command;
}

Output run_shell(std::string script, std::string_view input = {}) {
    return run(shell(std::move(script)), 60s, input);
}

/// Waits, generously, until a condition holds.
bool comes_true(const std::function<bool()>& condition) {
    for (int i = 0; i < 3000; ++i) {
        if (condition())
            return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

Error failure_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorKind::system, "test", "nothing was thrown");
}

} // namespace

TEST_CASE("output, error stream and exit status of a program are collected", "[base][process]") {
    Output output = run_shell("echo out; echo err >&2; exit 3");

    CHECK(output.out == "out\n");
    CHECK(output.err == "err\n");
    CHECK(output.exit.describe() == "exit status 3");
    CHECK_FALSE(output.exit.success());
    CHECK_FALSE(output.timed_out);
}

TEST_CASE("a program that a signal ended says so", "[base][process]") {
    Output output = run_shell("kill -9 $$");

    CHECK(output.exit.signalled);
    CHECK(output.exit.describe() == "signal 9 (Killed)");
}

TEST_CASE("a program that is missing or cannot be run is reported by name", "[base][process]") {
    TempDir dir;
    write_file_atomically(dir / "plain", "no program", 0644);
    Command missing, plain, lost = shell("true");
    missing.argv = {(dir / "missing").string()};
    plain.argv = {(dir / "plain").string()};
    lost.working_directory = (dir / "nowhere").string();

    Error not_there = failure_of([&] { Child::start(missing); });
    CHECK(not_there.kind() == ErrorKind::not_found);
    CHECK(std::string(not_there.what()) == (dir / "missing").string() + ": exec: No such file or directory");
    CHECK(failure_of([&] { Child::start(plain); }).kind() == ErrorKind::denied);
    CHECK(std::string(failure_of([&] { Child::start(lost); }).what()) ==
          "/bin/sh: enter its working directory " + (dir / "nowhere").string() +
              ": No such file or directory");
    CHECK(failure_of([&] { Child::start(Command()); }).kind() == ErrorKind::usage);
    // Nothing of a failed start is left to be waited for.
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a program is not searched for in PATH", "[base][process]") {
    Command command;
    command.argv = {"sh", "-c", "true"};
    command.environment = {"PATH=/bin:/usr/bin"};
    command.working_directory = "/";

    CHECK(failure_of([&] { Child::start(command); }).kind() == ErrorKind::not_found);
}

TEST_CASE("a program's environment is exactly what it was given", "[base][process]") {
    pkgjail::test::ScopedVariable secret("PKGJAIL_TEST_SECRET", "leak");
    Command command;
    command.argv = {"/usr/bin/env"};
    command.environment = {"A=1", "B=two words"};

    CHECK(run(command, 60s).out == "A=1\nB=two words\n");
}

TEST_CASE("a program runs where it is told, by default in the root directory", "[base][process]") {
    TempDir dir;
    Command there = shell("pwd -P");
    there.working_directory = dir.path().string();

    CHECK(run_shell("pwd -P").out == "/\n");
    CHECK(run(there, 60s).out == std::filesystem::canonical(dir.path()).string() + "\n");
}

TEST_CASE("of the open descriptors a program gets 0 to 2 and those that it is to keep", "[base][process]") {
    // Without close-on-exec, as a careless library would leave them.
    std::vector<Fd> open;
    int number = -1;
    while ((number = ::open("/dev/null", O_RDONLY)) >= 0 && number < 9)
        open.emplace_back(number);
    open.emplace_back(number);
    Fd high(::fcntl(open[0].get(), F_DUPFD, 200));
    REQUIRE(high);
    Command command =
        shell("for n in 0 1 2 3 4 5 6 7 8 9; do (: >&$n) 2>/dev/null && echo $n; done; "
              "if test -d /proc/$$/fd; then ls /proc/$$/fd | sort -n | tail -1; else echo 7; fi");
    auto is_open = [](int n) { return ::fcntl(n, F_GETFD) >= 0; };
    REQUIRE(is_open(5));
    REQUIRE(is_open(7));
    REQUIRE(is_open(9));
    command.keep = {7, 5};

    CHECK(run(command, 60s).out == "0\n1\n2\n5\n7\n7\n");
}

TEST_CASE("a kept descriptor works in the program even if it was close-on-exec", "[base][process]") {
    Pipe pipe = make_pipe();
    Fd low(::fcntl(pipe.write_end.get(), F_DUPFD_CLOEXEC, 3));
    if (low.get() > 9)
        FAIL("the shell can name descriptors up to 9 only");
    Command command = shell("echo kept >&" + std::to_string(low.get()));
    command.keep = {low.get()};
    pipe.write_end.reset();

    CHECK(Child::start(command).wait().success());
    low.reset();
    CHECK(read_all(pipe.read_end, "pipe") == "kept\n");
}

TEST_CASE("standard descriptors may be given crosswise", "[base][process]") {
    // The child's error stream is the parent's standard input, and so on: none may be overwritten too early.
    int status = pkgjail::test::status_of_child([] {
        TempDir dir;
        Fd zero = open_file(dir / "zero", O_RDWR | O_CREAT), one = open_file(dir / "one", O_RDWR | O_CREAT);
        ::dup2(zero.get(), 0);
        ::dup2(one.get(), 1);
        Command command = shell("echo out; echo err >&2");
        command.standard_output = 0;
        command.standard_error = 1;
        if (!Child::start(command).wait().success())
            return 1;
        return read_file(dir / "zero") == "out\n" && read_file(dir / "one") == "err\n" ? 0 : 2;
    });

    CHECK(status == 0);
}

TEST_CASE("a program starts even when its starter has no standard descriptors", "[base][process]") {
    int status = pkgjail::test::status_of_child([] {
        for (int number = 0; number < 3; ++number)
            ::close(number);
        return run_shell("cat; echo out; echo err >&2").out == "out\n" ? 0 : 1;
    });

    CHECK(status == 0);
}

TEST_CASE("a program starts with usual signals whatever its starter does with them", "[base][process]") {
    int status = pkgjail::test::status_of_child([] {
        sigset_t all;
        ::sigfillset(&all);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);
        ::signal(SIGTERM, SIG_IGN);
        Output output = run_shell("kill -TERM $$; sleep 1; echo survived");
        return output.exit.signalled && output.exit.value == SIGTERM ? 0 : 1;
    });

    CHECK(status == 0);
}

TEST_CASE("more output than a pipe holds does not stop a program", "[base][process]") {
    Output output =
        run_shell("head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2");

    CHECK(output.exit.success());
    CHECK(output.out == std::string(300000, 'x'));
    CHECK(output.err == std::string(300000, 'y'));
}

TEST_CASE("of endless output one mebibyte is kept and the program still ends by itself", "[base][process]") {
    Output output = run_shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2");

    CHECK(output.exit.success());
    CHECK(output.out.size() == 1u << 20);
    CHECK(output.err == "end\n");
}

TEST_CASE("a program reads its input to the end, however long", "[base][process]") {
    const std::string input(500000, 'z');

    CHECK(run_shell("cat", input).out == input);
    CHECK(run_shell("cat").out.empty());
}

TEST_CASE("a program that does not read its input does no harm", "[base][process]") {
    Output output = run_shell("exec 0<&-; echo done", std::string(500000, 'z'));

    CHECK(output.out == "done\n");
    sigset_t pending;
    REQUIRE(::sigpending(&pending) == 0);
    CHECK(::sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("a program is killed when its time is over, and what it said is kept", "[base][process]") {
    Output output = run(shell("echo begun; exec sleep 1000"), 300ms);

    CHECK(output.timed_out);
    CHECK(output.exit.describe() == "signal 9 (Killed)");
    CHECK(output.out == "begun\n");
}

TEST_CASE("with a session of its own a program's helpers are killed with it", "[base][process]") {
    TempDir dir;
    Command command = shell("sleep 1000 & echo $! > " + (dir / "pid").string() + "; wait");
    command.new_session = true;

    Output output = run(command, 500ms);

    REQUIRE(output.timed_out);
    pid_t helper = std::stoi(read_file(dir / "pid"));
    CHECK(comes_true([&] { return !identify_process(helper).has_value(); }));
}

TEST_CASE("what a program leaves in the background is not waited for", "[base][process]") {
    TempDir dir;
    Output output = run_shell("sleep 1000 & echo $! ; exit 0");
    pid_t left = std::stoi(output.out);

    CHECK_FALSE(output.timed_out);
    CHECK(output.exit.success());
    CHECK(::kill(left, SIGKILL) == 0);
}

TEST_CASE("a process is known by pid and start time", "[base][process]") {
    std::optional<ProcessId> self = identify_process(::getpid());
    REQUIRE(self.has_value());
    ProcessId somebody_else = *self;
    ++somebody_else.start;

    CHECK(is_alive(*self));
    CHECK_FALSE(is_alive(somebody_else));
    CHECK(identify_process(::getpid()) == self);
    CHECK_FALSE(identify_process(0).has_value());
    CHECK_FALSE(identify_process(-1).has_value());
}

TEST_CASE("a process with brackets and spaces in its name is identified", "[base][process]") {
    TempDir dir;
    std::filesystem::copy_file("/bin/sleep", dir / "a) S (b");
    Command command;
    command.argv = {(dir / "a) S (b").string(), "1000"};
    Child child = Child::start(command);
    std::optional<ProcessId> self = identify_process(::getpid());
    std::optional<ProcessId> other = identify_process(child.pid());

    REQUIRE(self.has_value());
    REQUIRE(other.has_value());
    CHECK(other->start >= self->start);
    CHECK(is_alive(*other));
}

TEST_CASE("a zombie counts as gone", "[base][process]") {
    Child child = Child::start(shell("exit 0"));

    CHECK(comes_true([&] { return !identify_process(child.pid()).has_value(); }));
    CHECK(child.wait().success());
}

TEST_CASE("a signal reaches the process that is meant and no successor", "[base][process]") {
    Child child = Child::start(shell("exec sleep 1000"));
    std::optional<ProcessId> id = identify_process(child.pid());
    REQUIRE(id.has_value());
    ProcessId predecessor{id->pid, id->start - 1};

    CHECK_FALSE(send_signal(predecessor, SIGKILL));
    CHECK(is_alive(*id));
    CHECK(send_signal(*id, SIGTERM));
    CHECK(child.wait().describe() == "signal 15 (Terminated)");
    CHECK_FALSE(send_signal(*id, SIGTERM));
}

TEST_CASE("waiting with a limit tells running from ended", "[base][process]") {
    Child child = Child::start(shell("exec sleep 1000"));

    CHECK_FALSE(child.wait_for(20ms).has_value());
    child.kill(SIGTERM);
    std::optional<Exit> exit = child.wait_for(60s);
    REQUIRE(exit.has_value());
    CHECK(exit->signalled);
    CHECK_THROWS_AS(child.wait(), Error);
}

TEST_CASE("a child that goes out of scope is killed and reaped, a released one is not", "[base][process]") {
    pid_t dropped = 0, released = 0;
    {
        Child child = Child::start(shell("exec sleep 1000"));
        dropped = child.pid();
        Child other = Child::start(shell("exec sleep 1000"));
        released = other.release();
    }

    CHECK(::kill(dropped, 0) != 0);
    CHECK(identify_process(released).has_value());
    ::kill(released, SIGKILL);
    CHECK(::waitpid(released, nullptr, 0) == released);
}

TEST_CASE("a session of its own is a session of its own", "[base][process]") {
    Command command = shell("exec sleep 1000");
    command.new_session = true;
    Child child = Child::start(command);

    CHECK(::getsid(child.pid()) == child.pid());
}

TEST_CASE("our own program is this test program", "[base][process]") {
    CHECK(own_program().filename() == "test_base");
    CHECK(std::filesystem::exists(own_program()));
}

TEST_CASE("programs are found in the system's directories and never by PATH or path", "[base][process]") {
    TempDir dir;
    write_file_atomically(dir / "pkgjail-test-tool", "#!/bin/sh\n", 0755);
    pkgjail::test::ScopedVariable path("PATH", dir.path().c_str());

    CHECK(find_program("sh").has_value());
    CHECK_FALSE(find_program("pkgjail-test-tool").has_value());
    CHECK_THROWS_AS(find_program("../bin/sh"), Error);
    CHECK_THROWS_AS(find_program(""), Error);
}
