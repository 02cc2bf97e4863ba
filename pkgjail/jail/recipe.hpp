// A recipe: a file that describes a service jail. Recipes are read from text into plain values; rendering
// (putting in port, prefix, jail name) is a second, pure step. pkgjail-recipe(5) is the reference of the
// keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/network.hpp"
#include "pkgjail/jail/profile.hpp"

namespace pkgjail::jail {

enum class NetworkMode { host, none, private_ };
std::string_view network_mode_name(NetworkMode mode); ///< "host", "none", "private"

/// A port that the jail may bind: "tcp:8080", "udp:53", "tcp:127.0.0.1:8080", "tcp:[::1]:8080".
struct PortClaim {
    std::string protocol; ///< "tcp" or "udp"
    std::string address;  ///< numeric, without brackets; empty: any
    std::uint16_t port = 0;
    std::string str() const; ///< as parse_port_claim reads it
    bool operator==(const PortClaim&) const = default;
};
/// Throws Error{configuration} at the setting, or at `where`.
PortClaim parse_port_claim(const Setting& setting);
PortClaim parse_port_claim(std::string_view text, const Position& where);

/// How readiness is asked: exactly one of the four.
struct Probe {
    enum class Kind { http, tcp, unix_socket, command };
    Kind kind = Kind::tcp;
    std::string target;               ///< URL; "host:port"; path inside the jail
    std::vector<std::string> command; ///< Kind::command: runs inside the jail, status 0 is healthy
};
std::string_view probe_kind_name(Probe::Kind kind); ///< "http", "tcp", "unix", "command"

struct Health {
    /// What is done when the probe fails after the service was ready; `none`: it is shown.
    enum class OnFailure { none, restart, stop };
    std::optional<Probe> probe;
    OnFailure on_failure = OnFailure::none;
    std::chrono::milliseconds grace{10'000}; ///< failures do not count before this has passed since the start
    std::chrono::milliseconds interval{5'000}; ///< between probes once ready
    std::chrono::milliseconds timeout{2'000};  ///< of one probe
    unsigned successes = 1;                    ///< in a row until ready
    unsigned failures = 3;                     ///< in a row until unhealthy, after grace
    std::chrono::milliseconds quiet{4'000};    ///< after an upgrade: an exit within it counts as failure
};

struct Restart {
    enum class Policy { always, on_failure, never };
    Policy policy = Policy::on_failure;
    std::chrono::milliseconds backoff{500}; ///< before the first restart; doubles up to backoff_max
    std::chrono::milliseconds backoff_max{30'000};
    unsigned budget = 5; ///< restarts within `window`, then the service is failed
    std::chrono::milliseconds window{60'000};
};
std::string_view restart_policy_name(Restart::Policy policy); ///< "always", "on-failure", "never"

struct Service {
    std::string name;                 ///< the recipe's name for the unnamed [service]
    std::vector<std::string> command; ///< the first word is an absolute path inside the jail
    std::string user = "root";        ///< looked up in the jail's own passwd; or a number
    std::string group;                ///< empty: the user's
    std::string working_directory = "/";
    std::map<std::string, std::string> environment;
    std::vector<std::string> secrets; ///< names; it finds each as /run/secrets/NAME
    int stop_signal = 15;
    std::chrono::milliseconds stop_timeout{10'000}; ///< then SIGKILL
    int reload_signal = 0;                          ///< 0: reload is not possible
    /// Path inside the jail where the command, which then may go into the background, writes the number of
    /// the process that is the service; empty: the command stays and is the service.
    std::string pid_file;
    /// Services that must be ready before this one is started; rendering fills it: those named by `after`,
    /// else the one before it in the recipe. Empty for the first only.
    std::vector<std::string> after;
    Restart restart;
    Health health; ///< its own [health NAME]; that of a recipe's first service is RenderedRecipe::health too
};

/// A file that the recipe puts into the configuration: `[file PATH]`, as written.
struct RecipeFile {
    std::string path;      ///< may hold ${…}
    base::HostPath source; ///< where `content` was read from
    std::string content;   ///< may hold ${…}
};

/// As read; values may still hold ${…}.
struct Recipe {
    std::string name; ///< of the file, without ".recipe"
    std::string summary;
    std::vector<std::string> packages; ///< patterns
    std::string limits = "default";    ///< template
    Profile profile = Profile::high;
    std::map<std::string, std::string> set; ///< what --set may change, with defaults
    std::vector<Section> sections;          ///< all of them, in order, for rendering
    std::vector<RecipeFile> files;          ///< one for each [file] section, in order
    base::HostPath file;
    std::map<std::string, std::string>
        limit_overrides; ///< [limits] inside the recipe: name (or "require") → text
};

/// How data are made whole before they are copied: by commands inside the jail, or by standing still.
struct SnapshotCommands {
    std::vector<std::string> before;           ///< `pre-snapshot`; empty: none
    std::vector<std::string> after;            ///< `post-snapshot`
    std::chrono::milliseconds timeout{30'000}; ///< of each of the two
    bool pause = true; ///< no process runs while files are copied; with `before` only if it is asked for
};

/// Everything known, nothing left to expand.
struct RenderedRecipe {
    std::string name;
    std::string summary;
    std::vector<std::string> packages;
    std::string limits;
    std::map<std::string, std::string> limit_overrides; ///< for override_limit()
    Profile profile = Profile::high;
    std::map<std::string, std::string> set; ///< effective values
    std::vector<Service> services; ///< each after those that it waits for; the jail begins with the first
    NetworkMode network = NetworkMode::host;
    std::vector<PortClaim> claims;      ///< with a private network: ports of the jail's own
    std::vector<PublishedPort> publish; ///< with a private network only
    bool nat = false;                   ///< the same
    Resolv resolv;
    Health health; ///< of the first service
    std::vector<base::RootPath> data_paths;
    SnapshotCommands snapshot;
    std::vector<std::string> requires_; ///< jails that must be ready first
    struct File {
        base::RootPath path; ///< in /etc or PREFIX/etc
        std::string content;
        unsigned mode = 0644; ///< permission bits only
        std::string owner = "root";
        std::string group; ///< empty: root's group (gid 0)
    };
    std::vector<File> files;
};

/// Reads `name`.recipe from the first directory that has it. Error{not_found} lists what there is, the
/// nearest as hint. Throws Error{configuration} with file, line, key, found, allowed for everything wrong,
/// including what only shows at rendering with the defaults.
Recipe load_recipe(const std::vector<base::HostPath>& directories, const std::string& name);
/// From text, for tests and `recipe check`; sources are read from `source_directory` and must lie in it.
Recipe parse_recipe(std::string_view text, const base::HostPath& file,
                    const base::HostPath& source_directory);
std::vector<std::string> list_recipes(const std::vector<base::HostPath>& directories);
/// Files that nothing reads because of their names; see search.hpp.
std::vector<base::Error> misnamed_recipes(const std::vector<base::HostPath>& directories);

struct RenderContext {
    std::string jail;
    std::string prefix = "/usr/pkg";
    std::map<std::string, std::string> host; ///< name, memory, cpus: ${host.name} …
    std::map<std::string, std::string> set;  ///< --set; an unknown key is Error{usage} with the known ones
};
/// RenderContext::host of this host: name, memory (bytes), cpus.
std::map<std::string, std::string> host_values();
/// Pure: the same arguments give the same result. A recipe that parse_recipe accepted fails only for what the
/// context brings, which is Error{usage} where it is a --set value.
RenderedRecipe render(const Recipe& recipe, const RenderContext& context);

} // namespace pkgjail::jail
