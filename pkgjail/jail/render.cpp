// Rendering: a recipe as read, plus what is known about this jail, becomes values without anything left to
// expand. Every setting is expanded as a whole; a command is split into words first, and each word expanded
// by itself.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "pkgjail/jail/data_path.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/preparation.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/jail/render_parts.hpp"
#include "pkgjail/jail/service_order.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

/// Taken as they stand in the file; a command's words are expanded one by one.
bool is_taken_as_written(std::string_view key) {
    return key == "command" || key == "pre-snapshot" || key == "post-snapshot" || key == "summary" ||
           key == "profile" || key == "limits" || key == "source";
}

/// What rendering needs beside the recipe.
struct Scene {
    Values values;
    std::string jail;
    base::RootPath prefix;
};

Section expand_section(const Section& section, const Values& values) {
    Section result{section.kind, expand(section.name, values, section.where), {}, section.where};
    for (const Setting& setting : section.settings) {
        Setting expanded = setting;
        if (!is_taken_as_written(setting.key)) {
            expanded.written = setting.value;
            expanded.value = expand(setting.value, values, setting.where);
        }
        result.settings.push_back(std::move(expanded));
    }
    return result;
}

void read_network(const Section& section, RenderedRecipe& recipe) {
    SectionReader reader(section);
    if (const auto mode = reader.word("mode", {"host", "none", "private"}))
        recipe.network = *mode == "host"   ? NetworkMode::host
                         : *mode == "none" ? NetworkMode::none
                                           : NetworkMode::private_;
    for (const Setting& setting : reader.list("claim")) {
        if (setting.value.empty() && !setting.written.empty()) // of a value that is not set
            continue;
        PortClaim claim = parse_port_claim(setting);
        if (recipe.network == NetworkMode::none)
            throw wrong_value(setting, "no claim with mode = none");
        if (std::find(recipe.claims.begin(), recipe.claims.end(), claim) != recipe.claims.end())
            throw wrong_value(setting, "each claim once");
        recipe.claims.push_back(std::move(claim));
    }
    constexpr const char* only_private = "only with mode = private";
    for (const Setting& setting : reader.list("publish")) {
        PublishedPort port = parse_published_port(setting);
        if (recipe.network != NetworkMode::private_)
            throw wrong_value(setting, only_private);
        if (std::find(recipe.publish.begin(), recipe.publish.end(), port) != recipe.publish.end())
            throw wrong_value(setting, "each port once");
        recipe.publish.push_back(std::move(port));
    }
    recipe.nat = reader.yes_no("nat").value_or(false);
    if (recipe.nat && recipe.network != NetworkMode::private_)
        reader.refuse("nat", only_private);
    for (const Setting& setting : section.settings)
        if (setting.key == "resolv")
            recipe.resolv = parse_resolv(setting);
    reader.text("resolv");
    reader.finish();
}

SnapshotCommands read_snapshot(SectionReader& reader, const Values& values) {
    SnapshotCommands commands;
    commands.before = read_command(reader, "pre-snapshot", values).value_or(std::vector<std::string>{});
    commands.after = read_command(reader, "post-snapshot", values).value_or(std::vector<std::string>{});
    const auto timeout =
        reader.duration("snapshot-timeout", std::chrono::milliseconds(100), std::chrono::hours(24));
    const auto pause = reader.word("snapshot-pause", {"yes", "no"});
    if (commands.before.empty()) {
        for (const Setting& setting : reader.section().settings)
            if (setting.key == "post-snapshot" || setting.key == "snapshot-timeout" ||
                setting.key == "snapshot-pause")
                reader.fail(setting.key, "found it alone", "beside pre-snapshot");
        return commands;
    }
    commands.timeout = timeout.value_or(commands.timeout);
    commands.pause = pause == "yes";
    return commands;
}

std::vector<base::RootPath> read_data_paths(SectionReader& reader, const base::RootPath& prefix) {
    std::vector<base::RootPath> paths;
    for (const Setting& setting : reader.list("path")) {
        const std::optional<base::RootPath> path = absolute_path(setting.value);
        bool taken = !path || path->is_root() || path->is_within(prefix) || prefix.is_within(*path);
        for (const char* top :
             {"/etc", "/dev", "/proc", "/sys", "/run", "/tmp", "/bin", "/sbin", "/lib", "/lib64", "/usr"})
            taken = taken || path->is_within(base::RootPath::parse(top));
        if (taken)
            throw wrong_value(setting,
                              "an absolute path outside the prefix, /etc and the system's own directories");
        if (std::find(paths.begin(), paths.end(), *path) != paths.end())
            throw wrong_value(setting, "each path once");
        paths.push_back(*path);
    }
    return paths;
}

void read_data(const Section& section, const Scene& scene, RenderedRecipe& recipe) {
    SectionReader reader(section);
    recipe.data_paths = read_data_paths(reader, scene.prefix);
    recipe.snapshot = read_snapshot(reader, scene.values);
    reader.finish();
}

