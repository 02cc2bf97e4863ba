// Whole commands over the module, in one process: install, limits, stop, start, destroy, by the operations
// that the program calls, with the supervisor in a thread. What is not as on a host: programs run unconfined
// beside their shadows in the fake kernel, the packages have no scripts, and where a supervisor would be a
// process of its own, the program that is launched asks this one for a thread.
#include <fstream>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "driver/shadow_host.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/driver_kmod.hpp"
#include "pkgjail/ops/install.hpp"
#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/ops/limits.hpp"
#include "pkgjail/ops/update.hpp"
#include "pkgjail/supervise/announcement.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace kmod_test;
using namespace pkgjail;
namespace fs = std::filesystem;

namespace {

/// The machine and its host, for all drivers of this process; one thread at a time.
struct Kernel {
    std::recursive_mutex mutex;
    Machine machine;
    ShadowHost host{machine};
};
Kernel* kernel = nullptr;

class SharedEntrant final : public confine::Entrant {
  public:
    explicit SharedEntrant(std::unique_ptr<Entrant> entrant) : entrant_(std::move(entrant)) {}
    ~SharedEntrant() override {
        const std::lock_guard lock(kernel->mutex);
        entrant_.reset();
    }
    base::ProcessId process() const override { return entrant_->process(); }
    confine::EntryOutcome await_ready() override {
        const std::lock_guard lock(kernel->mutex);
        return entrant_->await_ready();
    }
    std::optional<confine::EntryOutcome> let_go() override {
        const std::lock_guard lock(kernel->mutex);
        return entrant_->let_go();
    }
    base::Exit wait() override { return entrant_->wait(); }

  private:
    std::unique_ptr<Entrant> entrant_;
};

class SharedHost final : public confine::KmodHost {
  private:
    template <class Work>
    static auto locked(Work work) {
        const std::lock_guard lock(kernel->mutex);
        return work(kernel->host);
    }

  public:
    std::optional<std::int64_t> sysctl_number(const std::string& name) override {
        return locked([&](auto& host) { return host.sysctl_number(name); });
    }
    std::optional<std::string> load_module(const std::string& module) override {
        return locked([&](auto& host) { return host.load_module(module); });
    }
    std::vector<std::string> module_candidates() override {
        return locked([&](auto& host) { return host.module_candidates(); });
    }
    std::optional<std::uint64_t> device_node() override {
        return locked([&](auto& host) { return host.device_node(); });
    }
    int make_device_node(std::uint32_t major) override {
        return locked([&](auto& host) { return host.make_device_node(major); });
    }
    int open_device() override {
        return locked([&](auto& host) { return host.open_device(); });
    }
    int request(unsigned long number, void* data) override {
        return locked([&](auto& host) { return host.request(number, data); });
    }
    confine::RootFacts facts(const confine::JailSpec& spec) override {
        return locked([&](auto& host) { return host.facts(spec); });
    }
    int carry_out(const confine::RootStep& step) override {
        return locked([&](auto& host) { return host.carry_out(step); });
    }
    int unmount(const std::string& target, bool force) override {
        return locked([&](auto& host) { return host.unmount(target, force); });
    }
    std::vector<std::string> mounts_below(const base::HostPath& directory) override {
        return locked([&](auto& host) { return host.mounts_below(directory); });
    }
    int open_directory(const base::HostPath& directory) override {
        return locked([&](auto& host) { return host.open_directory(directory); });
    }
    void close_directory(int number) override {
        locked([&](auto& host) { host.close_directory(number); });
    }
    std::optional<std::string> operator_file(const base::HostPath& path) override {
        return locked([&](auto& host) { return host.operator_file(path); });
    }
    std::unique_ptr<confine::Entrant> start(const confine::EntryPlan& plan) override {
        return locked([&](auto& host) { return std::make_unique<SharedEntrant>(host.start(plan)); });
    }
    void pause(std::chrono::milliseconds time) override {
        locked([&](auto& host) { host.pause(time); });
    }
    int read_rlimit(pid_t pid, unsigned number, confine::ProcessRlimit& found) override {
        return locked([&](auto& host) { return host.read_rlimit(pid, number, found); });
    }
    int set_rlimit(pid_t pid, unsigned number, const confine::ProcessRlimit& wanted) override {
        return locked([&](auto& host) { return host.set_rlimit(pid, number, wanted); });
    }
};

class Quiet final : public ops::Reporter {
  public:
    void doing(std::string_view) override {}
    void progress(std::string_view, std::uint64_t, std::uint64_t) override {}
    void warn(std::string_view text) override { warnings += std::string(text) + "\n"; }
    void message(std::string_view, std::string_view) override {}
    bool confirm(std::string_view) override { return true; }

