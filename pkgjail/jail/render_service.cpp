// Rendering [service], [health] and [prepare]: what runs, how to find out whether it does, and what runs once
// before it.
#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/render_parts.hpp"
#include "pkgjail/jail/signal.hpp"

namespace pkgjail::jail {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A user's or group's name as passwd(5) has them, or a number.
bool is_account(std::string_view text) {
    constexpr std::string_view characters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return !text.empty() && text.size() <= 32 &&
           text.find_first_not_of(characters) == std::string_view::npos && text.front() != '-' &&
           text.front() != '.';
}
constexpr std::string_view account_form = "a name as in passwd(5), or a number";

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
    if (auto words = read_command(reader, "command", values))
        probes.push_back({Probe::Kind::command, "", std::move(*words)});
    if (probes.size() > 1)
        reader.fail(std::string(probe_kind_name(probes[1].kind)),
                    fmt::format("found a second probe beside \"{}\"", probe_kind_name(probes[0].kind)),
                    "one of http, tcp, unix, command");
    return probes.empty() ? std::nullopt : std::optional(probes.front());
}

} // namespace

std::optional<std::vector<std::string>> read_command(SectionReader& reader, const std::string& key,
                                                     const Values& values) {
    std::optional<std::vector<std::string>> words = reader.command(key);
    if (!words)
        return std::nullopt;
    Position where = reader.section().where;
    for (const Setting& setting : reader.section().settings)
        if (setting.key == key)
            where = setting.where;
    for (std::string& word : *words)
        word = expand(word, values, where);
    if (const std::optional<base::RootPath> program = absolute_path(words->front());
        !program || program->is_root())
        reader.fail(key, fmt::format("found the program \"{}\"", words->front()),
                    "an absolute path: ${prefix}/sbin/NAME");
    return words;
}

std::optional<std::string> read_account(SectionReader& reader, const std::string& key) {
    std::optional<std::string> account = reader.text(key);
    if (account && !is_account(*account))
        reader.refuse(key, account_form);
    return account;
}

std::vector<std::string> read_secrets(SectionReader& reader) {
    std::vector<std::string> names;
    for (const Setting& secret : reader.list("secret")) {
        if (!is_secret_name(secret.value))
            throw wrong_value(secret, fmt::format("the name of a secret: {}", secret_rule));
        if (std::find(names.begin(), names.end(), secret.value) != names.end())
            throw wrong_value(secret, "each secret once");
        names.push_back(secret.value);
    }
    return names;
}

namespace {

std::optional<std::string> read_directory(SectionReader& reader) {
    std::optional<std::string> directory = reader.text("directory");
    if (directory && !absolute_path(*directory))
        reader.refuse("directory", "an absolute path such as /var/db, without \"..\" and a slash at the end");
    return directory;
}

} // namespace

Preparation read_preparation(const Section& section, const Values& values) {
    Preparation prepare;
    SectionReader reader(section);
    const std::optional<base::RootPath> path = absolute_path(reader.required("path"));
    if (!path)
        reader.refuse("path", "an absolute path such as /var/db/NAME");
    prepare.path = *path;
    prepare.command = read_command(reader, "command", values).value_or(std::vector<std::string>{});
    prepare.user = read_account(reader, "user").value_or("");
    prepare.group = read_account(reader, "group").value_or("");
    prepare.working_directory = read_directory(reader).value_or(prepare.working_directory);
    prepare.environment = read_environment(reader);
    prepare.timeout = reader.duration("timeout", milliseconds(100), hours(24)).value_or(prepare.timeout);
    reader.finish();
    if (prepare.command.empty())
        for (const Setting& setting : section.settings)
            if (setting.key == "directory" || setting.key == "environment" || setting.key == "timeout")
                reader.fail(setting.key, "found it alone", "beside command");
    return prepare;
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
    service.command = *read_command(reader, "command", values);
    service.user = read_account(reader, "user").value_or(service.user);
    service.group = read_account(reader, "group").value_or(service.group);
    service.working_directory = read_directory(reader).value_or(service.working_directory);
    service.environment = read_environment(reader);
    service.secrets = read_secrets(reader);
    service.stop_signal = read_signal(reader, "stop-signal").value_or(service.stop_signal);
    service.stop_timeout =
        reader.duration("stop-timeout", milliseconds(100), hours(24)).value_or(service.stop_timeout);
    service.reload_signal = read_signal(reader, "reload-signal").value_or(service.reload_signal);
    if (const auto file = reader.text("pid-file")) {
        if (const auto path = absolute_path(*file); !path || path->is_root())
            reader.refuse("pid-file", "the absolute path of a file in the jail: /var/run/NAME.pid");
        service.pid_file = *file;
    }
    for (const Setting& setting : reader.list("after")) {
        if (std::find(service.after.begin(), service.after.end(), setting.value) != service.after.end())
            throw wrong_value(setting, "each service once");
        service.after.push_back(setting.value);
    }
    service.restart = read_restart(reader);
    reader.finish();
    return service;
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
    if (const auto action = reader.word("on-failure", {"none", "restart", "stop"}))
        health.on_failure = *action == "none"      ? Health::OnFailure::none
                            : *action == "restart" ? Health::OnFailure::restart
                                                   : Health::OnFailure::stop;
    health.quiet = reader.duration("quiet", milliseconds(0), hours(1)).value_or(health.quiet);
    reader.finish();
    return health;
}

} // namespace pkgjail::jail