RenderedRecipe::File read_file(const Section& section, const RecipeFile& source, const Scene& scene) {
    RenderedRecipe::File file;
    const base::RootPath etc = base::RootPath::parse("/etc");
    const base::RootPath prefix_etc = scene.prefix / "etc";
    const std::optional<base::RootPath> path = absolute_path(section.name);
    if (!path || *path == etc || *path == prefix_etc ||
        (!path->is_within(etc) && !path->is_within(prefix_etc)))
        throw base::Error(base::ErrorKind::configuration, section.where.str(),
                          fmt::format("found {}, allowed: [file PATH], where PATH is a file in /etc or {}",
                                      section.title(), prefix_etc.str()));
    file.path = *path;
    SectionReader reader(section);
    reader.text("source");
    if (const auto mode = reader.text("mode")) {
        if (mode->empty() || mode->size() > 4 || mode->find_first_not_of("01234567") != std::string::npos ||
            std::stoul(*mode, nullptr, 8) > 0777)
            reader.refuse("mode", "permission bits as an octal number from 0 to 0777: 0644");
        file.mode = static_cast<unsigned>(std::stoul(*mode, nullptr, 8));
    }
    file.owner = read_account(reader, "owner").value_or(file.owner);
    file.group = read_account(reader, "group").value_or(file.group);
    reader.finish();
    file.content = expand(source.content, scene.values, {source.source.string(), 1});
    return file;
}

void read_recipe(const Section& section, const Scene& scene, RenderedRecipe& recipe) {
    SectionReader reader(section);
    for (const Setting& setting : reader.list("package")) {
        if (setting.value.empty() || setting.value.find_first_of(" /") != std::string::npos)
            throw wrong_value(setting,
                              "one pattern, without blanks and \"/\": nginx, nginx>=1.26, nginx-1.26.*");
        if (setting.value != "*")
            recipe.packages.push_back(setting.value);
    }
    for (const Setting& setting : reader.list("requires")) {
        if (!is_valid_name(setting.value))
            throw wrong_value(setting, fmt::format("the name of a jail: {}", name_rule));
        if (setting.value == scene.jail)
            throw wrong_value(setting, "another jail than this one");
        if (std::find(recipe.requires_.begin(), recipe.requires_.end(), setting.value) !=
            recipe.requires_.end())
            throw wrong_value(setting, "each jail once");
        recipe.requires_.push_back(setting.value);
    }
}

void read_limits(const Section& section, RenderedRecipe& recipe) {
    // Any host large enough shows whether a share is well written.
    constexpr HostTerms some_host{1ull << 40, 1};
    Limits ignored;
    for (const Setting& setting : section.settings) {
        override_limit(ignored, setting, some_host, "recipe " + recipe.name);
        recipe.limit_overrides[setting.key] = setting.value;
    }
}

/// Each [health] to its service: without a name it is the first one's.
void give_health(const std::vector<std::pair<Section, Health>>& healths, RenderedRecipe& recipe) {
    std::set<std::string> given;
    for (const auto& [section, health] : healths) {
        const auto fail = [&where = section.where](const std::string& what) {
            throw base::Error(base::ErrorKind::configuration, where.str(), what);
        };
        if (recipe.services.empty())
            fail("found [health] without a service, allowed: with a [service]");
        std::vector<std::string> names;
        Service* service = section.name.empty() ? &recipe.services.front() : nullptr;
        for (Service& one : recipe.services) {
            names.push_back(one.name);
            if (one.name == section.name)
                service = &one;
        }
        if (service == nullptr)
            fail(fmt::format("found {}, allowed: [health NAME], where NAME is a service: {}", section.title(),
                             fmt::join(names, ", ")));
        if (!given.insert(service->name).second)
            fail(fmt::format("found a second [health] for service {}, allowed: one", service->name));
        service->health = health;
    }
    if (!recipe.services.empty())
        recipe.health = recipe.services.front().health;
}

/// A secret has one owner.
void check_secrets(const RenderedRecipe& recipe) {
    std::map<std::string, const Service*> owners;
    for (const Service& service : recipe.services)
        for (const std::string& secret : service.secrets)
            if (const auto [owner, is_new] = owners.emplace(secret, &service);
                !is_new && (owner->second->user != service.user || owner->second->group != service.group))
                throw base::Error(base::ErrorKind::configuration, "recipe " + recipe.name,
                                  fmt::format("services {} and {} both have secret {}, which only one user "
                                              "can read",
                                              owner->second->name, service.name, secret));
}

/// After everything else: what is prepared are data, and the service's user does it unless another is named.
void finish_preparation(const Section& section, const RenderedRecipe& recipe, Preparation& prepare) {
    if (!is_data(prepare.path, recipe))
        SectionReader(section).refuse(
            "path", "a directory below /var (not /var/run), /home, /root or a data path of this recipe");
    if (recipe.services.empty())
        throw base::Error(base::ErrorKind::configuration, section.where.str(),
                          "found [prepare] without a service, allowed: with a [service]");
    const Service& first = recipe.services.front();
    if (prepare.user.empty()) {
        prepare.user = first.user;
        if (prepare.group.empty())
            prepare.group = first.group;
    }
}

