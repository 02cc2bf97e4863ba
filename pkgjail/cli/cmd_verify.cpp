// verify: files on disk against the catalog.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/veriexec.hpp"
#include "pkgjail/ops/verify.hpp"

namespace pkgjail::cli {

using base::printable;

namespace {

/// "image 651247afc973 (nginx, web2)", "jail web2"
std::string subject(const ops::VerifyFinding& finding) {
    const std::string jails = fmt::format("{}", fmt::join(finding.jails, ", "));
    if (finding.image.empty())
        return "jail " + jails;
    return fmt::format("image {} ({})", short_id(finding.image), jails.empty() ? "no jail" : jails);
}

int print_fingerprints(Environment& environment) {
    const auto list = ops::fingerprints(environment.context(), environment.list("jail…"));
    Json json = Json::array();
    std::string text;
    for (const ops::Fingerprint& fingerprint : list) {
        const std::string line = ops::veriexec_line(fingerprint);
        if (line.empty())
            environment.report().warn(
                fmt::format("{}: veriexec(5) has no way to write this name; left out", fingerprint.path));
        json.push_back({{"path", fingerprint.path},
                        {"sha256", fingerprint.sha256},
                        {"executable", fingerprint.executable}});
        text += line;
    }
    if (environment.json())
        environment.print_json({{"fingerprints", json}});
    environment.say(text);
    return exit_done;
}

} // namespace

int cmd_verify(Environment& environment) {
    if (environment.has("veriexec"))
        return print_fingerprints(environment);
    const ops::VerifyResult result = ops::verify(environment.context(), environment.list("jail…"));
    if (environment.json()) {
        Json findings = Json::array();
        for (const ops::VerifyFinding& finding : result.findings)
            findings.push_back({{"image", finding.image.empty() ? Json(nullptr) : Json(finding.image)},
                                {"jails", finding.jails},
                                {"path", finding.path},
                                {"what", finding.what}});
        environment.print_json({{"sound", result.findings.empty()},
                                {"jails", result.jails},
                                {"images", result.images},
                                {"files", result.files},
                                {"findings", findings}});
        return result.findings.empty() ? exit_done : exit_finding;
    }
    std::string text;
    for (const ops::VerifyFinding& finding : result.findings)
        text +=
            fmt::format("{}: {}: {}\n", subject(finding), printable(finding.path), printable(finding.what));
    text += fmt::format("{}, {}, {}: {}\n", jail::counted(result.jails.size(), "jail"),
                        jail::counted(result.images, "image"), jail::counted(result.files, "file"),
                        result.findings.empty() ? "sound" : jail::counted(result.findings.size(), "finding"));
    environment.say(text);
    return result.findings.empty() ? exit_done : exit_finding;
}

} // namespace pkgjail::cli
