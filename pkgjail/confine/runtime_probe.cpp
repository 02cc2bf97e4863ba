#ifdef __linux__

#include "pkgjail/confine/runtime_probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>

#include <poll.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/confine/driver_oci.hpp"
#include "pkgjail/confine/oci_host.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view greeting = "pkgjail";
constexpr std::string_view probe_prefix = "pkgjail-probe-";
constexpr auto probe_patience = std::chrono::seconds(120);
constexpr auto greeting_patience = std::chrono::seconds(20);

/// What a remembered choice depends on.
Json fingerprint(const HostPath& runtime) {
    struct stat status {};
    if (::stat(runtime.c_str(), &status) != 0)
        throw base::system_error(errno, runtime.string(), "stat");
    struct utsname kernel {};
    if (::uname(&kernel) != 0)
        throw base::system_error(errno, "kernel", "uname");
    return {{"runtime", runtime.string()},
            {"modified", fmt::format("{}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec)},
            {"size", status.st_size},
            {"kernel", kernel.release},
            {"boot", base::boot_id()}};
}

/// A jail that says one word, on the host's own programs. Its directory is removed at the end.
class TinyJail {
  public:
    explicit TinyJail(const HostPath& state_directory)
        : name_(std::string(probe_prefix) + base::random_hex(6)),
          directory_(state_directory / "run" / name_) {
        base::make_directories(directory_ / "root", 0700);
        spec_.handle = name_;
        spec_.jail = "probe";
        spec_.root = directory_ / "root";
        spec_.command = {"/bin/sh", "-c", "echo " + std::string(greeting)};
        spec_.environment = {{"PATH", "/bin:/usr/bin"}, {"HOME", "/"}};
        spec_.limits.wanted = {{jail::LimitKind::memory, {64u << 20, "probe"}},
                               {jail::LimitKind::processes, {16, "probe"}}};
        for (const char* own : {"dev", "proc", "sys"})
            base::make_directories(spec_.root / own, 0755);
        for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "nix", "gnu"})
            add_host_directory(name);
    }
    TinyJail(const TinyJail&) = delete;
    TinyJail& operator=(const TinyJail&) = delete;
    ~TinyJail() {
        std::error_code ignored; // the next probe sweeps what is left
        fs::remove_all(directory_, ignored);
    }

    /// Throws what went wrong.
    void run_with(Driver& driver) {
        auto pipe = base::make_pipe();
        base::ProcessId first;
        try {
            first = driver.create(spec_, directory_, {-1, pipe.write_end.get(), -1});
            pipe.write_end.reset();
            driver.start(spec_, directory_);
            expect_greeting(pipe.read_end);
        } catch (...) {
            driver.remove(spec_.handle, directory_);
            throw;
        }
        driver.remove(spec_.handle, directory_);
        ::waitpid(first.pid, nullptr, WNOHANG); // it is our child when we are the reaper
        if (driver.exists(spec_.handle, directory_))
            throw Error(ErrorKind::system, spec_.handle, "is still there after it was removed");
    }

  private:
    void add_host_directory(const std::string& name) {
        const HostPath source = HostPath("/") / name;
        std::error_code error;
        const auto status = fs::symlink_status(source, error);
        if (fs::is_symlink(status)) {
            fs::copy_symlink(source, spec_.root / name);
        } else if (fs::is_directory(status)) {
            base::make_directories(spec_.root / name, 0755);
            Mount mount;
            mount.source = source;
            mount.target = base::RootPath::parse("/" + name);
            spec_.mounts.push_back(std::move(mount));
        }
    }

    static void expect_greeting(const base::Fd& output) {
        std::string said;
        const auto deadline = std::chrono::steady_clock::now() + greeting_patience;
        while (true) {
            struct pollfd waiting {
                output.get(), POLLIN, 0
            };
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                deadline - std::chrono::steady_clock::now());
            if (::poll(&waiting, 1, std::max(0, static_cast<int>(left.count()))) <= 0 && errno != EINTR)
                throw Error(ErrorKind::system, "probe", "the jail was started but its program did not run");
            std::array<char, 64> bytes;
            const auto count = ::read(output.get(), bytes.data(), bytes.size());
            if (count <= 0)
                break;
            said.append(bytes.data(), static_cast<std::size_t>(count));
        }
        if (said != std::string(greeting) + "\n")
            throw Error(ErrorKind::system, "probe", "the jail was started but its program could not run");
    }

    std::string name_;
    HostPath directory_;
    JailSpec spec_;
};

std::string in_one_line(const Error& error) {
    return error.object() + ": " + error.cause();
}

class Probe {
  public:
    explicit Probe(HostPath state_directory)
        : state_(std::move(state_directory)), file_(state_ / "run" / "driver.json"),
          hierarchies_(host_cgroup_hierarchies()) {
        base::make_directories(state_ / "run", 0700);
        host_ = read_oci_host(state_, hierarchies_);
    }

    std::unique_ptr<Driver> remembered(const std::string& configured) const {
        const auto text = base::read_file_if_exists(file_);
        const auto json = text ? Json::parse(*text, nullptr, false) : Json();
        try {
            if (!json.is_object() || json.at("configured").get<std::string>() != configured)
                return nullptr;
            const HostPath program = json.at("host").at("runtime").get<std::string>();
            if (json.at("host") != fingerprint(program))
                return nullptr;
            OciHost host = host_;
            host.hide_processes = json.at("hide_processes").get<bool>();
            return make(program, host,
                        {"oci", json.at("detail").get<std::string>(),
                         json.at("notes").get<std::vector<std::string>>()});
        } catch (const nlohmann::json::exception&) {
            return nullptr; // another version's, or damaged: it is only a memory, and is made anew
        } catch (const Error&) {
            return nullptr; // the runtime is gone
        }
    }

