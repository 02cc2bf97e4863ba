// Secrets on disk: secrets/<jail id>/<name>, each readable by root only. Configuration, data, snapshots and
// records never hold them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/sweep.hpp"

namespace pkgjail::store {

struct SecretFile {
    std::string name;
    std::int64_t set_at = 0; ///< Unix seconds
    std::uint64_t bytes = 0;
};

/// By name; none when the jail has no secrets.
std::vector<SecretFile> list_secrets(const Layout& layout, const std::string& jail_id);
/// Durable when it returns; the value before it is gone then.
void write_secret(const Layout& layout, const std::string& jail_id, const std::string& name,
                  std::string_view value);
/// False when there is none.
bool remove_secret(const Layout& layout, const std::string& jail_id, const std::string& name);
/// All of a jail's. Missing is fine.
void remove_secrets(const Layout& layout, const std::string& jail_id);
void copy_secrets(const Layout& layout, const std::string& from_jail_id, const std::string& to_jail_id);

/// Those of jails that the catalog does not know.
Swept sweep_secrets(const Layout& layout, const std::function<bool(const std::string& jail_id)>& known);

} // namespace pkgjail::store
