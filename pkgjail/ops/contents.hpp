// `pkgjail files`, `which`, `why`: what packages brought, who brought a file, and why a package is there.
// Answered from the catalog's manifests; nothing on disk is looked at.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

/// A file as a jail sees it.
struct JailFile {
    base::RootPath path;
    jail::ManifestEntry entry;
};

struct FileList {
    std::string pkgname;            ///< empty: all files of the jail's image
    std::vector<std::string> jails; ///< that run the image, by name
    std::vector<JailFile> files;    ///< by path
};

/// `name` is a jail, or a package as it is installed in some jail (in `jail`, where that is not empty): a
/// list for each pkgname and image. A jail comes before a package of the same name, unless `jail` is given.
/// Error{not_found} when it is neither.
std::vector<FileList> files(const Context& context, const std::string& name, const std::string& jail);

struct FileOwner {
    std::string jail;
    JailFile file; ///< file.entry.package is empty for what scripts or pkgjail made
};
/// Who brought the file that jails see at `path`: an answer for each jail that has it in its image.
/// Error{usage} for what is no absolute path, Error{not_found} when no image has it.
std::vector<FileOwner> which(const Context& context, const std::string& path);

/// A package and what it needs the next one for; the last one of a chain needs nothing in it.
struct WhyLink {
    std::string pkgname;
    std::string pattern;
};
struct Why {
    std::string jail;
    std::string pkgname;
    std::vector<std::string> wishes; ///< that it satisfies itself, as the operator wrote them
    bool automatic = false;
    /// From each package that was asked for to this one, the shortest way; shortest chains first.
    std::vector<std::vector<WhyLink>> chains;
};
/// One answer for each installed package that `package` means.
std::vector<Why> why(const Context& context, const std::string& jail, const std::string& package);

} // namespace pkgjail::ops
