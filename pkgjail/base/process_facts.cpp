#include "pkgjail/base/process_facts.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>
#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#endif

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::base {

namespace {

constexpr std::size_t longest_command = 4096;

/// Words of a text in which each ends with a NUL; the last one may be cut.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find('\0'));
        words.emplace_back(word);
        text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    return words;
}

} // namespace

#ifdef __linux__

namespace {

/// The beginning of a file of /proc; nullopt when the process is gone.
std::optional<std::string> read_fact(pid_t pid, const char* name) {
    const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
    const Fd fd(retrying([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    if (!fd && (errno == ENOENT || errno == ESRCH))
        return std::nullopt;
    if (!fd)
        throw system_error(errno, path, "open");
    std::string text(longest_command, '\0');
    ssize_t count = 0;
    do
        count = ::read(fd.get(), text.data(), text.size());
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == ESRCH)
        return std::nullopt;
    if (count < 0)
        throw system_error(errno, path, "read");
    text.resize(static_cast<std::size_t>(count));
    return text;
}

/// User and kernel time: the 14th and 15th field, where the second may hold blanks and parentheses.
std::uint64_t cpu_usec_of(const std::string& stat) {
    const std::size_t after_name = stat.rfind(')');
    if (after_name == stat.npos)
        return 0;
    std::istringstream words(stat.substr(after_name + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        words >> skipped;
    std::uint64_t user = 0, kernel = 0;
    words >> user >> kernel;
    const long ticks = ::sysconf(_SC_CLK_TCK);
    return ticks > 0 ? (user + kernel) * 1'000'000u / static_cast<std::uint64_t>(ticks) : 0;
}

} // namespace

std::optional<ProcessFacts> describe_process(pid_t pid) {
    const auto status = read_fact(pid, "status");
    const auto stat = read_fact(pid, "stat");
    const auto command = read_fact(pid, "cmdline");
    if (!status || !stat || !command)
        return std::nullopt;
    ProcessFacts facts;
    facts.pid = facts.inner_pid = pid;
    std::istringstream lines(*status);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "Name:")
            facts.name = line.substr(std::min(line.size(), key.size() + 1));
        else if (key == "Uid:")
            words >> facts.uid >> facts.uid; // real, effective
        else if (key == "NSpid:")
            while (words >> facts.inner_pid) {
            }
        else if (key == "VmRSS:") {
            words >> facts.memory_bytes;
            facts.memory_bytes *= 1024;
        }
    }
    facts.cpu_usec = cpu_usec_of(*stat);
    facts.command = words_of(*command);
    return facts;
}

#elif defined(__NetBSD__)

std::optional<ProcessFacts> describe_process(pid_t pid) {
    struct kinfo_proc2 info {};
    std::size_t size = sizeof info;
    const int query[6] = {CTL_KERN, KERN_PROC2, KERN_PROC_PID, pid, static_cast<int>(sizeof info), 1};
    if (::sysctl(query, 6, &info, &size, nullptr, 0) != 0 && errno != ESRCH)
        throw system_error(errno, "process " + std::to_string(pid), "sysctl kern.proc2");
    if (size == 0 || info.p_pid != pid)
        return std::nullopt;
    ProcessFacts facts;
    facts.pid = facts.inner_pid = pid;
    facts.uid = info.p_uid;
    facts.memory_bytes =
        static_cast<std::uint64_t>(info.p_vm_rssize) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    facts.cpu_usec = static_cast<std::uint64_t>(info.p_rtime_sec) * 1'000'000u + info.p_rtime_usec;
    facts.name = info.p_comm;
    std::string command(longest_command, '\0');
    size = command.size();
    const int words[4] = {CTL_KERN, KERN_PROC_ARGS, pid, KERN_PROC_ARGV};
    // ENOMEM: there is more than fits, and what fits is there.
    if (::sysctl(words, 4, command.data(), &size, nullptr, 0) == 0 || errno == ENOMEM) {
        command.resize(std::min(size, longest_command));
        facts.command = words_of(command);
    }
    return facts;
}

#else
#error "pkgjail knows processes on Linux and NetBSD only"
#endif

} // namespace pkgjail::base
