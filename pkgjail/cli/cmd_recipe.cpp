// recipe list, show, check.
#include <fmt/format.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/cmd_recipe.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/signal.hpp"
#include "pkgjail/ops/recipes.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

int list(Environment& environment) {
    const std::vector<ops::ListedRecipe> recipes = ops::list_recipes(environment.context());
    if (environment.json()) {
        Json all = Json::array();
        for (const ops::ListedRecipe& one : recipes) {
            Json json = {{"recipe", one.name},
                         {"file", one.file.string()},
                         {"summary", one.summary},
                         {"packages", one.packages},
                         {"jails", one.jails}};
            json["error"] = one.error ? Json(one.error->what()) : Json(nullptr);
            all.push_back(std::move(json));
        }
        environment.print_json({{"action", "list"}, {"recipes", all}});
        return exit_done;
    }
    Table table({"RECIPE", "JAILS", "SUMMARY"}, 2);
    for (const ops::ListedRecipe& one : recipes)
        table.add({{printable(one.name), one.jails.empty() ? Color::none : Color::green},
                   {one.jails.empty() ? "-" : fmt::format("{}", one.jails.size())},
                   {one.error ? printable(one.error->what()) : printable(one.summary),
                    one.error ? Color::red : Color::none}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

std::string command_text(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        const bool plain = !word.empty() && word.find_first_of(" \t'\"\\") == std::string::npos;
        std::string quoted = "\"";
        for (const char c : word)
            quoted += (c == '"' || c == '\\') ? std::string{'\\', c} : std::string{c};
        text += (text.empty() ? "" : " ") + (plain ? word : quoted + "\"");
    }
    return printable(text);
}

std::string probe_text(const jail::Probe& probe) {
    return std::string(jail::probe_kind_name(probe.kind)) + " " +
           (probe.kind == jail::Probe::Kind::command ? command_text(probe.command) : printable(probe.target));
}

/// KEY, padded, and a value a line.
void add(std::string& text, const std::string& key, const std::string& value) {
    if (!value.empty())
        text += fmt::format("{:<12} {}\n", key, value);
}

std::string shown_text(const ops::ShownRecipe& shown) {
    const jail::RenderedRecipe& recipe = shown.recipe;
    std::string text;
    add(text, "recipe", printable(recipe.name));
    add(text, "summary", printable(recipe.summary));
    add(text, "file", shown.file.string());
    for (const std::string& package : recipe.packages)
        add(text, "package", printable(package));
    if (recipe.packages.empty())
        add(text, "package", "whatever is installed with it");
    add(text, "profile", std::string(jail::profile_name(recipe.profile)));
    for (const auto& [key, value] : recipe.set)
        add(text, "set", printable(key + "=" + value));
    for (const jail::Service& service : recipe.services) {
        add(text, "service", printable(service.name));
        add(text, "  command", command_text(service.command));
        add(text, "  user", printable(service.user) + (service.group.empty() ? "" : ":" + service.group));
        add(text, "  stop",
            fmt::format("{} within {}", jail::signal_name(service.stop_signal),
                        jail::format_span(service.stop_timeout)));
        if (service.reload_signal != 0)
            add(text, "  reload", std::string(jail::signal_name(service.reload_signal)));
        add(text, "  health", service.health.probe ? probe_text(*service.health.probe) : "none");
    }
    if (shown.prepare) {
        add(text, "prepare", shown.prepare->path.str());
        if (!shown.prepare->command.empty())
            add(text, "  command", command_text(shown.prepare->command));
        add(text, "  user", printable(shown.prepare->user));
    }
    add(text, "network", std::string(jail::network_mode_name(recipe.network)));
    for (const jail::PortClaim& claim : recipe.claims)
        add(text, "claim", claim.str());
    for (const base::RootPath& path : recipe.data_paths)
        add(text, "data", path.str());
    if (!recipe.snapshot.before.empty())
        add(text, "snapshot", command_text(recipe.snapshot.before));
    for (const std::string& other : recipe.requires_)
        add(text, "requires", printable(other));
    for (const jail::RenderedRecipe::File& file : recipe.files)
        add(text, "writes", file.path.str());
    add(text, "limits", recipe.limits);
    for (const auto& [kind, limit] : shown.limits.wanted)
        text += fmt::format("  {:<10} {}\n", jail::limit_name(kind), jail::format_limit(kind, limit.value));
    return text;
}

Json shown_json(const ops::ShownRecipe& shown) {
    const jail::RenderedRecipe& recipe = shown.recipe;
    Json services = Json::array();
    for (const jail::Service& service : recipe.services) {
        const auto& probe = service.health.probe;
        services.push_back(
            {{"service", service.name},
             {"command", service.command},
             {"user", service.user},
             {"group", service.group},
             {"directory", service.working_directory},
             {"environment", service.environment},
             {"stop_signal", jail::signal_name(service.stop_signal)},
             {"stop_timeout_ms", service.stop_timeout.count()},
             {"reload_signal",
              service.reload_signal != 0 ? Json(jail::signal_name(service.reload_signal)) : Json(nullptr)},
             {"probe", probe ? Json(jail::probe_kind_name(probe->kind)) : Json(nullptr)},
             {"probe_target", !probe                                      ? Json(nullptr)
                              : probe->kind == jail::Probe::Kind::command ? Json(probe->command)
                                                                          : Json(probe->target)}});
    }
    Json claims = Json::array();
    for (const jail::PortClaim& claim : recipe.claims)
        claims.push_back(claim.str());
    Json data = Json::array();
    for (const base::RootPath& path : recipe.data_paths)
        data.push_back(path.str());
    Json files = Json::array();
    for (const jail::RenderedRecipe::File& file : recipe.files)
        files.push_back(file.path.str());
    Json limits = Json::object();
    for (const auto& [kind, limit] : shown.limits.wanted)
        limits[std::string(jail::limit_name(kind))] = jail::format_limit(kind, limit.value);
    Json prepare = nullptr;
    if (shown.prepare)
        prepare = {{"path", shown.prepare->path.str()},
                   {"command", shown.prepare->command},
                   {"user", shown.prepare->user},
                   {"timeout_ms", shown.prepare->timeout.count()}};
    return {{"action", "show"},
            {"recipe", recipe.name},
            {"file", shown.file.string()},
            {"summary", recipe.summary},
            {"packages", recipe.packages},
            {"profile", jail::profile_name(recipe.profile)},
            {"set", recipe.set},
            {"services", services},
            {"prepare", prepare},
            {"network", jail::network_mode_name(recipe.network)},
            {"claims", claims},
            {"data", data},
            {"pre_snapshot", recipe.snapshot.before},
            {"post_snapshot", recipe.snapshot.after},
            {"requires", recipe.requires_},
            {"files", files},
            {"limits_template", recipe.limits},
            {"limits", limits}};
}

int show(Environment& environment) {
    const std::vector<std::string> names = environment.list("recipe…");
    if (environment.has("from-package")) {
        if (!names.empty() || environment.has("set"))
            throw Error(ErrorKind::usage, "--from-package", "takes neither a recipe nor --set",
                        "pkgjail recipe show --from-package PKG");
        const ops::GeneratedRecipe made =
            ops::recipe_from_package(environment.context(), environment.text("from-package"));
        if (environment.json())
            environment.print_json({{"action", "show"},
                                    {"from_package", made.pkgname},
                                    {"script", made.script},
                                    {"text", made.text}});
        else
            environment.say(made.text);
        return exit_done;
    }
    if (names.size() != 1)
        throw Error(ErrorKind::usage, "recipe show", "takes one recipe",
                    "pkgjail recipe show NAME [--set KEY=VALUE], or --from-package PKG");
    const ops::ShownRecipe shown = ops::show_recipe(environment.context(), names.front(), names.front(),
                                                    settings(environment.list("set")));
    if (environment.json())
        environment.print_json(shown_json(shown));
    else
        environment.say(shown_text(shown));
    return exit_done;
}

int check(Environment& environment) {
    std::vector<std::string> names = environment.list("recipe…");
    if (names.empty()) {
        const auto& directories = environment.context().config.recipe_directories;
        names = jail::list_recipes(directories);
        for (const Error& misnamed : jail::misnamed_recipes(directories))
            names.push_back(misnamed.object());
    }
    Json recipes = Json::array();
    bool found = false;
    std::string text;
    for (const std::string& name : names) {
        const ops::CheckedRecipe checked = ops::check_recipe(environment.context(), name);
        found = found || !checked.findings.empty();
        Json findings = Json::array();
        for (const ops::RecipeFinding& finding : checked.findings) {
            findings.push_back({{"where", finding.where}, {"cause", finding.cause}, {"hint", finding.hint}});
            text += printable(finding.where) + ": " + printable(finding.cause) + "\n";
            if (!finding.hint.empty())
                text += "hint: " + printable(finding.hint) + "\n";
        }
        if (checked.findings.empty())
            text += fmt::format("{}: good\n", printable(checked.name));
        for (const std::string& note : checked.notes)
            text += fmt::format("{}: {}\n", printable(checked.name), printable(note));
        recipes.push_back({{"recipe", checked.name},
                           {"file", checked.file.string()},
                           {"findings", findings},
                           {"notes", checked.notes}});
    }
    if (environment.json())
        environment.print_json({{"action", "check"}, {"recipes", recipes}});
    else
        environment.say(text);
    return found ? exit_finding : exit_done;
}

} // namespace

int cmd_recipe(Environment& environment) {
    const std::string action = environment.text("action");
    if (action != "show" && (environment.has("set") || environment.has("from-package")))
        throw Error(ErrorKind::usage, "recipe " + action, "only show takes --set and --from-package",
                    "pkgjail recipe show NAME --set KEY=VALUE");
    if (action == "list") {
        if (!environment.list("recipe…").empty())
            throw Error(ErrorKind::usage, "recipe list", "takes no names", "pkgjail recipe show NAME");
        return list(environment);
    }
    if (action == "show")
        return show(environment);
    if (action == "check")
        return check(environment);
    throw Error(ErrorKind::usage, "recipe",
                action.empty() ? "list, show or check is needed"
                               : fmt::format("found \"{}\", allowed: list, show, check", action),
                "pkgjail recipe list");
}

} // namespace pkgjail::cli
