// Trying to get out of a jail: what pkgjail-escape does inside (escape.c and its parts), and what only
// somebody outside can try, namely what enters, and what the mounts rest on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkgjail/confine/driver.hpp"

namespace pkgjail::confine {

enum class Held {
    held,
    open,  ///< it could be done
    given, ///< the profile allows it, or this platform has nothing against it; not counted as a failure
    absent ///< it could not be tried
};
std::string_view held_name(Held held);

struct Attempt {
    std::string what; ///< "load or unload kernel modules"
    Held held = Held::absent;
    std::string detail; ///< the call and its error; printable, from inside the jail
    bool operator==(const Attempt&) const = default;
};

/// Lines of pkgjail-escape. Throws Error{corrupt} where one is none, or the last is not "end": then it was
/// ended in the middle.
std::vector<Attempt> parse_attempts(std::string_view text);

/// A jail to try it in. All of its directories are the caller's and are thrown away afterwards.
struct EscapeJail {
    JailSpec spec;                    ///< `command` is set here; its environment is what may be seen inside
    base::HostPath run_directory;     ///< of the jail
    std::string image;                ///< inside: where pkgjail-escape is
    std::string data;                 ///< inside: a directory that the jail may write to
    base::HostPath data_outside;      ///< the same directory
    base::HostPath mount_point;       ///< a mount point of the jail, outside, where the jail could change it
    base::HostPath outside_directory; ///< a directory with which nothing may happen
};

inline constexpr const char* escape_program = "pkgjail-escape";

/// Every attempt, in the order in which they are shown; about as many seconds as jails are made. The jail is
/// gone when this returns or throws. Throws when the jail cannot be made, or pkgjail-escape does not answer.
std::vector<Attempt> try_to_escape(Driver& driver, const EscapeJail& jail);

} // namespace pkgjail::confine
