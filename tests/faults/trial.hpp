// One command with its world: how that looks before the command and after it, and what has to hold in any
// case.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "faults/acts.hpp"
#include "faults/world.hpp"

namespace pkgjail::test {

/// Lines that only one of two pictures has.
std::string difference(const std::string& from, const std::string& to);

bool says_rolled_back(const CommandResult& result);
/// What is wrong with how a command of `verb` tells that the system failed it; empty: nothing.
std::string ill_told(const CommandResult& result, const std::string& verb);
/// The same of its words alone, whatever its status is.
std::string ill_worded(const CommandResult& result, const std::string& verb);

/// All faults of a command in an order that is the same each time, the kinds mixed.
std::vector<Fault> faults_of(const std::map<std::string, unsigned long>& counts);

/// PKGJAIL_FAULTS_SEED: which faults and power cuts a sample has; 0 where nothing is said.
std::uint64_t sample_seed();
/// Where a sample of every `stride`th begins, in a list that has its turn at `turn`. Seeds that follow each
/// other have all of the list between them.
std::size_t first_of_sample(std::size_t turn, std::size_t stride);

class Trial {
  public:
    /// Runs the command without a fault, twice, to know what it does.
    explicit Trial(const Act& act);

    const Act& act() const { return act_; }
    const World& world() const { return world_; }
    const std::vector<std::string>& command() const { return command_; }
    /// How many calls each kind of fault can hit.
    const std::map<std::string, unsigned long>& counts() const { return counts_; }
    void set_back() const;

    /// Runs the command with this fault, from the beginning: what is wrong then; empty: it was survived.
    /// `hit`: whether there was such a call.
    std::string attempt(const Fault& fault, bool& hit) const;
    /// Steps that the command passes (base/step.hpp), each once, in the order of the first time.
    const std::vector<std::string>& steps() const { return steps_; }
    /// Runs the command and has it killed at this step, or meet a full disk there: what is wrong then.
    std::string attempt_killed_at(const std::string& step) const;
    std::string attempt_full_at(const std::string& step) const;
    /// After the command was cut short, or was not (`done`): what is wrong with what the next commands find,
    /// and with the same command once more; empty: nothing.
    /// `told_rolled_back`: it said so of a new generation.
    /// `others`: how many commands have been run since.
    std::string aftermath(bool done, bool told_rolled_back = false, std::size_t others = 0) const;
    /// The same after the host was started again, where what is meant to run is started first.
    std::string after_power_cut(bool done) const;

  private:
    void settle() const;
    void learn_what_is_put_back();
    std::string check() const;
    /// What is wrong with how a command told that the system failed it, if it did, and with what is left.
    std::string after_failing(const CommandResult& result) const;
    /// What is wrong with the audit trail, where `picture` is what there is.
    std::string check_acts(bool done, const std::string& picture, std::size_t others) const;
    /// Runs the command where `picture` is what there is, and what is left to do then: what is wrong; empty:
    /// nothing.
    std::string once_more(const std::string& picture) const;

    const Act& act_;
    std::shared_ptr<const World> kept_;
    const World& world_;
    std::vector<std::string> command_;
    std::map<std::string, unsigned long> counts_;
    std::vector<std::string> steps_;
    std::string before_;
    std::string after_;
    std::size_t acts_before_ = 0;
    std::vector<std::string> acts_; ///< what the command is in the audit trail; empty: it is not in there
    /// What there is where a service could not be started and what was before was put back, and what there is
    /// when the command was run once more after that: the next generation has another number.
    std::set<std::string> rolled_back_, done_after_that_;
};

} // namespace pkgjail::test