    /// Clears away the tiny jails of probes that were killed. Only for who holds the lock: no other probe is
    /// at work then.
    void sweep(const HostPath& program) const {
        const auto driver = make(program, host_, {});
        std::set<std::string> left;
        for (const auto& handle : driver->handles())
            left.insert(handle);
        for (const auto& entry : fs::directory_iterator(state_ / "run"))
            left.insert(entry.path().filename().string());
        for (const auto& name : left) {
            if (!name.starts_with(probe_prefix))
                continue;
            driver->remove(name, state_ / "run" / name);
            fs::remove_all(state_ / "run" / name);
        }
    }

    base::Lock lock() const {
        return base::Lock::take(state_ / "run" / "driver.lock", base::LockMode::exclusive, "driver",
                                "try the OCI runtimes", probe_patience);
    }

    /// nullptr when it does not work; `tried` then has a line on it.
    std::unique_ptr<Driver> try_runtime(const HostPath& program, std::vector<std::string>& tried) const {
        std::vector<std::string> notes = tried;
        for (const bool hide : {true, false}) {
            OciHost host = host_;
            host.hide_processes = hide;
            try {
                const std::string detail =
                    OciRuntime(program, {}).version() + ", " + describe_cgroups(hierarchies_);
                TinyJail tiny(state_);
                tiny.run_with(*make(program, host, {"oci", detail, {}}));
                if (!hide)
                    notes.push_back(
                        "/proc cannot be mounted with hidepid: users in a jail see each other's processes");
                add_missing(notes);
                return make(program, host, {"oci", detail, notes});
            } catch (const Error& error) {
                if (hide)
                    tried.push_back(program.string() + ": " + in_one_line(error));
            }
        }
        return nullptr;
    }

    void remember(const Driver& driver, const HostPath& program, const std::string& configured,
                  bool hide) const {
        const Json json{{"configured", configured},
                        {"host", fingerprint(program)},
                        {"hide_processes", hide},
                        {"detail", driver.info().detail},
                        {"notes", driver.info().notes}};
        base::write_file_atomically(file_, json.dump(2) + "\n");
    }

    static bool hides_processes(const Driver& driver) {
        return std::none_of(
            driver.info().notes.begin(), driver.info().notes.end(),
            [](const std::string& note) { return note.starts_with("/proc cannot be mounted with hidepid"); });
    }

  private:
    std::unique_ptr<Driver> make(const HostPath& program, const OciHost& host, DriverInfo info) const {
        return std::make_unique<OciDriver>(OciRuntime(program, state_ / "run" / "oci"), host, hierarchies_,
                                           std::move(info));
    }

    void add_missing(std::vector<std::string>& notes) const {
        for (const auto& [controller, limit] :
             {std::pair{"cpu", "cpu"}, std::pair{"memory", "memory"}, std::pair{"pids", "processes"},
              std::pair{"blkio", "io-read and io-write"}})
            if (!host_.controllers.contains(controller))
                notes.push_back(
                    fmt::format("no cgroup controller {}: limit {} is unavailable", controller, limit));
        if (host_.controllers.contains("memory") && !host_.swap_limit)
            notes.push_back("swap is not limited together with memory");
        if (host_.state_disk.empty())
            notes.push_back("limits io-read and io-write are unavailable: " + host_.no_disk);
    }

    HostPath state_;
    HostPath file_;
    std::vector<CgroupHierarchy> hierarchies_;
    OciHost host_;
};

std::vector<HostPath> candidates(const std::string& configured) {
    if (!configured.empty()) {
        if (configured.front() != '/' || ::access(configured.c_str(), X_OK) != 0)
            throw Error(ErrorKind::configuration, configured,
                        "configured runtime is not the path of a program");
        return {configured};
    }
    std::vector<HostPath> found;
    for (const char* name : {"crun", "runc", "youki"})
        if (const auto program = base::find_program(name))
            found.push_back(*program);
    return found;
}

} // namespace

std::unique_ptr<Driver> probe_oci_driver(const HostPath& state_directory,
                                         const std::string& configured_runtime) {
    if (::geteuid() != 0)
        throw Error(ErrorKind::denied, "driver oci", "making jails needs root", "run it as root");
    const Probe probe(state_directory);
    if (auto driver = probe.remembered(configured_runtime))
        return driver;
    const auto lock = probe.lock();
    if (auto driver = probe.remembered(configured_runtime)) // by who held the lock before us
        return driver;
    std::vector<std::string> tried;
    for (const auto& program : candidates(configured_runtime)) {
        probe.sweep(program);
        if (auto driver = probe.try_runtime(program, tried)) {
            probe.remember(*driver, program, configured_runtime, Probe::hides_processes(*driver));
            return driver;
        }
    }
    if (tried.empty())
        throw Error(ErrorKind::denied, "driver oci", "no OCI runtime is installed",
                    "install crun or runc (Debian: apt install crun runc)");
    throw Error(ErrorKind::denied, "driver oci",
                fmt::format("no OCI runtime works here: {}", fmt::join(tried, "; ")),
                "install another OCI runtime: crun takes hosts that runc does not, and the other way round");
}

} // namespace pkgjail::confine

#endif
