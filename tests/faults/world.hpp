// A host in one directory that can be set back to how it was, and commands on it under the shim.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/package_writer.hpp"
#include "support/pkgjail_command.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// What the shim is to do with one command; shim.c has the kinds.
struct Fault {
    std::string kind; ///< "enospc"
    unsigned long call = 0;
    bool goes_on = false; ///< every call from there on
    /// Not empty: of the calls with this name, on paths with this in them: "mkdir /root/srv".
    std::string on = {};
    std::string text() const { return kind + ":" + std::to_string(call) + (goes_on ? "+" : ""); }
};

/// state/, etc/ and out/ (what commands write for others), all below one directory, which the shim watches; a
/// repository beside it. Commands do not really sync: what that would prove is power.hpp's.
class World {
  public:
    /// `with_services`: by programs whose jails are ordinary processes (process_driver.cpp); otherwise by
    /// those that are installed, and no jail is started.
    explicit World(bool with_services = false);
    /// Ends what runs.
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    CommandResult run(const std::vector<std::string>& command,
                      const std::map<std::string, std::string>& environment = {},
                      const std::string& input = {}) const;
    CommandResult run_with(const Fault& fault, const std::vector<std::string>& command,
                           const std::string& input = {}) const;
    /// How many calls each kind of fault could hit in this command.
    std::map<std::string, unsigned long> count(const std::vector<std::string>& command,
                                               const std::string& input = {}) const;
    /// The same for every supervisor that is launched from now on, until it is told to do nothing any more
    /// (nullopt); kind "count" counts. hit() and counted() tell.
    void haunt_supervisors(const std::optional<Fault>& fault) const;
    /// What "count" has told.
    std::map<std::string, unsigned long> counted() const;
    /// What the last run_with() hit: "17 rename PATH"; nullopt: the command made fewer calls.
    std::optional<std::string> hit() const;

    /// Runs it and expects success.
    CommandResult well(const std::vector<std::string>& command, const std::string& input = {}) const;
    void offer(const std::vector<PackageSpec>& packages) const;
    void write(const std::string& path, const std::string& text) const; ///< below the directory

    /// Keeps a copy of everything under this name; ends what runs, and makes everything like it again.
    void keep(const std::string& name) const;
    void set_back(const std::string& name) const;

    /// Everything that a command may change, as text: each file with owner, mode and digest, the records
    /// without times, jails, volumes and snapshots under their names, what the catalog alone knows, and what
    /// runs on this host, known or not. Waits until services are up or down.
    std::string picture() const;
    /// Waits until no command runs any more, nor what a killed one has forked.
    void wait_for_commands() const;
    /// The audit trail, oldest first: "secret web done" of each command, its outcome empty where it has none.
    std::vector<std::string> acts() const;
    /// What runs here: processes.hpp, and for each jail what is told of its service and the limits in force.
    std::string running() const;

    /// Names in a directory, in byte order, a blank between two.
    static std::string names(const std::filesystem::path& directory);

    const std::filesystem::path& top() const { return top_; }
    std::filesystem::path state() const { return top_ / "state"; }
    std::filesystem::path kept(const std::string& name) const { return keeping_ / name; }
    std::filesystem::path shop() const { return directory_ / "shop"; }
    std::filesystem::path beside() const { return directory_.path(); }

  private:
    TempDir directory_;
    std::filesystem::path top_;
    std::filesystem::path keeping_;
    bool with_services_;
};

/// Jail web of web-1.1 (1.0 before) and lib, with a recipe, a volume, a secret, a snapshot, a hold, changed
/// configuration; jail other of extra; web-1.2 on offer.
void furnish(const World& world);
PackageSpec web_package(const std::string& version);
/// What furnish() offers in the end, with web in this version.
std::vector<PackageSpec> edition(const std::string& version);

} // namespace pkgjail::test
