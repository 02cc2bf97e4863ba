// export and import.
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/ops/export_jail.hpp"
#include "pkgjail/ops/import_jail.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

ops::ExportRequest::Format format_named(const std::string& name) {
    if (name.empty() || name == "tar")
        return ops::ExportRequest::Format::tar;
    if (name == "oci")
        return ops::ExportRequest::Format::oci;
    throw Error(ErrorKind::usage, "--format", fmt::format("found \"{}\", allowed: tar, oci", name));
}

ops::ExportRequest export_request(Environment& environment) {
    ops::ExportRequest request;
    request.jail = environment.text("jail");
    const std::string file = environment.text("file");
    if (request.jail.empty() || file.empty())
        throw Error(ErrorKind::usage, "export", "a jail and a file to write are needed",
                    "pkgjail export JAIL[@SNAPSHOT] FILE");
    if (const std::size_t at = request.jail.find('@'); at != std::string::npos) {
        request.snapshot = request.jail.substr(at + 1);
        request.jail.resize(at);
        if (request.snapshot.empty())
            throw Error(ErrorKind::usage, environment.text("jail"), "names no snapshot after \"@\"",
                        "pkgjail export JAIL[@SNAPSHOT] FILE");
    }
    request.format = format_named(environment.text("format"));
    request.replace = environment.has("force");
    request.with_base = environment.has("with-base");
    if (request.with_base && request.format != ops::ExportRequest::Format::oci)
        throw Error(ErrorKind::usage, "--with-base", "is for --format oci");
    if (file != "-") {
        request.file = std::filesystem::absolute(file).lexically_normal();
        if (!request.file.has_filename()) // "DIR/"
            request.file = request.file.parent_path();
        return request;
    }
    if (request.format == ops::ExportRequest::Format::oci)
        throw Error(ErrorKind::usage, "-", "an OCI image cannot be written to standard output",
                    "name a directory, or a file that ends in .tar");
    if (environment.json())
        throw Error(ErrorKind::usage, "--json", "standard output cannot have both archive and document");
    if (output_screen().is_terminal)
        throw Error(ErrorKind::usage, "-", "standard output is a terminal, and the archive is binary",
                    "redirect it, or name a file");
    request.output = STDOUT_FILENO;
    return request;
}

/// Where standard output has the archive.
void tell_left_out(Environment& environment, const ops::ExportResult& result) {
    std::istringstream lines(left_out_text(result.jail, result.left_out));
    for (std::string line; std::getline(lines, line);)
        environment.context().reporter.warn(line);
}

} // namespace

int cmd_export(Environment& environment) {
    const ops::ExportRequest request = export_request(environment);
    const ops::ExportResult result = ops::export_jail(environment.context(), request);
    const bool dry_run = environment.context().dry_run;
    const bool oci = request.format == ops::ExportRequest::Format::oci;
    if (environment.json())
        environment.print_json({{"jail", result.jail},
                                {"snapshot", result.snapshot},
                                {"dry_run", dry_run},
                                {"format", oci ? "oci" : "tar"},
                                {"file", request.file.string()},
                                {"image", result.image},
                                {"members", result.members},
                                {"bytes", result.bytes},
                                {"sha256", result.sha256},
                                {"left_out", left_out_json(result.left_out)}});
    else if (dry_run)
        environment.say(fmt::format("jail {}: would be exported\n", result.jail) +
                        left_out_text(result.jail, result.left_out));
    else if (!request.file.empty())
        environment.say(fmt::format("jail {}: exported to {}, {} bytes, {} {}\n", result.jail,
                                    base::printable(request.file.string()), result.bytes, result.members,
                                    oci ? "parts" : "members") +
                        left_out_text(result.jail, result.left_out));
    else
        tell_left_out(environment, result);
    return exit_done;
}

int cmd_import(Environment& environment) {
    if (environment.has("from"))
        return import_from(environment);
    for (const char* option : {"recipe", "replace", "data"})
        if (environment.has(option))
            throw Error(ErrorKind::usage, fmt::format("--{}", option), "is for --from dir and --from sailor",
                        "an export has its own recipe, packages and data");
    const std::string file = environment.text("file");
    ops::ImportRequest request;
    request.jail = environment.text("jail");
    if (file.empty() || request.jail.empty())
        throw Error(ErrorKind::usage, "import", "a file and a name for the jail are needed",
                    "pkgjail import FILE JAIL");
    request.set = settings(environment.list("set"));
    request.network = network_choice(environment);
    request.start = !environment.has("no-start");
    request.name = file == "-" ? "standard input" : file;
    request.archive =
        file == "-" ? base::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) : base::open_file(file, O_RDONLY);
    const ops::ImportResult result = ops::import_jail(environment.context(), request);
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        Json json = {{"jail", result.jail},
                     {"source", result.source},
                     {"snapshot", result.snapshot},
                     {"dry_run", dry_run},
                     {"image", result.image},
                     {"image_reused", result.image_reused},
                     {"renumbered", result.renumbered},
                     {"setid", result.setid},
                     {"renewed", result.renewed},
                     {"kept", result.kept},
                     {"started", result.started},
                     {"addresses", result.addresses}};
        if (result.status)
            json["status"] = status_json(*result.status);
        environment.print_json(json);
        return exit_done;
    }
    if (dry_run) {
        environment.say(fmt::format("jail {}: would be made from an export of {}\n", result.jail,
                                    base::printable(result.source)));
        return exit_done;
    }
    std::string text = fmt::format("jail {}: imported, it was {}{}; image {}{}\n", result.jail, result.source,
                                   result.snapshot.empty() ? "" : "@" + result.snapshot,
                                   short_id(result.image), result.image_reused ? " was here" : "");
    for (const std::string& line : result.renumbered)
        text += fmt::format("jail {}: {}\n", result.jail, base::printable(line));
    for (const std::string& line : result.setid)
        text += fmt::format("jail {}: set-id file {}\n", result.jail, base::printable(line));
    for (const std::string& path : result.renewed)
        text += fmt::format("jail {}: {} is its own\n", result.jail, base::printable(path));
    for (const std::string& path : result.kept)
        text += fmt::format("jail {}: an edited file of the recipe was written anew; the old one is {}\n",
                            result.jail, base::printable(path));
    if (result.status) {
        text += fmt::format(
            "jail {}: {}", result.jail,
            colored(state_text(*result.status), state_color(result.status->state), output_screen()));
        for (const std::string& address : result.addresses)
            text += " at " + address;
        text += "\n";
    }
    environment.say(text);
    return exit_done;
}

} // namespace pkgjail::cli
