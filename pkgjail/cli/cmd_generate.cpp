// generate: files for the host's service manager.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/failure.hpp"
#include "pkgjail/ops/generate.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

ops::GenerateRequest generate_request(Environment& environment) {
    ops::GenerateRequest request;
    const std::string kind = environment.text("manager");
    if (kind == "systemd")
        request.manager = ops::ServiceManager::systemd;
    else if (kind == "rc.d")
        request.manager = ops::ServiceManager::rc_d;
    else
        throw Error(ErrorKind::usage, "generate",
                    kind.empty() ? "no service manager given, allowed: rc.d, systemd"
                                 : fmt::format("found \"{}\", allowed: rc.d, systemd", kind),
                    "pkgjail generate rc.d|systemd [--output DIR]");
    const bool rc_d = request.manager == ops::ServiceManager::rc_d;
    if (environment.has("output") && environment.text("output").empty())
        throw Error(ErrorKind::usage, "--output", "found \"\", allowed: a directory");
    request.directory = environment.has("output") ? environment.text("output")
                        : rc_d                    ? "/etc/rc.d"
                                                  : "/etc/systemd/system";
    request.program = base::own_program();
    request.force = environment.has("force");
    return request;
}

const char* word(ops::GeneratedFile::What what) {
    switch (what) {
    case ops::GeneratedFile::What::written:
        return "written";
    case ops::GeneratedFile::What::removed:
        return "removed";
    case ops::GeneratedFile::What::unchanged:
        break;
    }
    return "unchanged";
}

} // namespace

int cmd_generate(Environment& environment) {
    const ops::GenerateRequest request = generate_request(environment);
    const bool dry_run = environment.context().dry_run;
    Json files = Json::array();
    int first_failure = exit_done;
    bool any_done = false;
    ops::generate(environment.context(), request, [&](const ops::GeneratedFile& file) {
        Json json = {{"file", file.name}};
        if (file.error) {
            json["error"] = error_json("generate", *file.error);
            if (first_failure == exit_done)
                first_failure = exit_status(file.error->kind());
            print_failure(environment, *file.error);
        } else {
            json["what"] = word(file.what);
            any_done = true;
            const bool changed = file.what != ops::GeneratedFile::What::unchanged;
            environment.say(fmt::format("{}: {}{}\n",
                                        base::printable((request.directory / file.name).string()),
                                        dry_run && changed ? "would be " : "", word(file.what)));
        }
        files.push_back(std::move(json));
    });
    if (files.empty())
        environment.say("no jail has a service, so there is nothing to generate\n");
    if (environment.json())
        environment.print_json(
            {{"dry_run", dry_run}, {"directory", request.directory.string()}, {"files", files}});
    return first_failure == exit_done ? exit_done : any_done ? exit_partial : first_failure;
}

} // namespace pkgjail::cli
