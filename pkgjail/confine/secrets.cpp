#include "pkgjail/confine/secrets.hpp"

#include <algorithm>
#include <set>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {

using base::RootPath;

void write_secrets(const JailSpec& spec, const base::Tree& root) {
    if (spec.secrets.empty())
        return;
    const RootPath directory = RootPath::parse(secrets_directory);
    const bool in_memory = std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const Mount& mount) {
        return mount.kind == Mount::Kind::tmpfs && directory.is_within(mount.target);
    });
    if (!in_memory)
        throw base::Error(base::ErrorKind::configuration, spec.jail,
                          std::string("has secrets, and ") + secrets_directory + " is not in memory");
    root.make_directory(directory, 0755);
    std::set<std::string> written;
    for (const Secret& secret : spec.secrets) {
        const auto value = base::read_file_if_exists(secret.source, most_secret_bytes);
        if (!value)
            continue;
        root.write(directory.entry(secret.name), *value, 0400, {secret.uid, secret.gid});
        written.insert(secret.name);
    }
    for (const std::string& name : root.list(directory))
        if (!written.contains(name))
            root.remove_all(directory.entry(name));
}

} // namespace pkgjail::confine
