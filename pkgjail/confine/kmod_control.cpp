#include "pkgjail/confine/kmod_control.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;

constexpr const char* version_node = PKGJAIL_SYSCTL ".version";
constexpr const char* major_node = PKGJAIL_SYSCTL ".major";

Error failure(int error, const std::string& object, const char* what) {
    if (error == ESRCH || error == ESTALE)
        return Error(ErrorKind::conflict, object, "is not running");
    return base::system_error(error, object, what);
}

std::uint64_t address_of(const void* memory) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
}

} // namespace

KmodControl::KmodControl(KmodHost& host) : host_(host) {
    if (!host_.sysctl_number(version_node))
        load();
    greet();
}

void KmodControl::load() {
    if (const auto level = host_.sysctl_number("kern.securelevel"); level && *level > 0)
        throw Error(ErrorKind::denied, "kernel module pkgjail",
                    fmt::format("is not loaded, and at security level {} none can be", *level),
                    "have it loaded at boot: pkgjail_module=YES in /etc/rc.conf");
    std::string tried;
    for (const std::string& module : host_.module_candidates()) {
        const auto complaint = host_.load_module(module);
        if (!complaint) {
            if (!host_.sysctl_number(version_node))
                throw Error(ErrorKind::denied, module, "was loaded, but security.pkgjail is not there",
                            "is it the module of this pkgjail?");
            notes_.push_back("module loaded from " + module);
            return;
        }
        tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", module, *complaint);
    }
    throw Error(ErrorKind::denied, "kernel module pkgjail",
                "cannot be loaded: " + (tried.empty() ? "there is none" : tried),
                "install package pkgjail-kmod, built for exactly this release of the kernel");
}

void KmodControl::make_node() {
    const auto major = host_.sysctl_number(major_node);
    if (!major || *major < 0)
        throw Error(ErrorKind::denied, PKGJAIL_DEVICE, "the kernel module does not say its major number");
    // The number is given out at each boot: a node of yesterday may be another driver's today.
    const auto wanted = static_cast<std::uint32_t>(*major);
    const auto node = host_.device_node();
    if (node && netbsd_major(*node) == wanted)
        return;
    if (const int error = host_.make_device_node(wanted); error != 0)
        throw Error(ErrorKind::denied, PKGJAIL_DEVICE,
                    fmt::format("{} and cannot be made: {}", node ? "is another device" : "is missing",
                                std::strerror(error)),
                    fmt::format("mknod -m 600 {} c {} 0", PKGJAIL_DEVICE, wanted));
    notes_.push_back(fmt::format("{} made, major {}", PKGJAIL_DEVICE, wanted));
}

void KmodControl::greet() {
    const auto theirs = host_.sysctl_number(version_node);
    const auto mismatch = [](std::int64_t found) {
        return Error(
            ErrorKind::denied, "kernel module pkgjail",
            fmt::format("has version {} of the control interface, this pkgjail has {}", found, PKGJAIL_ABI),
            "install pkgjail and pkgjail-kmod of the same release, then end all jails and load the "
            "module anew");
    };
    if (theirs && *theirs != PKGJAIL_ABI)
        throw mismatch(*theirs);
    make_node();
    if (const int error = host_.open_device(); error != 0)
        throw Error(ErrorKind::denied, PKGJAIL_DEVICE, fmt::format("open: {}", std::strerror(error)),
                    error == EPERM ? "jails are made outside of jails only" : "run pkgjail as root");
    version_ = kmod_request<pkgjail_version>();
    if (const int error = host_.request(PKGJAIL_IOC_VERSION, &version_); error != 0)
        throw Error(ErrorKind::denied, PKGJAIL_DEVICE,
                    fmt::format("does not say its version ({}), this pkgjail has {}", std::strerror(error),
                                PKGJAIL_ABI),
                    "install pkgjail and pkgjail-kmod of the same release");
    if (version_.abi != PKGJAIL_ABI)
        throw mismatch(version_.abi);
}

std::optional<pkgjail_stat> KmodControl::find(const std::string& handle) const {
    auto now = kmod_request<pkgjail_version>();
    if (const int error = host_.request(PKGJAIL_IOC_VERSION, &now); error != 0)
        throw failure(error, PKGJAIL_DEVICE, "version");
    // Jails may come between the question for their number and the one for the list.
    for (std::uint32_t capacity = now.jails + 8;; capacity *= 2) {
        std::vector<pkgjail_stat> jails(std::min<std::uint32_t>(capacity, PKGJAIL_MAX_JAILS));
        auto list = kmod_request<pkgjail_list>();
        list.buffer = address_of(jails.data());
        list.capacity = static_cast<std::uint32_t>(jails.size());
        if (const int error = host_.request(PKGJAIL_IOC_LIST, &list); error != 0)
            throw failure(error, PKGJAIL_DEVICE, "list");
        if (list.count > list.capacity && list.capacity < PKGJAIL_MAX_JAILS)
            continue;
        jails.resize(std::min(list.count, list.capacity));
        const auto found = std::find_if(jails.begin(), jails.end(), [&](const pkgjail_stat& jail) {
            return handle == std::string(jail.name, ::strnlen(jail.name, sizeof jail.name));
        });
        if (found == jails.end())
            return std::nullopt;
        return *found;
    }
}

