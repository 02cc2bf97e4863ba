// pkgjail.conf and repositories.conf.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/address_pool.hpp"
#include "pkgjail/jail/notify.hpp"
#include "pkgjail/jail/vulnerability_config.hpp"

namespace pkgjail::jail {

/// What makes an archive of a repository believed: the signed index that names it, its own signature, a
/// digest that the operator wrote down, or nothing (which is said each time).
enum class Trust { index_signed, package_signed, pinned, none };
std::string_view trust_name(Trust trust); ///< "package-signed"
std::optional<Trust> find_trust(std::string_view name);

/// What is done with a package of a repository with signed packages, by the words of pkg_install's
/// VERIFIED_INSTALLATION. ("never" has no place here: that is Trust::none.)
enum class Verification {
    always,      ///< without a good signature of somebody trusted it is refused
    trusted,     ///< without one, the operator is asked
    interactive, ///< the operator is asked about every package
};
std::optional<Verification> find_verification(std::string_view word); ///< in lower case

/// One `[repository NAME]`.
struct RepositoryConfig {
    std::string name;
    std::string url; ///< file://, http:// or https://, without a trailing slash: the directory that holds the
                     ///< archives
    Trust trust = Trust::package_signed;
    // With Trust::index_signed.
    std::vector<std::string> keys; ///< "ed25519:…", or the path of a file that holds one
    std::string id;                ///< what the index must call its repository; empty: what it first did
    // With Trust::pinned.
    std::vector<std::string> pins; ///< SHA-256 of index files, hexadecimal
    // With Trust::package_signed; paths, empty: none.
    std::string certificates;     ///< PEM; who is believed
    std::string chain;            ///< PEM; what may stand between those and a signer
    std::string revocations;      ///< PEM; lists of revoked certificates
    std::string keyring;          ///< OpenPGP keys that are believed
    std::string gpg;              ///< the program that verifies OpenPGP signatures; empty: gpg or gpgv
    std::string pkg_install_conf; ///< pkg_install's own configuration, for what stands above and is empty
    std::optional<Verification> verification; ///< unset: that of pkg_install_conf, else always
    int priority = 10;                        ///< 0 to 1000; lower is asked first; equal: order in the file
    bool enabled = true;
};

/// `[network]`: how repositories are reached.
struct NetworkConfig {
    std::string proxy;   ///< empty: none; the environment is never looked at
    std::string ca_file; ///< certificates of the authorities that https trusts, PEM; empty: the host's own
    std::chrono::milliseconds connect_timeout{15'000};
    std::chrono::milliseconds stall_timeout{30'000}; ///< no byte for so long
    std::chrono::milliseconds total_timeout{3'600'000};
    unsigned parallel = 4;
    std::uint64_t max_index_bytes = 512ull << 20; ///< compressed
};

/// What is kept of what nothing runs any more. More is kept than both say: the current generation, what it
/// can be rolled back to, and what a snapshot needs.
struct KeepingConfig {
    unsigned generations = 10;                                    ///< the newest of each jail
    std::chrono::milliseconds generations_for{30ll * 86'400'000}; ///< and all that are younger
    std::chrono::milliseconds archives_for{90ll * 86'400'000};    ///< cached ones, since their last use
};

/// What set-id files of packages become.
enum class SetidPolicy { strip, keep, refuse };

struct Config {
    base::HostPath state = "/var/db/pkgjail";
    base::HostPath etc; ///< the directory it was read from
    std::string prefix = "/usr/pkg";
    std::string base = "host"; ///< or the absolute path of a directory unpacked from system sets
    std::vector<base::HostPath> allow_mounts; ///< what lies in one of them may be mounted into jails
    unsigned parallel = 4;                    ///< jails that are started or stopped at the same time
    AddressPool network_pool;                 ///< addresses of private networks
    std::string runtime; ///< empty: the first that works; else the path of an OCI runtime
    SetidPolicy setid = SetidPolicy::strip;
    /// Whether packages' +INSTALL scripts run (confined). No: packages that need one run are refused.
    bool scripts = true;
    /// Whether also those scripts run that hold nothing but the framework's text, whose work pkgjail can do
    /// itself.
    bool run_known_scripts = false;
    std::chrono::milliseconds script_timeout{120'000};
    std::uint64_t log_max_bytes = 16ull << 20;
    unsigned log_files = 4;
    std::optional<int> syslog_facility; ///< as in <syslog.h>; unset: jails' records do not go there
    Notify notify;
    KeepingConfig keeping;
    NetworkConfig network;
    VulnerabilityConfig vulnerabilities;
    std::vector<RepositoryConfig> repositories;     ///< enabled ones, in the order in which they are asked
    std::vector<base::HostPath> recipe_directories; ///< ETC/recipes.d, SHIPPED/recipes
    std::vector<base::HostPath> limit_directories;  ///< ETC/limits.d, SHIPPED/limits.d
};

/// Reads ETC/pkgjail.conf and ETC/repositories.conf (either may be missing: defaults). `shipped` is where
/// recipes and limit templates of the installation are (searched after ETC/recipes.d, ETC/limits.d). Throws
/// Error{configuration}.
Config load_config(const base::HostPath& etc, const base::HostPath& shipped);

/// What a text in the form of pkgjail.conf sets is changed in `config`; `file` is for messages.
void parse_config(std::string_view text, std::string_view file, Config& config);

/// The repositories of a text in the form of repositories.conf, enabled or not, in the order in which they
/// are asked.
std::vector<RepositoryConfig> parse_repositories(std::string_view text, std::string_view file);

/// Whether packages may live there: a directory of its own, not one that the base, the jail's data or the
/// kernel's file systems take ("/", "/usr", "/usr/bin", "/etc", …).
bool is_possible_prefix(const base::RootPath& path);

} // namespace pkgjail::jail
