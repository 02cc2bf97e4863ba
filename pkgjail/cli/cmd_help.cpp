// help and version.
#include <fmt/core.h>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/usage.hpp"

namespace pkgjail::cli {

int cmd_help(Environment& environment) {
    const auto tell = [&](const std::string& text) {
        if (environment.json())
            environment.print_json({{"text", text}});
        else
            print(text);
        return exit_done;
    };
    if (!environment.has("command"))
        return tell(overview());
    const Command* command = find_command(environment.text("command"));
    if (command == nullptr)
        throw base::Error(base::ErrorKind::usage, environment.text("command"), "there is no such command",
                          no_such_command_hint(environment.text("command")));
    return tell(help_of(*command));
}

int cmd_version(Environment& environment) {
    if (environment.json())
        environment.print_json({{"version", PKGJAIL_VERSION}});
    else
        print(fmt::format("pkgjail {}\n", PKGJAIL_VERSION));
    return exit_done;
}

} // namespace pkgjail::cli
