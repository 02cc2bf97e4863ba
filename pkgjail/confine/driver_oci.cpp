#ifdef __linux__

#include "pkgjail/confine/driver_oci.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <limits>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/bundle_file.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/confine/driver_oci_parts.hpp"
#include "pkgjail/confine/helper.hpp"
#include "pkgjail/confine/jail_process.hpp"
#include "pkgjail/confine/mount_source.hpp"
#include "pkgjail/confine/process_limits.hpp"
#include "pkgjail/confine/runtime_probe.hpp"
#include "pkgjail/confine/secrets.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using jail::Enforcement;
using jail::LimitKind;
namespace fs = std::filesystem;

constexpr auto removal_patience = std::chrono::seconds(30);

// A runtime that was killed at the wrong moment can leave a mount of its own program in its state directory.
void detach_mounts_below(const HostPath& directory) {
    std::vector<std::string> found;
    std::istringstream mounts(base::read_file("/proc/self/mountinfo"));
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        if (point == directory.string() || point.starts_with(directory.string() + "/"))
            found.push_back(point);
    }
    for (auto point = found.rbegin(); point != found.rend(); ++point)
        if (::umount2(point->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
            throw base::system_error(errno, *point, "umount");
}

std::optional<std::uint64_t> wanted_disk(const JailSpec& spec) {
    const auto found = spec.limits.wanted.find(LimitKind::disk);
    return found == spec.limits.wanted.end() ? std::nullopt : std::optional(found->second.value);
}

/// The trees in which an ordinary user's jail has groups, beside its bundle for those who look later.
void write_delegated(const HostPath& bundle, const std::vector<CgroupHierarchy>& hierarchies) {
    auto json = nlohmann::json::array();
    for (const auto& hierarchy : hierarchies)
        json.push_back({{"directory", hierarchy.mount_point.string()},
                        {"unified", hierarchy.unified},
                        {"controllers", hierarchy.controllers}});
    base::write_file_atomically(bundle / "groups.json", json.dump());
}

std::vector<CgroupHierarchy> read_delegated(const HostPath& bundle) {
    std::vector<CgroupHierarchy> found;
    const auto text = base::read_file_if_exists(bundle / "groups.json");
    if (!text)
        return found;
    try {
        for (const auto& json : nlohmann::json::parse(*text))
            found.push_back({json.at("directory").get<std::string>(), json.at("unified").get<bool>(),
                             json.at("controllers").get<std::vector<std::string>>()});
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::corrupt, (bundle / "groups.json").string(), error.what());
    }
    return found;
}

/// A port that only the owner of the network may bind, who an ordinary user is not.
void check_ports_of_user(const JailSpec& spec) {
    const auto text = base::read_file_if_exists("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    unsigned first = 1024;
    if (text)
        std::from_chars(text->data(), text->data() + text->size(), first);
    for (const auto& claim : spec.claims)
        if (spec.network == jail::NetworkMode::host && claim.port != 0 && claim.port < first)
            throw Error(ErrorKind::denied, spec.jail,
                        fmt::format("port {} can only be opened by root, an ordinary user's begin at {}",
                                    claim.port, first),
                        "choose another port, for example with --set port=8080, or lower "
                        "net.ipv4.ip_unprivileged_port_start");
}

void check_handle(const std::string& handle) {
    // The handle becomes a path of the host's; everything that makes one is checked in one place.
    JailSpec spec;
    spec.handle = handle;
    spec.root = "/";
    spec.command = {"/"};
    check_spec(spec);
}

} // namespace

HostPath bundle_directory(const HostPath& run_directory) {
    return run_directory / "oci";
}

std::optional<base::ProcessId> first_process(const HostPath& run_directory) {
    const auto text = base::read_file_if_exists(bundle_directory(run_directory) / "process.json");
    if (!text)
        return std::nullopt;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object())
        return std::nullopt; // half-written by a command that was killed: then the control groups are what
                             // counts
    base::ProcessId process{json.value("pid", pid_t{0}), json.value("start", std::uint64_t{0})};
    if (process.pid <= 0 || !base::is_alive(process))
        return std::nullopt;
    return process;
}

