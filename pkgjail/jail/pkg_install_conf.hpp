// pkg_install.conf(5), the configuration of pkgsrc's own tools, as far as it says which packages are
// believed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/jail/config.hpp"

namespace pkgjail::jail {

/// Empty: not set.
struct PkgInstallConf {
    std::string certificates;                 ///< CERTIFICATE_ANCHOR_PKGS
    std::string chain;                        ///< CERTIFICATE_CHAIN
    std::string gpg;                          ///< GPG
    std::string keyring;                      ///< GPG_KEYRING_VERIFY
    std::optional<Verification> verification; ///< VERIFIED_INSTALLATION
};

/// Lines VARIABLE=value without quotes; unknown variables and other lines are passed over. Throws
/// Error{configuration} with file and line: a variable that is set twice, a path that is none, a value of
/// VERIFIED_INSTALLATION that is unknown, and "never", which has to be said in repositories.conf.
PkgInstallConf parse_pkg_install_conf(std::string_view text, const std::string& file);

} // namespace pkgjail::jail
