// Writer and reader are of one installation, so a format number is enough and there is no migration.
// Durations are milliseconds.
#include "pkgjail/supervise/service_json.hpp"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/whole_json.hpp"

namespace pkgjail::supervise {

namespace {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr int format_number = 1;

template <class Value>
using Names = std::array<std::pair<Value, const char*>, 4>;

constexpr Names<jail::Probe::Kind> probe_kinds = {{{jail::Probe::Kind::http, "http"},
                                                   {jail::Probe::Kind::tcp, "tcp"},
                                                   {jail::Probe::Kind::unix_socket, "unix"},
                                                   {jail::Probe::Kind::command, "command"}}};
constexpr std::array<std::pair<jail::Restart::Policy, const char*>, 3> policies = {
    {{jail::Restart::Policy::always, "always"},
     {jail::Restart::Policy::on_failure, "on-failure"},
     {jail::Restart::Policy::never, "never"}}};

constexpr std::array<std::pair<jail::Health::OnFailure, const char*>, 3> failure_actions = {
    {{jail::Health::OnFailure::none, "none"},
     {jail::Health::OnFailure::restart, "restart"},
     {jail::Health::OnFailure::stop, "stop"}}};

template <class Table>
const char* name_of(const Table& table, decltype(table[0].first) value) {
    for (const auto& [known, name] : table)
        if (known == value)
            return name;
    throw Error(ErrorKind::corrupt, "service description", "holds a value without a name");
}

template <class Table>
auto value_of(const Table& table, const std::string& word) {
    for (const auto& [value, name] : table)
        if (word == name)
            return value;
    throw Error(ErrorKind::corrupt, "service description", "unknown word \"" + word + "\"");
}

milliseconds duration(const Json& json, const char* key) {
    return milliseconds(json.at(key).get<std::int64_t>());
}

Json service_to_json(const jail::Service& service) {
    const jail::Restart& restart = service.restart;
    return {{"name", service.name},
            {"command", service.command},
            {"user", service.user},
            {"group", service.group},
            {"working_directory", service.working_directory},
            {"environment", service.environment},
            {"stop_signal", service.stop_signal},
            {"stop_timeout", service.stop_timeout.count()},
            {"reload_signal", service.reload_signal},
            {"pid_file", service.pid_file},
            {"after", service.after},
            {"restart",
             {{"policy", name_of(policies, restart.policy)},
              {"backoff", restart.backoff.count()},
              {"backoff_max", restart.backoff_max.count()},
              {"budget", restart.budget},
              {"window", restart.window.count()}}}};
}

jail::Service service_part(const Json& json) {
    jail::Service service;
    service.name = json.at("name").get<std::string>();
    service.command = json.at("command").get<std::vector<std::string>>();
    service.user = json.at("user").get<std::string>();
    service.group = json.at("group").get<std::string>();
    service.working_directory = json.at("working_directory").get<std::string>();
    service.environment = json.at("environment").get<std::map<std::string, std::string>>();
    service.stop_signal = json.at("stop_signal").get<int>();
    service.stop_timeout = duration(json, "stop_timeout");
    service.reload_signal = json.at("reload_signal").get<int>();
    service.pid_file = json.value("pid_file", std::string());
    service.after = json.value("after", std::vector<std::string>());
    const Json& restart = json.at("restart");
    service.restart.policy = value_of(policies, restart.at("policy").get<std::string>());
    service.restart.backoff = duration(restart, "backoff");
    service.restart.backoff_max = duration(restart, "backoff_max");
    service.restart.budget = restart.at("budget").get<unsigned>();
    service.restart.window = duration(restart, "window");
    return service;
}

Json health_to_json(const jail::Health& health) {
    Json json{{"grace", health.grace.count()},     {"interval", health.interval.count()},
              {"timeout", health.timeout.count()}, {"successes", health.successes},
              {"failures", health.failures},       {"quiet", health.quiet.count()}};
    json["on_failure"] = name_of(failure_actions, health.on_failure);
    if (health.probe)
        json["probe"] = {{"kind", name_of(probe_kinds, health.probe->kind)},
                         {"target", health.probe->target},
                         {"command", health.probe->command}};
    return json;
}

jail::Health health_part(const Json& json) {
    jail::Health health;
    health.grace = duration(json, "grace");
    health.interval = duration(json, "interval");
    health.timeout = duration(json, "timeout");
    health.successes = json.at("successes").get<unsigned>();
    health.failures = json.at("failures").get<unsigned>();
    health.quiet = duration(json, "quiet");
    health.on_failure = value_of(failure_actions, json.value("on_failure", std::string("none")));
    if (auto probe = json.find("probe"); probe != json.end())
        health.probe = jail::Probe{value_of(probe_kinds, probe->at("kind").get<std::string>()),
                                   probe->at("target").get<std::string>(),
                                   probe->at("command").get<std::vector<std::string>>()};
    return health;
}

/// An identity has its form in the description of a jail, so it travels in one.
Json identity_to_json(const confine::Identity& identity) {
    confine::JailSpec carrier;
    carrier.identity = identity;
    return Json::parse(confine::to_json(carrier));
}

} // namespace

std::string to_json(const SupervisedService& service) {
    try {
        Json json{{"format", format_number},
                  {"spec", Json::parse(confine::to_json(service.spec))},
                  {"service", service_to_json(service.service)},
                  {"health", health_to_json(service.health)},
                  {"state_directory", service.state_directory.string()},
                  {"runtime", service.runtime},
                  {"log_file", service.log_file.string()},
                  {"log_max_bytes", service.log_max_bytes},
                  {"log_files", service.log_files},
                  {"syslog_facility", service.syslog_facility.value_or(-1)},
                  {"attended", service.attended}};
        json["notify"]["command"] = service.notify.command;
        for (const jail::NotifyEvent event : service.notify.events)
            json["notify"]["events"].push_back(jail::notify_event_name(event));
        for (const FurtherServiceSpec& further : service.further)
            json["further"].push_back({{"service", service_to_json(further.service)},
                                       {"health", health_to_json(further.service.health)},
                                       {"identity", identity_to_json(further.identity)},
                                       {"environment", further.environment}});
        return json.dump(1) + "\n";
    } catch (const Json::exception&) {
        throw Error(ErrorKind::configuration, service.spec.jail,
                    "a path, command or value of the service is not valid UTF-8");
    }
}

SupervisedService service_from_json(std::string_view text) {
    try {
        const Json json = base::parse_whole_json<Json>(text);
        if (const int found = json.at("format").get<int>(); found != format_number)
            throw Error(ErrorKind::corrupt, "service description",
                        "format " + std::to_string(found) + ", this pkgjail reads format " +
                            std::to_string(format_number));
        SupervisedService service;
        service.spec = confine::spec_from_json(json.at("spec").dump());
        service.service = service_part(json.at("service"));
        service.health = health_part(json.at("health"));
        for (const Json& part : json.value("further", Json::array())) {
            FurtherServiceSpec further;
            further.service = service_part(part.at("service"));
            further.service.health = health_part(part.at("health"));
            further.identity = confine::spec_from_json(part.at("identity").dump()).identity;
            further.environment = part.at("environment").get<std::map<std::string, std::string>>();
            if (further.service.after.empty())
                further.service.after = {service.further.empty() ? service.service.name
                                                                 : service.further.back().service.name};
            service.further.push_back(std::move(further));
        }
        service.state_directory = json.at("state_directory").get<std::string>();
        service.runtime = json.at("runtime").get<std::string>();
        service.log_file = json.at("log_file").get<std::string>();
        service.log_max_bytes = json.at("log_max_bytes").get<std::uint64_t>();
        service.log_files = json.at("log_files").get<unsigned>();
        if (const int facility = json.value("syslog_facility", -1); facility >= 0)
            service.syslog_facility = facility;
        service.attended = json.at("attended").get<bool>();
        if (const auto notify = json.find("notify"); notify != json.end()) {
            service.notify = {notify->at("command").get<std::vector<std::string>>(), {}};
            for (const std::string& word : notify->value("events", std::vector<std::string>()))
                for (const jail::NotifyEvent event : jail::all_notify_events)
                    if (word == jail::notify_event_name(event))
                        service.notify.events.push_back(event);
        }
        return service;
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::corrupt, "service description", error.what());
    }
}

base::HostPath service_file(const base::HostPath& run_directory) {
    return run_directory / "service.json";
}

SupervisedService read_service(const base::HostPath& run_directory) {
    base::HostPath file = service_file(run_directory);
    return base::while_doing(file.string(),
                             [&] { return service_from_json(base::read_file(file, 4u << 20)); });
}

std::string jail_of(const base::HostPath& run_directory) {
    try {
        return read_service(run_directory).spec.jail;
    } catch (const Error&) {
        return run_directory.string();
    }
}

} // namespace pkgjail::supervise