Error not_running(const std::string& handle) {
    return Error(ErrorKind::conflict, handle, "is not running");
}

OciDriver::OciDriver(OciRuntime runtime, OciHost host, std::vector<CgroupHierarchy> hierarchies,
                     DriverInfo info)
    : runtime_(std::move(runtime)), networks_(runtime_.state_root().parent_path() / "networks"),
      host_(std::move(host)), hierarchies_(std::move(hierarchies)), info_(std::move(info)) {}

Members OciDriver::members_of(const std::string& handle, const HostPath& run_directory) const {
    check_handle(handle);
    if (!host_.one_user)
        return Members(JailCgroup(hierarchies_, cgroup_path(handle)));
    return Members(JailCgroup(read_delegated(bundle_directory(run_directory)), cgroup_path(handle)),
                   first_process(run_directory));
}

Members OciDriver::running_members(const std::string& handle, const HostPath& run_directory) const {
    auto members = members_of(handle, run_directory);
    if (!members.exists())
        throw not_running(handle);
    return members;
}

void OciDriver::use_delegated(const JailSpec& spec, const HostPath& bundle, pid_t first) const {
    const auto joined = join_delegated(hierarchies_, cgroup_path(spec.handle), first);
    write_delegated(bundle, joined);
    const JailCgroup cgroup(joined, cgroup_path(spec.handle));
    for (const LimitKind kind :
         {LimitKind::cpu, LimitKind::memory, LimitKind::processes, LimitKind::io_read, LimitKind::io_write}) {
        const auto wanted = spec.limits.wanted.find(kind);
        if (wanted == spec.limits.wanted.end())
            continue;
        try {
            cgroup.set_limit(kind, wanted->second.value, host_.state_disk, host_.swap_limit);
        } catch (const Error&) {
            // Not passed on from above; read_limits says what holds.
        }
    }
}

base::ProcessId OciDriver::create(const JailSpec& spec, const HostPath& run_directory,
                                  const Streams& streams) {
    check_spec(spec);
    if (host_.one_user)
        check_ports_of_user(spec);
    const auto enter = spec.holds ? find_helper(enter_program) : std::nullopt;
    if (spec.holds && !enter)
        throw Error(
            ErrorKind::configuration, spec.jail,
            "its service goes into the background, for which pkgjail-enter is needed, and that is not "
            "installed");
    remove(spec.handle, run_directory);
    check_mount_points(spec);
    const HostPath bundle = bundle_directory(run_directory);
    base::make_directories(runtime_.state_root(), 0700);
    base::make_directories(run_directory, 0700);
    if (::mkdir(bundle.c_str(), 0700) != 0) // of this run of the host's only, so nothing waits for the disk
        throw base::system_error(errno, bundle.string(), "mkdir");
    const HeldPorts held = ports_to_hold(spec, host_.port_guard);
    auto entrance =
        enter ? Entrance::holding(*enter, held) : Entrance::around_runtime(host_.port_guard, held);
    JailSpec described = with_own_sources(spec, bundle);
    if (spec.holds)
        described.command = entrance.command(spec.command);
    write_bundle_file(bundle / "config.json", oci_config(described, host_));
    write_held_ports(bundle, held);
    base::step("confine.bundle_written");
    if (!spec.storage.empty())
        set_disk_limit(spec.storage, wanted_disk(spec));
    try {
        OciRuntime::Outcome outcome;
        {
            const CgroupParentHold hold(host_.one_user ? std::vector<CgroupHierarchy>{} : hierarchies_);
            std::vector<std::string> arguments{"create", "--bundle", bundle.string(), "--pid-file",
                                               (bundle / "pid").string()};
            for (const auto& option : entrance.runtime_options())
                arguments.push_back(option);
            arguments.push_back(spec.handle);
            const auto make = [&] {
                outcome = runtime_.call(arguments, bundle, streams, runtime_patience, entrance);
            };
            if (has_own_sources(spec))
                run_with_own_sources(spec, bundle, make);
            else
                make();
        }
        if (!spec.holds || !outcome.exit.success())
            entrance.check(spec.jail, spec.command.front(), true);
        if (!outcome.exit.success())
            throw explain_runtime_failure(runtime_, "create", outcome, spec.jail, spec.command.front(),
                                          spec.working_directory);
        base::step("confine.created");
        const base::ProcessId first = finish_create(spec, run_directory);
        if (spec.network == jail::NetworkMode::private_)
            networks_.bring_up(spec, first);
        if (!spec.secrets.empty())
            put_secrets(spec, run_directory);
        if (spec.holds)
            entering_.insert_or_assign(spec.handle, std::move(entrance));
        return first;
    } catch (...) {
        // What create failed for is what the caller must hear; if clearing away fails as well, the next
        // create or remove says so.
        try {
            remove(spec.handle, run_directory);
        } catch (const Error&) {
        }
        throw;
    }
}

