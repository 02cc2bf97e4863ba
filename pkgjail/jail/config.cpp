#include "pkgjail/jail/config.hpp"

#include <algorithm>

#include <syslog.h>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/jail/config_parts.hpp"
#include "pkgjail/jail/config_text.hpp"

namespace pkgjail::jail {

namespace {

void read_paths(const Section& section, Config& config) {
    SectionReader reader(section);
    constexpr std::string_view absolute =
        "an absolute path such as /var/db/pkgjail, without \"..\" and a slash at the end";
    if (const auto state = reader.text("state")) {
        const std::optional<base::RootPath> path = absolute_path(*state);
        if (!path || path->is_root())
            reader.refuse("state", absolute);
        config.state = path->str();
    }
    if (const auto prefix = reader.text("prefix")) {
        const std::optional<base::RootPath> path = absolute_path(*prefix);
        if (!path || !is_possible_prefix(*path))
            reader.refuse(
                "prefix",
                "an absolute path of its own, such as /usr/pkg or /opt/pkg, not one of the system's");
        config.prefix = path->str();
    }
    if (const auto base = reader.text("base")) {
        const std::optional<base::RootPath> path = absolute_path(*base);
        if (*base != "host" && (!path || path->is_root()))
            reader.refuse("base", fmt::format("host, or {}", absolute));
        config.base = *base;
    }
    if (const auto runtime = reader.text("runtime")) {
        const std::optional<base::RootPath> path = absolute_path(*runtime);
        if (*runtime != "auto" && (!path || path->is_root()))
            reader.refuse("runtime", fmt::format("auto, or {}", absolute));
        config.runtime = *runtime == "auto" ? "" : *runtime;
    }
    if (const auto pool = reader.text("network-pool")) {
        const auto parsed = AddressPool::parse(*pool);
        if (!parsed)
            reader.refuse("network-pool", "an IPv4 network of 4 addresses or more that nothing else uses: "
                                          "10.77.0.0/24, 172.30.8.0/22");
        config.network_pool = *parsed;
    }
    for (const Setting& allowed : reader.list("allow-mount")) {
        const std::optional<base::RootPath> path = absolute_path(allowed.value);
        if (!path || path->is_root())
            throw wrong_value(allowed,
                              "an absolute path such as /srv, without \"..\" and a slash at the end");
        config.allow_mounts.emplace_back(path->str());
    }
    config.parallel = static_cast<unsigned>(reader.number("parallel", 1, 1000).value_or(config.parallel));
    reader.finish();
}

void read_packages(const Section& section, Config& config) {
    SectionReader reader(section);
    if (const auto setid = reader.word("setid", {"strip", "keep", "refuse"}))
        config.setid = *setid == "strip"  ? SetidPolicy::strip
                       : *setid == "keep" ? SetidPolicy::keep
                                          : SetidPolicy::refuse;
    config.scripts = reader.yes_no("scripts").value_or(config.scripts);
    if (const auto word = reader.word("install-scripts", {"native", "run"}))
        config.run_known_scripts = *word == "run";
    config.script_timeout = reader.duration("script-timeout", std::chrono::seconds(1), std::chrono::hours(24))
                                .value_or(config.script_timeout);
    reader.finish();
}

/// Those that a program other than the system's own may use.
constexpr std::pair<const char*, int> syslog_facilities[] = {
    {"daemon", LOG_DAEMON}, {"user", LOG_USER},     {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7}};

void read_log(const Section& section, Config& config) {
    SectionReader reader(section);
    config.log_max_bytes = reader.size("max-size", 64u << 10, 1ull << 40).value_or(config.log_max_bytes);
    config.log_files = static_cast<unsigned>(reader.number("files", 1, 100).value_or(config.log_files));
    std::vector<std::string> facilities = {"no"};
    for (const auto& [name, number] : syslog_facilities)
        facilities.emplace_back(name);
    if (const auto name = reader.word("syslog", facilities); name && *name != "no")
        for (const auto& [known, number] : syslog_facilities)
            if (*name == known)
                config.syslog_facility = number;
    reader.finish();
}

void read_notify(const Section& section, Notify& notify) {
    SectionReader reader(section);
    if (auto words = reader.command("command")) {
        if (const auto program = absolute_path(words->front()); !program || program->is_root())
            reader.refuse("command", "a program of the host by its absolute path, and words for it");
        notify.command = std::move(*words);
    }
    std::vector<NotifyEvent> events;
    for (const Setting& setting : reader.list("event")) {
        std::string names;
        const auto before = events.size();
        for (const NotifyEvent event : all_notify_events) {
            names += (names.empty() ? "" : ", ") + std::string(notify_event_name(event));
            if (setting.value == notify_event_name(event))
                events.push_back(event);
        }
        if (events.size() == before)
            throw wrong_value(setting, names);
    }
    if (!events.empty())
        notify.events = std::move(events);
    reader.finish();
}

void read_generations(const Section& section, KeepingConfig& keeping) {
    SectionReader reader(section);
    keeping.generations =
        static_cast<unsigned>(reader.number("keep", 1, 10'000).value_or(keeping.generations));
    keeping.generations_for = reader.duration("keep-for").value_or(keeping.generations_for);
    reader.finish();
}

void read_cache(const Section& section, KeepingConfig& keeping) {
    SectionReader reader(section);
    keeping.archives_for = reader.duration("keep-for").value_or(keeping.archives_for);
    reader.finish();
}

void read_network(const Section& section, NetworkConfig& network) {
    SectionReader reader(section);
    if (const auto proxy = reader.text("proxy"); proxy && *proxy != "none") {
        check_url(reader, "proxy", *proxy, false);
        network.proxy = *proxy;
    }
    if (const auto ca_file = reader.text("ca-file")) {
        const std::optional<base::RootPath> path = absolute_path(*ca_file);
        if (*ca_file != "host" && (!path || path->is_root()))
            reader.refuse("ca-file", "host, or the absolute path of a file");
        network.ca_file = *ca_file == "host" ? "" : *ca_file;
    }
    const auto second = std::chrono::seconds(1);
    const auto day = std::chrono::hours(24);
    network.connect_timeout =
        reader.duration("connect-timeout", second, day).value_or(network.connect_timeout);
    network.stall_timeout = reader.duration("stall-timeout", second, day).value_or(network.stall_timeout);
    network.total_timeout = reader.duration("total-timeout", second, day).value_or(network.total_timeout);
    network.parallel = static_cast<unsigned>(reader.number("parallel", 1, 32).value_or(network.parallel));
    network.max_index_bytes =
        reader.size("max-index", 1u << 20, 1ull << 40).value_or(network.max_index_bytes);
    reader.finish();
}

} // namespace

void parse_config(std::string_view text, std::string_view file, Config& config) {
    const std::vector<Section> sections = parse_sections(text, file);
    for (const Section& section : sections)
        check_kind(section,
                   {"pkgjail", "packages", "log", "notify", "generations", "cache", "network",
                    "vulnerabilities", "ignore"},
                   {"ignore"});
    check_once(sections);
    for (const Section& section : sections) {
        if (section.kind == "pkgjail")
            read_paths(section, config);
        else if (section.kind == "packages")
            read_packages(section, config);
        else if (section.kind == "log")
            read_log(section, config);
        else if (section.kind == "notify")
            read_notify(section, config.notify);
        else if (section.kind == "generations")
            read_generations(section, config.keeping);
        else if (section.kind == "cache")
            read_cache(section, config.keeping);
        else if (section.kind == "vulnerabilities")
            read_vulnerabilities(section, config.vulnerabilities);
        else if (section.kind == "ignore")
            config.vulnerabilities.ignored.push_back(read_ignored(section));
        else
            read_network(section, config.network);
    }
}

bool is_possible_prefix(const base::RootPath& path) {
    if (path.is_root() || path.str() == "/usr" || path.str() == "/opt")
        return false;
    const std::vector<std::string> components = path.components();
    const std::string& first = components.front();
    if (first.starts_with("lib"))
        return false;
    for (const std::string_view taken : {"bin", "sbin", "libexec", "etc", "var", "home", "root", "dev",
                                         "proc", "sys", "run", "tmp", "kern", "rescue", "stand", "boot"})
        if (first == taken)
            return false;
    if (first != "usr")
        return true;
    const std::string& second = components.at(1);
    if (second.starts_with("lib"))
        return false;
    return second != "bin" && second != "sbin" && second != "share" && second != "include";
}

Config load_config(const base::HostPath& etc, const base::HostPath& shipped) {
    Config config;
    config.etc = etc;
    config.recipe_directories = {etc / "recipes.d", shipped / "recipes"};
    config.limit_directories = {etc / "limits.d", shipped / "limits.d"};

    const base::HostPath main_file = etc / "pkgjail.conf";
    if (const std::optional<std::string> text = read_configuration(main_file))
        parse_config(*text, main_file.string(), config);
    const base::HostPath repository_file = etc / "repositories.conf";
    if (const std::optional<std::string> text = read_configuration(repository_file))
        config.repositories = parse_repositories(*text, repository_file.string());
    std::erase_if(config.repositories,
                  [](const RepositoryConfig& repository) { return !repository.enabled; });
    return config;
}

} // namespace pkgjail::jail
