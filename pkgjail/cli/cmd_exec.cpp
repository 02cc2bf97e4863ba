// exec, shell: a look inside.
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/ops/exec.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

int run_inside(Environment& environment, std::vector<std::string> command) {
    if (!environment.has("jail"))
        throw Error(ErrorKind::usage, environment.verb(), "no jail given",
                    fmt::format("pkgjail {} JAIL", environment.verb()));
    if (environment.has("dry-run"))
        throw Error(ErrorKind::usage, "--dry-run", "what a command does cannot be told without running it");
    ops::ExecRequest request;
    request.jail = environment.text("jail");
    request.command = std::move(command);
    if (environment.has("user"))
        request.user = environment.text("user");
    request.terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    const base::Exit exit = ops::exec(environment.context(), request);
    return exit.signalled ? 128 + exit.value : exit.value; // as a shell tells it
}

} // namespace

int cmd_exec(Environment& environment) {
    const std::vector<std::string> command = environment.list("command…");
    if (command.empty())
        throw Error(ErrorKind::usage, "exec", "no command given",
                    "pkgjail exec JAIL COMMAND…, or pkgjail shell JAIL");
    return run_inside(environment, command);
}

int cmd_shell(Environment& environment) {
    return run_inside(environment, {});
}

} // namespace pkgjail::cli
