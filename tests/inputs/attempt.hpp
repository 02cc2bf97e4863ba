// One command line tried: the program's own entry in a process of its own, and what is asked of every
// outcome.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/pkgjail_command.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// A host for hostile words: directories of its own, packages, jails with generations and snapshots, volumes,
/// a key. No runtime, so nothing is ever run in a jail. Where the kernel allows it, everything of the
/// machine but the directory for temporary files is read-only for this process.
class Target {
  public:
    Target();

    /// Runs the program's main function with these words behind --state and --config. Status 128 + SIGALRM:
    /// it did not end within `seconds`.
    CommandResult run(const std::vector<std::string>& words,
                      const std::map<std::string, std::string>& environment = {}, double seconds = 20) const;
    /// Without --state and --config.
    CommandResult run_bare(const std::vector<std::string>& words,
                           const std::map<std::string, std::string>& environment, double seconds = 20) const;
    /// Everything below the directories of state, configuration and repository, and the working directory:
    /// names, modes, sizes and times.
    std::string digest() const;
    /// The same without what a failed command may leave: the audit trail has an entry of it.
    std::string digest_but_audit_trail() const;
    /// As it was after the constructor.
    void restore() const;

    std::filesystem::path path() const { return directory_.path(); }
    std::filesystem::path state() const { return live() / "state"; }
    std::filesystem::path etc() const { return live() / "etc"; }
    std::filesystem::path repository() const { return live() / "All"; }
    std::filesystem::path working_directory() const { return live() / "work" / "a" / "b" / "c"; }

  private:
    std::filesystem::path live() const { return directory_ / "live"; }
    TempDir directory_;
};

/// What is wrong with an outcome whatever was tried: died or hung, unknown exit status, raw control
/// characters or bytes that are no text in what was printed, a failure that is not told as the manual says,
/// standard output that is no document with --json or not empty without. Empty: nothing.
std::string complaint(const CommandResult& result, const std::string& verb, bool json);

/// The lines of standard error that are neither notes nor hints.
std::vector<std::string> failure_lines(const CommandResult& result);

/// Counts what was tried, and tells it when the program ends.
void count_input();

} // namespace pkgjail::test
