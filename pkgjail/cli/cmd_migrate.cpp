// import --from: what was taken from a directory or from a ship of sailor's, and what was not.
#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/plan_words.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/migrate.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

base::RootPath path_of_option(const std::string& text) {
    try {
        if (text.empty() || text.front() != '/')
            throw Error(ErrorKind::corrupt, text, "is no absolute path");
        return base::RootPath::parse(text);
    } catch (const Error& error) {
        throw Error(
            ErrorKind::usage, "--data",
            fmt::format("found \"{}\", allowed: PATH or THERE=HERE, absolute and without \"..\"", text),
            "--data /srv/site=/var/www");
    }
}

ops::MigrateRequest migrate_request(Environment& environment, bool from_directory) {
    ops::MigrateRequest request;
    const std::string file = environment.text("file");
    request.jail = environment.text("jail");
    if (file.empty() || (from_directory && request.jail.empty()))
        throw Error(ErrorKind::usage, "import",
                    from_directory ? "a directory and a name for the jail are needed"
                                   : "the ship's configuration file is needed",
                    from_directory ? "pkgjail import --from dir DIRECTORY JAIL"
                                   : "pkgjail import --from sailor CONF [JAIL]");
    request.source = std::filesystem::absolute(file).lexically_normal();
    if (!request.source.has_filename() && request.source.has_relative_path()) // "DIR/"
        request.source = request.source.parent_path();
    request.recipe = environment.text("recipe");
    request.set = settings(environment.list("set"));
    request.network = network_choice(environment);
    for (const std::string& text : environment.list("replace")) {
        const std::size_t at = text.find('=');
        if (at == std::string::npos || at == 0)
            throw Error(ErrorKind::usage, "--replace",
                        fmt::format("found \"{}\", allowed: NAME=PATTERN, or NAME= for no package", text));
        if (!request.replace.emplace(text.substr(0, at), text.substr(at + 1)).second)
            throw Error(ErrorKind::usage, "--replace", fmt::format("{} is given twice", text.substr(0, at)));
    }
    for (const std::string& text : environment.list("data")) {
        const std::size_t at = text.find('=');
        const base::RootPath from = path_of_option(text.substr(0, at));
        request.data.push_back({from, at == std::string::npos ? from : path_of_option(text.substr(at + 1))});
    }
    request.start = !environment.has("no-start");
    return request;
}

Json document(const ops::MigrateResult& result, const std::string& from, bool dry_run) {
    Json packages = Json::array();
    for (const ops::MigratedPackage& package : result.packages)
        packages.push_back(
            {{"there", package.there}, {"automatic", package.automatic}, {"here", package.here}});
    Json taken = Json::array();
    for (const store::Taken& one : result.taken)
        taken.push_back({{"from", one.from},
                         {"to", one.to},
                         {"kind", one.data ? "data" : "configuration"},
                         {"files", one.files},
                         {"bytes", one.bytes},
                         {"over_recipe", one.over_recipe}});
    Json left = Json::array();
    for (const store::LeftBehind& one : result.left)
        left.push_back({{"path", one.path}, {"why", one.why}, {"remedy", one.remedy}});
    Json json = {{"jail", result.install.jail},
                 {"source", result.source},
                 {"snapshot", ""},
                 {"dry_run", dry_run},
                 {"image", result.install.image},
                 {"image_reused", result.install.image_reused},
                 {"renumbered", Json::array()},
                 {"setid", result.install.setid},
                 {"renewed", Json::array()},
                 {"kept", Json::array()},
                 {"started", result.install.started},
                 {"addresses", result.install.addresses},
                 {"from", from},
                 {"recipe", result.install.recipe},
                 {"steps", plan_json(result.install.plan)},
                 {"download_bytes", result.install.download_bytes},
                 {"packages", packages},
                 {"taken", taken},
                 {"left", left}};
    if (result.install.status)
        json["status"] = status_json(*result.install.status);
    return json;
}

std::string line(const std::string& text) {
    return "    " + folded(text, 4, output_screen()) + "\n";
}

