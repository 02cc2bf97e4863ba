// OpenPGP messages in clear text, judged by the host's gpgv(1).
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

struct ClearSigned {
    std::string text;   ///< what was signed and nothing else; each line has its end
    std::string signer; ///< fingerprint of the key, and its owner as the key says
};

/// `keyring` is a file of keys as gpgv takes it, `name` is for messages; files for gpgv are made in
/// `directory` and are gone afterwards. Every signature has to be good and every key valid today.
/// Error{trust} with a cause of its own for: no signature, one that does not fit, one that has expired, a key
/// that is not in the keyring, that has expired, that was revoked. Error{configuration} when gpgv or the
/// keyring is missing.
ClearSigned verify_clear_signed(std::string_view message, std::string_view name,
                                const base::HostPath& keyring, const base::HostPath& directory);

} // namespace pkgjail::repo
