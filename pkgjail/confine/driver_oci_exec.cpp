// The driver of Linux: processes that are added to a jail, and the ports that all of its processes are held
// to.
#ifdef __linux__

#include <charconv>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/bundle_file.hpp"
#include "pkgjail/confine/driver_oci.hpp"
#include "pkgjail/confine/driver_oci_parts.hpp"
#include "pkgjail/confine/jail_process.hpp"

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {

/// Arguments of the runtime for a process that `file` describes.
std::vector<std::string> exec_arguments(const HostPath& file, const Entrance& entrance,
                                        const std::string& handle) {
    std::vector<std::string> arguments{"exec", "--process", file.string()};
    for (const auto& option : entrance.runtime_options())
        arguments.push_back(option);
    arguments.push_back(handle);
    return arguments;
}

} // namespace

HostPath OciDriver::prepare_exec(const JailSpec& spec, const HostPath& run_directory,
                                 const ExecRequest& request, const Entrance& entrance) const {
    ExecRequest inside = request;
    if (!request.command.empty())
        inside.command = entrance.command(request.command);
    const auto first = first_process(run_directory);
    if (!first)
        throw not_running(spec.jail);
    const std::string description = oci_process(spec, inside, host_);
    if (request.terminal && ::isatty(STDIN_FILENO) != 1)
        throw Error(ErrorKind::usage, spec.jail, "a terminal was asked for, but standard input is none");
    if (members_of(spec.handle, run_directory).is_frozen())
        throw Error(ErrorKind::conflict, spec.jail, "is paused");
    // The runtime would write its own words about these to our standard error.
    check_directory_inside(first->pid, request.working_directory, spec.jail);
    const auto path = request.environment.find("PATH");
    check_program_inside(first->pid, request.command.front(),
                         path == request.environment.end() ? "" : path->second, spec.jail);

    HostPath file = bundle_directory(run_directory) / ("exec-" + base::random_hex(8) + ".json");
    write_bundle_file(file, description);
    return file;
}

/// As the first process was held; a jail of a pkgjail that held none has written nothing.
Entrance OciDriver::entrance_into(const HostPath& run_directory) const {
    const auto held = read_held_ports(bundle_directory(run_directory));
    return Entrance::inside(host_.port_guard, held.value_or(HeldPorts{}));
}

base::ProcessId OciDriver::spawn(const JailSpec& spec, const HostPath& run_directory,
                                 const ExecRequest& request, const Streams& streams) {
    const HostPath bundle = bundle_directory(run_directory);
    auto entrance = entrance_into(run_directory);
    const HostPath file = prepare_exec(spec, run_directory, request, entrance);
    const HostPath pid_file = file.string() + ".pid";
    const auto forget = [&] {
        ::unlink(file.c_str());
        ::unlink(pid_file.c_str());
    };
    try {
        // What the runtime leaves behind becomes the child of the nearest reaper, which the caller is.
        auto arguments = exec_arguments(file, entrance, spec.handle);
        arguments.insert(arguments.begin() + 1, {"--detach", "--pid-file", pid_file.string()});
        const auto outcome = runtime_.call(arguments, bundle, streams, runtime_patience, entrance);
        if (!outcome.exit.success())
            throw explain_runtime_failure(runtime_, "exec", outcome, spec.jail, request.command.front(),
                                          request.working_directory);
        const std::string text = base::read_file(pid_file);
        pid_t pid = 0;
        std::from_chars(text.data(), text.data() + text.size(), pid);
        forget();
        if (pid <= 0)
            throw Error(ErrorKind::system, runtime_.name(), "exec: names no process");
        try {
            entrance.check(spec.jail, request.command.front());
        } catch (...) {
            ::kill(pid, SIGKILL); // it has ended or is about to; nobody else knows of this child of ours
            ::waitpid(pid, nullptr, 0);
            throw;
        }
        // It may have ended already; its number is its own until the caller has waited for it.
        return base::identify_process(pid).value_or(base::ProcessId{pid, 0});
    } catch (...) {
        forget();
        throw;
    }
}

base::Exit OciDriver::exec(const JailSpec& spec, const HostPath& run_directory, const ExecRequest& request) {
    const HostPath bundle = bundle_directory(run_directory);
    auto entrance = entrance_into(run_directory);
    const HostPath file = prepare_exec(spec, run_directory, request, entrance);
    const auto arguments = exec_arguments(file, entrance, spec.handle);
    const Streams ours{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    OciRuntime::Outcome outcome;
    try {
        outcome = runtime_.call(arguments, bundle, ours, {}, entrance);
    } catch (...) {
        ::unlink(file.c_str());
        throw;
    }
    ::unlink(file.c_str());
    entrance.check(spec.jail, request.command.front());
    if (!outcome.exit.success() && !outcome.message.empty())
        throw explain_runtime_failure(runtime_, "exec", outcome, spec.jail, request.command.front(),
                                      request.working_directory);
    return outcome.exit;
}

PortsReading OciDriver::read_ports(const std::string& handle, const HostPath& run_directory) const {
    running_members(handle, run_directory);
    const auto held = read_held_ports(bundle_directory(run_directory));
    PortsReading reading;
    reading.udp_mechanism = "Landlock does not cover UDP";
    if (held && held->held) {
        reading.tcp = jail::Enforcement::enforced;
        reading.tcp_mechanism = "Landlock, whatever the address";
    } else {
        reading.tcp_mechanism = held ? held->why : "it was started by a pkgjail that held no ports";
        if (!held || held->why != host_.port_guard.missing)
            reading.udp_mechanism = reading.tcp_mechanism;
    }
    return reading;
}

bool OciDriver::refuses_ports(const JailSpec& spec, const HostPath& run_directory) const {
    auto entrance = entrance_into(run_directory);
    ExecRequest request;
    request.command = entrance.trial();
    const HostPath file = bundle_directory(run_directory) / ("exec-" + base::random_hex(8) + ".json");
    write_bundle_file(file, oci_process(spec, request, host_));
    const auto outcome = runtime_.call(exec_arguments(file, entrance, spec.handle),
                                       bundle_directory(run_directory), {}, runtime_patience, entrance);
    ::unlink(file.c_str());
    entrance.check(spec.jail, request.command.front());
    if (!outcome.message.empty())
        throw explain_runtime_failure(runtime_, "exec", outcome, spec.jail, request.command.front(),
                                      request.working_directory);
    return outcome.exit.success();
}

} // namespace pkgjail::confine

#endif
