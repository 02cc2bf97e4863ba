// What a package's rc.d script (share/examples/rc.d/NAME) says of its service: the variables of rc.subr(8).
// The script is read, never run: assignments outside of functions are followed from top to bottom with what
// they refer to, and that is all. Of an `if` its first branch counts, which in these scripts is the one for
// systems that have rc.subr.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

struct RcScript {
    std::string name;                        ///< `name`; empty: the script gives none
    std::string command;                     ///< `command`: the program's path; empty: none
    std::string arguments;                   ///< NAME_flags, then `command_args`, as a shell would take them
    std::string user;                        ///< NAME_user; empty: who runs the script
    std::string group;                       ///< NAME_group
    std::string directory;                   ///< NAME_chdir
    std::string pid_file;                    ///< `pidfile`
    std::vector<std::string> environment;    ///< NAME_env: words NAME=VALUE
    std::vector<std::string> required_files; ///< have to be there before a start
    std::string reload_signal;               ///< `sig_reload`, as in "USR2"
    /// `start_cmd` or `start_precmd`: the script does more than to run the command.
    bool has_own_steps = false;
    /// Variables whose value comes from running something, and is not known.
    std::vector<std::string> unknown;
};

/// Any text has an answer, possibly an empty one.
RcScript read_rc_script(std::string_view text);

/// The words of `arguments` up to where a shell would do something else with them: without redirections, and
/// `background` set where the line ends in "&". Quotes are taken off.
struct RcArguments {
    std::vector<std::string> words;
    bool background = false;
    bool complete = true; ///< false: there was something that only a shell understands
};
RcArguments split_rc_arguments(std::string_view arguments);

} // namespace pkgjail::format
