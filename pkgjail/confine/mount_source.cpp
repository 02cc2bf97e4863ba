#include "pkgjail/confine/mount_source.hpp"

#include <cerrno>
#include <exception>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/mounts.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

/// Whoever may speak to one of these governs the host, or others' jails.
constexpr const char* governing[] = {
    "/run/docker.sock", "/run/docker", "/run/containerd", "/run/podman",  "/run/crio", "/run/runc",
    "/run/crun",        "/run/lxc",    "/run/libvirt",    "/run/dbus",    "/run/user", "/run/systemd",
    "/run/udev",        "/run/lock",   "/run/sudo",       "/run/initctl", "/run/incus"};

/// "/run/docker" of "/var/run/docker".
std::string without_var(std::string path) {
    if (base::lies_below(path, "/var/run"))
        path.erase(0, std::string_view("/var").size());
    return path;
}

bool meet(const std::string& path, const std::string& other) {
    return base::lies_below(path, other) || base::lies_below(other, path);
}

Error may_not(const HostPath& source, const std::string& why) {
    return Error(ErrorKind::denied, source.string(), why + " and cannot be mounted into a jail");
}

struct Inode {
    dev_t device;
    ino_t inode;
    bool operator==(const Inode&) const = default;
};

Inode inode_of(const Tree& tree) {
    struct stat status {};
    if (::fstat(tree.fd().get(), &status) != 0)
        throw base::system_error(errno, tree.name(), "fstat");
    return {status.st_dev, status.st_ino};
}

HostPath place_of(const HostPath& bundle, std::size_t index) {
    return bundle / fmt::format("source-{}", index);
}

bool is_own(const Mount& mount) {
    return mount.kind == Mount::Kind::bind && mount.by_descriptor;
}

} // namespace

std::string source_problem(const HostPath& source, const std::vector<HostPath>& closed) {
    const std::string path = without_var(source.string());
    if (path == "/")
        return "is the host's root";
    for (const char* own : {"/proc", "/sys", "/dev"})
        if (meet(path, own))
            return fmt::format("belongs to {}, which is the kernel's", own);
    for (const char* socket : governing)
        if (meet(path, socket))
            return fmt::format("{} {}, by which the host is governed",
                               base::lies_below(path, socket) ? "belongs to" : "holds", socket);
    for (const HostPath& own : closed)
        if (!own.empty() && meet(path, own.string()))
            return fmt::format("{} {}, which is pkgjail's own",
                               base::lies_below(path, own.string()) ? "belongs to" : "holds", own.string());
    return {};
}

base::Fd open_source(const JailSpec& spec, const Mount& mount) {
    const std::string problem = source_problem(mount.source, spec.closed);
    if (!problem.empty())
        throw may_not(mount.source, problem);
    std::vector<Inode> closed;
    for (const HostPath& own : spec.closed) {
        std::error_code error;
        if (std::filesystem::is_directory(own, error))
            closed.push_back(inode_of(Tree::open(std::filesystem::canonical(own))));
    }
    const std::vector<std::string> components = RootPath::parse(mount.source.string()).components();
    Tree here = Tree::open("/");
    for (std::size_t i = 0; i < components.size(); ++i) {
        const RootPath next = RootPath().entry(components[i]);
        const auto entry = here.stat(next);
        if (!entry)
            throw Error(ErrorKind::not_found, here.show(next),
                        "does not exist, and is to be mounted into jail " + spec.jail);
        if (entry->is_symlink())
            throw Error(ErrorKind::corrupt, here.show(next),
                        "is a symbolic link, and whoever can change it would choose what is mounted",
                        "name the directory that it leads to");
        if (i + 1 == components.size() && entry->is_file())
            return here.open_regular(next);
        if (!entry->is_directory())
            throw Error(ErrorKind::configuration, here.show(next),
                        "is neither a directory nor a file and cannot be mounted into jail " + spec.jail);
        here = here.open_tree(next);
        for (const Inode& one : closed)
            if (inode_of(here) == one)
                throw may_not(mount.source, "leads to pkgjail's own files");
    }
    const int copy = ::fcntl(here.fd().get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        throw base::system_error(errno, mount.source.string(), "fcntl");
    return base::Fd(copy);
}

bool has_own_sources(const JailSpec& spec) {
    for (const Mount& mount : spec.mounts)
        if (is_own(mount))
            return true;
    return false;
}

JailSpec with_own_sources(const JailSpec& spec, const HostPath& bundle) {
    JailSpec changed = spec;
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
        if (!is_own(spec.mounts[i]))
            continue;
        changed.mounts[i].source = place_of(bundle, i);
        std::error_code error;
        if (std::filesystem::is_directory(spec.mounts[i].source, error))
            base::make_directories(changed.mounts[i].source, 0700);
        else
            base::write_file_atomically(changed.mounts[i].source, "");
    }
    return changed;
}

#ifdef __linux__

void run_with_own_sources(const JailSpec& spec, const HostPath& bundle, const std::function<void()>& work) {
    // A namespace belongs to a thread: only this one, and the programs that it starts, leave the host's.
    std::exception_ptr failure;
    std::thread thread([&] {
        try {
            if (::unshare(CLONE_NEWNS) != 0)
                throw base::system_error(errno, "mount namespace", "unshare");
            if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
                throw base::system_error(errno, "/", "mount private");
            for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
                if (!is_own(spec.mounts[i]))
                    continue;
                // Opened in here, because a descriptor of another namespace cannot be mounted.
                const base::Fd source = open_source(spec, spec.mounts[i]);
                const std::string from = fmt::format("/proc/thread-self/fd/{}", source.get());
                const HostPath place = place_of(bundle, i);
                if (::mount(from.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) != 0)
                    throw base::system_error(errno, spec.mounts[i].source.string(),
                                             "mount into jail " + spec.jail);
            }
            work();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

#endif

} // namespace pkgjail::confine
