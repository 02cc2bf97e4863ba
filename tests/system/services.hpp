// A jail "test" with services that are shell scripts, for tests of what is done about them.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fmt/format.h>

#include "system/support.hpp"

namespace pkgjail::test {

inline const std::string stays = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

inline std::string service(const std::string& name, const std::string& script, const std::string& more = {}) {
    return fmt::format("[service{}]\ncommand = /bin/sh -c \"{}\"\nstop-timeout = 1s\n{}",
                       name.empty() ? "" : " " + name, script, more);
}

inline void write_recipe(const Host& host, const std::string& services) {
    host.write_config("recipes.d/test.recipe", "[recipe]\nsummary = a test\npackage = tree\n" + services);
}

inline CommandResult install(const Host& host) {
    return host.run({"install", "tree", "-j", "test", "--recipe", "test"});
}

inline nlohmann::json status(const Host& host) {
    return host.run({"status", "test", "--json"}).json()["jails"][0];
}

inline bool wait_for(const std::function<bool()>& what) {
    for (int round = 0; round < 600; ++round, std::this_thread::sleep_for(std::chrono::milliseconds(50)))
        if (what())
            return true;
    return false;
}

inline std::string logged(const Host& host) {
    return host.run({"logs", "test", "--lines", "0"}).out;
}

/// A line of /proc/PID/status.
inline std::string of_process(int pid, const std::string& key) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":\t"))
            return line.substr(key.size() + 2);
    return {};
}

/// Processes of this host with this command line, words joined by blanks.
inline std::string running(const std::string& command) {
    std::string found;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
        std::ifstream file(entry.path() / "cmdline");
        std::string text((std::istreambuf_iterator<char>(file)), {});
        for (char& c : text)
            if (c == '\0')
                c = ' ';
        if (text == command + " ")
            found += entry.path().filename().string() + " ";
    }
    return found;
}

} // namespace pkgjail::test
