#include "supervised.hpp"

#include <csignal>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/supervise/service_json.hpp"

namespace pkgjail::test {

using supervise::ServiceState;
using supervise::ServiceStatus;
using namespace std::chrono_literals;

std::string show(const ServiceStatus& status) {
    return std::string(supervise::state_name(status.state)) + ": " + status.reason;
}

Supervised::Supervised(const std::string& script) : run_(dir_ / "run") {
    service.spec.handle = "pkgjail-test";
    service.spec.jail = "test";
    service.spec.root = "/";
    service.spec.command = {"/bin/sh", "-c", script};
    service.spec.environment = {{"PATH", "/bin:/usr/bin"}, {"DIR", dir_.path().string()}};
    service.service.name = "test";
    service.service.command = service.spec.command;
    service.service.stop_timeout = 20s;
    service.service.restart.backoff = 10ms;
    service.service.restart.backoff_max = 40ms;
    service.service.restart.budget = 2;
    service.health.grace = 20s;
    service.health.interval = 20ms;
    service.health.timeout = 10s;
    service.health.failures = 2;
    service.state_directory = dir_.path();
    service.log_file = dir_ / "log/test.log";
}

Supervised::~Supervised() {
    if (supervisor_ > 0) {
        ::kill(supervisor_, SIGKILL);
        ::waitpid(supervisor_, nullptr, 0);
    }
    driver_.remove(service.spec.handle, run_);
}

void Supervised::write_service() {
    base::make_directories(run_, 0700);
    base::write_file_atomically(supervise::service_file(run_), supervise::to_json(service));
}

void Supervised::begin() {
    write_service();
    supervisor_ = ::fork();
    if (supervisor_ != 0)
        return;
    LastingDriver driver;
    if (prepare)
        prepare(driver);
    ::_exit(supervise::run_supervisor(run_, driver));
}

ServiceStatus Supervised::settle() {
    begin();
    // The file of an earlier supervisor may still be there.
    wait_until([&] {
        auto now = status().supervisor;
        return (now && now->pid == supervisor_) || !base::identify_process(supervisor_);
    });
    return supervise::wait_until_settled(run_, patience);
}

ServiceStatus Supervised::status() const {
    return supervise::read_status(run_);
}

ServiceStatus Supervised::wait_for(const std::function<bool(const ServiceStatus&)>& what) const {
    ServiceStatus seen;
    wait_until([&] {
        seen = status();
        return what(seen);
    });
    return seen;
}

ServiceStatus Supervised::wait_for(ServiceState state) const {
    return wait_for([state](const ServiceStatus& seen) { return seen.state == state; });
}

void Supervised::kill_supervisor() {
    ::kill(supervisor_, SIGKILL);
    ::waitpid(supervisor_, nullptr, 0);
    supervisor_ = -1;
}

int Supervised::supervisor_exit() {
    int status = 0;
    pid_t pid = 0;
    if (!wait_until([&] { return (pid = ::waitpid(supervisor_, &status, WNOHANG)) != 0; }))
        return -1000;
    supervisor_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool Supervised::stop() {
    return supervise::stop(run_, driver_);
}

std::string Supervised::output() const {
    std::string text;
    for (const supervise::LogRecord& record : supervise::read_log(service.log_file, std::nullopt, 0))
        if (record.stream != "sup")
            text += record.stream + ": " + record.text + "\n";
    return text;
}

std::string Supervised::notes() const {
    std::string text;
    for (const supervise::LogRecord& record : supervise::read_log(service.log_file, std::nullopt, 0))
        if (record.stream == "sup")
            text += record.text + "\n";
    return text;
}

bool Supervised::wait_for_text(const std::string& name, const std::string& text) const {
    return wait_until([&] {
        std::optional<std::string> content = base::read_file_if_exists(file(name));
        return content && content->find(text) != std::string::npos;
    });
}

} // namespace pkgjail::test
