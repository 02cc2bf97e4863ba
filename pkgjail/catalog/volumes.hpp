// Volumes: directories that outlive jails. What is mounted where is the jails' (jails.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"

namespace pkgjail::catalog {

struct Volume {
    std::string id; ///< 16 hexadecimal digits, never used again; names the directory
    std::string name;
    std::int64_t created_at = 0;
    bool fresh = true; ///< no jail has had it yet, so it still gets the owner of its first mount point
};

/// Who has a volume.
struct VolumeUser {
    std::string jail; ///< name
    std::string path;
    bool writable = true;
};

class Volumes {
  public:
    explicit Volumes(Catalog& catalog) : catalog_(catalog) {}
    std::vector<Volume> all(); ///< by name
    std::optional<Volume> find(const std::string& name);
    std::optional<Volume> find_by_id(const std::string& id);
    /// Error{conflict} when the name is taken.
    void add(const Volume& volume);
    void set_used(const std::string& id);
    /// Error{conflict} while a jail has it.
    void remove(const std::string& id);
    std::vector<VolumeUser> users(const std::string& id); ///< by jail, then path

  private:
    Catalog& catalog_;
};

} // namespace pkgjail::catalog
