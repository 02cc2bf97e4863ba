#include "pkgjail/ops/veriexec.hpp"

#include <algorithm>

#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/manifest_path.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::ops {

namespace {

/// Whether the prefix is mounted below the jail's root where the host can see it: on NetBSD while it runs.
bool is_mounted(const base::HostPath& prefix) {
    std::error_code error; // what cannot be asked is not there
    const base::HostPath database = prefix / store::pkgdb_path().relative();
    return std::filesystem::is_directory(std::filesystem::symlink_status(database, error));
}

} // namespace

std::vector<Fingerprint> fingerprints(const Context& context, const std::vector<std::string>& names) {
    std::vector<Fingerprint> list;
    auto catalog = open_for_reading(context);
    if (!catalog) {
        if (names.empty())
            return list;
        throw base::Error(base::ErrorKind::not_found, names.front(), "there is no jail of this name",
                          "pkgjail install PACKAGE makes the first one");
    }
    std::vector<catalog::Jail> jails;
    for (const std::string& name : names)
        jails.push_back(require_jail(*catalog, name));
    if (names.empty())
        jails = catalog::Jails(*catalog).all();
    for (const catalog::Jail& jail : jails) {
        const Installed installed = installed_in(*catalog, jail);
        const base::HostPath image = context.layout.image(installed.image.id);
        const base::HostPath root = context.layout.jail_root(jail.id);
        const bool mounted = is_mounted(root / base::RootPath::parse(installed.image.prefix).relative());
        const base::RootPath tree = base::RootPath::parse("/tree");
        for (const jail::ManifestEntry& entry :
             catalog::Images(*catalog).manifest(installed.image.id).entries) {
            if (entry.type != jail::EntryType::file || !entry.path.is_within(tree))
                continue;
            const bool executable = (entry.mode & 0111u) != 0;
            list.push_back({(image / entry.path.relative()).string(), entry.sha256, executable});
            if (const auto inside = store::path_in_jail(entry.path, installed.image.prefix);
                mounted && inside)
                list.push_back({(root / inside->relative()).string(), entry.sha256, executable});
        }
    }
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
}

std::string veriexec_line(const Fingerprint& fingerprint) {
    std::string line;
    for (const char c : fingerprint.path) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || c == '#' || c == '\\')
            return "";
        line += c == ' ' ? "\\ " : std::string(1, c);
    }
    // A program may be run, be another one's interpreter, and be read; anything else may be read.
    return line + " SHA256 " + fingerprint.sha256 +
           (fingerprint.executable ? " direct, indirect, file\n" : " file\n");
}

} // namespace pkgjail::ops
