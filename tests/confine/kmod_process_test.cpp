// The hand-over between the process that makes a jail and the one that goes in, with real processes. What
// only the module's kernel can do (the device, ENTER) and what wants root succeeds without doing anything.
#include "pkgjail/confine/kmod_process.hpp"

#include <cerrno>
#include <csignal>
#include <functional>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::confine;

namespace {

std::optional<EntryStage> failing; // copied into the child by fork
int failing_with = EPERM;

class Unconfined final : public SystemEntryCalls {
  public:
    using SystemEntryCalls::SystemEntryCalls;
    int open_device() noexcept override { return fail(EntryStage::device); }
    int change_root(const EntryPlan&) noexcept override { return fail(EntryStage::root); }
    int enter(pkgjail_enter& request) noexcept override {
        // What the module looks at: nothing is open but what the mask names.
        for (int number = 0; number < 1024; ++number)
            if (::fcntl(number, F_GETFD) >= 0 && (number >= 64 || (request.keep >> number & 1) == 0))
                return EBUSY;
        if (::getsid(0) != ::getpid())
            return EBUSY;
        return fail(EntryStage::enter);
    }
    int close_device() noexcept override { return fail(EntryStage::release); }
    int become(const Identity&) noexcept override { return fail(EntryStage::identity); }

  private:
    static int fail(EntryStage stage) { return failing == stage ? failing_with : 0; }
};

std::unique_ptr<EntryCalls> unconfined(const EntryPlan& plan, int gate, int report) {
    return std::make_unique<Unconfined>(plan, gate, report);
}

EntryPlan shell(const std::string& script) {
    EntryPlan plan;
    plan.jail = "web";
    plan.root = "/";
    plan.working_directory = "/";
    plan.command = {"/bin/sh", "-c", script};
    plan.environment = {"A=b"};
    plan.programs = {"/bin/sh"};
    return plan;
}

std::string error_of(const EntryPlan& plan, const EntryOutcome& outcome) {
    const auto error = entry_error(plan, outcome);
    return error.object() + ": " + error.cause();
}

} // namespace

TEST_CASE("a process stands before exec until it is let go, and then runs its command", "[confine][kmod]") {
    const test::TempDir dir;
    auto pipe = base::make_pipe();
    auto plan = shell("echo $A; touch ran; readlink /proc/self/fd/0; ls /proc/self/fd; umask; exit 7");
    plan.working_directory = dir.path().string();
    plan.streams[1] = pipe.write_end.get();

    const auto entrant = fork_entrant(plan, unconfined);
    REQUIRE(entrant->await_ready().ready());
    CHECK(base::is_alive(entrant->process()));
    CHECK_FALSE(std::filesystem::exists(dir / "ran"));
    CHECK(entrant->let_go() == std::nullopt);
    pipe.write_end.reset();
    const std::string out = base::read_all(pipe.read_end, "pipe");
    CHECK(out == "b\n/dev/null\n0\n1\n2\n3\n0022\n"); // 3 is what ls reads the list by
    CHECK(entrant->wait().describe() == "exit status 7");
}

TEST_CASE("the first stage that fails is the one that is told", "[confine][kmod]") {
    const auto plan = shell("true");
    for (const auto stage : {EntryStage::device, EntryStage::root, EntryStage::enter, EntryStage::release,
                             EntryStage::identity}) {
        failing = stage;
        const auto entrant = fork_entrant(plan, unconfined);
        const auto outcome = entrant->await_ready();
        failing.reset();
        CHECK(outcome.stage == stage);
        CHECK(outcome.error == EPERM);
    }
}

