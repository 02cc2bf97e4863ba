// The signatures that pkg_admin x509-sign-package makes: a detached PKCS7 structure in PEM, judged as
// pkg_install judges it.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"

namespace pkgjail::format {

/// Certificates, each text any number of them in PEM form.
struct X509Trust {
    std::string anchors;     ///< who is believed
    std::string chain;       ///< what may stand between an anchor and a signer; may be empty
    std::string revocations; ///< lists of revoked certificates; empty: revocation is not looked at
};

/// What the signer's certificate must be for.
enum class X509Use {
    packages,        ///< extended key usage exactly codeSigning and emailProtection
    vulnerabilities, ///< no extended key usage at all
};

struct X509Signer {
    std::string subject;     ///< "CN=Our packages,O=…"
    std::string fingerprint; ///< SHA-256 of the certificate, hexadecimal
};

/// Who signed `content`, as a confined process finds it: exactly one signer, whose certificate is no
/// authority's, is for `use`, valid at `now`, not revoked where there are lists of that, and leads to an
/// anchor. Throws Error{trust} with `name` as object and a cause of its own for each of these,
/// ChangedAfterSigning where the signature is over something else; Error{configuration} when the trusted
/// texts hold no certificate.
X509Signer verify_x509(std::string_view signature, std::string_view content, const X509Trust& trust,
                       X509Use use, base::WallTime now, const std::string& name);

/// What that process does.
X509Signer judge_x509(std::string_view signature, std::string_view content, const X509Trust& trust,
                      X509Use use, base::WallTime now, const std::string& name);
/// Whether this is one of the hints that it gives.
bool is_x509_hint(std::string_view hint);
/// Whether it is the one of a ChangedAfterSigning.
bool is_x509_changed_hint(std::string_view hint);

} // namespace pkgjail::format
