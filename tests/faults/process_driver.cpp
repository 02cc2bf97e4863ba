// In the place of pkgjail/confine/driver_open.cpp, in a pkgjail and a pkgjail-supervisor that are built for
// tests of faults: jails are ordinary processes of this host, so that services can run while nothing is
// confined, by nobody's leave and within milliseconds.
//
// As with a kernel, every process that has the state directory sees the same jails: whatever runs in one has
// the jail's run directory in its environment, under the name that processes.hpp tells.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <unistd.h>

#include "faults/processes.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "support/fake_driver.hpp"

namespace pkgjail::test {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;

/// What the kernel would have in force: "memory=256M processes=64".
std::string limits_text(const jail::Limits& limits) {
    std::string text;
    for (const auto& [kind, limit] : limits.wanted)
        text += (text.empty() ? "" : " ") + std::string(jail::limit_name(kind)) + "=" +
                jail::format_limit(kind, limit.value);
    return text;
}

class ProcessDriver final : public confine::Driver {
  public:
    /// As on a host whose network the jails share.
    ProcessDriver() { fake_.unavailable = {jail::LimitKind::net_in, jail::LimitKind::net_out}; }

    const confine::DriverInfo& info() const override { return fake_.info(); }
    void check_learning() override {} // and hears of no call