TEST_CASE("what the command wants and there is not is told before the start", "[confine][kmod]") {
    auto plan = shell("true");
    plan.working_directory = "/nowhere";
    CHECK(error_of(plan, fork_entrant(plan, unconfined)->await_ready()) ==
          "/nowhere: no such working directory in jail web");
    plan.working_directory = "/etc/passwd";
    CHECK(error_of(plan, fork_entrant(plan, unconfined)->await_ready()) ==
          "/etc/passwd: cannot be the working directory in jail web");
    plan.working_directory = "/";
    plan.command = {"/nowhere/program"};
    plan.programs = {"/nowhere/program"};
    CHECK(error_of(plan, fork_entrant(plan, unconfined)->await_ready()) ==
          "/nowhere/program: no such program in jail web");
    plan.programs = {"/nowhere/program", "/etc/passwd"};
    CHECK(error_of(plan, fork_entrant(plan, unconfined)->await_ready()) ==
          "/nowhere/program: cannot be executed in jail web");
}

TEST_CASE("a program that the kernel does not execute is told by the start", "[confine][kmod]") {
    const test::TempDir dir;
    base::write_file_atomically(dir / "script", "#!/nowhere/interpreter\n", 0755);
    base::write_file_atomically(dir / "noise", std::string("\x01\x02\x03", 3), 0755);
    for (const auto& [name, expected] :
         {std::pair("script", "the program or its interpreter is missing in jail web"),
          std::pair("noise", "cannot be executed in jail web")}) {
        auto plan = shell("");
        plan.command = {(dir / name).string()};
        plan.programs = plan.command;
        const auto entrant = fork_entrant(plan, unconfined);
        REQUIRE(entrant->await_ready().ready());
        const auto failed = entrant->let_go();
        REQUIRE(failed);
        CHECK(error_of(plan, *failed) == plan.command[0] + ": " + expected);
        CHECK(entrant->wait().describe() == "exit status 127");
    }
}

TEST_CASE("a process that is never let go ends without running anything", "[confine][kmod]") {
    const test::TempDir dir;
    auto plan = shell("touch ran");
    plan.working_directory = dir.path().string();
    pid_t pid = 0;
    {
        const auto entrant = fork_entrant(plan, unconfined);
        REQUIRE(entrant->await_ready().ready());
        pid = entrant->process().pid; // from here on it is ours to wait for
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WEXITSTATUS(status) == 127);
    CHECK_FALSE(std::filesystem::exists(dir / "ran"));
}

TEST_CASE("streams may have any numbers, also each other's", "[confine][kmod]") {
    auto pipe = base::make_pipe();
    const base::Fd low(::fcntl(pipe.write_end.get(), F_DUPFD_CLOEXEC, 3));
    auto plan = shell("echo out; echo err >&2");
    plan.streams[0] = -1;
    plan.streams[1] = low.get();
    plan.streams[2] = low.get();
    const auto entrant = fork_entrant(plan, unconfined);
    REQUIRE(entrant->await_ready().ready());
    REQUIRE(entrant->let_go() == std::nullopt);
    CHECK(entrant->wait().success());
    pipe.write_end.reset();
    char text[16] = {};
    CHECK(::read(pipe.read_end.get(), text, sizeof text - 1) == 8);
    CHECK(std::string(text) == "out\nerr\n");
}

TEST_CASE("a full jail and one that lets nobody in are two different things", "[confine][kmod]") {
    const auto plan = shell("true");
    CHECK(entry_error(plan, {EntryStage::enter, EAGAIN}).kind() == base::ErrorKind::conflict);
    CHECK(entry_error(plan, {EntryStage::enter, EBUSY}).kind() == base::ErrorKind::system);
    CHECK(entry_error(plan, {EntryStage::device, EPERM}).kind() == base::ErrorKind::denied);
}

TEST_CASE("a program without a slash is looked for in PATH, absolute directories only", "[confine][kmod]") {
    CHECK(program_candidates("/bin/sh", "/usr/bin") == std::vector<std::string>{"/bin/sh"});
    CHECK(program_candidates("id", "/usr/pkg/bin:.:bin::/bin") ==
          std::vector<std::string>{"/usr/pkg/bin/id", "/bin/id"});
    CHECK(program_candidates("id", "").empty());
}
