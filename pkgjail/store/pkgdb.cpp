#include "pkgjail/store/pkgdb.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pattern_beginning.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

RootPath pkgdb_path() {
    return RootPath::parse("/pkgdb");
}
RootPath pkgdb_refcount_path() {
    return RootPath::parse("/pkgdb.refcount");
}
RootPath pkgdb_directory(const std::string& pkgname) {
    return pkgdb_path() / pkgname;
}

namespace {

/// Modes in which pkg_add writes metadata, whatever the archive says.
unsigned metadata_mode(const std::string& member) {
    if (member == "+INSTALL" || member == "+DEINSTALL")
        return 0555;
    if (member == "+CONTENTS" || member == "+REQUIRED_BY" || member == "+INSTALLED_INFO")
        return 0644;
    return 0444;
}

/// Not what is the state of the machine that it was packed on.
bool is_verbatim(const std::string& member) {
    return member != "+REQUIRED_BY" && member != "+INSTALLED_INFO";
}

} // namespace

void write_pkgdb_entry(const Tree& tree, const std::string& pkgname, const format::PackageMetadata& metadata,
                       bool automatic) {
    const RootPath directory = pkgdb_directory(pkgname);
    if (tree.exists(directory))
        throw base::Error(base::ErrorKind::conflict, pkgname,
                          "the package database has an entry for it before it is installed");
    tree.make_directories(directory, 0755);
    for (const auto& [member, text] : metadata.members)
        if (is_verbatim(member))
            tree.write(directory / member, text, metadata_mode(member), permitted_owner());
    if (automatic)
        tree.write(directory / "+INSTALLED_INFO", "automatic=yes\n", metadata_mode("+INSTALLED_INFO"),
                   permitted_owner());
}

std::map<std::string, std::string> pkgdb_digests(const std::string& pkgname,
                                                 const format::PackageMetadata& metadata) {
    std::map<std::string, std::string> digests;
    for (const auto& [member, text] : metadata.members)
        if (is_verbatim(member))
            digests[(pkgdb_directory(pkgname) / member).str()] = base::sha256(text);
    return digests;
}

void write_required_by(const Tree& tree, const std::vector<PkgdbPackage>& packages) {
    std::vector<const std::string*> by_name;
    for (const PkgdbPackage& package : packages)
        by_name.push_back(&package.pkgname);
    std::sort(by_name.begin(), by_name.end(),
              [](const std::string* a, const std::string* b) { return *a < *b; });
    // pkgname → who needs it, in installation order, as pkg_add appends
    std::map<std::string, std::vector<const std::string*>> required_by;
    for (const PkgdbPackage& package : packages)
        for (const std::string& text : package.depends) {
            const format::Pattern pattern = format::Pattern::parse(text);
            const std::string_view beginning = format::beginning_of(text);
            const std::string* best = nullptr;
            for (auto candidate = std::lower_bound(
                     by_name.begin(), by_name.end(), beginning,
                     [](const std::string*name, std::string_view first) { return *name < first; });
                 candidate != by_name.end() && (*candidate)->starts_with(beginning); ++candidate)
                if (pattern.matches(**candidate) &&
                    (best == nullptr ||
                     format::choose_better(pattern, *best, **candidate) == format::Choice::second))
                    best = *candidate;
            if (best == nullptr)
                continue;
            std::vector<const std::string*>& dependents = required_by[*best];
            if (dependents.empty() || dependents.back() != &package.pkgname)
                dependents.push_back(&package.pkgname);
        }
    for (const auto& [pkgname, dependents] : required_by) {
        std::string text;
        for (const std::string* dependent : dependents)
            text += *dependent + "\n";
        tree.write(pkgdb_directory(pkgname) / "+REQUIRED_BY", text, metadata_mode("+REQUIRED_BY"),
                   permitted_owner());
    }
}

} // namespace pkgjail::store
