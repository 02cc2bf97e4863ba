// Work on what strangers made, in a process that can do nothing else: no files, no network, no other process,
// no privileges, one stream to talk to us. Whoever takes such a process over can lie to us over that stream,
// so what comes out of it is checked like foreign data, and nothing more.
//
// Linux: another user without groups and capabilities, an empty root, no new privileges, Landlock without a
// single right, and a filter that passes the system calls of memory, the stream and an end. NetBSD: another
// user in an empty root. Everywhere: limits, by which it opens no further descriptor, makes no further
// process and writes no file. What could not be had is told by confinement(), and is not tried to be made up
// for.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::base {

/// What runs in there. It is handed its end of the stream, blocking, as its only descriptor beside three of
/// /dev/null, and ends with its process when it returns. It must not throw.
using ConfinedWork = void (*)(int stream);

/// What the helper process does before it confines itself, such as loading a library that could not be loaded
/// any more later; nullptr for nothing.
using ConfinedPreparation = void (*)() noexcept;

/// Starts the work, for which `preparation` was made, and returns our end, a stream socket that is closed on
/// exec. The process is gone soon after we close that, or when it next uses the stream; at the latest when we
/// end ourselves, however that is. Throws when a process cannot be made or cannot be confined.
Fd start_confined(ConfinedWork work, ConfinedPreparation preparation = nullptr);

/// Makes the helper process from which all of them are forked, one for the whole command, unless it is there;
/// another takes its place where it was made without `preparation`, which ends what the other works on.
/// The first start_confined() does it too, but it is best made early: it is a copy of this process, and has
/// no use for threads, secrets and shared memory. It confines itself while its maker goes on. A failure is
/// left to start_confined() to tell.
void prepare_confined(ConfinedPreparation preparation = nullptr) noexcept;

/// What holds for confined processes of this process. Asks the helper, which is made if need be.
struct Confinement {
    std::vector<std::string> held;    ///< "another user", "an empty root", …
    std::vector<std::string> missing; ///< "Landlock, which this kernel does not have"
    /// Nothing but limits keeps it from one of: files of this user, the network, other processes.
    bool is_weak = false;
};
Confinement confinement();

} // namespace pkgjail::base
