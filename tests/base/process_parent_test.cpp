// Children that end with who started them.
#ifdef __linux__

#include <csignal>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

TEST_CASE("a child that is to end with its parent is killed when the parent is", "[base][process]") {
    // Orphans come to us, so that the child's end can be seen.
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    auto pipe = base::make_pipe();
    const pid_t parent = ::fork();
    REQUIRE(parent >= 0);
    if (parent == 0) {
        base::Command command;
        command.argv = {"/bin/sleep", "600"};
        command.end_with_parent = true;
        const pid_t child = base::Child::start(command).release();
        if (::write(pipe.write_end.get(), &child, sizeof child) != sizeof child)
            ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    pid_t child = 0;
    REQUIRE(::read(pipe.read_end.get(), &child, sizeof child) == sizeof child);
    CHECK(base::identify_process(child).has_value());

    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);

    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
}

#endif
