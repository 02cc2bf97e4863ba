// clone and rename.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/ops/clone.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

std::string text_of(const ops::CloneResult& result) {
    std::string text = fmt::format("jail {}: clone of {}{}, image {} ({})\n", result.jail, result.source,
                                   result.snapshot.empty() ? "" : "@" + result.snapshot,
                                   short_id(result.image), result.method);
    for (const std::string& path : result.renewed)
        text += fmt::format("jail {}: {} is its own\n", result.jail, base::printable(path));
    for (const std::string& path : result.removed)
        text += fmt::format("jail {}: {} removed, it makes its own\n", result.jail, base::printable(path));
    for (const std::string& path : result.kept)
        text += fmt::format("jail {}: an edited file of the recipe was written anew; yours is {}\n",
                            result.jail, base::printable(path));
    for (const std::string& path : result.left)
        text += fmt::format("jail {}: what {} has mounted at {} is not cloned; to share it: pkgjail volume "
                            "attach {} …\n",
                            result.jail, result.source, base::printable(path), result.jail);
    if (result.status) {
        text += fmt::format(
            "jail {}: {}", result.jail,
            colored(state_text(*result.status), state_color(result.status->state), output_screen()));
        for (const std::string& address : result.addresses)
            text += " at " + address;
        text += "\n";
    }
    return text;
}

} // namespace

int cmd_clone(Environment& environment) {
    ops::CloneRequest request;
    request.source = environment.text("source");
    request.jail = environment.text("jail");
    if (request.source.empty() || request.jail.empty())
        throw Error(ErrorKind::usage, "clone", "the jail to clone and a name for the clone are needed",
                    "pkgjail clone SRC[@SNAPSHOT] DST");
    if (const std::size_t at = request.source.find('@'); at != std::string::npos) {
        request.snapshot = request.source.substr(at + 1);
        request.source.resize(at);
        if (request.snapshot.empty())
            throw Error(ErrorKind::usage, environment.text("source"), "names no snapshot after \"@\"",
                        "pkgjail clone SRC[@SNAPSHOT] DST");
    }
    request.set = settings(environment.list("set"));
    request.network = network_choice(environment);
    request.start = !environment.has("no-start");
    request.with_secrets = environment.has("with-secrets");
    const ops::CloneResult result = ops::clone(environment.context(), request);
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json json = {
            {"jail", result.jail},       {"source", result.source},   {"snapshot", result.snapshot},
            {"dry_run", dry_run},        {"image", result.image},     {"method", result.method},
            {"renewed", result.renewed}, {"removed", result.removed}, {"kept", result.kept},
            {"left", result.left},       {"started", result.started}, {"addresses", result.addresses}};
        if (result.status)
            json["status"] = status_json(*result.status);
        environment.print_json(json);
    } else if (dry_run) {
        environment.say(fmt::format("jail {}: would be a clone of {}\n", result.jail, result.source));
    } else {
        environment.say(text_of(result));
    }
    return exit_done;
}

int cmd_rename(Environment& environment) {
    const std::string jail = environment.text("jail");
    const std::string name = environment.text("name");
    if (jail.empty() || name.empty())
        throw Error(ErrorKind::usage, "rename", "a jail and its new name are needed",
                    "pkgjail rename JAIL NAME");
    const ops::RenameResult result = ops::rename(environment.context(), jail, name);
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json({{"jail", name},
                                {"previous", jail},
                                {"dry_run", dry_run},
                                {"written", result.written},
                                {"edited", result.edited}});
    } else {
        std::string text =
            fmt::format("jail {}: {} {}\n", jail, dry_run ? "would be renamed to" : "is now", name);
        for (const std::string& path : result.written)
            text += fmt::format("jail {}: {} was written anew\n", name, base::printable(path));
        for (const std::string& path : result.edited)
            text += fmt::format("jail {}: {} was edited, and may hold the old name\n", name,
                                base::printable(path));
        environment.say(text);
    }
    return exit_done;
}

} // namespace pkgjail::cli
