// How the build jail runs package scripts, on a driver without a kernel behind it.
#include <csignal>
#include <fstream>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/ops/script_jail.hpp"
#include "support/catch.hpp"
#include "support/fake_driver.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using Script = store::ScriptRunner::Script;

namespace {

struct BuildJail {
    test::TempDir directory;
    test::FakeDriver driver;
    ops::ScriptJailOptions options;
    std::unique_ptr<store::ScriptRunner> runner;

    explicit BuildJail(std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
        options.prefix = "/usr/pkg";
        options.timeout = timeout;
        options.handle = "pkgjail-build-test";
        options.run_directory = directory / "run";
        options.log = directory / "build.log";
    }
    void begin() {
        store::RootParts parts;
        parts.tree = directory / "tree";
        parts.config = directory / "seed";
        parts.data = directory / "seed";
        runner = ops::make_script_jail(driver, options, parts, directory / "skeleton");
    }
    /// Runs a script of /bin/sh; "exit 0", "signal 15".
    std::string run(const std::string& script, std::map<std::string, std::string> environment = {}) {
        if (!runner)
            begin();
        const base::Exit exit = runner->run(
            {"foo-1.0", {"/bin/sh", "-c", script}, std::move(environment), directory.path().string()});
        return (exit.signalled ? "signal " : "exit ") + std::to_string(exit.value);
    }
    std::string read(const std::string& name) const { return base::read_file(directory / name); }
};

template <class Work>
base::Error error_of(Work&& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error;
    }
    FAIL("nothing was thrown");
    throw;
}

bool lives(const std::string& pid_text) {
    const auto process = base::identify_process(static_cast<pid_t>(std::stoi(pid_text)));
    return process.has_value();
}

} // namespace

TEST_CASE("one jail runs every script of an image, in order", "[ops][script]") {
    BuildJail jail;

    CHECK(jail.run("echo first >>order") == "exit 0");
    CHECK(jail.run("echo second >>order") == "exit 0");
    jail.runner.reset();

    CHECK(jail.read("order") == "first\nsecond\n");
    CHECK(jail.driver.calls() == "create pkgjail-build-test: /bin/sh -s\n"
                                 "start pkgjail-build-test\n"
                                 "remove pkgjail-build-test\n");
    CHECK_FALSE(std::filesystem::exists(jail.options.run_directory));
    const confine::JailSpec& spec = jail.driver.last_spec("pkgjail-build-test");
    CHECK(spec.network == jail::NetworkMode::none);
    CHECK(spec.profile == jail::Profile::high);
}

TEST_CASE("a script's exit is told as it was", "[ops][script]") {
    BuildJail jail;

    CHECK(jail.run("exit 3") == "exit 3");
    CHECK(jail.run("kill -TERM $$") == "signal 15");
    CHECK(jail.run("exit 0") == "exit 0");
    CHECK(jail.run("no-such-program-anywhere") == "exit 127");
}

TEST_CASE("a script gets its words, its environment and its directory, and nothing else", "[ops][script]") {
    BuildJail jail;
    ::setenv("PKGJAIL_TEST_SECRET", "leaked", 1);
    jail.begin();
    const std::string odd = "it's \"$HOME\" `id` \\ *\nsecond line; exit 9";

    const base::Exit exit = jail.runner->run(
        {"foo-1.0",
         {"/bin/sh", "-c", "printf '%s|%s' \"$1\" \"$ODD\" >words; env >environment; umask >mask", "sh", odd},
         {{"ODD", odd}, {"PATH", "/bin:/usr/bin"}},
         jail.directory.path().string()});

    CHECK(exit.value == 0);
    CHECK(jail.read("words") == odd + "|" + odd);
    CHECK(jail.read("environment").find("PKGJAIL_TEST_SECRET") == std::string::npos);
    CHECK(jail.read("environment").find("LC_ALL") == std::string::npos);
    CHECK(jail.read("mask") == "0022\n");
    ::unsetenv("PKGJAIL_TEST_SECRET");
}

TEST_CASE("what scripts write stands in the build log, under their names", "[ops][script]") {
    BuildJail jail;

    CHECK(jail.run("echo to output; echo to error >&2; cat") == "exit 0"); // cat: nobody can be asked

    CHECK(jail.read("build.log") == "== foo-1.0: echo to output; echo to error >&2; cat\n"
                                    "to output\nto error\n");
}

TEST_CASE("what a script leaves running is ended before the host goes on", "[ops][script]") {
    BuildJail jail;

    CHECK(jail.run("sleep 1000 & echo $! >pid; (trap '' TERM HUP; sleep 1000) & echo $! >stubborn") ==
          "exit 0");

    CHECK_FALSE(lives(jail.read("pid")));
    CHECK_FALSE(lives(jail.read("stubborn")));
    CHECK(jail.run("echo still here") == "exit 0");
}

TEST_CASE("a script that does not end is given up, and ended with its jail", "[ops][script]") {
    BuildJail jail(std::chrono::milliseconds(1000));

    const base::Error error = error_of([&] { jail.run("echo $$ >pid; exec sleep 1000"); });

    CHECK(error.kind() == base::ErrorKind::unhealthy);
    CHECK(std::string(error.what()) == "foo-1.0: its script did not end within 1 s");
    CHECK(error.hint().find("script-timeout") != std::string::npos);
    jail.runner.reset();
    CHECK_FALSE(lives(jail.read("pid")));
}

TEST_CASE("an answer that a script forges does not count", "[ops][script]") {
    BuildJail jail;

    CHECK(jail.run("echo 0123456789abcdef0123456789abcdef 0 >/proc/$PPID/fd/1; exit 7") == "exit 7");
    CHECK(jail.run("yes 'x 0' | head -c 300000 >/proc/$PPID/fd/1; exit 8") == "exit 8");
}

TEST_CASE("a script that ends the jail is a failure", "[ops][script]") {
    BuildJail jail;

    const base::Error error = error_of([&] { jail.run("kill -KILL $PPID; sleep 1000"); });

    CHECK(error.kind() == base::ErrorKind::system);
    CHECK(error.cause() == "the build jail ended while its script ran");
    CHECK(error_of([&] { jail.run("true"); }).kind() == base::ErrorKind::system); // and no signal ends us
}

TEST_CASE("a jail that cannot be started leaves nothing", "[ops][script]") {
    BuildJail jail;
    jail.driver.on_call = [](std::string_view call) {
        if (call.starts_with("start "))
            throw base::Error(base::ErrorKind::denied, "runtime", "says no");
    };

    CHECK(error_of([&] { jail.begin(); }).cause() == "says no");

    CHECK(jail.driver.calls() == "create pkgjail-build-test: /bin/sh -s\n"
                                 "start pkgjail-build-test\n"
                                 "remove pkgjail-build-test\n");
    CHECK_FALSE(std::filesystem::exists(jail.options.run_directory));
}
