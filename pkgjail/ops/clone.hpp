// clone: a new jail from a jail or a snapshot of it. rename: another name for a jail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct CloneRequest {
    std::string source;
    std::string snapshot;                   ///< empty: the jail as it is
    std::string jail;                       ///< to be made
    std::map<std::string, std::string> set; ///< over the source's settings
    jail::NetworkChoice network;            ///< the same; checked
    bool start = true;
    bool with_secrets = false;
};

struct CloneResult {
    std::string jail;
    std::string source;
    std::string snapshot;
    std::string image;
    std::string method;               ///< how data was copied; empty in a dry run
    std::vector<std::string> renewed; ///< paths inside, of what may not be the same in two jails
    std::vector<std::string> removed; ///< the same, of what the jail makes for itself
    std::vector<std::string> kept;    ///< edited files of the recipe, kept beside the new ones
    std::vector<std::string> left;    ///< paths inside, of writable volumes and mounts that it does not have
    std::vector<std::string> addresses; ///< where it answers
    bool started = false;
    std::optional<supervise::ServiceStatus> status; ///< when it was started
};

/// A jail on the same image with copies of configuration and data. Nothing is copied when the name is taken
/// or a port that it would claim is (Error{conflict}); a running source is paused for the copy.
CloneResult clone(const Context& context, const CloneRequest& request);

struct RenameResult {
    std::vector<std::string> written; ///< paths inside, of the recipe's files that had the old name in them
    std::vector<std::string> edited;  ///< the same, left alone because they were changed by hand
};

/// Moves nothing on disk but the log, and writes the recipe's files again where they hold the jail's name, in
/// each generation. Error{conflict} while the jail runs (its processes know its name), and when the new name,
/// or a log of that name, is taken.
RenameResult rename(const Context& context, const std::string& jail, const std::string& new_name);

/// The note of a rename: "rename NEW". The new name; nullopt for any other note.
std::optional<std::string> renamed_to(const std::string& note);
/// What the next command does about a dead one's note: log and files have the old name again.
void undo_rename(Session& session, const catalog::Jail& jail, const std::string& new_name);

} // namespace pkgjail::ops
