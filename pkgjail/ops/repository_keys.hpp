// `pkgjail repo key`: the keys that indexes are signed with, in ETC/keys.
//
//     NAME.key    the secret key, PEM, 0600
//     NAME.pub    the public key, one line: "ed25519:BASE64 NAME"
//     revoked     keys that count no more, a line each: "KEYID TIME REASON"
#pragma once

#include <string>
#include <vector>

#include "pkgjail/format/signature_key.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

struct RevokedKey {
    std::string id;
    std::string at;     ///< "2026-11-22T06:40:00Z"; may be empty
    std::string reason; ///< one line; may be empty
};
/// Throws Error{configuration} with the line for what is no such list. No file, no keys.
std::vector<RevokedKey> read_revoked_keys(const Context& context);

struct RepositoryKey {
    std::string id;
    std::string name;       ///< of its file in ETC/keys; empty: it stands in repositories.conf only
    std::string public_key; ///< "ed25519:…"
    bool secret = false;    ///< we can sign with it
    std::vector<std::string> repositories; ///< that are believed by it
    bool revoked = false;
    std::string revoked_at;
    std::string reason;
};
/// Those of ETC/keys by name, then those of repositories.conf.
std::vector<RepositoryKey> list_keys(const Context& context);

/// Makes ETC/keys/NAME.key and NAME.pub. Error{conflict} when one of them exists: a key is never written
/// over.
RepositoryKey new_key(const Context& context, const std::string& name);

/// By name or id. False when it was revoked before. Error{not_found} for a name that is not in ETC/keys.
struct Revocation {
    RevokedKey key;
    bool changed = false;
};
Revocation revoke_key(const Context& context, const std::string& name_or_id, const std::string& reason);

/// A key to sign with. Throws Error{not_found}, Error{denied} when others than its owner may read it, and
/// Error{trust} for one that was revoked.
format::SecretKey read_secret_key(const Context& context, const base::HostPath& file);
/// ETC/keys/NAME.key of every key that is there and not revoked.
std::vector<base::HostPath> own_secret_keys(const Context& context);

} // namespace pkgjail::ops
