// Every command that changes something, as it is tried with faults.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "faults/world.hpp"

namespace pkgjail::test {

struct Act {
    std::string name; ///< "restore", "restore --force"; begins with the verb
    std::vector<std::string> command;
    /// Done to a furnished world before.
    std::function<void(const World&)> prepare;
    std::string input;
    /// Statuses of the command when it has been done already; 0 always is one.
    std::set<int> again;
    /// What it ends with when nothing is wrong; other than 0: it is refused, and nothing changes.
    int status = 0;
    /// Done again, it is done once more: another generation, another snapshot.
    bool repeats = false;
    /// Of several jails: some may be done and some not.
    bool in_parts = false;
};

const std::vector<Act>& acts();
/// Verbs that change nothing, and those that need a service that runs (they are tried with a real one).
const std::set<std::string>& verbs_left_out();

} // namespace pkgjail::test
