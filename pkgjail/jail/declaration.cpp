#include "pkgjail/jail/declaration.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/jail/config_text.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/render_parts.hpp"
#include "pkgjail/jail/search.hpp"

namespace pkgjail::jail {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view suffix = ".jail";

std::string name_of(const base::HostPath& file) {
    const std::string text = file.filename().string();
    return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

void check_sections(const std::vector<Section>& sections, const base::HostPath& file) {
    for (std::size_t i = 0; i < sections.size(); ++i) {
        check_kind(sections[i], {"jail", "limits", "set"});
        for (std::size_t j = 0; j < i; ++j)
            if (sections[j].kind == sections[i].kind)
                throw Error(ErrorKind::configuration, sections[i].where.str(),
                            fmt::format("found {} a second time, first in line {}, allowed: once",
                                        sections[i].title(), sections[j].where.line));
    }
    if (std::none_of(sections.begin(), sections.end(),
                     [](const Section& section) { return section.kind == "jail"; }))
        throw Error(ErrorKind::configuration, file.string(), "found no section [jail]");
}

/// A name that leads to a file of its own, such as a recipe's.
void check_named(const SectionReader& reader, const std::string& key, const std::string& value,
                 std::string_view of_what) {
    if (!is_valid_name(value))
        reader.refuse(key, fmt::format("the name of {}: {}", of_what, name_rule));
}

void read_packages(SectionReader& reader, Declaration& declaration) {
    for (const Setting& package : reader.list("package")) {
        if (package.value.empty() || package.value.find_first_of(" \t/") != std::string::npos ||
            package.value.ends_with(".tgz") || package.value.ends_with(".tbz"))
            throw wrong_value(
                package,
                "one pattern and no file, without blanks and \"/\": nginx, nginx>=1.26, nginx-1.26.*");
        if (std::find(declaration.packages.begin(), declaration.packages.end(), package.value) !=
            declaration.packages.end())
            throw wrong_value(package, "each package once");
        declaration.packages.push_back(package.value);
    }
}

void read_requires(SectionReader& reader, Declaration& declaration) {
    for (const Setting& required : reader.list("requires")) {
        if (!is_valid_name(required.value))
            throw wrong_value(required, fmt::format("the name of a jail: {}", name_rule));
        if (required.value == declaration.name)
            throw wrong_value(required, "another jail than this one");
        declaration.requires_.push_back(required.value);
    }
}

void read_network(SectionReader& reader, Declaration& declaration) {
    NetworkChoice& choice = declaration.network;
    choice.mode = reader.word("network", {"host", "none", "private"}).value_or("");
    if (const auto nat = reader.yes_no("nat"))
        choice.nat = *nat ? "yes" : "no";
    for (const Setting& setting : reader.section().settings)
        if (setting.key == "resolv")
            choice.resolv = parse_resolv(setting).str();
    reader.text("resolv");
    const std::vector<Setting> ports = reader.list("publish");
    for (const Setting& port : ports) {
        const std::string text =
            ports.size() == 1 && port.value == "none" ? port.value : parse_published_port(port).str();
        if (std::find(choice.publish.begin(), choice.publish.end(), text) != choice.publish.end())
            throw wrong_value(port, "each port once");
        choice.publish.push_back(text);
    }
}

void read_mounts(SectionReader& reader, Declaration& declaration) {
    std::vector<base::RootPath> taken;
    const auto take = [&](const Setting& setting, const base::RootPath& path) {
        for (const base::RootPath& other : taken)
            if (path.is_within(other) || other.is_within(path))
                throw wrong_value(
                    setting, fmt::format("a path of its own, and something is mounted at {}", other.str()));
        taken.push_back(path);
    };
    for (const Setting& volume : reader.list("volume")) {
        declaration.volumes.push_back(parse_volume_use(volume));
        take(volume, declaration.volumes.back().path);
    }
    for (const Setting& mount : reader.list("mount")) {
        declaration.mounts.push_back(parse_host_mount(mount));
        take(mount, declaration.mounts.back().path);
    }
}

void read_labels(SectionReader& reader, Declaration& declaration) {
    for (const Setting& label : reader.list("label")) {
        const std::size_t at = label.value.find('=');
        const std::string key = label.value.substr(0, at);
        constexpr std::string_view characters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
        if (at == std::string::npos || key.empty() || key.find_first_not_of(characters) != std::string::npos)
            throw wrong_value(label, "KEY=VALUE, KEY of letters, digits, \".\", \"_\", \"-\" and \"/\"");
        if (!declaration.labels.emplace(key, label.value.substr(at + 1)).second)
            throw wrong_value(label, fmt::format("each label once, and there is one {} already", key));
    }
}

void read_jail(const Section& section, Declaration& declaration) {
    SectionReader reader(section);
    if (const auto recipe = reader.text("recipe")) {
        check_named(reader, "recipe", *recipe, "a recipe");
        declaration.recipe = *recipe;
    }
    read_packages(reader, declaration);
    if (const auto limits = reader.text("limits")) {
        check_named(reader, "limits", *limits, "a limit template");
        declaration.limits = *limits;
    }
    read_network(reader, declaration);
    read_mounts(reader, declaration);
    declaration.secrets = read_secrets(reader);
    read_requires(reader, declaration);
    declaration.autostart = reader.yes_no("autostart");
    read_labels(reader, declaration);
    const auto state = reader.word("state", {"running", "stopped"});
    declaration.running = state != "stopped";
    reader.finish();
    if (!declaration.recipe.empty())
        return;
    if (declaration.packages.empty())
        reader.fail("package", "found neither recipe nor package", "a recipe, or one package or more");
    for (const std::string key :
         {"network", "nat", "publish", "resolv", "requires", "secret", "autostart", "state"})
        if (std::any_of(section.settings.begin(), section.settings.end(),
                        [&](const Setting& setting) { return setting.key == key; }))
            reader.fail(key, "found it in a jail without a service", "only beside recipe = NAME");
}

void read_limits(const Section& section, Declaration& declaration) {
    SectionReader reader(section);
    reader.text("require");
    for (const LimitKind kind : all_limit_kinds)
        reader.text(std::string(limit_name(kind)));
    reader.finish();
    Limits scratch;
    for (const Setting& setting : section.settings) {
        override_limit(scratch, setting, host_terms(), "declaration");
        declaration.limit_overrides[setting.key] = setting.value;
    }
}

void read_set(const Section& section, Declaration& declaration) {
    SectionReader reader(section);
    for (const Setting& setting : section.settings) {
        reader.text(setting.key);
        declaration.set[setting.key] = setting.value;
    }
    reader.finish();
    if (declaration.recipe.empty() && !section.settings.empty())
        reader.fail(section.settings.front().key, "found a value for a recipe, and there is none",
                    "only beside recipe = NAME");
}

const Section* find_section(const Declaration& declaration, std::string_view kind) {
    for (const Section& section : declaration.sections)
        if (section.kind == kind)
            return &section;
    return nullptr;
}

bool says_the_same(const Declaration& a, const Declaration& b) {
    return a.recipe == b.recipe && a.packages == b.packages && a.limits == b.limits &&
           a.limit_overrides == b.limit_overrides && a.set == b.set && a.network == b.network &&
           a.volumes == b.volumes && a.mounts == b.mounts && a.secrets == b.secrets &&
           a.requires_ == b.requires_ && a.autostart == b.autostart && a.labels == b.labels &&
           a.running == b.running;
}

void append_section(std::string& text, std::string_view title,
                    const std::map<std::string, std::string>& values) {
    if (values.empty())
        return;
    text += fmt::format("\n[{}]\n", title);
    for (const auto& [key, value] : values)
        text += fmt::format("{} = {}\n", key, value);
}

} // namespace

Declaration parse_declaration(std::string_view text, const base::HostPath& file) {
    Declaration declaration;
    declaration.file = file;
    declaration.name = name_of(file);
    declaration.sections = parse_sections(text, file.string());
    check_sections(declaration.sections, file);
    read_jail(*find_section(declaration, "jail"), declaration); // the others depend on what it says
    if (const Section* section = find_section(declaration, "limits"))
        read_limits(*section, declaration);
    if (const Section* section = find_section(declaration, "set"))
        read_set(*section, declaration);
    return declaration;
}

std::optional<Declaration> find_declaration(const base::HostPath& directory, const std::string& name) {
    const base::HostPath file = directory / (name + std::string(suffix));
    const std::optional<std::string> text = read_configuration(file);
    if (!text)
        return std::nullopt;
    return parse_declaration(*text, file);
}

std::vector<std::string> list_declarations(const base::HostPath& directory) {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    if (error == std::errc::no_such_file_or_directory)
        return names;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string file = entry->path().filename().string();
        if (!file.ends_with(suffix) || file.starts_with('.'))
            continue;
        const std::string name = name_of(entry->path());
        if (!is_valid_name(name))
            throw misnamed(entry->path(), suffix);
        names.push_back(name);
    }
    if (error)
        throw base::system_error(error.value(), directory.string(), "readdir");
    std::sort(names.begin(), names.end());
    return names;
}

