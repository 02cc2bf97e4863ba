// The stock package database inside an image, PREFIX/pkgdb, as pkg_install writes it, so that its own tools
// read the image.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive.hpp"

namespace pkgjail::store {

/// PREFIX/pkgdb and PREFIX/pkgdb.refcount, below the tree that is mounted at the prefix.
base::RootPath pkgdb_path();
base::RootPath pkgdb_refcount_path();
base::RootPath pkgdb_directory(const std::string& pkgname);

/// Makes the package's directory with all metadata members verbatim (fixed modes), and +INSTALLED_INFO when
/// it is automatic. An entry that is there already is Error{conflict}.
void write_pkgdb_entry(const base::Tree& tree, const std::string& pkgname,
                       const format::PackageMetadata& metadata, bool automatic);

/// Path and SHA-256 of each member that write_pkgdb_entry writes verbatim: what must still be there when the
/// scripts have run.
std::map<std::string, std::string> pkgdb_digests(const std::string& pkgname,
                                                 const format::PackageMetadata& metadata);

/// A package for write_required_by.
struct PkgdbPackage {
    std::string pkgname;
    std::vector<std::string> depends;
};
/// Writes every +REQUIRED_BY: for each dependency pattern the best matching package gets the line, once.
void write_required_by(const base::Tree& tree, const std::vector<PkgdbPackage>& packages);

} // namespace pkgjail::store
