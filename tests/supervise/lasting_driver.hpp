// FakeDriver whose jails outlive the process that made them, as a kernel's do: the first process and those
// that were spawned later are written down in the run directory, and remove() and exists() look there as
// well.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "support/fake_driver.hpp"

namespace pkgjail::test {

class LastingDriver final : public confine::Driver {
  public:
    FakeDriver fake;
    /// Returned by processes() instead of what the fake knows, when set.
    std::function<std::vector<pid_t>()> on_processes;

    const confine::DriverInfo& info() const override { return fake.info(); }
    base::ProcessId create(const confine::JailSpec& spec, const base::HostPath& run,
                           const confine::Streams& streams) override {
        remove_recorded(run);
        base::ProcessId first = fake.create(spec, run, streams);
        base::write_file_atomically(run / "fake.first",
                                    std::to_string(first.pid) + " " + std::to_string(first.start));
        if (!spec.secrets.empty())
            put_secrets(spec, run);
        return first;
    }
    /// Each as RUN/secret.NAME.
    void put_secrets(const confine::JailSpec& spec, const base::HostPath& run) override {
        for (const confine::Secret& secret : spec.secrets)
            base::write_file_atomically(run / ("secret." + secret.name), base::read_file(secret.source));
    }
    void start(const confine::JailSpec& spec, const base::HostPath& run) override { fake.start(spec, run); }
    void remove(const std::string& handle, const base::HostPath& run) override {
        fake.remove(handle, run);
        remove_recorded(run);
    }
    bool exists(const std::string& handle, const base::HostPath& run) const override {
        return fake.exists(handle, run) || recorded(run).has_value();
    }
    void signal_all(const std::string& handle, const base::HostPath& run, int number) override {
        fake.signal_all(handle, run, number);
    }
    void pause(const std::string& handle, const base::HostPath& run) override { fake.pause(handle, run); }
    void resume(const std::string& handle, const base::HostPath& run) override { fake.resume(handle, run); }
    bool is_paused(const std::string& handle, const base::HostPath& run) const override {
        return fake.is_paused(handle, run);
    }
    std::vector<pid_t> processes(const std::string& handle, const base::HostPath& run) const override {
        return on_processes ? on_processes() : fake.processes(handle, run);
    }
    base::Exit exec(const confine::JailSpec& spec, const base::HostPath& run,
                    const confine::ExecRequest& request) override {
        return fake.exec(spec, run, request);
    }
    base::ProcessId spawn(const confine::JailSpec& spec, const base::HostPath& run,
                          const confine::ExecRequest& request, const confine::Streams& streams) override {
        const base::ProcessId process = fake.spawn(spec, run, request, streams);
        std::ofstream(run / "fake.spawned", std::ios::app) << process.pid << ' ' << process.start << '\n';
        return process;
    }
    std::vector<jail::LimitReading> read_limits(const confine::JailSpec& spec,
                                                const base::HostPath& run) const override {
        return fake.read_limits(spec, run);
    }
    void set_limits(const confine::JailSpec& spec, const base::HostPath& run) override {
        fake.set_limits(spec, run);
    }
    /// Its processes see the host's.
    base::Tree open_root(const std::string&, const base::HostPath&) const override {
        return base::Tree::open("/");
    }
    confine::Usage usage(const std::string& handle, const base::HostPath& run) const override {
        return recorded(run) ? fake.next_usage : fake.usage(handle, run);
    }

  private:
    static std::optional<base::ProcessId> recorded(const base::HostPath& run) {
        std::optional<std::string> text = base::read_file_if_exists(run / "fake.first");
        if (!text)
            return std::nullopt;
        char* end = nullptr;
        base::ProcessId first;
        first.pid = static_cast<pid_t>(std::strtol(text->c_str(), &end, 10));
        first.start = std::strtoull(end, nullptr, 10);
        if (!base::is_alive(first))
            return std::nullopt;
        return first;
    }
    /// Each leads a session, so a group as well.
    static void end(const base::ProcessId& leader) {
        while (base::is_alive(leader)) {
            ::kill(-leader.pid, SIGKILL);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    static void remove_recorded(const base::HostPath& run) {
        if (const std::optional<base::ProcessId> first = recorded(run))
            end(*first);
        std::ifstream spawned(run / "fake.spawned");
        for (base::ProcessId process; spawned >> process.pid >> process.start;)
            end(process);
        ::unlink((run / "fake.first").c_str());
        ::unlink((run / "fake.spawned").c_str());
    }
};

} // namespace pkgjail::test
