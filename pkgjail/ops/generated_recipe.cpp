// The beginning of a recipe for a package that has none, from what its rc.d script says.
#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/rc_script.hpp"
#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/signal.hpp"
#include "pkgjail/ops/recipes.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;

namespace {

struct FoundScript {
    catalog::ImagePackage package;
    std::string path; ///< in the jail
    format::RcScript script;
};

/// The rc.d scripts of the newest image that has the package. nullopt: no image has it.
std::optional<std::vector<FoundScript>> find_scripts(const Context& context, catalog::Catalog& catalog,
                                                     const std::string& package) {
    const format::Pattern pattern = format::Pattern::parse(package);
    catalog::Images images(catalog);
    std::vector<catalog::Image> all = images.all();
    std::reverse(all.begin(), all.end());
    for (const catalog::Image& image : all)
        for (const catalog::ImagePackage& one : image.packages) {
            if (!pattern.selects(one.pkgname))
                continue;
            std::vector<FoundScript> found;
            const base::Tree tree = base::Tree::open(context.layout.image_tree(image.id));
            const RootPath directory = RootPath::parse("/tree/share/examples/rc.d");
            if (!tree.exists(directory.below(RootPath::parse("/tree")))) // a large manifest takes its time
                return found;
            for (const jail::ManifestEntry& entry : images.manifest(image.id).entries)
                if (entry.package == one.pkgname && entry.type == jail::EntryType::file &&
                    entry.path.is_within(directory)) {
                    const RootPath below = entry.path.below(RootPath::parse("/tree"));
                    found.push_back({one, image.prefix + below.str(),
                                     format::read_rc_script(tree.read(below, 1u << 20))});
                }
            return found;
        }
    return std::nullopt;
}

/// With the prefix as the variable that recipes have for it; a "${" of its own stays one.
std::string in_recipe(std::string text, const std::string& prefix) {
    for (std::size_t at = 0; (at = text.find("${", at)) != std::string::npos; at += 3)
        text.insert(at, "$");
    for (std::size_t at = 0; (at = text.find(prefix + "/", at)) != std::string::npos; at += 9)
        text.replace(at, prefix.size(), "${prefix}");
    return text;
}

std::string quoted(const std::string& word) {
    if (!word.empty() && word.find_first_of(" \t'\"\\#") == std::string::npos)
        return word;
    std::string text = "\"";
    for (const char c : word)
        text += (c == '"' || c == '\\') ? std::string{'\\', c} : std::string{c};
    return text + "\"";
}

/// Whether it can stand in a recipe as a value.
bool is_value(const std::string& text) {
    return !text.empty() && jail::is_plain_text(text);
}

std::string service_section(const FoundScript& found, const std::string& prefix) {
    const format::RcScript& script = found.script;
    const format::RcArguments arguments = format::split_rc_arguments(script.arguments);
    std::string command = script.command;
    for (const std::string& word : arguments.words)
        command += " " + quoted(word);
    std::string text = "[service]\n";
    if (!arguments.complete)
        text += "# The script's arguments go on with something for a shell: " +
                base::printable(in_recipe(script.arguments, prefix)) + "\n";
    if (script.has_own_steps)
        text += "# The script does more before or in place of this command: look at what.\n";
    if (!arguments.background)
        text += "# It has to stay in the foreground: see the program's manual for the option that keeps it "
                "there.\n";
    command = in_recipe(command, prefix);
    text += is_value(command) ? "command = " + command + "\n"
                              : "# Its command cannot stand in a recipe: " + base::printable(command) + "\n";
    text += "user = " + (is_value(script.user) ? script.user : std::string("root")) + "\n";
    if (is_value(script.group))
        text += "group = " + script.group + "\n";
    if (is_value(script.directory))
        text += "directory = " + in_recipe(script.directory, prefix) + "\n";
    for (const std::string& variable : script.environment)
        if (is_value(variable) && variable.find('=') != std::string::npos)
            text += "environment = " + in_recipe(variable, prefix) + "\n";
    text += "stop-signal = TERM\nstop-timeout = 10s\n";
    if (is_value(script.reload_signal))
        text += "reload-signal = " + script.reload_signal + "\n";
    if (is_value(script.pid_file))
        text += "# In the background it would have its pid in " + script.pid_file + ".\n";
    for (const std::string& name : script.unknown)
        text += "# What the script finds out for " + base::printable(name) +
                " by running something is not in here.\n";
    return text;
}

std::string recipe_text(const FoundScript& found, const std::string& prefix) {
    const std::string base(format::Pkgname::parse(found.package.pkgname).base());
    std::string text = fmt::format("# Made from the rc.d script of {}, {}, which was read and not run.\n"
                                   "# It is a beginning: look at the command, and claim the ports.\n",
                                   found.package.pkgname, found.path);
    text +=
        fmt::format("[recipe]\nsummary = {}\npackage = {}\nlimits = default\nprofile = high\n\n",
                    is_value(found.package.comment) ? in_recipe(found.package.comment, prefix) : base, base);
    text += service_section(found, prefix);
    text +=
        "\n[network]\nmode = host\n# A port that it listens on: claim = tcp:8080\n\n"
        "# Without a probe it is ready when it runs: http, tcp, unix or command.\n[health]\ngrace = 10s\n";
    return text;
}

} // namespace

GeneratedRecipe recipe_from_package(const Context& context, const std::string& package) {
    auto catalog = open_for_reading(context);
    const auto scripts = catalog ? find_scripts(context, *catalog, package) : std::nullopt;
    if (!scripts)
        throw Error(ErrorKind::not_found, package, "is installed in no jail, so its rc.d script is not here",
                    fmt::format("pkgjail install {} --no-start", package));
    for (const FoundScript& found : *scripts)
        if (jail::absolute_path(found.script.command))
            return {found.package.pkgname, found.path, recipe_text(found, context.config.prefix)};
    throw Error(ErrorKind::not_found, package,
                scripts->empty() ? "has no rc.d script, so nothing is known of a service"
                                 : fmt::format("its rc.d script {} names no command", scripts->front().path),
                fmt::format("pkgjail install {} --recipe service --set command=…", package));
}

std::string advice_without_recipe(const Context& context, catalog::Catalog& catalog,
                                  const std::string& package, const std::string& jail) {
    const auto scripts = find_scripts(context, catalog, package);
    if (!scripts)
        return "";
    for (const FoundScript& found : *scripts) {
        if (!jail::absolute_path(found.script.command))
            continue;
        const std::string base(format::Pkgname::parse(found.package.pkgname).base());
        return fmt::format(
            "{0} has no recipe, so jail {1} runs nothing; its rc.d script would start {2} as {3}: `pkgjail "
            "recipe show --from-package {4} >{5}/recipes.d/{4}.recipe` is the beginning of a recipe, for "
            "another jail of it",
            found.package.pkgname, jail, base::printable(found.script.command),
            found.script.user.empty() ? "root" : base::printable(found.script.user), base,
            context.config.etc.string());
    }
    return "";
}

} // namespace pkgjail::ops
