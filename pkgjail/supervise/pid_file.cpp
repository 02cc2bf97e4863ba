#include "pkgjail/supervise/pid_file.hpp"

#include <cerrno>
#include <charconv>

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t longest = 64; ///< bytes; some programs write more lines after the number
/// The kernel gives files the time of its last tick, which is a little behind the clock.
constexpr std::chrono::milliseconds tick{20};

PidFileAnswer refuse(std::string why) {
    return {std::nullopt, 0, std::move(why)};
}

base::WallTime change_time(const struct stat& status) {
    return base::WallTime(std::chrono::duration_cast<base::WallTime::duration>(
        std::chrono::seconds(status.st_ctim.tv_sec) + std::chrono::nanoseconds(status.st_ctim.tv_nsec)));
}

PidFileAnswer look(const confine::Driver& driver, const std::string& handle,
                   const base::HostPath& run_directory, const std::string& path, const base::ProcessId& first,
                   base::WallTime started) {
    const base::Tree root = driver.open_root(handle, run_directory);
    const base::RootPath file = base::RootPath::parse(path);
    const auto entry = root.stat(file);
    if (!entry)
        return refuse("is not there");
    if (entry->is_symlink())
        return refuse("is a symbolic link");
    const base::Fd fd = root.open_regular(file);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw base::system_error(errno, path, "stat");
    if (change_time(status) + tick < started)
        return refuse("was written before the service was started");
    char buffer[longest + 1];
    const ssize_t count = base::retrying([&] { return ::read(fd.get(), buffer, sizeof buffer); });
    if (count < 0)
        throw base::system_error(errno, path, "read");
    const PidFileNumber number = parse_pid_file({buffer, static_cast<std::size_t>(count)});
    if (!number.refusal.empty())
        return refuse(number.refusal);
    const auto process = driver.process_inside(handle, run_directory, number.pid);
    if (!process)
        return refuse(fmt::format("names process {}, which is not in the jail", number.pid));
    if (*process == first)
        return refuse(
            fmt::format("names process {}, the jail's first, which is not this service", number.pid));
    return {process, number.pid, {}};
}

} // namespace

PidFileNumber parse_pid_file(std::string_view text) {
    if (text.size() > longest)
        return {0, fmt::format("is longer than {} bytes", longest)};
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos)
        return {0, "is empty"};
    const std::string_view word = text.substr(begin, text.find_first_of(" \t\r\n", begin) - begin);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), pid);
    if (error != std::errc() || end != word.data() + word.size() || pid <= 0)
        return {0, fmt::format("holds \"{}\", which is no process", base::printable(std::string(word)))};
    return {pid, {}};
}

PidFileAnswer look_at_pid_file(const confine::Driver& driver, const std::string& handle,
                               const base::HostPath& run_directory, const std::string& path,
                               const base::ProcessId& first, base::WallTime started) {
    try {
        return look(driver, handle, run_directory, path, first, started);
    } catch (const base::Error& error) {
        return refuse(error.cause());
    }
}

} // namespace pkgjail::supervise
