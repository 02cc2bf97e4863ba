#include "pkgjail/confine/oci_runtime.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/umask.hpp"
#include "pkgjail/format/version.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// Runtimes stack what they were doing in front of the cause.
std::string without_preamble(std::string message) {
    for (bool found = true; found;) {
        found = false;
        for (const std::string_view preamble :
             {"runc create failed: ", "runc run failed: ", "exec failed: ",
              "unable to start container process: ", "error during container init: ", "rpc error: ",
              "container_linux.go:", "OCI runtime create failed: "})
            if (message.starts_with(preamble)) {
                message.erase(0, preamble.size());
                found = true;
            }
    }
    constexpr std::size_t longest = 300;
    if (message.size() > longest) {
        message.resize(longest);
        message += "…";
    }
    return message;
}

/// A runtime's version as versions are compared: without what a distribution adds ("1.1.5+ds1"), a candidate
/// before what it is one of ("1.4.0-rc.1").
std::string comparable(std::string_view version) {
    version = version.substr(0, version.find_first_of("+~,"));
    const std::size_t dash = version.find('-');
    std::string text(version.substr(0, dash));
    if (dash == std::string_view::npos || !version.substr(dash).starts_with("-rc"))
        return text;
    const std::string_view number = version.substr(dash + 3);
    return text.append("rc").append(number.substr(number.starts_with('.') ? 1 : 0));
}

} // namespace

OciRuntime::OciRuntime(base::HostPath program, base::HostPath state_root)
    : program_(std::move(program)), state_root_(std::move(state_root)) {}

std::string OciRuntime::version() const {
    base::Command command;
    command.argv = {program_.string(), "--version"};
    const auto output = base::run(command, std::chrono::seconds(10));
    if (!output.exit.success())
        throw Error(ErrorKind::system, program_.string(), "--version: " + output.exit.describe());
    std::istringstream words(output.out.substr(0, output.out.find('\n'))); // "runc version 1.1.5+ds1"
    std::string word, last;
    while (words >> word)
        last = word;
    return name() + " " + last;
}

OciRuntime::Outcome OciRuntime::call(const std::vector<std::string>& arguments, const base::HostPath& scratch,
                                     const Streams& streams, std::chrono::milliseconds patience,
                                     const Entrance& entrance) const {
    const base::HostPath log = scratch / ("log-" + base::random_hex(8) + ".json");
    base::Command command;
    command.argv = entrance.before();
    for (const std::string& word :
         {program_.string(), std::string("--root"), state_root_.string(), std::string("--log"), log.string(),
          std::string("--log-format"), std::string("json")})
        command.argv.push_back(word);
    command.keep = entrance.keep();
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    command.standard_input = streams.input;
    command.standard_output = streams.output;
    command.standard_error = streams.error;
    // A caller that is killed must not leave a client at work on the jail that its successor clears away.
    // exec (the one call without an end in time) changes nothing about the jail and may finish.
    command.end_with_parent = patience.count() != 0;

    Outcome outcome;
    {
        std::optional<base::UmaskOfCaller> theirs;
        if (patience.count() == 0)
            theirs.emplace(); // the runtime hands it on to what it executes
        auto child = base::Child::start(command);
        theirs.reset();
        if (patience.count() == 0) {
            outcome.exit = child.wait();
        } else if (const auto exit = child.wait_for(patience)) {
            outcome.exit = *exit;
        } else {
            outcome.timed_out = true;
            child.kill(SIGKILL);
            outcome.exit = child.wait();
        }
    }
    outcome.message = last_error_of_log(base::read_file_if_exists(log).value_or(""));
    std::error_code not_written; // a runtime that had nothing to say may not have made it
    std::filesystem::remove(log, not_written);
    return outcome;
}