    std::string warnings;
};

/// Stands for init: starts a supervisor, in a thread, whenever the program that is launched for one asks.
class Supervisors {
  public:
    explicit Supervisors(const fs::path& directory)
        : program(directory / "supervisor"), asked_(directory / "asked"), answered_(directory / "answered") {
        REQUIRE(::mkfifo(asked_.c_str(), 0600) == 0);
        REQUIRE(::mkfifo(answered_.c_str(), 0600) == 0);
        std::ofstream(program) << "#!/bin/sh\necho \"$1\" >" << asked_.string() << "\nread -r line <"
                               << answered_.string() << "\necho \"$line\"\n";
        fs::permissions(program, fs::perms::owner_all);
        office_ = std::thread([this] { serve(); });
    }
    ~Supervisors() {
        std::ofstream(asked_) << "\n";
        office_.join();
        for (std::thread& supervisor : threads_)
            supervisor.join();
    }
    const base::HostPath program;

  private:
    void serve() {
        for (std::string run; std::getline(std::ifstream(asked_), run) && !run.empty();) {
            threads_.emplace_back([run, state = asked_.parent_path() / "state"] {
                confine::KmodDriver driver(std::make_unique<SharedHost>(), state);
                supervise::run_supervisor(run, driver);
            });
            // A supervisor says so when its state is in the file.
            const auto begun = [&] {
                const supervise::ServiceState state = supervise::read_status(run).state;
                return supervise::supervisor_lock_is_held(run) && state != supervise::ServiceState::stopped &&
                       state != supervise::ServiceState::failed;
            };
            for (int i = 0; i < 5000 && !begun(); ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            std::ofstream(answered_) << supervise::format_announcement(nullptr);
        }
    }
    fs::path asked_;
    fs::path answered_;
    std::vector<std::thread> threads_;
    std::thread office_;
};

test::PackageSpec package(const std::string& pkgname, const std::vector<std::string>& depends = {}) {
    test::PackageSpec spec;
    spec.pkgname = pkgname;
    spec.depends = depends;
    spec.files = {{"share/" + pkgname + "/README", "this is " + pkgname + "\n"}};
    return spec;
}

/// One host: its kernel, its configuration, a repository.
struct World {
    test::TempDir dir;
    Kernel own;
    Quiet reporter;
    std::optional<Supervisors> supervisors;

