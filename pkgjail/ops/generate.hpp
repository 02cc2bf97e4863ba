// `pkgjail generate`: what the host's service manager needs, a file a jail. The same jails give the same
// bytes.
//
// Each file has a line that marks it as generated, with the SHA-256 of all that follows it. So a file that a
// person has edited is known, and neither replaced nor removed without being told to.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

enum class ServiceManager { rc_d, systemd };

struct GenerateRequest {
    ServiceManager manager = ServiceManager::systemd;
    base::HostPath directory; ///< made when it is not there
    base::HostPath program;   ///< pkgjail, as the files call it
    bool force = false;       ///< edited files too
};

/// One file: of a jail with a service, or a generated one of a jail that there is no longer.
struct GeneratedFile {
    enum class What { written, unchanged, removed };
    std::string name;
    What what = What::unchanged;      ///< in a dry run, what would be
    std::optional<base::Error> error; ///< Error{conflict}: it was edited; or what the system says
};
using GenerateTold = std::function<void(const GeneratedFile& file)>;

/// Each file is tried and told of, by name. Error{conflict} when two jails would have the same name in rc.d.
void generate(const Context& context, const GenerateRequest& request, const GenerateTold& told);

/// A jail as its file needs it.
struct GenerateSubject {
    std::string jail;
    std::string summary;                ///< of its recipe
    std::vector<std::string> requires_; ///< jails
    unsigned stop_seconds = 10;         ///< the recipe's stop-timeout
};

/// "pkgjail-web.service", or "pkgjail_web" in rc.d, where a name is one of the shell as well.
std::string generated_name(ServiceManager manager, const std::string& jail);
/// The whole file.
std::string generated_text(const Context& context, const GenerateRequest& request,
                           const GenerateSubject& subject);

enum class Origin {
    generated, ///< as it was written
    edited,    ///< it bears the mark, and the digest is another's
    foreign,   ///< no mark
};
Origin origin_of(std::string_view text);

} // namespace pkgjail::ops
