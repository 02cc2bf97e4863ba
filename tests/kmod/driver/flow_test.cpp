// A service over the module: the supervisor itself, with the driver of the kernel module on the fake kernel.
// start, limits, status, restart, stop, as `pkgjail` has them done; programs are real and unconfined.
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/driver_state.hpp"
#include "driver/shadow_host.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/driver_kmod.hpp"
#include "pkgjail/supervise/probe.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "support/catch.hpp"
#include "support/fake_driver.hpp"
#include "support/temp_dir.hpp"

using namespace kmod_test;
using namespace pkgjail;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto patience = 60s;

/// A supervisor in a process of its own, which has the machine in it. What the kernel still knows when it has
/// ended is in the file `left`.
class Service {
  public:
    explicit Service(const std::string& script) : run_(dir_ / "run") {
        for (const char* name : {"skeleton/dev", "skeleton/proc", "skeleton/sys", "skeleton/var", "data"})
            fs::create_directories(dir_.path() / name);
        service.spec.handle = "pkgjail-web";
        service.spec.jail = "web";
        service.spec.root = dir_ / "skeleton";
        confine::Mount data;
        data.source = dir_ / "data";
        data.target = base::RootPath::parse("/var");
        data.writable = true;
        service.spec.mounts.push_back(data);
        service.spec.command = {"/bin/sh", "-c", script};
        service.spec.environment = {{"PATH", "/bin:/usr/bin"}, {"DIR", dir_.path().string()}};
        service.service.command = service.spec.command;
        service.service.name = "web";
        service.service.stop_timeout = 20s;
        service.service.restart.backoff = 10ms;
        service.service.restart.backoff_max = 40ms;
        service.service.restart.budget = 2;
        service.state_directory = dir_.path();
        service.log_file = dir_ / "log/web.log";
    }
    ~Service() {
        if (supervisor_ > 0) {
            ::kill(supervisor_, SIGKILL);
            ::waitpid(supervisor_, nullptr, 0);
        }
    }
    supervise::SupervisedService service;

    supervise::ServiceStatus start() {
        base::make_directories(run_, 0700);
        base::write_file_atomically(supervise::service_file(run_), supervise::to_json(service));
        supervisor_ = ::fork();
        if (supervisor_ == 0) {
            int result = 1;
            {
                Machine machine;
                {
                    confine::KmodDriver driver(std::make_unique<ShadowHost>(machine), dir_.path());
                    result = supervise::run_supervisor(run_, driver);
                }
                std::ofstream(dir_ / "left") << "left: " << machine.show();
            }
            ::_exit(result);
        }
        const auto deadline = base::steady_now() + patience;
        while (base::steady_now() < deadline && base::identify_process(supervisor_)) {
            const auto now = supervise::read_status(run_).supervisor;
            if (now && now->pid == supervisor_)
                break;
            std::this_thread::sleep_for(5ms);
        }
        return supervise::wait_until_settled(run_, patience);
    }
    bool stop() {
        test::FakeDriver unused; // a supervisor lives, so no driver of ours is asked
        return supervise::stop(run_, unused);
    }
    int supervisor_exit() {
        int status = 0;
        ::waitpid(supervisor_, &status, 0);
        supervisor_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    supervise::ServiceStatus status() const { return supervise::read_status(run_); }
    std::string left() const { return base::read_file(dir_ / "left"); }
    std::string output() const {
        std::string text;
        for (const auto& record : supervise::read_log(service.log_file, std::nullopt, 0))
            if (record.stream != "sup")
                text += record.stream + ": " + record.text + "\n";
        return text;
    }
    std::string places() const {
        std::string names;
        for (const auto& entry : fs::directory_iterator(dir_ / "run" / "kmod"))
            names += entry.path().filename().string() + "\n";
        return names;
    }

  private:
    test::TempDir dir_;
    base::HostPath run_;
    pid_t supervisor_ = -1;
};

} // namespace

TEST_CASE("a service starts over the module, has its limits read back, and stops", "[kmod][driver][flow]") {
    Service web("echo up; exec sleep 600");
    web.service.spec.limits.wanted = {{jail::LimitKind::processes, {8, "test"}},
                                      {jail::LimitKind::memory, {1u << 30, "test"}},
                                      {jail::LimitKind::disk, {1u << 30, "test"}}};

    const auto status = web.start();
    CHECK(status.state == supervise::ServiceState::ready);
    CHECK(status.driver.find("kernel module pkgjail, interface 1") == 0);
    std::string limits;
    for (const auto& reading : status.limits)
        limits += std::string(jail::limit_name(reading.kind)) + " " +
                  std::string(jail::enforcement_name(reading.enforcement)) + "\n";
    CHECK(limits == "memory advisory\nprocesses enforced\ndisk unavailable\n");
    CHECK(web.places() == "pkgjail-web\n");
    REQUIRE(status.service);
    CHECK(base::is_alive(*status.service));

    CHECK(web.stop());
    CHECK(web.supervisor_exit() == 0);
    CHECK_FALSE(base::is_alive(*status.service));
    CHECK(web.left() == "left: ");
    CHECK(web.places().empty());
    CHECK(web.output() == "out: up\n");
}

TEST_CASE("a service that ends is made again over the module, until its budget is used up",
          "[kmod][driver][flow]") {
    Service web("echo once; exit 3");
    web.service.health.grace = 1s;
    web.start();

    CHECK(web.supervisor_exit() == 1);
    CHECK(web.status().state == supervise::ServiceState::failed);
    CHECK(web.output() == "out: once\nout: once\nout: once\n");
    CHECK(web.left() == "left: ");
    CHECK(web.places().empty());
}

TEST_CASE("a service whose limits must be enforced does not start where one is not", "[kmod][driver][flow]") {
    Service web("exec sleep 600");
    web.service.spec.limits.require_enforced = true;
    web.service.spec.limits.wanted = {{jail::LimitKind::memory, {1u << 30, "test"}}};

    const auto status = web.start();
    CHECK(status.state == supervise::ServiceState::failed);
    CHECK(status.reason.find("memory") != std::string::npos);
    CHECK(web.supervisor_exit() == 1);
    CHECK(web.left() == "left: ");
}

TEST_CASE("a unix socket is asked for where the module's jail has its mounts", "[kmod][driver][flow][root]") {
    if (::geteuid() != 0) {
        WARN("skipped: only root asks in the jail's own root");
        return;
    }
    State state;
    Machine machine;
    const auto driver = state.command(machine);
    const confine::JailSpec spec = state.spec("web");
    const auto ask = [&] {
        const auto answer = supervise::run_probe({jail::Probe::Kind::unix_socket, "/service.sock", {}}, 20s,
                                                 *driver, spec, state.dir / "run/web");
        return (answer.healthy ? "healthy: " : "not healthy: ") + answer.detail;
    };
    driver->create(spec, state.dir / "run/web", {});
    driver->start(spec, state.dir / "run/web");
    CHECK(ask() == "not healthy: no such file or directory");

    const std::string path = state.dir / "run/kmod/web/root/service.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const base::Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);

    CHECK_THAT(ask(), Catch::Matchers::StartsWith("healthy: connected"));
    ::unlink(path.c_str());
    driver->remove(spec.handle, state.dir / "run/web");
    CHECK(ask() == "not healthy: web: is not running");
}
