// Reading numbers from a jail's control groups: usage and limits. Which file means what, in both versions, is
// in this file only.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>

#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/cgroup.hpp"

namespace pkgjail::confine {
namespace {

using jail::LimitKind;
using Number = std::optional<std::uint64_t>;

Number number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data())
        return std::nullopt;
    return value;
}

Number read_number(const base::HostPath& file) {
    const auto text = base::read_file_if_exists(file);
    return text ? number(*text) : std::nullopt;
}

/// Control files as they were read, each once: several figures stand in one, and belong together.
class ControlFiles {
  public:
    const std::optional<std::string>& text(const base::HostPath& file) {
        const auto [place, is_new] = texts_.try_emplace(file);
        if (is_new)
            place->second = base::read_file_if_exists(file);
        return place->second;
    }

  private:
    std::map<base::HostPath, std::optional<std::string>> texts_;
};

// "name value" lines: cpu.stat, memory.events, pids.events.
Number key_in(const std::optional<std::string>& text, std::string_view key) {
    std::istringstream lines(text.value_or(""));
    for (std::string name, value; lines >> name >> value;)
        if (name == key)
            return number(value);
    return std::nullopt;
}

// blkio.throttle.*: "254:0 Read 4096" lines, a device each, and a total.
Number sum_operations(const std::optional<std::string>& text, std::string_view operation) {
    if (!text)
        return std::nullopt;
    std::uint64_t sum = 0;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string device, name;
        std::uint64_t value = 0;
        if (words >> device >> name >> value && name == operation)
            sum += value;
    }
    return sum;
}

// io.stat and io.max: "254:0 rbytes=1 wbytes=2 …" lines.
Number device_value(const std::optional<std::string>& text, std::string_view key, const std::string& device) {
    if (!text)
        return std::nullopt;
    std::uint64_t sum = 0;
    bool found = device.empty();
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name, word;
        words >> name;
        if (!device.empty() && name != device)
            continue;
        while (words >> word)
            if (word.starts_with(std::string(key) + "="))
                if (const auto value = number(std::string_view(word).substr(key.size() + 1))) {
                    sum += *value;
                    found = true;
                }
    }
    return found ? Number(sum) : std::nullopt;
}

// blkio.throttle.read_bps_device: "254:0 1048576" lines.
Number throttle_rate(const base::HostPath& file, const std::string& device) {
    std::istringstream lines(base::read_file_if_exists(file).value_or(""));
    for (std::string name, value; lines >> name >> value;)
        if (name == device)
            return number(value);
    return std::nullopt;
}

Number scaled_down(Number value, std::uint64_t divisor) {
    return value ? Number(*value / divisor) : std::nullopt;
}

} // namespace

Usage JailCgroup::usage() const {
    Usage usage;
    ControlFiles files;
    if (const auto group = group_with("cpuacct"))
        usage.cpu_usec = group->unified ? key_in(files.text(group->directory / "cpu.stat"), "usage_usec")
                                        : scaled_down(read_number(group->directory / "cpuacct.usage"), 1000);
    if (const auto group = group_with("cpu"))
        usage.throttled_usec =
            group->unified
                ? key_in(files.text(group->directory / "cpu.stat"), "throttled_usec")
                : scaled_down(key_in(files.text(group->directory / "cpu.stat"), "throttled_time"), 1000);
    if (const auto group = group_with("memory")) {
        const auto& directory = group->directory;
        const bool v2 = group->unified;
        usage.memory_bytes = read_number(directory / (v2 ? "memory.current" : "memory.usage_in_bytes"));
        usage.memory_peak_bytes = read_number(directory / (v2 ? "memory.peak" : "memory.max_usage_in_bytes"));
        usage.memory_limit_hits = v2 ? key_in(files.text(directory / "memory.events"), "max")
                                     : read_number(directory / "memory.failcnt");
        usage.memory_kills =
            key_in(files.text(directory / (v2 ? "memory.events" : "memory.oom_control")), "oom_kill");
        // There are kernels that kill without having counted a hit.
        if (usage.memory_limit_hits && usage.memory_kills)
            usage.memory_limit_hits = std::max(*usage.memory_limit_hits, *usage.memory_kills);
    }
    if (const auto group = group_with("pids")) {
        usage.processes = read_number(group->directory / "pids.current");
        usage.process_limit_hits = key_in(files.text(group->directory / "pids.events"), "max");
    }
    if (const auto group = group_with("blkio")) {
        if (group->unified) {
            usage.io_read_bytes = device_value(files.text(group->directory / "io.stat"), "rbytes", "");
            usage.io_write_bytes = device_value(files.text(group->directory / "io.stat"), "wbytes", "");
        } else {
            const auto text =
                base::read_file_if_exists(group->directory / "blkio.throttle.io_service_bytes_recursive");
            usage.io_read_bytes = sum_operations(text, "Read");
            usage.io_write_bytes = sum_operations(text, "Write");
        }
    }
    return usage;
}

JailCgroup::Reading JailCgroup::limit(LimitKind kind, const std::string& disk) const {
    const auto mechanism = [](const Group& group, const std::string& file) {
        return (group.unified ? "cgroup v2 " : "cgroup v1 ") + file;
    };
    switch (kind) {
    case LimitKind::cpu: {
        const auto group = group_with("cpu");
        if (!group)
            return {};
        Number quota, period;
        if (group->unified) {
            std::istringstream words(base::read_file_if_exists(group->directory / "cpu.max").value_or(""));
            std::string first, second;
            words >> first >> second;
            quota = number(first); // "max": none
            period = number(second);
        } else {
            quota = read_number(group->directory / "cpu.cfs_quota_us"); // "-1": none
            period = read_number(group->directory / "cpu.cfs_period_us");
        }
        Reading reading{std::nullopt, mechanism(*group, group->unified ? "cpu.max" : "cpu.cfs_quota_us")};
        if (quota && period && *period > 0)
            reading.value = *quota * 100 / *period;
        return reading;
    }
    case LimitKind::memory: {
        const auto group = group_with("memory");
        if (!group)
            return {};
        const char* file = group->unified ? "memory.max" : "memory.limit_in_bytes";
        Reading reading{read_number(group->directory / file), mechanism(*group, file)};
        // Version 1 writes "none" as the largest number of whole pages.
        if (reading.value &&
            *reading.value >= std::uint64_t{std::numeric_limits<std::int64_t>::max()} - (1u << 20))
            reading.value.reset();
        return reading;
    }
    case LimitKind::processes: {
        const auto group = group_with("pids");
        if (!group)
            return {};
        return {read_number(group->directory / "pids.max"), mechanism(*group, "pids.max")};
    }
    case LimitKind::io_read:
    case LimitKind::io_write: {
        const auto group = group_with("blkio");
        if (!group || disk.empty())
            return {};
        const bool read = kind == LimitKind::io_read;
        if (group->unified)
            return {device_value(base::read_file_if_exists(group->directory / "io.max"),
                                 read ? "rbps" : "wbps", disk),
                    mechanism(*group, "io.max of disk " + disk)};
        const std::string file = read ? "blkio.throttle.read_bps_device" : "blkio.throttle.write_bps_device";
        return {throttle_rate(group->directory / file, disk), mechanism(*group, file + " of disk " + disk)};
    }
    default:
        return {};
    }
}

} // namespace pkgjail::confine
