#include "pkgjail/confine/oci_spec.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/call_names.hpp"
#include "pkgjail/confine/capabilities.hpp"
#include "pkgjail/confine/cgroup.hpp"
#include "pkgjail/confine/seccomp.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;
using Json = nlohmann::ordered_json;

Error wrong(const JailSpec& spec, std::string cause, std::string hint = {}) {
    return Error(ErrorKind::configuration, spec.jail.empty() ? spec.handle : spec.jail, std::move(cause),
                 std::move(hint));
}

bool is_handle(std::string_view text) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= 128 && text.front() != '-' && text.front() != '_' &&
           std::all_of(text.begin(), text.end(), good);
}

std::string dump(const Json& json, const std::string& jail) {
    try {
        return json.dump(1, '\t') + "\n";
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorKind::configuration, jail,
                    "a path, command or value of the jail is not valid UTF-8");
    }
}

Json process_json(const JailSpec& spec, const std::vector<std::string>& command,
                  const std::map<std::string, std::string>& environment, const std::string& working_directory,
                  const Identity& identity, bool terminal, const OciHost& host) {
    Json json;
    json["terminal"] = terminal;
    const bool is_root = identity.uid == 0;
    json["user"] = {{"uid", host.one_user ? 0 : identity.uid}, {"gid", host.one_user ? 0 : identity.gid}};
    if (!identity.groups.empty() && !host.one_user)
        json["user"]["additionalGids"] = identity.groups;
    json["args"] = command;
    json["env"] = Json::array();
    for (const auto& [name, value] : environment)
        json["env"].push_back(name + "=" + value);
    json["cwd"] = working_directory;
    // Number 0 would have them again with the next program that it becomes, unless the ceiling is low.
    const auto bounding =
        is_root || !host.one_user ? capabilities_of(spec.profile) : std::vector<std::string>{};
    const auto held = is_root ? bounding : std::vector<std::string>{};
    json["capabilities"] = {{"bounding", bounding},
                            {"effective", held},
                            {"permitted", held},
                            {"inheritable", Json::array()},
                            {"ambient", Json::array()}};
    json["rlimits"] = Json::array();
    const auto rlimit = [&](const char* type, LimitKind kind, std::optional<std::uint64_t> fallback) {
        const auto found = spec.limits.wanted.find(kind);
        if (found == spec.limits.wanted.end() && !fallback)
            return;
        const std::uint64_t wanted = found == spec.limits.wanted.end() ? *fallback : found->second.value;
        const std::uint64_t value = rlimit_to_ask(kind, wanted, host);
        json["rlimits"].push_back({{"type", type}, {"soft", value}, {"hard", value}});
    };
    rlimit("RLIMIT_NOFILE", LimitKind::files, std::nullopt);
    rlimit("RLIMIT_CORE", LimitKind::core, 0);
    rlimit("RLIMIT_STACK", LimitKind::stack, std::nullopt);
    json["noNewPrivileges"] = true;
    // A jail goes before the host's own services when memory is short.
    json["oomScoreAdj"] = std::max(100, host.oom_score_adjust);
    return json;
}

