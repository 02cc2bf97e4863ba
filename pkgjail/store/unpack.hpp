// One package's files, from its archive into an empty directory of their own.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/format/install_frame.hpp"
#include "pkgjail/format/install_script.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/setid.hpp"

namespace pkgjail::store {

struct Unpacked {
    format::PackageMetadata metadata;
    std::map<std::string, std::string> digests;          ///< SHA-256 of each file as it was written, by path
    std::optional<format::InstallDeclarations> declared; ///< of a package with a +INSTALL
    std::optional<format::InstallFrame> frame; ///< where that holds nothing but the framework's text
    SetidList setid;
    std::vector<std::string> warnings; ///< attributes dropped, owners unknown
    bool linked = false;               ///< taken from another image
};

/// Reads a package's +INSTALL into `declared` and, unless all scripts are to be run, `frame`.
void read_script(const std::string& pkgname, bool run_known_scripts, Unpacked& unpacked);

/// Streams the archive into `files`, which is empty and reachable by nobody else. Nothing that +CONTENTS does
/// not list is written, and nothing outside `files`. The archive's digest is computed once more, from
/// the very bytes that were unpacked. `advance` is called with the bytes of each piece written.
Unpacked unpack(const BuildPackage& package, const BuildRequest& request, const base::Tree& files,
                const std::function<void(std::uint64_t)>& advance);

} // namespace pkgjail::store
