// What is mounted into a jail beside its own files: volumes, which pkgjail keeps outside of jails, and
// directories or files of the host. How they are written; whether they may be is looked at elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config_file.hpp"

namespace pkgjail::jail {

/// "NAME:/path" or "NAME:/path:ro": a volume and where a jail sees it.
struct VolumeUse {
    std::string volume; ///< its name
    base::RootPath path;
    bool writable = true;
    std::string str() const; ///< as parse_volume_use reads it
    bool operator==(const VolumeUse&) const = default;
};

/// "/host/path:/path", with ":ro" (which it is anyway) or ":rw", and ",exec" where programs in it may be run.
struct HostMount {
    std::string source; ///< absolute, on the host
    base::RootPath path;
    bool writable = false;
    bool executable = false;
    std::string str() const; ///< as parse_host_mount reads it
    bool operator==(const HostMount&) const = default;
};

/// Throw Error{configuration} at the setting.
VolumeUse parse_volume_use(const Setting& setting);
HostMount parse_host_mount(const Setting& setting);

struct MountWords {
    std::vector<VolumeUse> volumes;
    std::vector<HostMount> mounts;
};
/// Of a command line; Error{usage} naming `where`.
void add_volume_word(std::string_view where, const std::string& text, MountWords& words);
void add_mount_word(std::string_view where, const std::string& text, MountWords& words);

} // namespace pkgjail::jail