    World() {
        kernel = &own;
        supervisors.emplace(dir.path());
        test::make_repository(dir / "All", {package("idle-1.0", {"library>=1"}), package("library-1.2")});
        fs::create_directories(dir / "etc/recipes.d");
        std::ofstream(dir / "etc/repositories.conf")
            << "[repository test]\nurl = file://" << (dir / "All").string() << "\ntrust = none\n";
        std::ofstream(dir / "etc/recipes.d/idle.recipe")
            << "[recipe]\nsummary = does nothing\npackage = idle\n"
               "[service]\ncommand = /bin/sleep 600\ndirectory = /var\nstop-timeout = 5s\n"
               "[health]\nquiet = 100ms\n";
    }
    ~World() {
        supervisors.reset();
        kernel = nullptr;
    }
    ops::Context context() {
        jail::Config config = jail::load_config(dir / "etc", std::string(PKGJAIL_SOURCE_DIR) + "/etc");
        config.state = dir / "state";
        return {std::move(config),
                store::Layout(dir / "state"),
                reporter,
                supervisors->program,
                std::chrono::minutes(1),
                false,
                "a test"};
    }
    /// Of the only jail that the kernel knows, with its limits.
    std::string in_kernel() {
        const std::lock_guard lock(own.mutex);
        const std::string all = own.machine.show();
        return all.substr(0, all.find('\n'));
    }
};

std::string in_force(const ops::LimitsResult& result) {
    std::string text;
    for (const ops::LimitView& limit : result.limits)
        if (limit.reading)
            text += fmt::format("{} {} {}\n", jail::limit_name(limit.kind),
                                limit.reading->effective ? std::to_string(*limit.reading->effective) : "-",
                                jail::enforcement_name(limit.reading->enforcement));
    return text;
}

} // namespace

// In the place of pkgjail/confine/driver_open.cpp: the host of these tests is the fake one.
namespace pkgjail::confine {
std::unique_ptr<Driver> open_driver(const base::HostPath& state_directory, const std::string&) {
    if (kernel == nullptr)
        throw base::Error(base::ErrorKind::denied, "driver", "there is no kernel");
    return std::make_unique<KmodDriver>(std::make_unique<SharedHost>(), state_directory);
}
} // namespace pkgjail::confine

TEST_CASE("a service is installed, limited, stopped, started and destroyed over the module",
          "[kmod][driver][commands][root]") {
    if (::geteuid() != 0) {
        WARN("skipped: files get their owners from root only");
        return;
    }
    World world;
    const ops::Context context = world.context();
    ops::update(context);

    ops::InstallRequest request;
    request.packages = {"idle"};
    request.limit_overrides = {{"processes", "8"}, {"memory", "1G"}};
    const ops::InstallResult installed = ops::install(context, request);
    CHECK(installed.jail == "idle");
    CHECK(installed.plan.steps.size() == 2);
    CHECK(installed.started);
    REQUIRE(installed.status);
    CHECK(installed.status->state == supervise::ServiceState::ready);
    CHECK_THAT(installed.status->driver, Catch::Matchers::StartsWith("kernel module pkgjail"));
    CHECK_THAT(world.in_kernel(), Catch::Matchers::EndsWith(" live 1"));

    const std::string before = in_force(ops::limits(context, "idle"));
    CHECK_THAT(before, ContainsSubstring("memory 1073741824 advisory\n"));
    CHECK_THAT(before, ContainsSubstring("processes 8 enforced\n"));

    ops::LimitsRequest change;
    change.jail = "idle";
    change.changes = {{"processes", "3"}, {"files", "64"}};
    const std::string after = in_force(ops::change_limits(context, change));
    CHECK_THAT(after, ContainsSubstring("processes 3 enforced\n"));
    CHECK_THAT(after, ContainsSubstring("files 64 enforced\n"));
    CHECK(world_rlimit(world.own.machine.last_entered(), PKGJAIL_RLIMIT_NOFILE) == 64);

    std::string told;
    const auto tell = [&](const ops::LifecycleResult& result) {
        told += fmt::format("{} {} {}\n", result.jail, supervise::state_name(result.status.state),
                            result.error     ? result.error->what()
                            : result.changed ? "changed"
                                             : "as it was");
    };
    ops::stop(context, {"idle"}, false, tell);
    CHECK(world.in_kernel().empty());
    ops::start(context, {"idle"}, tell);
    CHECK_THAT(world.in_kernel(), Catch::Matchers::EndsWith(" live 1"));
    CHECK(told == "idle stopped changed\nidle ready changed\n");
    CHECK_THAT(in_force(ops::limits(context, "idle")), ContainsSubstring("processes 3 enforced\n"));

    CHECK(ops::destroy(context, "idle", true).changed);
    CHECK(world.in_kernel().empty());
    CHECK(world.own.machine.log.empty()); // nothing by force
    for (const char* directory : {"jails", "images", "run/kmod"}) {
        INFO(directory);
        CHECK(fs::is_empty(world.dir / "state" / directory));
    }
    CHECK(world.reporter.warnings == "repository test: packages are not authenticated (trust = none)\n");
}
