// Who signed a package: the rules of one repository applied to what came with an archive.
#pragma once

#include <string>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/format/signature_x509.hpp"
#include "pkgjail/format/signed_package.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::repo {

struct SigningRules {
    std::string repository; ///< how messages name it
    std::string section;    ///< "[repository main]", for hints
    format::X509Trust x509; ///< anchors empty: X.509 signatures are not believed
    base::HostPath keyring; ///< empty: OpenPGP signatures are not believed
    std::string gpg;        ///< program; empty: the host's
    base::HostPath scratch; ///< where files may be made for the while
    base::WallTime now;
    jail::Verification verification = jail::Verification::always;
};

/// Reads what the configuration names, that of pkg_install for what it does not say. Throws
/// Error{configuration} for files that are missing or hold nothing of their kind, Error{trust} when nobody at
/// all is believed.
SigningRules signing_rules(const jail::RepositoryConfig& repository, const base::HostPath& scratch,
                           base::WallTime now);

/// "x509 CN=Our packages" or "gpg FINGERPRINT Our packages <…>". Throws Error{trust} with `name` as object
/// and a cause of its own for each way in which the signature is not one to believe.
std::string prove_package(const format::SignatureParts& parts, const SigningRules& rules,
                          const std::string& name);

} // namespace pkgjail::repo