base::ProcessId OciDriver::finish_create(const JailSpec& spec, const HostPath& run_directory) const {
    const HostPath bundle = bundle_directory(run_directory);
    const std::string text = base::read_file(bundle / "pid");
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    const auto process = pid > 0 ? base::identify_process(pid) : std::nullopt;
    if (!process)
        throw Error(ErrorKind::system, runtime_.name(),
                    "create: the first process of jail " + spec.jail + " is not there");
    const nlohmann::json record{{"pid", process->pid}, {"start", process->start}};
    write_bundle_file(bundle / "process.json", record.dump());

    // Removal and limits rely on the control groups, so a runtime that puts the jail elsewhere is not used.
    if (host_.one_user)
        use_delegated(spec, bundle, pid);
    const auto members = members_of(spec.handle, run_directory).processes();
    if (std::find(members.begin(), members.end(), pid) == members.end())
        throw Error(ErrorKind::system, runtime_.name(),
                    "create: jail " + spec.jail + " is not in control group " + cgroup_path(spec.handle));
    check_stands_inside(pid, spec.jail);
    check_mounts_stand(pid, spec);
    return *process;
}

void OciDriver::enter_network(const JailSpec& spec, const HostPath& run_directory) const {
    if (spec.network == jail::NetworkMode::host)
        return;
    const auto first = first_process(run_directory);
    if (!first)
        throw not_running(spec.jail);
    std::optional<base::Fd> users;
    if (host_.one_user) // the network belongs to the jail's own user namespace
        users = base::open_file(fmt::format("/proc/{}/ns/user", first->pid), O_RDONLY);
    const base::Fd network = base::open_file(fmt::format("/proc/{}/ns/net", first->pid), O_RDONLY);
    if (!base::is_alive(*first)) // both may belong to whoever has its number now
        throw not_running(spec.jail);
    if (users && ::setns(users->get(), CLONE_NEWUSER) != 0)
        throw base::system_error(errno, spec.jail, "enter its user namespace");
    if (::setns(network.get(), CLONE_NEWNET) != 0)
        throw base::system_error(errno, spec.jail, "enter its network");
}

void OciDriver::check_learning() {
    try {
        try_learning(*this, runtime_.state_root().parent_path().parent_path(), runtime_.program());
    } catch (const Error& error) {
        throw Error(ErrorKind::configuration, "--learn",
                    fmt::format("{} hands on no notifications of seccomp here: {}: {}", runtime_.name(),
                                error.object(), error.cause()),
                    "runc from 1.1 and crun from 0.20 on do, with Linux 5.6 and later; a jail starts without "
                    "--learn");
    }
}

