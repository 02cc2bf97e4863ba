#include "pkgjail/confine/kmod_request.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>

#include <arpa/inet.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/kmod_network.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::Enforcement;
using jail::LimitKind;

Error wrong(const JailSpec& spec, std::string cause, std::string hint = {}) {
    return Error(ErrorKind::configuration, spec.jail.empty() ? spec.handle : spec.jail, std::move(cause),
                 std::move(hint));
}

/// The limits of single processes: which of ours is which of the module's.
struct Rlimit {
    LimitKind kind;
    unsigned number;
    const char* name;
};
constexpr std::array rlimits = {Rlimit{LimitKind::files, PKGJAIL_RLIMIT_NOFILE, "RLIMIT_NOFILE"},
                                Rlimit{LimitKind::core, PKGJAIL_RLIMIT_CORE, "RLIMIT_CORE"},
                                Rlimit{LimitKind::stack, PKGJAIL_RLIMIT_STACK, "RLIMIT_STACK"}};

std::optional<std::uint64_t> wanted(const JailSpec& spec, LimitKind kind, std::uint64_t most) {
    const auto found = spec.limits.wanted.find(kind);
    if (found == spec.limits.wanted.end())
        return std::nullopt;
    const std::uint64_t value = found->second.value;
    if (value == 0 || value > most) // 0 is "no limit" to the module
        throw wrong(spec, fmt::format("limit {} is {}, the kernel module takes {} to {}",
                                      jail::limit_name(kind), jail::format_limit(kind, value),
                                      jail::format_limit(kind, 1), jail::format_limit(kind, most)));
    return value;
}

pkgjail_address address_of(const JailSpec& spec, const std::string& text) {
    pkgjail_address address{};
    if (::inet_pton(AF_INET, text.c_str(), address.address) == 1)
        address.family = PKGJAIL_FAMILY_INET;
    else if (::inet_pton(AF_INET6, text.c_str(), address.address) == 1)
        address.family = PKGJAIL_FAMILY_INET6;
    else
        throw wrong(spec, "claimed address " + text + " is no numeric address");
    return address;
}

void put_ports(const JailSpec& spec, pkgjail_create& request) {
    // Overlapping ranges are refused there, and one port may be claimed on several addresses.
    std::map<std::uint16_t, std::uint8_t> protocols;
    for (const auto& claim : spec.claims) {
        std::uint8_t& mask = protocols[claim.port];
        mask = static_cast<std::uint8_t>(mask |
                                         (claim.protocol == "udp" ? PKGJAIL_PROTO_UDP : PKGJAIL_PROTO_TCP));
    }
    if (protocols.size() > PKGJAIL_MAX_PORTS)
        throw wrong(spec, fmt::format("claims {} ports, the kernel module takes {}", protocols.size(),
                                      PKGJAIL_MAX_PORTS));
    for (const auto& [port, mask] : protocols) {
        pkgjail_ports& range = request.ports[request.nports++];
        range.first = range.last = port;
        range.protocol = mask;
    }
}

void put_addresses(const JailSpec& spec, pkgjail_create& request) {
    const auto& claims = spec.claims;
    // A claim without an address is one on any, and the module's list is the whole jail's.
    if (std::any_of(claims.begin(), claims.end(), [](const auto& claim) { return claim.address.empty(); }))
        return;
    for (const auto& claim : claims) {
        const pkgjail_address address = address_of(spec, claim.address);
        const auto* end = request.addresses + request.naddresses;
        if (std::any_of(request.addresses, request.addresses + request.naddresses,
                        [&](const pkgjail_address& other) {
                            return std::memcmp(&other, &address, sizeof address) == 0;
                        }))
            continue;
        if (end == request.addresses + PKGJAIL_MAX_ADDRESSES)
            throw wrong(spec, fmt::format("claims ports on more than {} addresses", PKGJAIL_MAX_ADDRESSES));
        request.addresses[request.naddresses++] = address;
    }
}

} // namespace

std::uint64_t kmod_policy(const JailSpec& spec) {
    std::uint64_t policy = PKGJAIL_PROFILE_HIGH;
    if (spec.profile == jail::Profile::medium)
        policy = PKGJAIL_PROFILE_MEDIUM;
    else if (spec.profile == jail::Profile::low)
        policy = PKGJAIL_PROFILE_LOW;
    if (spec.network == jail::NetworkMode::none)
        policy &= ~PKGJAIL_ALLOW_INET;
    return policy;
}