    base::ProcessId create(const confine::JailSpec& spec, const HostPath& run,
                           const confine::Streams& streams) override {
        remove(spec.handle, run);
        const base::ProcessId first = fake_.create(on_host(spec, run), run, streams);
        try {
            // Until it is started it has our environment.
            base::write_file_atomically(run / "test.first",
                                        std::to_string(first.pid) + " " + std::to_string(first.start));
            write_limits(spec, run);
            if (!spec.secrets.empty())
                put_secrets(spec, run);
        } catch (...) {
            remove(spec.handle, run);
            throw;
        }
        return first;
    }
    void put_secrets(const confine::JailSpec& spec, const HostPath&) override {
        for (const confine::Secret& secret : spec.secrets)
            static_cast<void>(base::read_file(secret.source));
    }
    void start(const confine::JailSpec& spec, const HostPath& run) override { fake_.start(spec, run); }
    void remove(const std::string& handle, const HostPath& run) override {
        fake_.remove(handle, run);
        for (auto left = members(run); !left.empty(); left = members(run)) {
            for (const base::ProcessId& process : left)
                base::send_signal(process, SIGKILL);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        for (const char* name : {"test.first", "test.limits"}) {
            std::error_code gone_already;
            std::filesystem::remove(run / name, gone_already);
        }
    }
    bool exists(const std::string&, const HostPath& run) const override { return !members(run).empty(); }
    void signal_all(const std::string& handle, const HostPath& run, int number) override {
        for (const base::ProcessId& process : members_of(handle, run))
            base::send_signal(process, number);
    }
    void pause(const std::string& handle, const HostPath& run) override { signal_all(handle, run, SIGSTOP); }
    void resume(const std::string& handle, const HostPath& run) override { signal_all(handle, run, SIGCONT); }
    bool is_paused(const std::string&, const HostPath& run) const override {
        const std::vector<base::ProcessId> all = members(run);
        return !all.empty() && std::all_of(all.begin(), all.end(), [](const base::ProcessId& process) {
            return stands_still(process.pid);
        });
    }
    std::vector<pid_t> processes(const std::string&, const HostPath& run) const override {
        std::vector<pid_t> pids;
        for (const base::ProcessId& process : members(run))
            pids.push_back(process.pid);
        return pids;
    }
    base::Exit exec(const confine::JailSpec& spec, const HostPath& run,
                    const confine::ExecRequest& request) override {
        members_of(spec.handle, run);
        base::Command command;
        command.argv = request.command;
        command.argv.front() = on_host(spec, command.argv.front());
        for (const auto& [name, value] : request.environment)
            command.environment.push_back(name + "=" + value);
        command.environment.push_back(std::string(run_variable) + "=" + run.string());
        command.standard_input = STDIN_FILENO;
        command.standard_output = STDOUT_FILENO;
        command.standard_error = STDERR_FILENO;
        return base::Child::start(command).wait();
    }
    base::ProcessId spawn(const confine::JailSpec& spec, const HostPath& run,
                          const confine::ExecRequest& request, const confine::Streams& streams) override {
        confine::ExecRequest inner = request;
        inner.command.front() = on_host(spec, inner.command.front());
        inner.working_directory = "/";
        inner.environment[run_variable] = run.string();
        return fake_.spawn(spec, run, inner, streams);
    }
    std::vector<jail::LimitReading> read_limits(const confine::JailSpec& spec,
                                                const HostPath& run) const override {
        return fake_.read_limits(spec, run);
    }
    void set_limits(const confine::JailSpec& spec, const HostPath& run) override {
        members_of(spec.handle, run);
        write_limits(spec, run);
    }
    confine::Usage usage(const std::string& handle, const HostPath& run) const override {
        members_of(handle, run);
        return {};
    }

  private:
    static void write_limits(const confine::JailSpec& spec, const HostPath& run) {
        base::write_file_atomically(run / "test.limits", limits_text(spec.limits));
    }
    static std::vector<base::ProcessId> members(const HostPath& run) {
        std::vector<base::ProcessId> all = processes_of_run(run);
        std::ifstream recorded(run / "test.first");
        base::ProcessId first;
        if (recorded >> first.pid >> first.start && base::is_alive(first) &&
            std::find(all.begin(), all.end(), first) == all.end())
            all.push_back(first);
        return all;
    }
    static std::vector<base::ProcessId> members_of(const std::string& handle, const HostPath& run) {
        std::vector<base::ProcessId> all = members(run);
        if (all.empty())
            throw Error(ErrorKind::conflict, handle, "is not running");
        return all;
    }
    /// Where a program of the jail lies on the host.
    static std::string on_host(const confine::JailSpec& spec, const std::string& program) {
        std::string found = program;
        std::size_t length = 0;
        for (const confine::Mount& mount : spec.mounts) {
            const std::string target = mount.target.str();
            if (mount.kind == confine::Mount::Kind::bind && target.size() >= length &&
                program.starts_with(target + "/")) {
                found = mount.source.string() + program.substr(target.size());
                length = target.size();
            }
        }
        return found;
    }
    static confine::JailSpec on_host(confine::JailSpec spec, const HostPath& run) {
        spec.command.front() = on_host(spec, spec.command.front());
        spec.working_directory = "/";
        spec.environment[run_variable] = run.string();
        if (spec.private_network) { // an ordinary process has the host's
            spec.private_network.reset();
            spec.network = jail::NetworkMode::host;
        }
        return spec;
    }

    FakeDriver fake_; ///< of what this process has made
};

/// A supervisor begins once more, with the environment that a test has for it.
[[gnu::constructor]] void take_environment(int count, char** arguments) {
    if (count != 2 || std::getenv("LD_PRELOAD") != nullptr)
        return;
    const HostPath top = HostPath(arguments[1]).parent_path().parent_path().parent_path();
    std::ifstream file(top.parent_path() / supervisor_environment);
    bool any = false;
    for (std::string line; std::getline(file, line); any = true) {
        const std::size_t at = line.find('=');
        ::setenv(line.substr(0, at).c_str(), line.substr(at + 1).c_str(), 1);
    }
    if (any)
        ::execv(base::own_program().c_str(), arguments);
}

} // namespace
} // namespace pkgjail::test

namespace pkgjail::confine {
/// As where no OCI runtime works, once one is configured.
std::unique_ptr<Driver> open_driver(const base::HostPath&, const std::string& configured_runtime) {
    if (!configured_runtime.empty())
        throw base::Error(base::ErrorKind::denied, "driver oci",
                          "no OCI runtime works here: " + configured_runtime, "install another OCI runtime");
    return std::make_unique<test::ProcessDriver>();
}
} // namespace pkgjail::confine
