// Rendering: a recipe as read, plus what is known about this jail, becomes values without anything left to
// expand. Every setting is expanded as a whole; a command is split into words first, and each word expanded
// by itself.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/jail/signal.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

using Values = std::map<std::string, std::string>;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

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
        if (setting.key != "command") {
            expanded.written = setting.value;
            expanded.value = expand(setting.value, values, setting.where);
        }
        result.settings.push_back(std::move(expanded));
    }
    return result;
}

/// A user's or group's name as passwd(5) has them, or a number.
bool is_account(std::string_view text) {
    constexpr std::string_view characters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return !text.empty() && text.size() <= 32 &&
           text.find_first_not_of(characters) == std::string_view::npos && text.front() != '-' &&
           text.front() != '.';
}
constexpr std::string_view account_form = "a name as in passwd(5), or a number";

std::optional<std::string> read_account(SectionReader& reader, const std::string& key) {
    std::optional<std::string> account = reader.text(key);
    if (account && !is_account(*account))
        reader.refuse(key, account_form);
    return account;
}

std::optional<std::vector<std::string>> read_command(SectionReader& reader, const Values& values) {
    std::optional<std::vector<std::string>> words = reader.command("command");
    if (!words)
        return std::nullopt;
    Position where = reader.section().where;
    for (const Setting& setting : reader.section().settings)
        if (setting.key == "command")
            where = setting.where;
    for (std::string& word : *words)
        word = expand(word, values, where);
    if (const std::optional<base::RootPath> program = absolute_path(words->front());
        !program || program->is_root())
        reader.fail("command", fmt::format("found the program \"{}\"", words->front()),
                    "an absolute path: ${prefix}/sbin/NAME");
    return words;
}

std::optional<int> read_signal(SectionReader& reader, const std::string& key) {
    const std::optional<std::string> name = reader.word(key, signal_names());
    return name ? find_signal(*name) : std::nullopt;
}

Values read_environment(SectionReader& reader) {
    Values environment;
    for (const Setting& setting : reader.list("environment")) {
        constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        constexpr std::string_view digits = "0123456789";
        const std::size_t equals = setting.value.find('=');
        const std::string name = setting.value.substr(0, equals);
        if (equals == std::string::npos || name.empty() ||
            digits.find(name.front()) != std::string_view::npos ||
            name.find_first_not_of(std::string(letters) + std::string(digits)) != std::string::npos)
            throw wrong_value(setting, "NAME=VALUE");
        if (!environment.emplace(name, setting.value.substr(equals + 1)).second)
            throw wrong_value(setting, "each name once");
    }
    return environment;
}

Restart read_restart(SectionReader& reader) {
    Restart restart;
    if (const auto policy = reader.word("restart", {"always", "on-failure", "never"}))
        restart.policy = *policy == "always"       ? Restart::Policy::always
                         : *policy == "on-failure" ? Restart::Policy::on_failure
                                                   : Restart::Policy::never;
    restart.backoff =
        reader.duration("restart-backoff", milliseconds(10), hours(1)).value_or(restart.backoff);
    restart.backoff_max = reader.duration("restart-backoff-max", restart.backoff, hours(24))
                              .value_or(std::max(restart.backoff, restart.backoff_max));
    restart.budget = static_cast<unsigned>(reader.number("restart-budget", 0, 1000).value_or(restart.budget));
    restart.window = reader.duration("restart-window", seconds(1), hours(24)).value_or(restart.window);
    return restart;
}

Service read_service(const Section& section, const std::string& recipe_name, const Values& values) {
    Service service;
    service.name = section.name.empty() ? recipe_name : section.name;
    if (!is_valid_name(service.name))
        throw base::Error(
            base::ErrorKind::configuration, section.where.str(),
            fmt::format("found {}, allowed: [service NAME], where NAME is {}", section.title(), name_rule));
    SectionReader reader(section);
    reader.required("command");
    service.command = *read_command(reader, values);
    service.user = read_account(reader, "user").value_or(service.user);
    service.group = read_account(reader, "group").value_or(service.group);
    if (const auto directory = reader.text("directory")) {
        if (!absolute_path(*directory))
            reader.refuse("directory",
                          "an absolute path such as /var/db, without \"..\" and a slash at the end");
        service.working_directory = *directory;
    }
    service.environment = read_environment(reader);
    service.stop_signal = read_signal(reader, "stop-signal").value_or(service.stop_signal);
    service.stop_timeout =
        reader.duration("stop-timeout", milliseconds(100), hours(24)).value_or(service.stop_timeout);
    service.reload_signal = read_signal(reader, "reload-signal").value_or(service.reload_signal);
    service.restart = read_restart(reader);
    reader.finish();
    return service;
}