pkgjail_limits kmod_limits(const JailSpec& spec) {
    pkgjail_limits limits{};
    limits.memory_bytes = wanted(spec, LimitKind::memory, UINT64_MAX / 100).value_or(0);
    limits.processes =
        static_cast<std::uint32_t>(wanted(spec, LimitKind::processes, PKGJAIL_MAX_PROCESSES).value_or(0));
    limits.cpu_percent =
        static_cast<std::uint32_t>(wanted(spec, LimitKind::cpu, PKGJAIL_MAX_CPU_PERCENT).value_or(0));
    for (const Rlimit& rlimit : rlimits) {
        const auto found = spec.limits.wanted.find(rlimit.kind);
        if (found == spec.limits.wanted.end() && rlimit.kind != LimitKind::core)
            continue;
        limits.rlimit_mask |= 1u << rlimit.number;
        limits.rlimit[rlimit.number] = found == spec.limits.wanted.end() ? 0 : found->second.value;
    }
    return limits;
}

pkgjail_create kmod_create(const JailSpec& spec, const std::vector<HostDevice>& devices) {
    if (spec.network == jail::NetworkMode::private_)
        throw no_private_network(spec.jail);
    auto request = kmod_request<pkgjail_create>();
    if (spec.handle.size() >= sizeof request.name)
        throw wrong(spec, fmt::format("handle \"{}\" is longer than the {} characters of a jail's name",
                                      spec.handle, sizeof request.name - 1));
    std::memcpy(request.name, spec.handle.data(), spec.handle.size());
    request.root = -1;
    request.policy = kmod_policy(spec);
    request.limits = kmod_limits(spec);
    if (devices.size() > PKGJAIL_MAX_DEVICES)
        throw wrong(spec, fmt::format("has {} devices, the kernel module takes {}", devices.size(),
                                      PKGJAIL_MAX_DEVICES));
    for (const HostDevice& device : devices) {
        pkgjail_device& entry = request.devices[request.ndevices++];
        entry.dev = device.number;
        entry.type = PKGJAIL_DEV_CHR;
        entry.access =
            (device.device.read ? PKGJAIL_DEV_READ : 0u) | (device.device.write ? PKGJAIL_DEV_WRITE : 0u);
    }
    put_ports(spec, request);
    put_addresses(spec, request);
    return request;
}

Usage kmod_usage(const pkgjail_stat& stat, std::uint32_t period_ms) {
    Usage usage;
    usage.cpu_usec = stat.cpu_us;
    usage.memory_bytes = stat.memory_bytes;
    usage.memory_peak_bytes = stat.memory_peak_bytes;
    usage.processes = stat.processes;
    usage.memory_limit_hits = stat.memory_throttles + stat.memory_kills;
    usage.process_limit_hits = stat.forks_refused;
    usage.throttled_usec = stat.cpu_throttles * period_ms * 1000;
    return usage; // input and output are counted in operations there, not in bytes
}

jail::LimitReading kmod_reading(LimitKind kind, std::uint64_t wanted_value, const pkgjail_stat& stat) {
    jail::LimitReading reading;
    reading.kind = kind;
    reading.wanted = wanted_value;
    const auto found = [&](std::uint64_t value, Enforcement enforcement, const char* mechanism) {
        reading.mechanism = mechanism;
        if (value == 0) {
            reading.mechanism += " (not set)";
            return;
        }
        reading.effective = value;
        // A ceiling above the wanted one is none; below it, it still holds what was asked for.
        reading.enforcement = value <= wanted_value ? enforcement : Enforcement::unavailable;
    };
    switch (kind) {
    case LimitKind::processes:
        found(stat.limits.processes, Enforcement::enforced, "pkgjail module, at each fork");
        break;
    case LimitKind::cpu:
        found(stat.limits.cpu_percent, Enforcement::enforced, "pkgjail module, by suspending (10 ms)");
        break;
    case LimitKind::memory:
        found(stat.limits.memory_bytes, Enforcement::advisory,
              "pkgjail module, sampled: slowed at 90%, killed above");
        break;
    case LimitKind::files:
    case LimitKind::core:
    case LimitKind::stack:
        for (const Rlimit& rlimit : rlimits)
            if (rlimit.kind == kind) {
                reading.mechanism = rlimit.name;
                if ((stat.limits.rlimit_mask & 1u << rlimit.number) == 0) {
                    reading.mechanism += " (not set)";
                    break;
                }
                reading.effective = stat.limits.rlimit[rlimit.number];
                reading.enforcement =
                    *reading.effective <= wanted_value ? Enforcement::enforced : Enforcement::unavailable;
            }
        break;
    case LimitKind::io_read:
    case LimitKind::io_write:
        reading.mechanism = "this kernel has no hook for disk transfer rates";
        break;
    case LimitKind::net_in:
    case LimitKind::net_out: // see net_out_reading
        reading.mechanism = "nothing delays what comes in to a jail that shares the network of the host";
        break;
    case LimitKind::disk:
        reading.mechanism = "no quota on the file system of the state directory";
        break;
    }
    return reading;
}

} // namespace pkgjail::confine
