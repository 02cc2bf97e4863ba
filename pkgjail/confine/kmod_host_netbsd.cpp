#ifdef __NetBSD__

// NetBSD's kernel behind the driver's interface.
#include "pkgjail/confine/driver_kmod.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

// clang-format off
#include <sys/param.h>
#include <sys/mount.h> // before the file systems' own headers, which need it
// clang-format on

#include <fcntl.h>
#include <fs/tmpfs/tmpfs_args.h>
#include <miscfs/nullfs/null.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/kmod_process.hpp"

namespace pkgjail::confine {
namespace {

using base::Fd;
using base::HostPath;
using base::RootPath;
using base::Tree;

constexpr std::chrono::milliseconds modload_patience(30'000);

int mount_flags(const RootStep& step) {
    int flags = MNT_NOSUID;
    if (step.read_only)
        flags |= MNT_RDONLY;
    if (step.no_exec)
        flags |= MNT_NOEXEC;
    if (step.no_devices)
        flags |= MNT_NODEV;
    return flags;
}

/// Device and inode of a directory that is reached through no symbolic link. Throws Error{corrupt} for a
/// link.
std::pair<dev_t, ino_t> place_of(const std::string& path) {
    struct stat status {};
    const Tree tree = Tree::open("/").open_tree(RootPath::parse(path));
    if (::fstat(tree.fd().get(), &status) != 0)
        throw base::system_error(errno, path, "fstat");
    return {status.st_dev, status.st_ino};
}

int mount_null(const RootStep& step) {
    struct null_args arguments {};
    std::string source = step.source;
    arguments.la.target = source.data();
    return ::mount(MOUNT_NULL, step.target.c_str(), mount_flags(step), &arguments, sizeof arguments);
}

int mount_memory(const RootStep& step) {
    struct tmpfs_args arguments {};
    arguments.ta_version = TMPFS_ARGS_VERSION;
    arguments.ta_size_max = static_cast<off_t>(step.size_bytes);
    arguments.ta_root_mode = static_cast<mode_t>(step.mode);
    return ::mount(MOUNT_TMPFS, step.target.c_str(), mount_flags(step), &arguments, sizeof arguments);
}

/// mount(2) follows links, and part of a jail's root is written by processes of the jail. So the directory is
/// looked at without following any before and after: it must be another one then, the top of the new mount.
int mount_where_it_belongs(const RootStep& step) {
    const auto before = place_of(step.target);
    if ((step.kind == RootStep::Kind::null ? mount_null(step) : mount_memory(step)) != 0)
        return errno;
    if (place_of(step.target) != before)
        return 0;
    ::unmount(step.target.c_str(), MNT_FORCE); // by the same path, so at the same wrong place
    return ELOOP;
}

/// In a tmpfs that was mounted a moment ago and that nobody else sees yet.
int make_devices(const RootStep& step) {
    const HostPath directory = step.target;
    for (const HostDevice& device : step.devices) {
        const HostPath node = directory / device.device.name;
        if (node.parent_path() != directory && ::mkdir(node.parent_path().c_str(), 0755) != 0 &&
            errno != EEXIST)
            return errno;
        if (::mknod(node.c_str(), static_cast<mode_t>(S_IFCHR | device.device.mode),
                    static_cast<dev_t>(device.number)) != 0 ||
            ::chmod(node.c_str(), static_cast<mode_t>(device.device.mode)) != 0)
            return errno;
    }
    return 0;
}

/// proc.PID.rlimit.NAME.soft and .hard of sysctl(7). The module numbers limits as the kernel does.
int limit_node(pid_t pid, unsigned number, int type, rlim_t* found, const rlim_t* wanted) {
    const int name[] = {CTL_PROC, pid == 0 ? ::getpid() : pid, PROC_PID_LIMIT, static_cast<int>(number) + 1,
                        type};
    std::size_t size = sizeof(rlim_t);
    const int result = ::sysctl(name, 5, found, found != nullptr ? &size : nullptr, wanted,
                                wanted != nullptr ? sizeof(rlim_t) : 0);
    return result != 0 ? errno : 0;
}

std::uint64_t limit_of(rlim_t value) {
    return value >= RLIM_INFINITY ? UINT64_MAX : value;
}

class NetbsdHost final : public KmodHost {
  public:
    std::optional<std::int64_t> sysctl_number(const std::string& name) override {
        std::int64_t value = 0;
        std::size_t size = sizeof value;
        if (::sysctlbyname(name.c_str(), &value, &size, nullptr, 0) != 0) {
            if (errno == ENOENT)
                return std::nullopt;
            throw base::system_error(errno, name, "sysctl");
        }
        if (size == sizeof(std::int32_t)) {
            std::int32_t small = 0;
            std::memcpy(&small, &value, sizeof small);
            return small;
        }
        return value;
    }

    std::optional<std::string> load_module(const std::string& module) override {
        base::Command command;
        command.argv = {"/sbin/modload", module};
        const base::Output output = base::run(command, modload_patience);
        if (output.exit.success())
            return std::nullopt;
        const std::string line = output.err.substr(0, output.err.find('\n'));
        return line.empty() ? "modload: " + output.exit.describe() : line;
    }

    std::vector<std::string> module_candidates() override {
        std::vector<std::string> candidates;
        // PREFIX/sbin/pkgjail and PREFIX/libexec/pkgjail-supervisor have it in PREFIX/lib.
        const HostPath packaged =
            base::own_program().parent_path().parent_path() / "lib/pkgjail/pkgjail.kmod";
        std::error_code error;
        if (std::filesystem::exists(packaged, error))
            candidates.push_back(packaged.string());
        candidates.emplace_back("pkgjail"); // where the kernel keeps its own
        return candidates;
    }

    std::optional<std::uint64_t> device_node() override {
        struct stat status {};
        if (::lstat(PKGJAIL_DEVICE, &status) != 0 || !S_ISCHR(status.st_mode))
            return std::nullopt;
        return status.st_rdev;
    }

    int make_device_node(std::uint32_t number) override {
        const std::string fresh = PKGJAIL_DEVICE ".new";
        ::unlink(fresh.c_str());
        if (::mknod(fresh.c_str(), S_IFCHR | 0600, makedev(number, 0)) != 0)
            return errno;
        return ::rename(fresh.c_str(), PKGJAIL_DEVICE) != 0 ? errno : 0;
    }

    int open_device() override {
        device_ = Fd(::open(PKGJAIL_DEVICE, O_RDWR | O_CLOEXEC));
        return device_ ? 0 : errno;
    }

    int request(unsigned long number, void* data) override {
        return ::ioctl(device_.get(), number, data) != 0 ? errno : 0;
    }

    RootFacts facts(const JailSpec& spec) override {
        RootFacts facts;
        for (const JailDevice& device : jail_devices()) {
            struct stat status {};
            if (::stat((HostPath("/dev") / device.name).c_str(), &status) == 0 && S_ISCHR(status.st_mode))
                facts.devices.push_back({device, status.st_rdev});
        }
        for (const Mount& mount : spec.mounts)
            if (mount.kind == Mount::Kind::bind && mount.target.str() == "/var") {
                const auto entry = Tree::open(mount.source).stat(RootPath::parse("/shm"));
                facts.shared_memory = entry && entry->is_directory();
            }
        return facts;
    }

    int carry_out(const RootStep& step) override {
        switch (step.kind) {
        case RootStep::Kind::null:
        case RootStep::Kind::memory:
            return mount_where_it_belongs(step);
        case RootStep::Kind::devices:
            return make_devices(step);
        }
        return EINVAL;
    }

    int unmount(const std::string& target, bool force) override {
        return ::unmount(target.c_str(), force ? MNT_FORCE : 0) != 0 ? errno : 0;
    }

    std::vector<std::string> mounts_below(const HostPath& directory) override {
        return base::mounts_below(directory);
    }

    int open_directory(const HostPath& directory) override {
        const int number = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return number < 0 ? -errno : number;
    }
    void close_directory(int number) override { ::close(number); }

    std::optional<std::string> operator_file(const HostPath& path) override {
        return base::read_file_if_exists(path);
    }

    std::unique_ptr<Entrant> start(const EntryPlan& plan) override {
        return fork_entrant(plan, system_entry_calls);
    }
    void pause(std::chrono::milliseconds time) override { std::this_thread::sleep_for(time); }

    int read_rlimit(pid_t pid, unsigned number, ProcessRlimit& found) override {
        rlim_t soft = 0, hard = 0;
        if (const int error = limit_node(pid, number, PROC_PID_LIMIT_TYPE_SOFT, &soft, nullptr); error != 0)
            return error;
        if (const int error = limit_node(pid, number, PROC_PID_LIMIT_TYPE_HARD, &hard, nullptr); error != 0)
            return error;
        found = {limit_of(soft), limit_of(hard)};
        return 0;
    }
    int set_rlimit(pid_t pid, unsigned number, const ProcessRlimit& wanted) override {
        const rlim_t soft = std::min<rlim_t>(wanted.soft, RLIM_INFINITY);
        const rlim_t hard = std::min<rlim_t>(wanted.hard, RLIM_INFINITY);
        rlim_t present = 0;
        if (const int error = limit_node(pid, number, PROC_PID_LIMIT_TYPE_SOFT, &present, nullptr);
            error != 0)
            return error;
        // One number at a time, and never a soft limit above the hard one.
        if (present > hard)
            if (const int error = limit_node(pid, number, PROC_PID_LIMIT_TYPE_SOFT, nullptr, &soft);
                error != 0)
                return error;
        if (const int error = limit_node(pid, number, PROC_PID_LIMIT_TYPE_HARD, nullptr, &hard); error != 0)
            return error;
        return limit_node(pid, number, PROC_PID_LIMIT_TYPE_SOFT, nullptr, &soft);
    }

  private:
    Fd device_;
};

} // namespace

std::unique_ptr<Driver> open_kmod_driver(const HostPath& state_directory) {
    return std::make_unique<KmodDriver>(std::make_unique<NetbsdHost>(), state_directory);
}

} // namespace pkgjail::confine

#endif