pkgjail_stat KmodControl::measure(const pkgjail_ref& ref, const std::string& handle) const {
    auto request = kmod_request<pkgjail_statreq>();
    request.stat.ref = ref;
    if (const int error = host_.request(PKGJAIL_IOC_STAT, &request); error != 0)
        throw failure(error, handle, "measure");
    return request.stat;
}

pkgjail_ref KmodControl::create(pkgjail_create& request, const std::string& jail) const {
    const int error = host_.request(PKGJAIL_IOC_CREATE, &request);
    if (error == EEXIST)
        throw Error(ErrorKind::conflict, jail, "the kernel knows a jail of this name already");
    if (error == EADDRINUSE)
        throw Error(ErrorKind::conflict, jail, "another jail in the kernel has claimed one of its ports",
                    "pkgjail list shows the jails that there are");
    if (error == ENOSPC)
        throw Error(ErrorKind::conflict, jail, "the kernel has as many jails as it can hold");
    if (error == EINVAL)
        throw Error(ErrorKind::system, jail, "the kernel module takes its description for invalid");
    if (error != 0)
        throw base::system_error(error, jail, "create");
    return request.ref;
}

void KmodControl::set_limits(const pkgjail_ref& ref, const pkgjail_limits& limits,
                             const std::string& handle) const {
    auto request = kmod_request<pkgjail_setlimits>();
    request.ref = ref;
    request.limits = limits;
    if (const int error = host_.request(PKGJAIL_IOC_SETLIMITS, &request); error != 0)
        throw failure(error, handle, "set limits");
}

void KmodControl::signal(const pkgjail_ref& ref, int signal_number, const std::string& handle) const {
    auto request = kmod_request<pkgjail_signal>();
    request.ref = ref;
    request.signo = signal_number;
    if (const int error = host_.request(PKGJAIL_IOC_SIGNAL, &request); error != 0)
        throw failure(error, handle, "signal");
}

void KmodControl::pause(const pkgjail_ref& ref, bool on, const std::string& handle) const {
    auto request = kmod_request<pkgjail_pause>();
    request.ref = ref;
    request.on = on ? 1 : 0;
    const int error = host_.request(PKGJAIL_IOC_PAUSE, &request);
    if (error == EBUSY)
        throw Error(ErrorKind::conflict, handle, "is being ended");
    if (error != 0)
        throw failure(error, handle, on ? "pause" : "resume");
}

std::vector<pid_t> KmodControl::members(const pkgjail_ref& ref, const std::string& handle) const {
    for (std::uint32_t capacity = 256;; capacity *= 4) {
        std::vector<std::int32_t> pids(std::min<std::uint32_t>(capacity, PKGJAIL_MAX_MEMBERS));
        auto request = kmod_request<pkgjail_members>();
        request.ref = ref;
        request.buffer = address_of(pids.data());
        request.capacity = static_cast<std::uint32_t>(pids.size());
        if (const int error = host_.request(PKGJAIL_IOC_MEMBERS, &request); error != 0)
            throw failure(error, handle, "list processes");
        if (request.count > request.capacity && request.capacity < PKGJAIL_MAX_MEMBERS)
            continue;
        pids.resize(std::min(request.count, request.capacity));
        std::sort(pids.begin(), pids.end());
        return {pids.begin(), pids.end()};
    }
}

void KmodControl::end(const pkgjail_ref& ref, const std::string& handle, milliseconds patience) const {
    auto request = kmod_request<pkgjail_signal>();
    request.ref = ref;
    request.signo = SIGKILL;
    request.flags = PKGJAIL_SIGNAL_END; // from now on nothing forks or enters, so the killing ends
    int error = host_.request(PKGJAIL_IOC_SIGNAL, &request);
    milliseconds waited(0);
    for (milliseconds step(1); error == 0; step = std::min(step * 2, milliseconds(50))) {
        auto destroy = kmod_request<pkgjail_destroy>();
        destroy.ref = ref;
        error = host_.request(PKGJAIL_IOC_DESTROY, &destroy);
        if (error == 0)
            return;
        if (error != EBUSY)
            break;
        if (waited >= patience)
            throw Error(ErrorKind::busy, handle,
                        fmt::format("{} of its processes do not end", measure(ref, handle).processes),
                        "a process that waits for a device or a file server ends when that answers");
        host_.pause(step);
        waited += step;
        error = 0;
    }
    if (error != ESRCH && error != ESTALE) // somebody else was faster
        throw base::system_error(error, handle, "end");
}

} // namespace pkgjail::confine
