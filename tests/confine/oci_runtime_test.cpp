#include "pkgjail/confine/oci_runtime.hpp"

#include <csignal>

#include <sys/stat.h>

#include "base/in_child.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/umask.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::OciRuntime;

namespace {

std::string explain(const std::string& message) {
    const OciRuntime runtime("/usr/sbin/runc", "/state/run/oci");
    const OciRuntime::Outcome outcome{{false, 1}, message, false};
    const auto error =
        confine::explain_runtime_failure(runtime, "create", outcome, "web", "/usr/pkg/sbin/nginx", "/var/x");
    const char* kind = error.kind() == base::ErrorKind::not_found ? "not found: "
                       : error.kind() == base::ErrorKind::denied  ? "denied: "
                                                                  : "";
    return kind + std::string(error.what());
}

} // namespace

TEST_CASE("a runtime's failure is told in one short line that names the object", "[confine][runtime]") {
    // As runc 1.1, crun 1.8 and youki 0.3 write them.
    CHECK(
        explain("runc create failed: unable to start container process: exec: \"/usr/pkg/sbin/nginx\": stat "
                "/usr/pkg/sbin/nginx: no such file or directory") ==
        "not found: /usr/pkg/sbin/nginx: no such program in jail web");
    CHECK(explain("executable file `/usr/pkg/sbin/nginx` not found in $PATH: No such file or directory") ==
          "not found: /usr/pkg/sbin/nginx: no such program in jail web");
    CHECK(explain("exec failed: unable to start container process: exec: \"/usr/pkg/sbin/nginx\": permission "
                  "denied") == "denied: /usr/pkg/sbin/nginx: cannot be executed in jail web");
    CHECK(explain("open executable: Permission denied") ==
          "denied: /usr/pkg/sbin/nginx: cannot be executed in jail web");
    CHECK(explain("runc create failed: unable to start container process: chdir to cwd (\"/var/x\") set in "
                  "config.json "
                  "failed: no such file or directory") ==
          "not found: /var/x: no such working directory in jail web");
    CHECK(explain("runc create failed: unable to start container process: error during container init: error "
                  "mounting "
                  "\"/a\" to rootfs at \"/b\": no space left on device") ==
          "runc: create: error mounting \"/a\" to rootfs at \"/b\": no space left on device");
    CHECK(explain("") == "/usr/sbin/runc: create: exit status 1");
    CHECK(explain(std::string(5000, 'x')).size() < 350);
}

TEST_CASE("a missing file that is not the program is not taken for it", "[confine][runtime]") {
    CHECK(
        explain("error mounting \"/gone\" to rootfs at \"/usr/pkg/sbin/nginx\": no such file or directory") ==
        "runc: create: error mounting \"/gone\" to rootfs at \"/usr/pkg/sbin/nginx\": no such file or "
        "directory");
}

TEST_CASE("the last error of a runtime's log counts, warnings and noise do not", "[confine][runtime]") {
    CHECK(confine::last_error_of_log("{\"level\":\"error\",\"msg\":\"first\"}\n"
                                     "{\"level\":\"error\",\"msg\":\"second\"}\n"
                                     "{\"level\":\"warning\",\"msg\":\"third\"}\n"
                                     "not json\n{\"level\":\"error\"}\n[1]\n") == "second");
    CHECK(confine::last_error_of_log("").empty());
}

TEST_CASE("a runtime is called with its state, a log, and nothing of our environment", "[confine][runtime]") {
    const test::TempDir dir;
    const auto program = dir / "runtime";
    base::write_file_atomically(program,
                                "#!/bin/sh\n"
                                "printf '%s\\n' \"$@\" > \"$(dirname \"$0\")/arguments\"\n"
                                "env > \"$(dirname \"$0\")/environment\"\n"
                                "printf '{\"level\":\"error\",\"msg\":\"sorry\"}\\n' > \"$4\"\n"
                                "exit 3\n",
                                0755);
    const OciRuntime runtime(program, "/state/run/oci");
    ::setenv("PKGJAIL_TEST_SECRET", "1", 1);

    const auto outcome = runtime.call({"delete", "pkgjail-7"}, dir.path(), {}, std::chrono::seconds(60));
    ::unsetenv("PKGJAIL_TEST_SECRET");

    CHECK(outcome.exit.describe() == "exit status 3");
    CHECK(outcome.message == "sorry");
    const auto arguments = base::read_file(dir / "arguments");
    CHECK_THAT(arguments, ContainsSubstring("--root\n/state/run/oci\n--log\n"));
    CHECK_THAT(arguments, ContainsSubstring("--log-format\njson\ndelete\npkgjail-7\n"));
    CHECK(base::read_file(dir / "environment").find("SECRET") == std::string::npos);
    for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
        CHECK(entry.path().extension() != ".json");
}

