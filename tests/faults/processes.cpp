#include "faults/processes.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {

/// Empty where the process has gone meanwhile.
std::string text_of(const fs::path& file) {
    std::string text;
    const base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[4096];
    for (ssize_t count = 0; fd && (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    return text;
}

/// Words that end with a zero byte, as the kernel shows arguments and environment.
std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\0', begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

struct Running {
    base::ProcessId process;
    std::string run; ///< the run directory of the jail that it is in, or that it supervises
    bool is_supervisor = false;
    bool is_command = false; ///< a pkgjail, or what it forked
    bool paused = false;
    std::vector<std::string> command;
};

std::vector<Running> all_running(const std::string& below) {
    std::vector<Running> all;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
        const std::string name = entry.path().filename().string();
        Running one;
        std::from_chars(name.data(), name.data() + name.size(), one.process.pid);
        if (one.process.pid <= 0)
            continue;
        const auto process = base::identify_process(one.process.pid);
        if (!process)
            continue;
        one.process = *process;
        one.command = words_of(text_of(entry.path() / "cmdline"));
        const auto names = [&](const char* program) {
            return !one.command.empty() && fs::path(one.command.front()).filename() == program;
        };
        one.is_supervisor = names("pkgjail-supervisor");
        one.is_command = names("pkgjail");
        if (one.is_supervisor && one.command.size() == 2)
            one.run = one.command[1];
        else if (one.is_command &&
                 std::find(one.command.begin(), one.command.end(), below) != one.command.end())
            one.run = below;
        else
            for (const std::string& line : words_of(text_of(entry.path() / "environ")))
                if (line.starts_with(std::string(run_variable) + "="))
                    one.run = line.substr(line.find('=') + 1);
        if (!one.run.starts_with(below))
            continue;
        const std::string status = text_of(entry.path() / "stat");
        const std::size_t state = status.rfind(") ");
        one.paused = state != std::string::npos && status.substr(state + 2, 1) == "T";
        if (base::is_alive(one.process))
            all.push_back(std::move(one));
    }
    return all;
}

} // namespace

std::vector<base::ProcessId> processes_of_run(const fs::path& run_directory) {
    std::vector<base::ProcessId> found;
    for (const Running& one : all_running(run_directory.string()))
        if (!one.is_supervisor && !one.is_command && one.run == run_directory)
            found.push_back(one.process);
    return found;
}

std::string running_on(const fs::path& state) {
    std::vector<std::string> lines;
    for (const Running& one : all_running(state.string())) {
        if (one.is_command) {
            lines.push_back("a pkgjail runs\n");
            continue;
        }
        std::string line = fs::path(one.run).filename().string();
        line += one.is_supervisor ? " is supervised" : one.paused ? " runs, paused," : " runs";
        if (!one.is_supervisor)
            for (const std::string& word : one.command)
                line += " " + word;
        lines.push_back(line + "\n");
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

void end_running_on(const fs::path& state) {
    for (auto left = all_running(state.string()); !left.empty(); left = all_running(state.string())) {
        const bool supervised =
            std::any_of(left.begin(), left.end(), [](const Running& one) { return one.is_supervisor; });
        for (const Running& one : left)
            if (one.is_supervisor || !supervised) // one that lives would start its service again
                base::send_signal(one.process, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

} // namespace pkgjail::test
