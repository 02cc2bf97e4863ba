#include "pkgjail/ops/libraries.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
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

/// A library that a package asks for, and the set does not bring.
struct Wanted {
    const std::string& pkgname;
    std::string path;
};

std::vector<Wanted> not_brought(const std::vector<format::PackageMetadata>& packages,
                                const std::string& prefix) {
    std::set<std::string> brought;
    for (const format::PackageMetadata& package : packages) {
        for (const std::string& path : package.build_info.all("PROVIDES"))
            brought.insert(path);
        for (const format::PlistFile& file : package.plist.files)
            brought.insert(prefix + "/" + file.path);
    }
    std::vector<Wanted> wanted;
    for (const format::PackageMetadata& package : packages)
        for (const std::string& path : package.build_info.all("REQUIRES"))
            if (!path.empty() && !brought.contains(path))
                wanted.push_back({package.plist.pkgname, path});
    return wanted;
}

bool is_below(const std::string& path, const std::string& prefix) {
    return path.starts_with(prefix + "/");
}

std::vector<std::string> names_in_base(const std::vector<Wanted>& wanted, const std::string& prefix) {
    std::set<std::string> names;
    for (const Wanted& library : wanted)
        if (!is_below(library.path, prefix))
            names.insert(name_of(library.path));
    return {names.begin(), names.end()};
}

} // namespace

std::vector<std::string> missing_libraries(const std::vector<format::PackageMetadata>& packages,
                                           const std::string& prefix, const store::HostBase& base) {
    const std::vector<Wanted> wanted = not_brought(packages, prefix);
    const std::vector<std::string> not_there = missing_of_base(names_in_base(wanted, prefix), base);
    std::vector<std::string> missing;
    for (const Wanted& library : wanted)
        if (is_below(library.path, prefix) ||
            std::binary_search(not_there.begin(), not_there.end(), name_of(library.path)))
            missing.push_back(fmt::format("{} needs {}", library.pkgname, library.path));
    return missing;
}

std::vector<std::string> libraries_of_base(const std::vector<format::PackageMetadata>& packages,
                                           const std::string& prefix) {
    return names_in_base(not_brought(packages, prefix), prefix);
}

std::vector<std::string> missing_of_base(const std::vector<std::string>& names, const store::HostBase& base) {
    if (names.empty())
        return {};
    const std::set<std::string> there = libraries_of(base);
    std::vector<std::string> missing;
    std::set_difference(names.begin(), names.end(), there.begin(), there.end(), std::back_inserter(missing));
    return missing;
}

} // namespace pkgjail::ops
