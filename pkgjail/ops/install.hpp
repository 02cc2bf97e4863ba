// `pkgjail install`: packages into a jail, and its service running. `pkgjail remove`, `autoremove`: packages
// out of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/jail/mounts.hpp"
#include "pkgjail/jail/network.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/solve/solver.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct InstallRequest {
    std::vector<std::string> packages; ///< patterns, or archive files
    bool patterns_only = false;        ///< never files, whatever a pattern looks like
    std::string jail;                  ///< empty: named after the recipe, or the first package's base
    std::string recipe;                ///< empty: the one of the first package's base, if there is one
    bool without_recipe = false;       ///< a jail without a service, also where there is such a recipe
    std::string limits;                ///< template; empty: the recipe's
    std::map<std::string, std::string> limit_overrides; ///< name to value as written
    std::map<std::string, std::string> set;
    jail::NetworkChoice network;                   ///< over the recipe's, checked
    jail::MountWords mounts;                       ///< of a new jail
    std::map<std::string, base::HostPath> secrets; ///< of a new jail: name to the file that holds it
    bool start = true;
    bool only_new = false; ///< a jail of this name is Error{conflict}
    /// Puts more into the configuration and the data of a new jail, before anybody can see it. May be empty.
    std::function<void(const base::Tree& config, const base::Tree& data)> furnish;
    /// A lock file: exactly its packages, no others; recipe, limits and settings are the lock's where none
    /// are given here. Empty: none.
    base::HostPath locked;
};

struct RemoveRequest {
    std::string jail;
    std::vector<std::string> packages; ///< bases, full names or patterns
};

/// What came of it; for a dry run, what would.
struct InstallResult {
    std::string jail;
    std::string recipe; ///< empty: none, so there is no service
    solve::Plan plan;
    bool jail_created = false;
    bool image_reused = false; ///< nothing had to be unpacked
    std::string image;         ///< id; empty in a dry run unless it exists
    std::int64_t generation = 0;
    std::uint64_t download_bytes = 0;
    std::vector<std::string> setid;
    std::vector<std::string> warnings;              ///< of the build
    bool started = false;                           ///< by this command
    std::optional<supervise::ServiceStatus> status; ///< when it was to run
    std::vector<std::string> unneeded;              ///< pkgnames that autoremove would take away now
    std::vector<std::string> addresses; ///< where it answers: "http://127.0.0.1:8080/", "tcp:6379"
};

InstallResult install(const Context& context, const InstallRequest& request);
/// Automatic packages that only the removed ones needed stay, and are told as unneeded.
InstallResult remove(const Context& context, const RemoveRequest& request);
/// Takes away the automatic packages that nothing needs.
InstallResult autoremove(const Context& context, const std::string& jail);

} // namespace pkgjail::ops
