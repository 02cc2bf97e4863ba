// A host whose jails run real programs, unconfined: each process that goes in has a shadow in the fake
// kernel, which enters there, counts, and is killed there; what happens to one happens to the other. So
// whoever waits for children and reads their output can be tested over the module's own sources.
#pragma once

#include <vector>

#include "driver/fake_host.hpp"

namespace kmod_test {

class ShadowHost final : public confine::KmodHost {
  public:
    explicit ShadowHost(Machine& machine) : machine_(machine), fake_(machine) {}

    std::optional<std::int64_t> sysctl_number(const std::string& name) override {
        return fake_.sysctl_number(name);
    }
    std::optional<std::string> load_module(const std::string& module) override {
        return fake_.load_module(module);
    }
    std::vector<std::string> module_candidates() override { return fake_.module_candidates(); }
    std::optional<std::uint64_t> device_node() override { return fake_.device_node(); }
    int make_device_node(std::uint32_t major) override { return fake_.make_device_node(major); }
    int open_device() override { return fake_.open_device(); }
    int request(unsigned long number, void* data) override;
    confine::RootFacts facts(const confine::JailSpec& spec) override { return fake_.facts(spec); }
    int carry_out(const confine::RootStep& step) override { return fake_.carry_out(step); }
    int unmount(const std::string& target, bool force) override { return fake_.unmount(target, force); }
    std::vector<std::string> mounts_below(const pkgjail::base::HostPath& directory) override {
        return fake_.mounts_below(directory);
    }
    int open_directory(const pkgjail::base::HostPath& directory) override {
        return fake_.open_directory(directory);
    }
    void close_directory(int number) override { fake_.close_directory(number); }
    std::optional<std::string> operator_file(const pkgjail::base::HostPath& path) override {
        return fake_.operator_file(path);
    }
    std::unique_ptr<confine::Entrant> start(const confine::EntryPlan& plan) override;
    void pause(std::chrono::milliseconds time) override;
    /// Of the shadow; the real process keeps what it has.
    int read_rlimit(pid_t pid, unsigned number, confine::ProcessRlimit& found) override {
        return fake_.read_rlimit(shadow_of(pid), number, found);
    }
    int set_rlimit(pid_t pid, unsigned number, const confine::ProcessRlimit& wanted) override {
        return fake_.set_rlimit(shadow_of(pid), number, wanted);
    }

  private:
    struct Pair {
        proc* shadow;
        pid_t real;
    };
    void settle();
    pid_t shadow_of(pid_t real) const;

    Machine& machine_;
    FakeHost fake_;
    std::vector<Pair> pairs_;
};

} // namespace kmod_test