RenderedRecipe render_scene(const Recipe& recipe, const Scene& scene, RenderedRecipe result,
                            std::optional<Preparation>& prepare) {
    std::size_t next_file = 0;
    std::vector<std::pair<Section, Health>> healths;
    std::optional<Section> preparation;
    std::map<std::string, Position> after; // where each service says what it waits for
    std::set<std::string> names;           // two that were written differently may have become one
    const auto check_once = [&](const Section& section, const std::string& name) {
        if (!names.insert(name).second)
            throw base::Error(base::ErrorKind::configuration, section.where.str(),
                              fmt::format("found {} a second time, allowed: once", name));
    };
    for (const Section& written : recipe.sections) {
        if (written.kind == "set")
            continue;
        const Section section = expand_section(written, scene.values);
        if (section.kind == "recipe")
            read_recipe(section, scene, result);
        else if (section.kind == "limits")
            read_limits(section, result);
        else if (section.kind == "service") {
            result.services.push_back(read_service(section, recipe.name, scene.values));
            check_once(section, "the service " + result.services.back().name);
            Position& where = after[result.services.back().name] = section.where;
            for (const Setting& setting : section.settings)
                if (setting.key == "after")
                    where = setting.where;
        } else if (section.kind == "network")
            read_network(section, result);
        else if (section.kind == "data")
            read_data(section, scene, result);
        else if (section.kind == "prepare") {
            prepare = read_preparation(section, scene.values);
            preparation = section;
        } else if (section.kind == "file") {
            result.files.push_back(read_file(section, recipe.files.at(next_file++), scene));
            check_once(section, "the file " + result.files.back().path.str());
        } else if (section.kind == "health") {
            healths.emplace_back(section, read_health(section, scene.values));
        }
    }
    give_health(healths, result);
    check_secrets(result);
    result.services = order_services(std::move(result.services), after);
    if (preparation)
        finish_preparation(*preparation, result, *prepare);
    return result;
}

void check_set(const Recipe& recipe, const Values& set) {
    std::vector<std::string> names;
    for (const auto& [name, value] : recipe.set)
        names.push_back(name);
    for (const auto& [name, value] : set) {
        if (!recipe.set.contains(name))
            throw base::Error(
                base::ErrorKind::usage, "--set " + name,
                fmt::format("recipe \"{}\" has no such value, allowed: {}", recipe.name, enumerate(names)),
                did_you_mean(name, names));
        if (!is_plain_text(value))
            throw base::Error(
                base::ErrorKind::usage, "--set " + name,
                fmt::format("found \"{}\", allowed: UTF-8 text without control characters", value));
    }
}

} // namespace

namespace {

RenderedRecipe render_all(const Recipe& recipe, const RenderContext& context,
                          std::optional<Preparation>& prepare) {
    check_name("jail", context.jail);
    check_set(recipe, context.set);

    Scene scene{{{"prefix", context.prefix}, {"jail", context.jail}},
                context.jail,
                base::RootPath::parse(context.prefix)};
    for (const auto& [name, value] : context.host)
        scene.values["host." + name] = value;

    RenderedRecipe result;
    result.name = recipe.name;
    result.summary = recipe.summary;
    result.limits = recipe.limits;
    result.profile = recipe.profile;
    // A default may refer to the host, the prefix and the jail; what the operator gives is taken as it is.
    const Values given = scene.values;
    for (const Section& section : recipe.sections)
        if (section.kind == "set")
            for (const Setting& setting : section.settings)
                result.set[setting.key] = expand(setting.value, given, setting.where);
    for (const auto& [name, value] : context.set)
        result.set[name] = value;
    for (const auto& [name, value] : result.set)
        scene.values[name] = value;

    try {
        return render_scene(recipe, scene, result, prepare);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::configuration || context.set.empty())
            throw;
        std::vector<std::string> names;
        for (const auto& [name, value] : context.set)
            names.push_back(name);
        throw base::Error(base::ErrorKind::usage, error.object(), error.cause(),
                          fmt::format("with its own values the recipe is right; look at --set {}",
                                      fmt::join(names, " and --set ")));
    }
}

} // namespace

bool is_data(const base::RootPath& path, const RenderedRecipe& recipe) {
    for (const char* top : {"/var", "/home", "/root"})
        if (path.is_within(base::RootPath::parse(top)))
            return path != base::RootPath::parse(top) && !path.is_within(base::RootPath::parse("/var/run"));
    return std::any_of(recipe.data_paths.begin(), recipe.data_paths.end(),
                       [&](const base::RootPath& data) { return path.is_within(data); });
}

RenderedRecipe render(const Recipe& recipe, const RenderContext& context) {
    std::optional<Preparation> ignored;
    return render_all(recipe, context, ignored);
}

std::optional<Preparation> render_preparation(const Recipe& recipe, const RenderContext& context) {
    std::optional<Preparation> prepare;
    render_all(recipe, context, prepare);
    return prepare;
}

} // namespace pkgjail::jail
