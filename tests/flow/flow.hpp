// What tests of whole commands share: repositories beside a Host, and how a failure has to look.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/package_writer.hpp"
#include "support/pkgjail_command.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// A repository of packages made for one test, and a host that is told of it.
class Shop {
  public:
    explicit Shop(const std::vector<PackageSpec>& packages) : host_(path()) { offer(packages); }

    /// Another index and more archives, as a publisher would.
    void offer(const std::vector<PackageSpec>& packages) const { make_repository(path(), packages); }
    std::filesystem::path path() const { return directory_ / "All"; }
    const Host& host() const { return host_; }

  private:
    TempDir directory_;
    Host host_;
};

PackageSpec package(const std::string& pkgname, const std::vector<std::string>& depends = {});

/// Everything below a directory, a line each with type, mode, size and time of last change: two equal ones
/// mean that nothing was touched. Without SQLite's file of shared memory, in which readers note where they
/// are.
std::string listing(const std::filesystem::path& directory);

/// `text` with this host's directories written STATE and ETC, and other `names` put in.
std::string with_names(const Host& host, std::string text,
                       const std::map<std::string, std::string>& names = {});

/// The lines of standard error that are no notes.
std::string failure_text(const CommandResult& result);

/// Runs the command twice, plainly and with --json. It has to fail both times with `status`; the first time
/// with nothing on standard output and exactly `text` on standard error; the second time with one document
/// that says the same.
void check_fails(const Host& host, const std::vector<std::string>& arguments, int status,
                 const std::string& text, const std::map<std::string, std::string>& names = {});

/// A shell script, for redirections: `pkgjail` runs the program with this host's directories, "$PKGJAIL" is
/// the program itself, "$STATE" and "$ETC" are the directories.
CommandResult run_in_shell(const Host& host, const std::string& script);

} // namespace pkgjail::test
