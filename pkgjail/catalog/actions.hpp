// The audit trail: who did what, when, to which jail, and how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct Action {
    std::int64_t id = 0;
    std::int64_t at = 0; ///< Unix seconds
    std::int64_t uid = 0;
    std::string verb;
    std::string target; ///< names of jails, separated by blanks; empty: the host
    std::string command_line;
    std::string outcome; ///< empty while under way; "done"; "fetched"; the error's text
    std::int64_t exit_status = 0;
};

class Actions {
  public:
    explicit Actions(Catalog& catalog);
    enum class Lasts {
        at_once,
        later, ///< from the next commit, or Database::sync(), on
    };
    /// Returns the number to finish it by; action.id is not looked at. `lasts`: from when on it outlives a
    /// power cut.
    std::int64_t begin(const Action& action, Lasts lasts = Lasts::at_once);
    /// Error{not_found} for a number that begin did not give.
    void finish(std::int64_t id, const std::string& outcome, int exit_status);
    /// Why one that ended as "failed" did so. Nothing when there is none of this number and time.
    void explain(std::int64_t id, std::int64_t at, const std::string& outcome, int exit_status);
    /// Newest first; of one jail, or of all.
    std::vector<Action> latest(const std::optional<std::string>& target, std::size_t count);

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