Json mount_json(const char* destination, const char* type, const std::string& source,
                std::vector<std::string> options) {
    return {
        {"destination", destination}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

// The kernel's own file systems, always fresh: whatever the root has under these names is covered.
Json kernel_mounts(const JailSpec& spec, const OciHost& host) {
    const bool high = spec.profile == jail::Profile::high;
    Json mounts = Json::array();
    std::vector<std::string> proc{"nosuid", "noexec", "nodev"};
    if (host.hide_processes && spec.profile != jail::Profile::low)
        proc.emplace_back("hidepid=2");
    mounts.push_back(mount_json("/proc", "proc", "proc", proc));
    // The runtime makes null, zero, full, random, urandom, tty and the links into /proc/self/fd, and then
    // closes it.
    mounts.push_back(mount_json("/dev", "tmpfs", "tmpfs",
                                {"nosuid", "noexec", "strictatime", "mode=755", "size=64k", "ro"}));
    mounts.push_back(mount_json("/dev/pts", "devpts", "devpts",
                                {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}));
    mounts.push_back(
        mount_json("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}));
    if (high || host.one_user) // sysfs belongs to who owns the network
        mounts.push_back(
            mount_json("/sys", "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev", "ro", "mode=755", "size=4k"}));
    else
        mounts.push_back(mount_json("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
    return mounts;
}

Json own_mount(const Mount& mount) {
    std::vector<std::string> options;
    if (mount.kind == Mount::Kind::bind) {
        // Not rbind: read-only would hold for the top mount alone, and whatever the host has mounted below
        // would come along writable.
        options = {"bind", "rprivate"};
    } else {
        const auto size = mount.size_bytes == 0 ? default_tmpfs_bytes : mount.size_bytes;
        options = {fmt::format("mode={:o}", mount.mode & 07777u), fmt::format("size={}", size)};
    }
    options.insert(options.end(), {"nosuid", "nodev"});
    if (mount.no_exec)
        options.emplace_back("noexec");
    options.emplace_back(mount.writable ? "rw" : "ro");
    return mount.kind == Mount::Kind::bind
               ? mount_json(mount.target.str().c_str(), "bind", mount.source.string(), std::move(options))
               : mount_json(mount.target.str().c_str(), "tmpfs", "tmpfs", std::move(options));
}

Json resources_json(const JailSpec& spec, const OciHost& host) {
    Json resources;
    resources["devices"] = Json::array({{{"allow", false}, {"access", "rwm"}}});
    const auto wanted = [&](LimitKind kind, const char* controller) -> std::optional<std::uint64_t> {
        const auto found = spec.limits.wanted.find(kind);
        if (found == spec.limits.wanted.end() || !host.controllers.contains(controller))
            return std::nullopt; // read_limits reports it as unavailable
        return found->second.value;
    };
    if (const auto bytes = wanted(LimitKind::memory, "memory")) {
        resources["memory"]["limit"] = *bytes;
        if (host.swap_limit)
            resources["memory"]["swap"] = *bytes; // memory and swap together: none beyond the memory
    }
    if (const auto percent = wanted(LimitKind::cpu, "cpu"))
        resources["cpu"] = {{"quota", *percent * cpu_period_usec / 100}, {"period", cpu_period_usec}};
    if (const auto count = wanted(LimitKind::processes, "pids"))
        resources["pids"]["limit"] = *count;
    if (!host.state_disk.empty()) {
        const auto colon = host.state_disk.find(':');
        const auto throttle = [&](LimitKind kind, const char* key) {
            if (const auto rate = wanted(kind, "blkio"))
                resources["blockIO"][key] =
                    Json::array({{{"major", std::stoul(host.state_disk.substr(0, colon))},
                                  {"minor", std::stoul(host.state_disk.substr(colon + 1))},
                                  {"rate", *rate}}});
        };
        throttle(LimitKind::io_read, "throttleReadBpsDevice");
        throttle(LimitKind::io_write, "throttleWriteBpsDevice");
    }
    return resources;
}

Json seccomp_json(const JailSpec& spec, const OciHost& host) {
    const SyscallFilter filter = spec.learning
                                     ? learning_filter(spec.learning->profile, host.one_user, call_names())
                                     : syscall_filter(spec.profile, host.one_user);
    Json json{{"defaultAction", "SCMP_ACT_ERRNO"}, {"defaultErrnoRet", filter.default_errno}};
    // The native architecture alone: a 32-bit call on a 64-bit host is no call of the filter's table and ends
    // the process.
    if (host.architecture == "x86_64")
        json["architectures"] = {"SCMP_ARCH_X86_64"};
    else if (host.architecture == "aarch64")
        json["architectures"] = {"SCMP_ARCH_AARCH64"};
    json["syscalls"] = Json::array();
    for (const auto& rule : filter.rules) {
        Json entry{{"names", rule.names},
                   {"action", rule.told           ? "SCMP_ACT_NOTIFY"
                              : rule.is_allowed() ? "SCMP_ACT_ALLOW"
                                                  : "SCMP_ACT_ERRNO"}};
        if (!rule.is_allowed() && !rule.told)
            entry["errnoRet"] = rule.errno_value;
        for (const auto& test : rule.tests)
            entry["args"].push_back({{"index", test.index},
                                     {"value", test.mask},
                                     {"valueTwo", test.value},
                                     {"op", "SCMP_CMP_MASKED_EQ"}});
        json["syscalls"].push_back(std::move(entry));
    }
    if (spec.learning)
        json["listenerPath"] = spec.learning->socket.string();
    return json;
}

Json linux_json(const JailSpec& spec, const OciHost& host) {
    Json json;
    json["namespaces"] = Json::array();
    for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"})
        json["namespaces"].push_back({{"type", type}});
    if (spec.network != jail::NetworkMode::host)
        json["namespaces"].push_back(
            {{"type", "network"}}); // with the loopback up, which the runtime sees to
    if (host.one_user) {
        json["namespaces"].push_back({{"type", "user"}});
        json["uidMappings"] = Json::array({{{"containerID", 0}, {"hostID", host.uid}, {"size", 1}}});
        json["gidMappings"] = Json::array({{{"containerID", 0}, {"hostID", host.gid}, {"size", 1}}});
    } else {
        json["cgroupsPath"] = cgroup_path(spec.handle);
        json["resources"] = resources_json(spec, host);
    }
    json["rootfsPropagation"] = "rprivate";
    json["seccomp"] = seccomp_json(spec, host);
    json["maskedPaths"] = {"/proc/acpi",        "/proc/asound",
                           "/proc/config.gz",   "/proc/interrupts",
                           "/proc/kallsyms",    "/proc/kcore",
                           "/proc/keys",        "/proc/key-users",
                           "/proc/kmsg",        "/proc/kpagecount",
                           "/proc/kpageflags",  "/proc/latency_stats",
                           "/proc/modules",     "/proc/pagetypeinfo",
                           "/proc/sched_debug", "/proc/scsi",
                           "/proc/slabinfo",    "/proc/sysrq-trigger",
                           "/proc/timer_list",  "/proc/timer_stats",
                           "/proc/vmallocinfo", "/sys/devices/virtual/powercap",
                           "/sys/firmware",     "/sys/kernel"};
    json["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/mtrr", "/proc/sys", "/proc/tty"};
    return json;
}

} // namespace

std::string cgroup_path(const std::string& handle) {
    return "/pkgjail/" + handle;
}

std::uint64_t rlimit_to_ask(LimitKind kind, std::uint64_t wanted, const OciHost& host) {
    switch (kind) {
    case LimitKind::files:
        return std::min(wanted, host.hard_files);
    case LimitKind::core:
        return std::min(wanted, host.hard_core);
    case LimitKind::stack:
        return std::min(wanted, host.hard_stack);
    default:
        return wanted;
    }
}

void check_working_directory(const std::string& directory, const std::string& jail) {
    const auto refuse = [&](std::string cause) {
        return Error(ErrorKind::configuration, jail,
                     "working directory " + directory + ": " + std::move(cause));
    };
    base::RootPath path;
    try {
        if (directory.empty() || directory.front() != '/')
            throw refuse("must begin with a slash");
        path = base::RootPath::parse(directory);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::configuration)
            throw;
        throw refuse(error.cause());
    }
    // /proc/self/fd/N and its like are doors to wherever a descriptor that was left open leads.
    for (const char* closed : {"/proc", "/dev", "/sys"})
        if (path.is_within(base::RootPath::parse(closed)))
            throw refuse(std::string("must not be below ") + closed);
}

void check_spec(const JailSpec& spec) {
    if (!is_handle(spec.handle))
        throw wrong(spec, "handle \"" + spec.handle +
                              "\" is not a letter or digit and then [a-z0-9_-], at most 128");
    if (spec.command.empty() || spec.command.front().empty())
        throw wrong(spec, "has no command to run");
    if (spec.command.front().front() != '/')
        throw wrong(spec, "command " + spec.command.front() + " is not an absolute path");
    if (spec.network == jail::NetworkMode::private_ && !spec.private_network)
        throw wrong(spec, "has no address for its private network");
    if (spec.root.empty() || !spec.root.is_absolute())
        throw wrong(spec, "root \"" + spec.root.string() + "\" is not an absolute path");
    check_working_directory(spec.working_directory, spec.jail);
    if (spec.learning && !spec.learning->socket.is_absolute())
        throw wrong(spec, "learns, and nobody listens");
    for (const auto& mount : spec.mounts) {
        if (mount.target.is_root())
            throw wrong(spec, "a mount covers the whole root");
        for (const char* own : {"/proc", "/dev", "/sys"})
            if (mount.target.is_within(base::RootPath::parse(own)))
                throw wrong(spec, "mount " + mount.target.str() + " lies in " + own +
                                      ", which every jail has fresh");
        if (mount.kind == Mount::Kind::bind && !mount.source.is_absolute())
            throw wrong(spec, "mount " + mount.target.str() + ": source \"" + mount.source.string() +
                                  "\" is not an absolute path");
    }
    const auto cpu = spec.limits.wanted.find(LimitKind::cpu);
    if (cpu != spec.limits.wanted.end() && cpu->second.value == 0)
        throw wrong(spec, "limit cpu is 0%, the least is 1%");
}

std::string oci_config(const JailSpec& spec, const OciHost& host) {
    check_spec(spec);
    Json json{{"ociVersion", "1.0.2"}};
    json["process"] = process_json(spec, spec.command, spec.environment, spec.working_directory,
                                   spec.identity, false, host);
    json["root"] = {{"path", spec.root.string()}, {"readonly", true}};
    json["hostname"] = spec.jail;
    json["mounts"] = kernel_mounts(spec, host);
    for (const auto& mount : spec.mounts)
        json["mounts"].push_back(own_mount(mount));
    json["linux"] = linux_json(spec, host);
    return dump(json, spec.jail);
}

std::string oci_process(const JailSpec& spec, const ExecRequest& request, const OciHost& host) {
    if (request.command.empty() || request.command.front().empty())
        throw wrong(spec, "no command was given");
    check_working_directory(request.working_directory, spec.jail);
    return dump(process_json(spec, request.command, request.environment, request.working_directory,
                             request.identity, request.terminal, host),
                spec.jail);
}

} // namespace pkgjail::confine