void OciDriver::put_secrets(const JailSpec& spec, const HostPath& run_directory) {
    write_secrets(spec, open_root(spec.handle, run_directory));
}

void OciDriver::start(const JailSpec& spec, const HostPath& run_directory) {
    running_members(spec.handle, run_directory);
    const auto outcome =
        runtime_.call({"start", spec.handle}, bundle_directory(run_directory), {}, runtime_patience);
    if (!outcome.exit.success())
        throw explain_runtime_failure(runtime_, "start", outcome, spec.jail, spec.command.front(),
                                      spec.working_directory);
    if (const auto found = entering_.find(spec.handle); found != entering_.end()) {
        Entrance entrance = std::move(found->second);
        entering_.erase(found);
        entrance.check(spec.jail, spec.command.front());
    }
}

void OciDriver::remove(const std::string& handle, const HostPath& run_directory) {
    entering_.erase(handle);
    const auto cgroup = members_of(handle, run_directory);
    const HostPath known = runtime_.state_root() / handle;
    const HostPath bundle = bundle_directory(run_directory);
    std::error_code error;
    const bool has_bundle = fs::exists(bundle, error);
    if (!cgroup.exists() && !fs::exists(known, error) && !has_bundle && !networks_.is_noted(handle))
        return;

    runtime_.end_clients(handle, removal_patience);
    const bool has_state = fs::exists(known, error); // as a client may have made it until a moment ago
    // The processes first and by ourselves: it works for every state in which a killed runtime can have left
    // them.
    const auto first = first_process(run_directory);
    if (first)
        base::send_signal(*first, SIGKILL);
    cgroup.remove(removal_patience);
    networks_.take_down(handle);
    if (has_state) {
        // The runtime's own clearing away. When it fails on a half-made jail there is nothing left but files,
        // and those go below.
        const HostPath scratch = has_bundle ? bundle : runtime_.state_root().parent_path();
        runtime_.call({"delete", "--force", handle}, scratch, {}, runtime_patience);
        cgroup.remove(removal_patience);
        detach_mounts_below(known);
        base::remove_directory(known);
    }
    base::remove_directory(bundle);
}

std::vector<std::string> OciDriver::handles() const {
    // The runtime makes its directory before the control groups, and remove() takes it away after them.
    std::vector<std::string> found;
    std::error_code none_yet;
    for (const auto& entry : fs::directory_iterator(runtime_.state_root(), none_yet))
        found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
}

bool OciDriver::exists(const std::string& handle, const HostPath& run_directory) const {
    std::error_code error;
    return members_of(handle, run_directory).exists() || fs::exists(runtime_.state_root() / handle, error);
}

void OciDriver::signal_all(const std::string& handle, const HostPath& run_directory, int signal_number) {
    running_members(handle, run_directory).signal_all(signal_number);
}

void OciDriver::pause(const std::string& handle, const HostPath& run_directory) {
    running_members(handle, run_directory).freeze();
}

void OciDriver::resume(const std::string& handle, const HostPath& run_directory) {
    running_members(handle, run_directory).thaw();
}

bool OciDriver::is_paused(const std::string& handle, const HostPath& run_directory) const {
    return members_of(handle, run_directory).is_frozen();
}

std::vector<pid_t> OciDriver::processes(const std::string& handle, const HostPath& run_directory) const {
    return members_of(handle, run_directory).processes();
}

base::Tree OciDriver::open_root(const std::string& handle, const HostPath& run_directory) const {
    const auto first = first_process(run_directory);
    if (!first)
        throw not_running(handle);
    base::Tree root(base::open_file(fmt::format("/proc/{}/root", first->pid), O_PATH | O_DIRECTORY), handle);
    if (!base::is_alive(*first)) // it may have been the root of whoever has its number now
        throw not_running(handle);
    return root;
}

