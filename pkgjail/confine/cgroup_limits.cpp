// Changing a jail's limits in its control groups while it runs. What each file holds is as in
// cgroup_usage.cpp.
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/cgroup.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;
using Value = std::optional<std::uint64_t>;

Error in_use(std::uint64_t value) {
    return Error(ErrorKind::denied, "limit memory",
                 fmt::format("the jail uses more than {} {}", jail::format_limit(LimitKind::memory, value),
                             cannot_give_back),
                 "choose more");
}

// One write, one value: the kernel takes or refuses it as a whole.
void put(LimitKind kind, const base::HostPath& file, const std::string& text) {
    const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd)
        throw base::system_error(errno, file.string(), "open");
    if (::write(fd.get(), text.data(), text.size()) >= 0)
        return;
    const int error = errno;
    if (kind == LimitKind::memory && error == EBUSY)
        throw in_use(std::stoull(text));
    throw Error(ErrorKind::denied, fmt::format("limit {}", jail::limit_name(kind)),
                fmt::format("the kernel does not take {} for {}: {}", text, file.filename().string(),
                            std::generic_category().message(error)));
}

std::string text_or(const Value& value, const char* none) {
    return value ? std::to_string(*value) : none;
}

void put_memory(const base::HostPath& group, const Value& value, bool unified, bool swap_too) {
    if (unified) {
        // Put below what is in use, memory.max kills at once; memory.high only has the kernel take back what
        // it can, and then we see.
        if (value) {
            put(LimitKind::memory, group / "memory.high", std::to_string(*value));
            const bool fits = std::stoull(base::read_file(group / "memory.current")) <= *value;
            if (!fits) {
                put(LimitKind::memory, group / "memory.high", "max");
                throw in_use(*value);
            }
        }
        put(LimitKind::memory, group / "memory.max", text_or(value, "max"));
        put(LimitKind::memory, group / "memory.high", "max");
        if (swap_too)
            put(LimitKind::memory, group / "memory.swap.max", value ? "0" : "max");
        return;
    }
    // Version 1 refuses a moment in which memory and swap together have less than memory alone.
    const auto file = group / "memory.limit_in_bytes";
    const auto both = group / "memory.memsw.limit_in_bytes";
    const std::string text = text_or(value, "-1");
    const std::string present = base::read_file(file);
    const bool grows = !value || std::stoull(present) < *value;
    if (swap_too && grows)
        put(LimitKind::memory, both, text);
    put(LimitKind::memory, file, text);
    if (swap_too && !grows)
        put(LimitKind::memory, both, text);
}

} // namespace

bool JailCgroup::set_limit(LimitKind kind, std::optional<std::uint64_t> value, const std::string& disk,
                           bool swap_too) const {
    const char* controller = kind == LimitKind::cpu                                      ? "cpu"
                             : kind == LimitKind::memory                                 ? "memory"
                             : kind == LimitKind::processes                              ? "pids"
                             : kind == LimitKind::io_read || kind == LimitKind::io_write ? "blkio"
                                                                                         : nullptr;
    if (controller == nullptr)
        return false;
    const auto group = group_with(controller);
    if (!group)
        return false;
    const auto& directory = group->directory;
    switch (kind) {
    case LimitKind::cpu:
        if (group->unified) {
            const std::string quota =
                value ? std::to_string(*value * cpu_period_usec / 100) : std::string("max");
            put(kind, directory / "cpu.max", fmt::format("{} {}", quota, cpu_period_usec));
        } else {
            put(kind, directory / "cpu.cfs_period_us", std::to_string(cpu_period_usec));
            put(kind, directory / "cpu.cfs_quota_us",
                value ? std::to_string(*value * cpu_period_usec / 100) : "-1");
        }
        return true;
    case LimitKind::memory:
        put_memory(directory, value, group->unified, swap_too);
        return true;
    case LimitKind::processes:
        put(kind, directory / "pids.max", text_or(value, "max"));
        return true;
    default: {
        if (disk.empty())
            return false;
        const bool read = kind == LimitKind::io_read;
        if (group->unified)
            put(kind, directory / "io.max",
                fmt::format("{} {}={}", disk, read ? "rbps" : "wbps", text_or(value, "max")));
        else
            put(kind,
                directory / (read ? "blkio.throttle.read_bps_device" : "blkio.throttle.write_bps_device"),
                fmt::format("{} {}", disk, value.value_or(0)));
        return true;
    }
    }
}

} // namespace pkgjail::confine
