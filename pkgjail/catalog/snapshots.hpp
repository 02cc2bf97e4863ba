// Snapshots: frozen configuration and data of a jail under a name, with the image that they belong to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct Snapshot {
    std::string id; ///< 16 hexadecimal digits, never used again; names the directory
    std::string jail_id;
    std::string name; ///< unique within the jail
    std::string image_id;
    std::int64_t generation = 0;                 ///< which was current; its row may be gone by now
    std::vector<std::string> wishes;             ///< the generation's
    std::map<std::string, std::string> settings; ///< the generation's
    std::int64_t created_at = 0;                 ///< Unix seconds
    std::string command;
    std::string method; ///< how data was frozen: "subvolume", "reflink", "copy", "rename"
    std::uint64_t size_bytes = 0;
};

class Snapshots {
  public:
    explicit Snapshots(Catalog& catalog);
    /// Of one jail, oldest first.
    std::vector<Snapshot> of_jail(const std::string& jail_id);
    std::optional<Snapshot> find(const std::string& jail_id, const std::string& name);
    std::optional<Snapshot> find_by_id(const std::string& id);
    /// Error{conflict} when the jail has a snapshot of this name, Error{not_found} when the jail or the image
    /// is not in the catalog.
    void add(const Snapshot& snapshot);
    /// Error{not_found} when there is none.
    void remove(const std::string& id);

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
