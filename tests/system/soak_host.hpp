// The real jails of the soak: commands, kills, and what is there, looked up in what pkgjail prints, in the
// state directory, and in what the services themselves see.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include <nlohmann/json.hpp>

#include "support/loop_mount.hpp"
#include "support/package_writer.hpp"
#include "support/pkgjail_command.hpp"
#include "system/soak_operations.hpp"

namespace pkgjail::soak {

class SoakHost {
  public:
    /// `disk` has the state directory, and nothing else.
    explicit SoakHost(const test::LoopMount& disk);

    /// Puts it into the repository and has pkgjail read it.
    void offer(const Offer& offer);
    test::CommandResult run(const std::vector<std::string>& words);
    /// Kills the command after this time, unless it has ended by then.
    void run_and_kill(const std::vector<std::string>& words, std::chrono::milliseconds after);
    /// Kills what this deed kills and waits until it is gone, or until the service is there again.
    void kill(Deed deed, const std::string& jail);
    void write(Deed deed, const std::string& jail, const std::string& text);

    /// All of it, as pkgjail tells it, as it lies on disk and as the services see it; where these differ it
    /// says so in the place of what they differ in.
    World look();
    /// What pkgjail finds wrong, and where a jail's history differs from its record on disk; empty: nothing.
    std::string complaints();
    /// Supervisors with more open files than when they were first seen, a line each.
    std::string more_descriptors();
    /// What is left on the host when all jails are destroyed, a line each.
    std::string left();

  private:
    struct Seen {
        std::string id;
        int current = 0;
        pid_t supervisor = 0;
        pid_t service = 0;
    };
    Jail look_at(const nlohmann::json& status);
    std::string state_of(const nlohmann::json& status, const Jail& jail) const;
    std::string version_of(const std::string& image) const;
    std::string name_of(const std::string& id, const std::string& snapshot);
    std::vector<std::string> with_real_names(std::vector<std::string> words) const;
    std::string left_on_disk();

    const std::filesystem::path top_; ///< the file system with the state directory
    test::TempDir directory_;
    test::Host host_;
    std::size_t descriptors_ = 0;
    std::set<std::string> ids_;        ///< of all jails that there ever were
    std::map<std::string, Seen> seen_; ///< by name, when last looked
    /// What a restore leaves: names of the model by the snapshot's id, real names by jail and name of the
    /// model.
    std::map<std::string, std::string> modelled_;
    std::map<std::string, std::string> real_;
    std::map<std::string, int> restores_; ///< by the jail's id
    std::map<pid_t, std::size_t> young_;  ///< open files of a supervisor when it was first seen
};

} // namespace pkgjail::soak
