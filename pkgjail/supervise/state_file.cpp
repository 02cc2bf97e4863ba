#include "pkgjail/supervise/state_file.hpp"

#include <cerrno>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/directory_mark.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/base/whole_json.hpp"

namespace pkgjail::supervise {

namespace {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::json;

constexpr int format_number = 1;
constexpr std::size_t longest_file = 1u << 20;

constexpr ServiceState all_states[] = {
    ServiceState::stopped, ServiceState::starting, ServiceState::ready, ServiceState::unhealthy,
    ServiceState::backoff, ServiceState::stopping, ServiceState::failed};

Error damaged(std::string cause) {
    return Error(ErrorKind::corrupt, "state file", std::move(cause));
}

void put(Json& json, const char* key, const std::optional<base::ProcessId>& process) {
    if (process)
        json[key] = {{"pid", process->pid}, {"start", process->start}};
}

void put(Json& json, const char* key, const std::optional<base::WallTime>& time) {
    if (time)
        json[key] = base::format_time_precise(*time);
}

std::optional<base::ProcessId> process_at(const Json& json, const char* key) {
    auto found = json.find(key);
    if (found == json.end())
        return std::nullopt;
    return base::ProcessId{found->at("pid").get<pid_t>(), found->at("start").get<std::uint64_t>()};
}

std::optional<base::WallTime> time_at(const Json& json, const char* key) {
    auto found = json.find(key);
    if (found == json.end())
        return std::nullopt;
    std::optional<base::WallTime> time = base::parse_time(found->get<std::string>());
    if (!time)
        throw damaged(std::string(key) + " is no time");
    return time;
}

ServiceState state_at(const Json& json) {
    std::string word = json.at("state").get<std::string>();
    for (ServiceState state : all_states)
        if (state_name(state) == word)
            return state;
    throw damaged("unknown state \"" + word + "\"");
}

Json to_json(const jail::LimitReading& reading) {
    Json json{{"limit", jail::limit_name(reading.kind)},
              {"wanted", reading.wanted},
              {"enforcement", jail::enforcement_name(reading.enforcement)},
              {"mechanism", reading.mechanism}};
    if (reading.effective)
        json["effective"] = *reading.effective;
    return json;
}

jail::LimitReading reading_from(const Json& json) {
    jail::LimitReading reading;
    std::optional<jail::LimitKind> kind = jail::find_limit(json.at("limit").get<std::string>());
    if (!kind)
        throw damaged("unknown limit");
    reading.kind = *kind;
    reading.wanted = json.at("wanted").get<std::uint64_t>();
    reading.mechanism = json.at("mechanism").get<std::string>();
    if (auto effective = json.find("effective"); effective != json.end())
        reading.effective = effective->get<std::uint64_t>();
    std::string word = json.at("enforcement").get<std::string>();
    for (auto enforcement :
         {jail::Enforcement::enforced, jail::Enforcement::advisory, jail::Enforcement::unavailable})
        if (jail::enforcement_name(enforcement) == word) {
            reading.enforcement = enforcement;
            return reading;
        }
    throw damaged("unknown enforcement \"" + word + "\"");
}

constexpr std::pair<const char*, std::optional<std::uint64_t> Counters::*> summed[] = {
    {"cpu_usec", &Counters::cpu_usec},
    {"throttled_usec", &Counters::throttled_usec},
    {"io_read_bytes", &Counters::io_read_bytes},
    {"io_write_bytes", &Counters::io_write_bytes},
    {"net_in_bytes", &Counters::net_in_bytes},
    {"net_out_bytes", &Counters::net_out_bytes},
    {"memory_limit_hits", &Counters::memory_limit_hits},
    {"memory_kills", &Counters::memory_kills},
    {"process_limit_hits", &Counters::process_limit_hits}};

Json to_json(const Sums& sums) {
    Json json{{"restarts", sums.ended.restarts},
              {"log_records_dropped", sums.ended.log_records_dropped},
              {"syslog_records_dropped", sums.ended.syslog_records_dropped},
              {"closing", sums.closing}};
    for (const auto& [key, member] : summed)
        if (sums.ended.*member)
            json[key] = *(sums.ended.*member);
    put(json, "counted", sums.counted);
    return json;
}

Sums sums_from(const Json& json) {
    Sums sums;
    sums.ended.restarts = json.at("restarts").get<std::uint64_t>();
    sums.ended.log_records_dropped = json.at("log_records_dropped").get<std::uint64_t>();
    sums.ended.syslog_records_dropped = json.at("syslog_records_dropped").get<std::uint64_t>();
    sums.closing = json.at("closing").get<bool>();
    for (const auto& [key, member] : summed)
        if (auto found = json.find(key); found != json.end())
            sums.ended.*member = found->get<std::uint64_t>();
    sums.counted = process_at(json, "counted");
    return sums;
}

/// One look at file and kernel. The lock is looked at before: a supervisor writes its last state before it
/// lets go, so after a free lock the file is final.
ServiceStatus look(const base::HostPath& run_directory, bool lock_held,
                   std::shared_ptr<const StateFile>* found = nullptr) {
    RecordedStatus recorded;
    KernelView kernel;
    kernel.lock_held = lock_held;
    try {
        if (std::optional<std::string> text =
                base::read_file_if_exists(state_file(run_directory), longest_file)) {
            recorded = status_from_json(*text);
            kernel.file_readable = true;
            if (found != nullptr)
                *found = std::make_shared<const StateFile>(StateFile{std::move(*text), recorded});
        }
    } catch (const Error& error) {
        recorded = {};
        kernel.damage = error.cause();
    }
    if (kernel.file_readable) {
        kernel.same_boot = recorded.boot == base::boot_id();
        kernel.supervisor_alive =
            kernel.same_boot && recorded.status.supervisor && base::is_alive(*recorded.status.supervisor);
        kernel.service_alive =
            kernel.same_boot && recorded.status.service && base::is_alive(*recorded.status.service);
        // A copy of the lock is another file.
        if (kernel.service_alive && !lock_held)
            if (const auto mark = base::directory_mark(run_directory.parent_path()))
                kernel.is_copied = mark->is_of_another;
    }
    return judge(std::move(recorded.status), kernel);
}

/// Whether file and kernel are between two moments: a service has ended and its supervisor has not written it
/// down yet; or a supervisor was killed and a child that it was just making still holds a copy of the lock;
/// or a new one begins.
bool is_in_between(const ServiceStatus& status) {
    if (status.state == ServiceState::starting)
        return !status.supervisor;
    return status.state == ServiceState::unhealthy && status.service && !base::is_alive(*status.service);
}

} // namespace

std::string to_json(const RecordedStatus& recorded) {
    const ServiceStatus& status = recorded.status;
    Json json{{"format", format_number},
              {"boot", recorded.boot},
              {"state", state_name(status.state)},
              {"reason", status.reason},
              {"restarts", status.restarts},
              {"last_exit", status.last_exit},
              {"last_probe", status.last_probe},
              {"log_records_dropped", status.log_records_dropped},
              {"syslog_records_dropped", status.syslog_records_dropped},
              {"sums", to_json(status.sums)},
              {"driver", status.driver}};
    if (status.learning)
        json["learning"] = jail::profile_name(*status.learning);
    for (const ServicePart& part : status.further) {
        Json further{{"name", part.name},           {"state", state_name(part.state)},
                     {"reason", part.reason},       {"restarts", part.restarts},
                     {"last_exit", part.last_exit}, {"last_probe", part.last_probe}};
        put(further, "process", part.process);
        json["further"].push_back(std::move(further));
    }
    put(json, "supervisor", status.supervisor);
    put(json, "service", status.service);
    put(json, "followed", status.followed);
    put(json, "started_at", status.started_at);
    put(json, "ready_at", status.ready_at);
    json["limits"] = Json::array();
    for (const jail::LimitReading& reading : status.limits)
        json["limits"].push_back(to_json(reading));
    // Reasons quote services and probes, which may answer with anything.
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

RecordedStatus status_from_json(std::string_view text) {
    try {
        const Json json = base::parse_whole_json<Json>(text);
        if (json.at("format").get<int>() != format_number)
            throw damaged(fmt::format("is of format {}, this pkgjail reads format {}",
                                      json.at("format").get<int>(), format_number));
        RecordedStatus recorded;
        recorded.boot = json.at("boot").get<std::string>();
        ServiceStatus& status = recorded.status;
        status.state = state_at(json);
        status.reason = json.at("reason").get<std::string>();
        status.supervisor = process_at(json, "supervisor");
        status.service = process_at(json, "service");
        status.followed = process_at(json, "followed");
        status.started_at = time_at(json, "started_at");
        status.ready_at = time_at(json, "ready_at");
        status.restarts = json.at("restarts").get<std::uint64_t>();
        status.last_exit = json.at("last_exit").get<std::string>();
        status.last_probe = json.at("last_probe").get<std::string>();
        status.log_records_dropped = json.at("log_records_dropped").get<std::uint64_t>();
        // A supervisor of an earlier pkgjail counts nothing and may live on.
        status.syslog_records_dropped = json.value("syslog_records_dropped", std::uint64_t{0});
        if (auto sums = json.find("sums"); sums != json.end())
            status.sums = sums_from(*sums);
        status.driver = json.at("driver").get<std::string>();
        status.learning = jail::find_profile(json.value("learning", std::string()));
        // Not there in a file of a supervisor that is older than several services are.
        for (const Json& part : json.value("further", Json::array()))
            status.further.push_back(
                {part.at("name").get<std::string>(), state_at(part), part.at("reason").get<std::string>(),
                 process_at(part, "process"), part.at("restarts").get<std::uint64_t>(),
                 part.at("last_exit").get<std::string>(), part.at("last_probe").get<std::string>()});
        for (const Json& reading : json.at("limits"))
            status.limits.push_back(reading_from(reading));
        return recorded;
    } catch (const Json::exception& error) {
        throw damaged(error.what());
    }
}

namespace {

void replace(const base::HostPath& file, std::string_view text, bool synced) {
    base::HostPath beside = file.parent_path() / (file.filename().string() + ".new");
    base::Fd fd = base::open_file(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    base::write_all(fd.get(), text, beside.string());
    if (synced && ::fsync(fd.get()) != 0)
        throw base::system_error(errno, file.string(), "fsync");
    if (std::rename(beside.c_str(), file.c_str()) != 0)
        throw base::system_error(errno, file.string(), "rename");
}

} // namespace

void replace_file(const base::HostPath& file, std::string_view text) {
    replace(file, text, false);
}

void replace_file_synced(const base::HostPath& file, std::string_view text) {
    replace(file, text, true);
}

void write_state(const base::HostPath& run_directory, const RecordedStatus& recorded) {
    replace_file(state_file(run_directory), to_json(recorded));
}

base::HostPath state_file(const base::HostPath& run_directory) {
    return run_directory / "state.json";
}

base::HostPath lock_file(const base::HostPath& run_directory) {
    return run_directory / "supervisor.lock";
}

bool supervisor_lock_is_held(const base::HostPath& run_directory) {
    base::HostPath file = lock_file(run_directory);
    // A reader creates nothing.
    if (!base::open_file_if_exists(file, O_RDONLY | O_NOFOLLOW))
        return false;
    return !base::Lock::try_take(file, base::LockMode::shared, "").has_value();
}

std::optional<std::string> read_state_text(const base::HostPath& run_directory) {
    try {
        return base::read_file_if_exists(state_file(run_directory), longest_file);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
    }
    return std::nullopt;
}

std::optional<RecordedStatus> recorded_in(const std::optional<std::string>& state_text) {
    try {
        if (state_text)
            return status_from_json(*state_text);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
    }
    return std::nullopt;
}

std::optional<RecordedStatus> read_recorded(const base::HostPath& run_directory) {
    return recorded_in(read_state_text(run_directory));
}

ServiceStatus read_unsupervised(const base::HostPath& run_directory) {
    return look(run_directory, false);
}

ServiceStatus read_status(const base::HostPath& run_directory) {
    std::shared_ptr<const StateFile> unused;
    return read_status(run_directory, unused);
}

ServiceStatus read_status(const base::HostPath& run_directory, std::shared_ptr<const StateFile>& found) {
    constexpr int looks = 20;
    constexpr std::chrono::milliseconds between(5);
    for (int count = 1;; ++count) {
        found.reset();
        ServiceStatus status = look(run_directory, supervisor_lock_is_held(run_directory), &found);
        if (count == looks || !is_in_between(status))
            return status;
        std::this_thread::sleep_for(between);
    }
}

} // namespace pkgjail::supervise