void read_network(const Section& section, RenderedRecipe& recipe) {
    SectionReader reader(section);
    if (const auto mode = reader.word("mode", {"host", "none", "private"}))
        recipe.network = *mode == "host"   ? NetworkMode::host
                         : *mode == "none" ? NetworkMode::none
                                           : NetworkMode::private_;
    for (const Setting& setting : reader.list("claim")) {
        PortClaim claim = parse_port_claim(setting);
        if (recipe.network == NetworkMode::none)
            throw wrong_value(setting, "no claim with mode = none");
        if (std::find(recipe.claims.begin(), recipe.claims.end(), claim) != recipe.claims.end())
            throw wrong_value(setting, "each claim once");
        recipe.claims.push_back(std::move(claim));
    }
    reader.finish();
}

std::optional<Probe> read_probe(SectionReader& reader, const Values& values) {
    std::vector<Probe> probes;
    if (const auto url = reader.text("http")) {
        if (!parse_http_target(*url))
            reader.refuse("http", "http://ADDRESS:PORT/PATH, where ADDRESS is a number or localhost");
        probes.push_back({Probe::Kind::http, *url, {}});
    }
    if (const auto target = reader.text("tcp")) {
        if (!parse_endpoint(*target))
            reader.refuse("tcp",
                          "ADDRESS:PORT, where ADDRESS is a number or localhost: 127.0.0.1:6379, [::1]:6379");
        probes.push_back({Probe::Kind::tcp, *target, {}});
    }
    if (const auto path = reader.text("unix")) {
        if (const auto socket = absolute_path(*path); !socket || socket->is_root())
            reader.refuse("unix", "the absolute path of a socket in the jail");
        probes.push_back({Probe::Kind::unix_socket, *path, {}});
    }
    if (auto words = read_command(reader, values))
        probes.push_back({Probe::Kind::command, "", std::move(*words)});
    if (probes.size() > 1)
        reader.fail(std::string(probe_kind_name(probes[1].kind)),
                    fmt::format("found a second probe beside \"{}\"", probe_kind_name(probes[0].kind)),
                    "one of http, tcp, unix, command");
    return probes.empty() ? std::nullopt : std::optional(probes.front());
}

Health read_health(const Section& section, const Values& values) {
    Health health;
    SectionReader reader(section);
    health.probe = read_probe(reader, values);
    health.grace = reader.duration("grace", milliseconds(0), hours(1)).value_or(health.grace);
    health.interval = reader.duration("interval", milliseconds(100), hours(24)).value_or(health.interval);
    health.timeout = reader.duration("timeout", milliseconds(10), hours(1)).value_or(health.timeout);
    health.successes = static_cast<unsigned>(reader.number("successes", 1, 100).value_or(health.successes));
    health.failures = static_cast<unsigned>(reader.number("failures", 1, 1000).value_or(health.failures));
    health.quiet = reader.duration("quiet", milliseconds(0), hours(1)).value_or(health.quiet);
    reader.finish();
    return health;
}

std::vector<base::RootPath> read_data(const Section& section, const base::RootPath& prefix) {
    SectionReader reader(section);
    std::vector<base::RootPath> paths;
    for (const Setting& setting : reader.list("path")) {
        const std::optional<base::RootPath> path = absolute_path(setting.value);
        bool taken = !path || path->is_root() || path->is_within(prefix) || prefix.is_within(*path);
        for (const char* top : {"/etc", "/dev", "/proc", "/sys", "/bin", "/sbin", "/lib", "/usr"})
            taken = taken || path->is_within(base::RootPath::parse(top));
        if (taken)
            throw wrong_value(setting,
                              "an absolute path outside the prefix, /etc and the system's own directories");
        if (std::find(paths.begin(), paths.end(), *path) != paths.end())
            throw wrong_value(setting, "each path once");
        paths.push_back(*path);
    }
    reader.finish();
    return paths;
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

RenderedRecipe render_scene(const Recipe& recipe, const Scene& scene, RenderedRecipe result) {
    std::size_t next_file = 0;
    const Section* health = nullptr;
    std::set<std::string> names; // two that were written differently may have become one
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
        } else if (section.kind == "network")
            read_network(section, result);
        else if (section.kind == "data")
            result.data_paths = read_data(section, scene.prefix);
        else if (section.kind == "file") {
            result.files.push_back(read_file(section, recipe.files.at(next_file++), scene));
            check_once(section, "the file " + result.files.back().path.str());
        } else if (section.kind == "health") {
            health = &written;
            result.health = read_health(section, scene.values);
        }
    }
    if (health != nullptr && result.services.empty())
        throw base::Error(base::ErrorKind::configuration, health->where.str(),
                          "found [health] without a service, allowed: with a [service]");
    return result;
}

void check_set(const Recipe& recipe, const Values& set) {
    std::vector<std::string> names;
    for (const auto& [name, value] : recipe.set)
        names.push_back(name);
    for (const auto& [name, value] : set) {
        if (recipe.set.count(name) == 0)
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

RenderedRecipe render(const Recipe& recipe, const RenderContext& context) {
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
        return render_scene(recipe, scene, result);
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

} // namespace pkgjail::jail