/// Where another version is installed than there was, each; the others as a number.
std::string packages_text(const ops::MigrateResult& result) {
    std::string text;
    std::size_t same = 0;
    std::size_t automatic = 0;
    for (const ops::MigratedPackage& package : result.packages)
        if (package.here.empty())
            automatic += package.automatic ? 1 : 0;
        else if (package.here == package.there)
            ++same;
        else
            text +=
                line(fmt::format("package {}, there {}", printable(package.here), printable(package.there)));
    if (same != 0)
        text += line(jail::counted(same, "package") + " as there");
    if (automatic != 0)
        text += line(fmt::format("{} that came by itself there, and that nothing needs here",
                                 jail::counted(automatic, "package")));
    return text;
}

std::string what_text(const ops::MigrateResult& result) {
    std::string text;
    for (const store::Taken& one : result.taken) {
        text += one.data ? fmt::format("data {}", printable(one.to)) : "file " + printable(one.to);
        if (one.data)
            text += fmt::format(": {}, {}", jail::counted(one.files, "file"), jail::format_size(one.bytes));
        if (one.from != one.to)
            text += ", there " + printable(one.from);
        if (one.over_recipe)
            text += ", in place of the recipe's: see that it uses the recipe's ports and paths";
        text += "\n";
    }
    std::string folded_text;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        folded_text += line(text.substr(at, end - at));
        at = end + 1;
    }
    return folded_text;
}

std::string left_text(const ops::MigrateResult& result) {
    std::string text;
    for (const store::LeftBehind& one : result.left)
        text += line(fmt::format("{}: {}{}{}", printable(one.path), printable(one.why),
                                 one.remedy.empty() ? "" : "; ", printable(one.remedy)));
    return text;
}

void tell(Environment& environment, const ops::MigrateResult& result, bool dry_run) {
    const ops::InstallResult& install = result.install;
    std::string text = fmt::format("jail {}: {} from {}\n", install.jail, dry_run ? "would be made" : "made",
                                   printable(result.source));
    text += line(install.recipe.empty() ? "no recipe, so no service; name one with --recipe"
                                        : "recipe " + install.recipe);
    text += packages_text(result);
    if (dry_run)
        text += line(fmt::format("at most {} to download", jail::format_size(install.download_bytes)));
    else
        text += line(fmt::format("generation {}, image {}{}", install.generation, short_id(install.image),
                                 install.image_reused ? " (was there already)" : ""));
    for (const std::string& file : install.setid)
        text += line("set-id file " + printable(file));
    if (const std::string what = what_text(result); !what.empty())
        text += (dry_run ? "would be taken over:\n" : "taken over:\n") + what;
    if (const std::string left = left_text(result); !left.empty())
        text += (dry_run ? "would be left, and what to do:\n" : "left, and what to do:\n") + left;
    if (install.status) {
        text += fmt::format(
            "jail {}: {}", install.jail,
            colored(state_text(*install.status), state_color(install.status->state), output_screen()));
        for (const std::string& address : install.addresses)
            text += " at " + address;
        text += "\n";
    } else if (!dry_run && !install.recipe.empty()) {
        text += fmt::format("not started; start it with: pkgjail start {}\n", install.jail);
    }
    environment.say(text);
}

} // namespace

int import_from(Environment& environment) {
    const std::string from = environment.text("from");
    if (from != "dir" && from != "sailor")
        throw Error(ErrorKind::usage, "--from", fmt::format("found \"{}\", allowed: dir, sailor", from),
                    "a file that pkgjail export wrote needs no --from");
    const ops::MigrateRequest request = migrate_request(environment, from == "dir");
    const ops::MigrateResult result = from == "dir" ? ops::migrate_directory(environment.context(), request)
                                                    : ops::migrate_sailor(environment.context(), request);
    const bool dry_run = environment.context().dry_run;
    if (environment.json())
        environment.print_json(document(result, from, dry_run));
    else
        tell(environment, result, dry_run);
    return exit_done;
}

} // namespace pkgjail::cli