TEST_CASE("what a runtime executes in a jail has the umask of whoever asked for it", "[confine][runtime]") {
    const test::TempDir dir;
    const base::HostPath program = dir / "runtime";
    base::write_file_atomically(program, "#!/bin/sh\numask >>" + (dir / "said").string() + "\n", 0755);

    const int status = test::status_of_child([&] {
        ::umask(027);
        base::set_umask();
        const OciRuntime runtime(program, dir / "oci");
        runtime.call({"exec", "web"}, dir.path(), {}, {});
        runtime.call({"create", "web"}, dir.path(), {}, std::chrono::seconds(20));
        return 0;
    });

    REQUIRE(status == 0);
    CHECK(base::read_file(dir / "said") == "0027\n0022\n");
}

TEST_CASE("a runtime that does not come back is ended", "[confine][runtime]") {
    const test::TempDir dir;
    base::write_file_atomically(dir / "runtime", "#!/bin/sh\nexec sleep 600\n", 0755);
    const OciRuntime runtime(dir / "runtime", "/state/run/oci");

    const auto outcome = runtime.call({"create"}, dir.path(), {}, std::chrono::milliseconds(50));

    CHECK(outcome.timed_out);
    const auto error = confine::explain_runtime_failure(runtime, "create", outcome, "web", "/x", "/");
    CHECK_THAT(std::string(error.what()), ContainsSubstring("create did not end in time"));
}

#ifdef __linux__
TEST_CASE("clients of one jail are ended, those of others and of exec are left", "[confine][runtime]") {
    const test::TempDir dir;
    base::write_file_atomically(dir / "runtime", "#!/bin/sh\nread line < \"${0%/*}/fifo\"\n", 0755);
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0); // nobody ever writes to it
    const OciRuntime runtime(dir / "runtime", dir / "oci");
    const auto start = [&](const std::string& action, const std::string& handle) {
        base::Command command;
        command.argv = {(dir / "runtime").string(),
                        "--root",
                        (dir / "oci").string(),
                        "--log",
                        "/l",
                        "--log-format",
                        "json",
                        action,
                        "--bundle",
                        "/b",
                        handle};
        command.environment = {"PATH=/usr/bin:/bin"};
        return base::Child::start(command);
    };
    auto create = start("create", "pkgjail-7");
    auto start_client = start("start", "pkgjail-7");
    auto other = start("create", "pkgjail-70");
    auto exec = start("exec", "pkgjail-7");

    runtime.end_clients("pkgjail-7", std::chrono::seconds(30));

    CHECK(create.wait().describe() == "signal 9 (Killed)");
    CHECK(start_client.wait().describe() == "signal 9 (Killed)");
    CHECK_FALSE(other.wait_for(std::chrono::milliseconds(0)).has_value());
    CHECK_FALSE(exec.wait_for(std::chrono::milliseconds(0)).has_value());
}
#endif

TEST_CASE("a runtime older than the repair of a known hole is told of", "[confine][runtime][attack]") {
    const auto told = [](const char* version) { return confine::known_hole(version).value_or("nothing"); };

    CHECK(told("runc 1.1.5+ds1") ==
          "runc 1.1.5+ds1 is older than 1.2.8, which repaired CVE-2025-31133, CVE-2025-52565 and "
          "CVE-2025-52881; whether the distribution's package has the repair, its changelog tells");
    CHECK_THAT(told("runc 1.3.2"), Catch::Matchers::StartsWith("runc 1.3.2 is older than 1.3.3, "));
    CHECK_THAT(told("crun 1.4.3"), Catch::Matchers::StartsWith("crun 1.4.3 is older than 1.4.4, "));
    CHECK_THAT(told("runc 1.3.0-rc.1"), Catch::Matchers::StartsWith("runc 1.3.0-rc.1 is older than 1.3.3, "));
    CHECK_THAT(told("runc 1.4.0-rc.2"),
               Catch::Matchers::StartsWith("runc 1.4.0-rc.2 is older than 1.4.0-rc.3, "));
    CHECK_THAT(told("runc 1.0.0-rc93"), Catch::Matchers::StartsWith("runc 1.0.0-rc93 is older than 1.2.8, "));
    for (const char* well :
         {"runc 1.2.8", "runc 1.2.10", "runc 1.3.3+ds1-2", "runc 1.4.0-rc.3", "runc 1.4.0-rc.10",
          "runc 1.4.0", "crun 1.8.1", "crun 1.14", "youki 0.3.0", "runc", ""})
        CHECK(told(well) == "nothing");
}
