// Reading a recipe; render.cpp makes values of it.
#include "pkgjail/jail/recipe.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/jail/config_text.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/search.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::string_view suffix = ".recipe";

const std::vector<std::string> kinds = {"recipe", "set",     "service", "network", "health",
                                        "data",   "prepare", "file",    "limits"};

void check_sections(const std::vector<Section>& sections, const base::HostPath& file) {
    const Section* recipe = nullptr;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const Section& section = sections[i];
        check_kind(section, kinds, {"service", "health", "file"});
        if (section.kind == "recipe")
            recipe = &section;
        for (std::size_t j = 0; j < i; ++j)
            if (sections[j].kind == section.kind && sections[j].name == section.name)
                throw base::Error(base::ErrorKind::configuration, section.where.str(),
                                  fmt::format("found {} a second time, first in line {}, allowed: once",
                                              section.title(), sections[j].where.line));
    }
    if (recipe == nullptr)
        throw base::Error(base::ErrorKind::configuration, file.string(), "found no section [recipe]");
}

void read_recipe_section(const Section& section, Recipe& recipe) {
    SectionReader reader(section);
    recipe.summary = reader.required("summary");
    for (const Setting& package : reader.list("package"))
        recipe.packages.push_back(package.value);
    recipe.limits = reader.text("limits").value_or(recipe.limits);
    if (!is_valid_name(recipe.limits))
        reader.refuse("limits", fmt::format("the name of a limit template: {}", name_rule));
    if (const auto profile = reader.word("profile", {"low", "medium", "high"}))
        recipe.profile = *find_profile(*profile);
    reader.list("requires");
    reader.finish();
    if (recipe.packages.empty())
        reader.fail("package", "found none", "one pattern or more, such as nginx or nginx>=1.26");
}

void read_set_section(const Section& section, Recipe& recipe) {
    SectionReader reader(section);
    for (const Setting& setting : section.settings) {
        constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
        if (setting.key.find_first_not_of(characters) != std::string::npos || setting.key == "prefix" ||
            setting.key == "jail")
            reader.fail(setting.key, fmt::format("found the name \"{}\"", setting.key),
                        "letters a-z, digits, \"-\" and \"_\", but not \"prefix\" and \"jail\"");
        reader.text(setting.key);
        recipe.set[setting.key] = setting.value;
    }
    reader.finish();
}

void read_limits_section(const Section& section, Recipe& recipe) {
    SectionReader reader(section);
    for (const Setting& setting : section.settings) {
        reader.text(setting.key);
        recipe.limit_overrides[setting.key] = setting.value;
    }
    reader.finish();
}

RecipeFile read_file_section(const Section& section, const base::HostPath& source_directory) {
    SectionReader reader(section);
    const std::string source = reader.required("source");
    const std::optional<base::RootPath> below = absolute_path("/" + source);
    if (!below)
        reader.refuse("source", "a file beside the recipe, such as nginx/nginx.conf.in");
    const base::HostPath path = source_directory / below->relative();
    std::optional<std::string> content = read_configuration(path);
    if (!content)
        reader.refuse("source", "a file that exists: there is no " + path.string());
    return {section.name, path, std::move(*content)};
}

/// What every host has: enough to see whether a recipe renders at all.
RenderContext sample_context(const Recipe& recipe) {
    RenderContext context;
    context.jail = recipe.name;
    context.host = {{"name", "localhost"}, {"memory", "1073741824"}, {"cpus", "1"}};
    return context;
}

} // namespace

Recipe parse_recipe(std::string_view text, const base::HostPath& file,
                    const base::HostPath& source_directory) {
    Recipe recipe;
    recipe.name = file.stem().string();
    check_name("recipe", recipe.name);
    recipe.file = file;
    recipe.sections = parse_sections(text, file.string());
    check_sections(recipe.sections, file);
    for (const Section& section : recipe.sections) {
        if (section.kind == "recipe")
            read_recipe_section(section, recipe);
        else if (section.kind == "set")
            read_set_section(section, recipe);
        else if (section.kind == "limits")
            read_limits_section(section, recipe);
        else if (section.kind == "file")
            recipe.files.push_back(read_file_section(section, source_directory));
    }
    render(recipe, sample_context(recipe));
    return recipe;
}

Recipe load_recipe(const std::vector<base::HostPath>& directories, const std::string& name) {
    check_name("recipe", name);
    const std::optional<base::HostPath> file = find_named(directories, name, suffix);
    if (!file) {
        const std::vector<std::string> names = list_recipes(directories);
        throw base::Error(base::ErrorKind::not_found, name, no_such("recipe", names, directories),
                          did_you_mean(name, names));
    }
    return parse_recipe(read_configuration(*file).value_or(""), *file, file->parent_path());
}

std::vector<std::string> list_recipes(const std::vector<base::HostPath>& directories) {
    return list_named(directories, suffix);
}

std::vector<base::Error> misnamed_recipes(const std::vector<base::HostPath>& directories) {
    return list_misnamed(directories, suffix);
}

std::map<std::string, std::string> host_values() {
    return {{"name", base::host_name()},
            {"memory", fmt::format("{}", base::host_memory_bytes())},
            {"cpus", fmt::format("{}", base::host_cpus())}};
}

std::string_view probe_kind_name(Probe::Kind kind) {
    switch (kind) {
    case Probe::Kind::http:
        return "http";
    case Probe::Kind::tcp:
        return "tcp";
    case Probe::Kind::unix_socket:
        return "unix";
    case Probe::Kind::command:
        break;
    }
    return "command";
}

std::string_view restart_policy_name(Restart::Policy policy) {
    switch (policy) {
    case Restart::Policy::always:
        return "always";
    case Restart::Policy::on_failure:
        return "on-failure";
    case Restart::Policy::never:
        break;
    }
    return "never";
}

} // namespace pkgjail::jail
