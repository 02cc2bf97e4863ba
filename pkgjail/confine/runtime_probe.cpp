#ifdef __linux__

#include "pkgjail/confine/runtime_probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <mutex>
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
#include "pkgjail/confine/call_listener.hpp"
#include "pkgjail/confine/driver_oci.hpp"
#include "pkgjail/confine/oci_host.hpp"
#include "pkgjail/confine/user_namespace.hpp"

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
Json fingerprint(const HostPath& runtime, const OciHost& host) {
    const PortGuard& guard = host.port_guard;
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
            {"boot", base::boot_id()},
            {"port_guard", guard.works() ? guard.program.string() : guard.missing},
            {"abstract_sockets", guard.abstract_sockets},
            {"user", ::geteuid()},
            {"controllers", host.controllers}};
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
        spec_.command = {"/bin/sh", "-c", "read end; echo " + std::string(greeting)};
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

    /// Throws what went wrong. With `ports`, also that a process added to the jail is not held to ports.
    void run_with(OciDriver& driver, bool ports) {
        auto pipe = base::make_pipe();
        auto hold = base::make_pipe(); // the jail's program reads from it until it is closed
        base::ProcessId first;
        try {
            first = driver.create(spec_, directory_, {hold.read_end.get(), pipe.write_end.get(), -1});
            pipe.write_end.reset();
            hold.read_end.reset();
            driver.start(spec_, directory_);
            if (ports && !driver.refuses_ports(spec_, directory_))
                throw Error(ErrorKind::system, "probe", "an unclaimed port could be bound");
            hold.write_end.reset();
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

    /// Throws what went wrong, also that the runtime handed nothing on.
    void learn_with(OciDriver& driver) {
        std::mutex guard;
        std::string trouble;
        CallListener listener(directory_, name_,
                              {[](const NoticedCall&) {},
                               [&](const std::string& what) {
                                   const std::lock_guard hold(guard);
                                   trouble = what;
                               }});
        spec_.learning = Learning{jail::Profile::high, listener.socket()};
        run_with(driver, false);
        // It was sent before the jail was made, and is read by another thread.
        for (int look = 0; look < 200 && listener.descriptors() == 0; ++look)
            ::usleep(5'000);
        const std::lock_guard hold(guard);
        if (listener.descriptors() == 0)
            throw Error(ErrorKind::system, "probe",
                        trouble.empty() ? "the filter was made and its notifications were not handed on"
                                        : trouble);
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
        if (::geteuid() != 0)
            hierarchies_ = delegated_hierarchies(hierarchies_);
        base::make_directories(state_ / "run", 0700);
        host_ = read_oci_host(state_, hierarchies_);
        host_.port_guard = find_port_guard();
        host_.one_user = ::geteuid() != 0;
        host_.uid = ::geteuid();
        host_.gid = ::getegid();
    }

    std::unique_ptr<Driver> remembered(const std::string& configured) const {
        const auto text = base::read_file_if_exists(file_);
        const auto json = text ? Json::parse(*text, nullptr, false) : Json();
        try {
            if (!json.is_object() || json.at("configured").get<std::string>() != configured)
                return nullptr;
            const HostPath program = json.at("host").at("runtime").get<std::string>();
            if (json.at("host") != fingerprint(program, host_))
                return nullptr;
            OciHost host = host_;
            host.hide_processes = json.at("hide_processes").get<bool>();
            if (const auto failed = json.at("ports_not_held").get<std::string>(); !failed.empty())
                host.port_guard = {{}, failed, false};
            return make(program, host,
                        with_hole({"oci", json.at("detail").get<std::string>(),
                                   json.at("notes").get<std::vector<std::string>>()}));
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

    /// nullptr when it does not work; `tried` then has a line on it. What the runtime cannot do but we can do
    /// without is left out, one after the other.
    std::unique_ptr<Driver> try_runtime(const HostPath& program, const std::string& configured,
                                        std::vector<std::string>& tried) const {
        std::string failure, ports_failure = host_.port_guard.missing;
        for (const bool hold_ports : {true, false}) {
            if (hold_ports && !host_.port_guard.works())
                continue;
            for (const bool hide : {true, false}) {
                OciHost host = host_;
                host.hide_processes = hide;
                if (!hold_ports)
                    host.port_guard = {{}, ports_failure, false};
                try {
                    const std::string version = OciRuntime(program, {}).version();
                    const std::string detail =
                        version + ", " + (host.one_user ? "as user " + std::to_string(host.uid) + ", " : "") +
                        describe_cgroups(hierarchies_);
                    TinyJail tiny(state_);
                    tiny.run_with(*make(program, host, {"oci", detail, {}}), hold_ports);
                    const DriverInfo info{"oci", hold_ports ? detail + ", Landlock" : detail,
                                          notes_on(host, tried)};
                    remember(info, program, configured, host);
                    return make(program, host, with_hole(info));
                } catch (const Error& error) {
                    failure = in_one_line(error);
                    if (hold_ports && hide)
                        ports_failure = fmt::format("{} does not work with Landlock: {}",
                                                    program.filename().string(), failure);
                }
            }
        }
        tried.push_back(program.string() + ": " + failure);
        return nullptr;
    }

  private:
    void remember(const DriverInfo& info, const HostPath& program, const std::string& configured,
                  const OciHost& host) const {
        const Json json{{"configured", configured},
                        {"host", fingerprint(program, host_)},
                        {"hide_processes", host.hide_processes},
                        {"ports_not_held", host.port_guard.missing},
                        {"detail", info.detail},
                        {"notes", info.notes}};
        base::write_file_atomically(file_, json.dump(2) + "\n");
    }

    std::unique_ptr<OciDriver> make(const HostPath& program, const OciHost& host, DriverInfo info) const {
        return std::make_unique<OciDriver>(OciRuntime(program, state_ / "run" / "oci"), host, hierarchies_,
                                           std::move(info));
    }

    /// That the runtime has a known hole is not remembered: the next pkgjail may know of more.
    static DriverInfo with_hole(DriverInfo info) {
        if (auto hole = known_hole(info.detail.substr(0, info.detail.find(',')))) {
            std::erase(info.notes, *hole); // earlier versions remembered it
            info.notes.insert(info.notes.begin(), std::move(*hole));
        }
        return info;
    }

    std::vector<std::string> notes_on(const OciHost& host, std::vector<std::string> notes) const {
        if (!host.hide_processes)
            notes.push_back(
                "/proc cannot be mounted with hidepid: users in a jail see each other's processes");
        if (!host.port_guard.works())
            notes.push_back("jails are not held to the ports that they claim: " + host.port_guard.missing);
        else if (!host.port_guard.abstract_sockets)
            notes.push_back("jails can reach the host's abstract sockets: Landlock of this kernel does not "
                            "know them (Linux 6.12 does)");
        if (host.one_user)
            notes.push_back("made by an ordinary user: all users of a jail are one, and a user's change or a "
                            "file's new owner is pretended in it");
        for (const auto& [controller, limit] :
             {std::pair{"cpu", "cpu"}, std::pair{"memory", "memory"}, std::pair{"pids", "processes"},
              std::pair{"blkio", "io-read and io-write"}})
            if (!host_.controllers.contains(controller))
                notes.push_back(fmt::format("no cgroup controller {}{}: limit {} is unavailable", controller,
                                            host.one_user ? " is delegated to this user" : "", limit));
        if (host_.controllers.contains("memory") && !host_.swap_limit)
            notes.push_back("swap is not limited together with memory");
        if (host_.state_disk.empty())
            notes.push_back("limits io-read and io-write are unavailable: " + host_.no_disk);
        return notes;
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

void try_learning(OciDriver& driver, const HostPath& state_directory, const HostPath& runtime) {
    const Probe probe(state_directory);
    const auto lock = probe.lock();
    probe.sweep(runtime);
    TinyJail(state_directory).learn_with(driver);
}

std::unique_ptr<Driver> probe_oci_driver(const HostPath& state_directory,
                                         const std::string& configured_runtime) {
    if (::geteuid() != 0)
        check_user_namespaces();
    const Probe probe(state_directory);
    if (auto driver = probe.remembered(configured_runtime))
        return driver;
    const auto lock = probe.lock();
    if (auto driver = probe.remembered(configured_runtime)) // by who held the lock before us
        return driver;
    std::vector<std::string> tried;
    for (const auto& program : candidates(configured_runtime)) {
        probe.sweep(program);
        if (auto driver = probe.try_runtime(program, configured_runtime, tried))
            return driver;
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
