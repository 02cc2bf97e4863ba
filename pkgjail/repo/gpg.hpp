// OpenPGP signatures, checked by the host's gpg or gpgv: run with arguments of our own, a home directory of
// its own that is empty, no network and no agent, and believed only as far as its status lines say so.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

struct GpgSigner {
    std::string fingerprint; ///< of the primary key, hexadecimal
    std::string user;        ///< "Our packages <pkg@example.org>", as the key says
};

/// Who signed `content`: one good signature by a key of `keyring` that has neither expired nor been revoked.
/// `program`: path of gpg or gpgv; empty: the host's. `scratch` is a directory in which files are made for
/// the while. Throws Error{trust} with `name` as object and a cause of its own: no signature, not over this
/// content, a key that is not in the keyring, expired, revoked, several signatures, no program to check by.
GpgSigner verify_gpg(std::string_view signature, std::string_view content, const base::HostPath& keyring,
                     const std::string& program, const base::HostPath& scratch, const std::string& name);

} // namespace pkgjail::repo