std::vector<base::ProcessId> OciRuntime::clients(const std::string& handle) const {
    std::vector<base::ProcessId> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const auto name = entry.path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        const auto process = pid > 0 ? base::identify_process(pid) : std::nullopt;
        if (!process)
            continue;
        std::ifstream stream(entry.path() / "cmdline"); // may vanish at any moment: then it is empty
        std::vector<std::string> words;
        for (std::string word; std::getline(stream, word, '\0');)
            words.push_back(word);
        // As call() writes them: PROGRAM --root ROOT --log LOG --log-format json ACTION … HANDLE. A program
        // that is a script has its interpreter in front, and pkgjail-enter may still be there.
        const auto root = std::find(words.begin(), words.end(), "--root");
        if (words.end() - root < 8 || root[1] != state_root_.string() || words.back() != handle)
            continue;
        if (root[6] == "create" || root[6] == "start" || root[6] == "delete")
            found.push_back(*process);
    }
    return found;
}

void OciRuntime::end_clients(const std::string& handle, std::chrono::milliseconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (auto left = clients(handle); !left.empty(); left = clients(handle)) {
        for (const auto& process : left)
            base::send_signal(process, SIGKILL);
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::system, name(),
                        "process " + std::to_string(left.front().pid) + " does not end");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

std::string last_error_of_log(std::string_view log) {
    std::string message;
    std::istringstream lines{std::string(log)};
    for (std::string line; std::getline(lines, line);) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (!json.is_object() || !json.contains("msg") || !json["msg"].is_string())
            continue;
        if (json.value("level", std::string("error")) == "error")
            message = json["msg"].get<std::string>();
    }
    return message;
}

Error explain_runtime_failure(const OciRuntime& runtime, std::string_view action,
                              const OciRuntime::Outcome& outcome, const std::string& jail,
                              const std::string& program, const std::string& working_directory) {
    if (outcome.timed_out)
        return Error(ErrorKind::system, runtime.program().string(),
                     std::string(action) + " did not end in time");
    if (outcome.message.empty())
        return Error(ErrorKind::system, runtime.program().string(),
                     std::string(action) + ": " + outcome.exit.describe());

    const std::string text = lower(outcome.message);
    const bool missing = contains(text, "no such file or directory") || contains(text, "not found");
    const bool unusable = contains(text, "permission denied") || contains(text, "is a directory");
    if (contains(text, "chdir") || contains(text, " cwd")) {
        if (missing)
            return Error(ErrorKind::not_found, working_directory,
                         "no such working directory in jail " + jail);
        return Error(ErrorKind::denied, working_directory, "cannot be the working directory in jail " + jail);
    }
    const bool about_program = contains(text, "exec: ") || contains(text, "executable");
    if (about_program && contains(text, lower(program)) && missing)
        return Error(ErrorKind::not_found, program, "no such program in jail " + jail);
    if (about_program && (contains(text, lower(program)) || contains(text, "open executable")) && unusable)
        return Error(ErrorKind::denied, program, "cannot be executed in jail " + jail);
    return Error(ErrorKind::system, runtime.name(),
                 std::string(action) + ": " + without_preamble(outcome.message));
}

std::optional<std::string> known_hole(std::string_view runtime_version) {
    struct Repair {
        std::string_view runtime;
        std::string_view since; ///< the first version of the series that this is about
        std::string_view version;
        std::string_view hole;
    };
    // From the projects' own advisories. A later row is of a later series.
    static constexpr Repair repairs[] = {
        {"runc", "0", "1.2.8", "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881"},
        {"runc", "1.3.0-rc.1", "1.3.3", "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881"},
        {"runc", "1.4.0-rc.1", "1.4.0-rc.3", "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881"},
        {"crun", "0", "1.4.4", "CVE-2022-27650"},
    };
    const std::size_t blank = runtime_version.find(' ');
    if (blank == std::string_view::npos)
        return std::nullopt;
    const std::string_view runtime = runtime_version.substr(0, blank);
    const std::string version = comparable(runtime_version.substr(blank + 1));
    const Repair* repair = nullptr;
    for (const Repair& one : repairs)
        if (one.runtime == runtime && format::compare_versions(version, comparable(one.since)) >= 0)
            repair = &one;
    if (repair == nullptr || format::compare_versions(version, comparable(repair->version)) >= 0)
        return std::nullopt;
    return fmt::format("{} is older than {}, which repaired {}; whether the distribution's package has the "
                       "repair, its changelog tells",
                       runtime_version, repair->version, repair->hole);
}

} // namespace pkgjail::confine
