#include "system/confine_fixture.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {
namespace {

namespace fs = std::filesystem;

const TempDir& state_directory() {
    static const TempDir directory;
    return directory;
}

std::string drain(const base::Fd& fd) {
    return base::read_all(fd, "output of the jail");
}

confine::Mount bind_mount(const base::HostPath& source, const std::string& target, bool writable = false) {
    confine::Mount mount;
    mount.source = source;
    mount.target = base::RootPath::parse(target);
    mount.writable = writable;
    return mount;
}

} // namespace

base::HostPath system_state() {
    return state_directory().path();
}

confine::Driver* system_driver() {
    static std::string reason;
    static const std::unique_ptr<confine::Driver> driver = []() -> std::unique_ptr<confine::Driver> {
        try {
            confine::become_reaper();
            return confine::open_driver(system_state());
        } catch (const base::Error& error) {
            if (error.kind() != base::ErrorKind::denied)
                throw;
            reason = error.what();
            return nullptr;
        }
    }();
    if (driver == nullptr) {
        const char* required = std::getenv("PKGJAIL_REQUIRE_SYSTEM");
        if (required != nullptr && std::string(required) == "1")
            FAIL("no jail can be made here: " << reason);
        WARN("skipped, no jail can be made here: " << reason);
    }
    return driver.get();
}

HostJail::HostJail(const std::string& name) {
    const auto root = dir_ / "root";
    spec.handle = "pkgjail-test-" + name + "-" + base::random_hex(4);
    spec.jail = name;
    spec.root = root;
    for (const char* made : {"dev", "proc", "sys", "etc", "data", "tmp"})
        base::make_directories(root / made, 0755);
    for (const char* made : {"run", "etc", "data"})
        base::make_directories(dir_ / made, 0755);
    base::write_file_atomically(root / "test", "", 0644);
    base::write_file_atomically(dir_ / "etc" / "passwd",
                                "root:x:0:0::/:/bin/sh\nsrv:x:1001:1002::/:/bin/sh\n", 0644);
    for (const char* base_directory : {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr"}) {
        const auto source = fs::path("/") / base_directory;
        if (fs::is_symlink(source)) {
            fs::copy_symlink(source, root / base_directory);
        } else if (fs::is_directory(source)) {
            base::make_directories(root / base_directory, 0755);
            spec.mounts.push_back(bind_mount(source, std::string("/") + base_directory));
        }
    }
    spec.mounts.push_back(bind_mount(dir_ / "etc", "/etc"));
    spec.mounts.push_back(bind_mount(data(), "/data", true));
    spec.mounts.push_back(bind_mount(base::own_program(), "/test"));
    confine::Mount scratch;
    scratch.kind = confine::Mount::Kind::tmpfs;
    scratch.target = base::RootPath::parse("/tmp");
    scratch.writable = true;
    scratch.mode = 01777;
    spec.mounts.push_back(scratch);
    spec.command = {"/bin/sh", "-c", "sleep 600"};
    spec.environment = {{"PATH", "/usr/bin:/bin:/usr/sbin:/sbin"}, {"HOME", "/"}};
}

HostJail::~HostJail() {
    try {
        if (auto* driver = system_driver())
            driver->remove(spec.handle, run_directory());
    } catch (const base::Error& error) {
        WARN("jail " << spec.handle << " could not be removed: " << error.what());
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

HostJail::Result HostJail::run(std::vector<std::string> command) {
    auto* driver = system_driver();
    spec.command = std::move(command);
    auto pipe = base::make_pipe();
    const auto first =
        driver->create(spec, run_directory(), {-1, pipe.write_end.get(), pipe.write_end.get()});
    pipe.write_end.reset();
    driver->start(spec, run_directory());
    Result result;
    result.out = drain(pipe.read_end);
    result.exit = wait(first);
    driver->remove(spec.handle, run_directory());
    return result;
}

std::string HostJail::run_inside(const std::string& tag) {
    const auto result = run({"/test", tag});
    std::string marked;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);)
        if (!line.empty() && line.front() == '@')
            marked += line.substr(1) + "\n";
    if (marked.empty())
        marked = result.exit.describe() + ": " + result.out;
    return marked;
}

base::ProcessId HostJail::launch(std::vector<std::string> command) {
    spec.command = std::move(command);
    const auto first = system_driver()->create(spec, run_directory(), {});
    system_driver()->start(spec, run_directory());
    return first;
}

void HostJail::create_killed_at(const char* step) {
    const pid_t maker = ::fork();
    REQUIRE(maker >= 0);
    if (maker == 0) {
        ::setenv("PKGJAIL_STOP_AT", step, 1);
        try {
            system_driver()->create(spec, run_directory(), {});
        } catch (const base::Error&) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(maker, &status, 0) == maker);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

base::Exit HostJail::wait(const base::ProcessId& first) {
    int status = 0;
    pid_t pid = 0;
    do
        pid = ::waitpid(first.pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid != first.pid)
        throw base::system_error(errno, "first process of the jail", "waitpid");
    return WIFSIGNALED(status) ? base::Exit{true, WTERMSIG(status)} : base::Exit{false, WEXITSTATUS(status)};
}

std::string traces_of(const HostJail& jail) {
    std::string text;
    const auto about_it = [&](const std::string& line) {
        return line.find(jail.spec.handle) != std::string::npos ||
               line.find(jail.directory().string()) != std::string::npos;
    };
    std::error_code error;
    const fs::path cgroups = "/sys/fs/cgroup";
    for (fs::recursive_directory_iterator it(cgroups, error), end; it != end; it.increment(error))
        if (about_it(it->path().string()) && it->is_directory(error))
            text += "control group " + it->path().string() + "\n";
    std::istringstream mounts(base::read_file("/proc/self/mountinfo"));
    for (std::string line; std::getline(mounts, line);)
        if (about_it(line) || line.find(system_state().string()) != std::string::npos)
            text += "mount " + line + "\n";
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        const auto name = entry.path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        if (pid <= 0 || pid == ::getpid() || !base::identify_process(pid))
            continue;
        for (const char* file : {"cgroup", "cmdline", "environ"}) {
            std::ifstream stream(entry.path() / file);
            const std::string content{std::istreambuf_iterator<char>(stream), {}};
            if (about_it(content)) {
                text += "process " + name + " (" + file + ")\n";
                break;
            }
        }
    }
    for (const auto& place : {system_state() / "run" / "oci", jail.run_directory()})
        for (const auto& entry : fs::directory_iterator(place, error))
            text += "file " + entry.path().string() + "\n";
    return text;
}

} // namespace pkgjail::test