base::HostPath declaration_directory(const base::HostPath& etc) {
    return etc / "jails.d";
}

void refuse(const Declaration& declaration, std::string_view section, const std::string& key,
            std::string_view problem, std::string_view allowed, std::string hint) {
    const Section* at = find_section(declaration, section);
    SectionReader(at == nullptr ? declaration.sections.front() : *at)
        .fail(key, problem, allowed, std::move(hint));
}

std::string declaration_text(const Declaration& declaration) {
    std::string text = "[jail]\n";
    const auto line = [&](std::string_view key, std::string_view value) {
        text += fmt::format("{} = {}\n", key, value);
    };
    if (!declaration.recipe.empty())
        line("recipe", declaration.recipe);
    for (const std::string& package : declaration.packages)
        line("package", package);
    if (!declaration.limits.empty())
        line("limits", declaration.limits);
    const NetworkChoice& network = declaration.network;
    for (const auto& [key, value] : {std::pair("network", network.mode), std::pair("nat", network.nat),
                                     std::pair("resolv", network.resolv)})
        if (!value.empty())
            line(key, value);
    for (const std::string& port : network.publish)
        line("publish", port);
    for (const VolumeUse& volume : declaration.volumes)
        line("volume", volume.str());
    for (const HostMount& mount : declaration.mounts)
        line("mount", mount.str());
    for (const std::string& secret : declaration.secrets)
        line("secret", secret);
    for (const std::string& required : declaration.requires_)
        line("requires", required);
    if (declaration.autostart)
        line("autostart", *declaration.autostart ? "yes" : "no");
    for (const auto& [key, value] : declaration.labels)
        line("label", key + "=" + value);
    if (!declaration.recipe.empty())
        line("state", declaration.running ? "running" : "stopped");
    append_section(text, "limits", declaration.limit_overrides);
    append_section(text, "set", declaration.set);
    // A "#" or a blank at the wrong place would be read as something else.
    if (!says_the_same(parse_declaration(text, declaration.name + std::string(suffix)), declaration))
        throw Error(ErrorKind::conflict, declaration.name,
                    "has a value that cannot be written in a declaration",
                    fmt::format("pkgjail status {} shows its settings", declaration.name));
    return text;
}

} // namespace pkgjail::jail
