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
    /// Of several jails, or files: some may be done and some not.
    bool in_parts = false;
    /// What is left to do where the command, once more, says that it has been done already.
    std::vector<std::string> finish = {};
    /// Steps at which a failure leaves something that is told, for a person to put right.
    std::set<std::string> for_a_person = {};
    /// Set: with services that run. Starts those that run before the command.
    std::function<void(const World&)> begin = {};
};

/// All of them: on jails whose services do not run, and on those that run.
const std::vector<Act>& acts();
const std::vector<Act>& resting_acts();
const std::vector<Act>& running_acts();
/// Has the command kill itself at this step.
void cut(const World& world, const std::vector<std::string>& command, const std::string& step);
/// Gives the service of a furnished world a probe that ends at once.
void let_web_run(const World& world);
/// Verbs that change nothing ("list", "volume list"), and one with a reason beside it.
const std::set<std::string>& verbs_left_out();

} // namespace pkgjail::test