namespace {

/// While a program with several threads, as runtimes are, becomes the service's program, the kernel shows it
/// as ended for an instant, if another thread than its first one does it. So one look is not enough to call
/// it gone.
void await_first_process(const HostPath& run_directory) {
    constexpr int looks = 20;
    for (int look = 0; look < looks && !first_process(run_directory); ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

} // namespace

jail::LimitReading OciDriver::read_limit(const JailSpec& spec, LimitKind kind, std::uint64_t wanted,
                                         const JailCgroup& cgroup, const HostPath& run_directory) const {
    jail::LimitReading reading;
    reading.kind = kind;
    reading.wanted = wanted;
    switch (kind) {
    case LimitKind::files:
    case LimitKind::core:
    case LimitKind::stack: {
        const auto first = first_process(run_directory);
        const auto limit = first ? process_limit(first->pid, kind) : std::nullopt;
        if (!limit) {
            reading.mechanism = "the first process is gone";
            return reading;
        }
        // The hard limit: within it a process may move its soft limit as it likes.
        if (limit->hard != std::numeric_limits<std::uint64_t>::max())
            reading.effective = limit->hard;
        reading.enforcement = reading.effective && *reading.effective <= wanted ? Enforcement::enforced
                                                                                : Enforcement::unavailable;
        reading.mechanism = rlimit_name(kind);
        if (reading.effective && *reading.effective < wanted)
            reading.mechanism += " (pkgjail itself may have no more)";
        return reading;
    }
    case LimitKind::cpu:
    case LimitKind::memory:
    case LimitKind::processes:
    case LimitKind::io_read:
    case LimitKind::io_write: {
        const bool io = kind == LimitKind::io_read || kind == LimitKind::io_write;
        const auto found = cgroup.limit(kind, host_.state_disk);
        reading.effective = found.value;
        reading.mechanism = found.mechanism;
        if (found.mechanism.empty())
            reading.mechanism = io && host_.state_disk.empty() ? host_.no_disk
                                : host_.one_user ? "no control group for it is delegated to this user"
                                                 : "this host has no cgroup controller for it";
        else if (!found.value)
            reading.mechanism += " (not set)";
        else
            reading.enforcement = Enforcement::enforced;
        if (kind == LimitKind::memory && found.value && !host_.swap_limit)
            reading.mechanism += " (swap is not counted)";
        if (kind == LimitKind::io_write && found.value && found.mechanism.starts_with("cgroup v1")) {
            reading.enforcement = Enforcement::advisory;
            reading.mechanism += " (buffered writes are not held back)";
        }
        return reading;
    }
    case LimitKind::net_in:
    case LimitKind::net_out:
        reading.mechanism = rate_problem(kind, spec.network);
        if (reading.mechanism.empty())
            return networks_.read_rate(spec, kind, wanted, first_process(run_directory));
        return reading;
    case LimitKind::disk:
        break; // the jail's directory is asked, not the kernel's jail
    }
    return reading;
}

std::vector<jail::LimitReading> OciDriver::read_limits(const JailSpec& spec,
                                                       const HostPath& run_directory) const {
    const auto cgroup = running_members(spec.handle, run_directory).cgroup();
    await_first_process(run_directory);
    std::vector<jail::LimitReading> readings;
    for (const auto& [kind, limit] : spec.limits.wanted)
        readings.push_back(kind == LimitKind::disk && !spec.storage.empty()
                               ? read_disk_limit(spec.storage, limit.value)
                               : read_limit(spec, kind, limit.value, cgroup, run_directory));
    return readings;
}

Usage OciDriver::usage(const std::string& handle, const HostPath& run_directory) const {
    Usage usage = running_members(handle, run_directory).usage();
    if (const auto traffic = networks_.traffic(handle)) {
        usage.net_in_bytes = traffic->in_bytes;
        usage.net_out_bytes = traffic->out_bytes;
    }
    return usage;
}

} // namespace pkgjail::confine

#endif
