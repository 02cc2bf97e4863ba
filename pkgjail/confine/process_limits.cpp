#ifdef __linux__

#include "pkgjail/confine/process_limits.hpp"

#include <cerrno>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using jail::LimitKind;

struct Row {
    LimitKind kind;
    __rlimit_resource resource;
    const char* name;
    const char* in_proc;
};
constexpr Row rows[] = {{LimitKind::files, RLIMIT_NOFILE, "RLIMIT_NOFILE", "Max open files"},
                        {LimitKind::core, RLIMIT_CORE, "RLIMIT_CORE", "Max core file size"},
                        {LimitKind::stack, RLIMIT_STACK, "RLIMIT_STACK", "Max stack size"}};

const Row* row_of(LimitKind kind) {
    for (const Row& row : rows)
        if (row.kind == kind)
            return &row;
    return nullptr;
}

std::uint64_t limit_value(const std::string& word) {
    return word == "unlimited" ? std::numeric_limits<std::uint64_t>::max() : std::stoull(word);
}

} // namespace

const char* rlimit_name(LimitKind kind) {
    const Row* row = row_of(kind);
    return row == nullptr ? nullptr : row->name;
}

std::optional<ProcessLimit> process_limit(pid_t pid, LimitKind kind) {
    const Row* row = row_of(kind);
    if (row == nullptr)
        return std::nullopt;
    std::optional<std::string> text;
    try {
        text = base::read_file_if_exists(fmt::format("/proc/{}/limits", pid));
    } catch (const Error&) {
        return std::nullopt; // ended between open and read
    }
    std::istringstream lines(text.value_or(""));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(row->in_proc)) {
            std::istringstream words(line.substr(std::string(row->in_proc).size()));
            std::string soft, hard;
            if (words >> soft >> hard)
                return ProcessLimit{limit_value(soft), limit_value(hard)};
        }
    return std::nullopt;
}

bool set_process_limit(pid_t pid, LimitKind kind, std::uint64_t value) {
    const Row* row = row_of(kind);
    if (row == nullptr)
        return false;
    const struct rlimit wanted { value, value };
    if (::prlimit(pid, row->resource, &wanted, nullptr) == 0)
        return true;
    if (errno == ESRCH)
        return false;
    throw Error(ErrorKind::denied, fmt::format("limit {}", jail::limit_name(kind)),
                fmt::format("{} of process {} cannot become {}: {}", row->name, pid, value,
                            std::generic_category().message(errno)),
                "stop the jail, change the limit, and start it");
}

bool may_set_process_limits() {
    constexpr unsigned sys_resource = 24; // capabilities(7)
    std::istringstream lines(base::read_file("/proc/self/status"));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("CapEff:"))
            return (std::stoull(line.substr(7), nullptr, 16) >> sys_resource & 1u) != 0;
    return false;
}

} // namespace pkgjail::confine

#endif
