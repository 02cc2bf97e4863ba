// Jails and their generations. Which generation is current is said here and nowhere else.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/jail/network.hpp"

namespace pkgjail::catalog {

/// A path of the configuration that operator and new version had both changed. The operator's was kept.
struct ConfigConflict {
    std::string path;     ///< as seen inside; any bytes but NUL
    std::string what;     ///< "changed by you and by the new version"
    std::string decision; ///< "kept", "taken"; empty: nobody has said
    bool is_open() const { return decision.empty(); }
};

/// How a generation's configuration came out of the one before, in numbers of paths.
struct ConfigMerge {
    std::int64_t added = 0;
    std::int64_t replaced = 0;
    std::int64_t removed = 0;
    std::int64_t kept = 0;   ///< the operator's
    std::int64_t merged = 0; ///< account files with the changes of both
};

struct Generation {
    std::int64_t number = 0;
    std::string image_id;
    std::vector<std::string> wishes;             ///< what the operator asked for, as patterns or names
    std::map<std::string, std::string> settings; ///< --set
    std::int64_t created_at = 0;
    std::string command; ///< "install nginx -j web"
    std::string reason;
    std::string outcome;                   ///< "done", "rolled back: …"
    std::optional<ConfigMerge> merge;      ///< none: its configuration was not merged
    std::vector<ConfigConflict> conflicts; ///< decided ones too; a path may come several times
};

struct PortClaimRow {
    std::string protocol;
    std::string address; ///< empty: any
    std::int64_t port = 0;
    bool operator==(const PortClaimRow&) const = default;
};

/// A package that is to stay as it is.
struct Hold {
    std::string pkgbase;
    std::string reason;                ///< may be empty
    std::optional<std::int64_t> until; ///< Unix seconds; unset: until it is released
    bool operator==(const Hold&) const = default;
};

/// A volume and where the jail sees it.
struct VolumeUseRow {
    std::string volume_id;
    std::string volume; ///< its name; found by the id when a jail is written
    std::string path;
    bool writable = true;
    bool operator==(const VolumeUseRow&) const = default;
};

/// A directory or file of the host's and where the jail sees it.
struct HostMountRow {
    std::string source;
    std::string path;
    bool writable = false;
    bool executable = false;
    bool operator==(const HostMountRow&) const = default;
};

struct Jail {
    std::string id; ///< 16 hexadecimal digits, never used again; names the directories
    std::string name;
    std::string recipe; ///< empty: no service known
    std::string profile;
    std::string network;                ///< mode: the recipe's, or the operator's over it
    jail::NetworkChoice network_choice; ///< what the operator says over the recipe
    std::string address;                ///< in its private network; empty: it has none
    std::string limits_template;
    std::map<std::string, std::string> settings;        ///< the current generation's
    std::map<std::string, std::string> limit_overrides; ///< by the operator
    bool wanted_running = false; ///< whether it should run: set by start, cleared by stop
    std::int64_t created_at = 0;
    std::int64_t current = 0; ///< generation
    std::vector<PortClaimRow> claims;
    std::vector<Hold> holds;           ///< by pkgbase
    std::vector<VolumeUseRow> volumes; ///< by path
    std::vector<HostMountRow> mounts;  ///< by path
    std::optional<std::string>
        operation; ///< stage of an operation that has stopped the service and is not finished
};

/// What an interrupted command has left to be done.
struct JailNote {
    std::string jail_id;
    std::int64_t current = 0; ///< generation
    std::string operation;
};

class Jails {
  public:
    explicit Jails(Catalog& catalog);
    std::vector<Jail> all(); ///< by name
    /// Of those that have one. Nothing else is read, so it can also be asked of an older schema.
    std::vector<JailNote> notes();
    std::optional<Jail> find(const std::string& name);
    std::optional<Jail> find_by_id(const std::string& id);
    bool contains(const std::string& id);
    /// Error{conflict} when the name is taken, Error{not_found} when the image is not in the catalog. The
    /// generation gets its own number, or 1 where it has none, and the jail's settings, and is current;
    /// jail.current is not looked at.
    void add(const Jail& jail, const Generation& first);
    /// Writes back everything but id, name, address, created_at, current and settings. Error{not_found} like
    /// all below.
    void update(const Jail& jail);
    /// Error{conflict} when another jail has the name.
    void rename(const std::string& id, const std::string& new_name);
    /// With its whole history.
    void remove(const std::string& id);
    /// Adds a generation with the next number and makes it current; returns the number.
    std::int64_t add_generation(const std::string& id, Generation generation);
    /// For a catalog that is made again: a generation with the number it had, not current.
    void put_generation(const std::string& id, const Generation& generation);
    void set_current(const std::string& id, std::int64_t number);
    void set_outcome(const std::string& id, std::int64_t number, const std::string& outcome);
    /// Every conflict at this path, "kept" or "taken". False when there was none that nobody had decided.
    bool decide(const std::string& id, std::int64_t number, const std::string& path,
                const std::string& decision);
    std::optional<Generation> generation(const std::string& id, std::int64_t number);
    std::vector<Generation> generations(const std::string& id); ///< oldest first
    /// Error{conflict} for the current one.
    void remove_generation(const std::string& id, std::int64_t number);
    void set_operation(const std::string& id, const std::optional<std::string>& stage);
    /// Jails (by name) that claim this port at an overlapping address, with the one that asks if it has
    /// claimed it. "" and
    /// "::" overlap every address (a listener on "::" takes IPv4 as well, where the system does not say
    /// otherwise), "0.0.0.0" every IPv4 address; other addresses overlap when they are the same, however they
    /// are written.
    std::vector<std::string> claimants(const PortClaimRow& claim);
    /// Error{conflict} when another jail has it. Empty: the jail has none from now on.
    void set_address(const std::string& id, const std::string& address);
    /// Every address that a jail has in a private network.
    std::set<std::string> taken_addresses();

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
