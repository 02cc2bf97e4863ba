// import: a jail from an export, under a name and an identity of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct ImportRequest {
    std::string name; ///< of the archive, for messages
    base::Fd archive;
    std::string jail;                       ///< to be made
    std::map<std::string, std::string> set; ///< over the archive's settings
    jail::NetworkChoice network;            ///< the same; checked
    bool start = true;
};

struct ImportResult {
    std::string jail;
    std::string source;   ///< the name it had
    std::string snapshot; ///< empty: the jail as it was
    std::string image;    ///< here
    bool image_reused = false;
    std::vector<std::string> renumbered; ///< "user www: 20000 there, 20007 here"
    std::vector<std::string> setid;      ///< set-id files in configuration and data, and what became of them
    std::vector<std::string> renewed;    ///< as in clone
    std::vector<std::string> kept;       ///< as in clone
    std::vector<std::string> addresses;
    bool started = false;
    std::optional<supervise::ServiceStatus> status;
};

/// Reads the archive once, front to back. Names, claims, limits, prefix and base are checked before anything
/// is written; nothing of the archive can be seen until all of it has been compared with its digests and the
/// image with its manifest. Error{corrupt} or Error{trust} for an archive that is damaged or hostile,
/// Error{conflict} for a name or a port that is taken and for another base; then nothing is left.
///
/// An image that is here already, under the same id, is used. Any other becomes an image of its own, under an
/// id and a build key that no install on this host can come to: what an archive claims that it was built from
/// is nobody's word but the archive's.
ImportResult import_jail(const Context& context, const ImportRequest& request);

} // namespace pkgjail::ops
