// The program itself, run as a user would: with a state and a configuration directory of its own.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pkgjail/base/process.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

struct CommandResult {
    int status = 0; ///< exit status; 128 + signal when it was killed
    std::string out;
    std::string err;
    nlohmann::json json() const { return nlohmann::json::parse(out); }
};

/// The program that a Host runs: this build's, or the one in PKGJAIL_TEST_PROGRAMS.
std::string pkgjail_program();

/// One host as pkgjail sees it: state, configuration, one repository. Destroys its jails at the end.
class Host {
  public:
    /// `repository` is a directory with archives and a summary; empty: none is configured.
    /// `state`: where the state directory is to be, when not beside the configuration.
    explicit Host(const std::filesystem::path& repository = {}, const std::filesystem::path& state = {});
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    CommandResult run(const std::vector<std::string>& arguments,
                      const std::map<std::string, std::string>& environment = {}) const;
    const std::filesystem::path& state() const { return state_; }
    const std::filesystem::path& etc() const { return etc_; }
    void write_config(const std::string& name, const std::string& text) const;

  private:
    TempDir directory_;
    std::filesystem::path state_;
    std::filesystem::path etc_;
};

/// The demo repository's edition that ./check has made ("2026Q3"); empty when there is none
/// (PKGJAIL_TEST_REPOSITORY).
std::filesystem::path demo_repository(const std::string& edition);

/// Status code of a GET on loopback; 0: no answer.
int http_status(const std::string& url);
std::string http_body(const std::string& url);
/// A TCP port of loopback that nobody uses right now.
int free_port();

} // namespace pkgjail::test
