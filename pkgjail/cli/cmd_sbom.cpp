// sbom: a jail's bill of materials.
#include <fmt/core.h>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/ops/sbom.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

int cmd_sbom(Environment& environment) {
    const std::string jail = environment.text("jail");
    if (jail.empty())
        throw Error(ErrorKind::usage, "sbom", "no jail given", "pkgjail sbom JAIL");
    const std::string format = environment.has("format") ? environment.text("format") : "cyclonedx";
    if (format != "cyclonedx" && format != "spdx")
        throw Error(ErrorKind::usage, "--format",
                    fmt::format("found \"{}\", allowed: cyclonedx, spdx", format));
    const ops::Bill bill = ops::bill_of(environment.context(), jail);
    const Json document =
        format == "spdx" ? ops::spdx(bill, PKGJAIL_VERSION) : ops::cyclonedx(bill, PKGJAIL_VERSION);
    if (environment.json())
        environment.print_json({{"jail", bill.jail}, {"format", format}, {"document", document}});
    environment.say(json_text(document));
    return exit_done;
}

} // namespace pkgjail::cli
