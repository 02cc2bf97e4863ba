// What jails could leave on a host: processes, mounts, control groups, network namespaces and interfaces,
// tables of the packet filter, files.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <unistd.h>

#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/port_rules.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "support/pkgjail_command.hpp"

namespace pkgjail::test {

/// Everything of the host that has one of the jails' ids or the state directory in its name, a line each.
inline std::string traces(const Host& host, const std::set<std::string>& ids) {
    std::string found;
    const auto is_ours = [&](const std::string& text) {
        if (text.find(host.state().string()) != std::string::npos)
            return true;
        return std::any_of(ids.begin(), ids.end(),
                           [&](const std::string& id) { return text.find(id) != std::string::npos; });
    };
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);)
        if (is_ours(line))
            found += "mount " + line + "\n";
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
        for (const char* name : {"cmdline", "cgroup"}) {
            std::ifstream file(entry.path() / name);
            const std::string text((std::istreambuf_iterator<char>(file)), {});
            if (entry.path().filename() != std::to_string(::getpid()) && is_ours(text))
                found += "process " + entry.path().filename().string() + " " + text + "\n";
        }
    }
    for (std::filesystem::recursive_directory_iterator entry("/sys/fs/cgroup", gone), end; entry != end;
         entry.increment(gone))
        if (is_ours(entry->path().filename().string())) {
            found += "control group " + entry->path().string() + "\n";
            entry.disable_recursion_pending();
        }
    std::set<std::string> interfaces;
    for (const std::string& id : ids)
        interfaces.insert(confine::interface_name("pkgjail-" + id)); // of its handle
    for (const std::string& interface : interfaces)
        if (std::filesystem::exists("/sys/class/net/" + interface, gone))
            found += "interface " + interface + "\n";
    if (const auto nft = base::find_program("nft")) {
        base::Command command;
        command.argv = {nft->string(), "list", "tables"};
        std::istringstream tables(base::run(command, std::chrono::seconds(20)).out);
        for (std::string line; std::getline(tables, line);)
            if (std::any_of(interfaces.begin(), interfaces.end(), [&](const std::string& interface) {
                    return line.find(confine::table_name(interface)) != std::string::npos;
                }))
                found += "packet filter " + line + "\n";
    }
    for (const char* directory : {"run", "jails", "run/oci"})
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / directory, gone))
            if (is_ours(entry.path().filename().string()))
                found += "file " + entry.path().string() + "\n";
    return found;
}

} // namespace pkgjail::test
