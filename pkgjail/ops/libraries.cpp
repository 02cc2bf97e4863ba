#include "pkgjail/ops/libraries.hpp"

#include <filesystem>
#include <set>

#include <fmt/core.h>

namespace pkgjail::ops {

namespace {

std::string name_of(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

/// Names in the base's library directories and one level below, where Debian and its kin have them.
std::set<std::string> libraries_of(const store::HostBase& base) {
    std::set<std::string> names;
    for (const base::RootPath& directory : base.directories) {
        const std::string& path = directory.str();
        if (!path.starts_with("/lib") && !path.starts_with("/usr/lib"))
            continue;
        std::error_code error;
        const auto top = base.top / directory.relative();
        for (const auto& entry : std::filesystem::directory_iterator(top, error)) {
            names.insert(entry.path().filename().string());
            if (!entry.is_directory(error) || entry.is_symlink(error))
                continue;
            for (const auto& below : std::filesystem::directory_iterator(entry.path(), error))
                names.insert(below.path().filename().string());
        }
    }
    return names;
}

} // namespace

std::vector<std::string> missing_libraries(const std::vector<format::PackageMetadata>& packages,
                                           const std::string& prefix, const store::HostBase& base) {
    std::set<std::string> brought;
    for (const format::PackageMetadata& package : packages) {
        for (const std::string& path : package.build_info.all("PROVIDES"))
            brought.insert(path);
        for (const format::PlistFile& file : package.plist.files)
            brought.insert(prefix + "/" + file.path);
    }
    std::vector<std::string> missing;
    std::set<std::string> of_base;
    bool looked = false;
    for (const format::PackageMetadata& package : packages)
        for (const std::string& path : package.build_info.all("REQUIRES")) {
            if (path.empty() || brought.contains(path))
                continue;
            const bool below_prefix = path.starts_with(prefix + "/");
            if (!below_prefix && !looked) {
                of_base = libraries_of(base);
                looked = true;
            }
            if (below_prefix || !of_base.contains(name_of(path)))
                missing.push_back(fmt::format("{} needs {}", package.plist.pkgname, path));
        }
    return missing;
}

} // namespace pkgjail::ops
