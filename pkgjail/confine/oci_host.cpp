#ifdef __linux__

#include "pkgjail/confine/oci_host.hpp"

#include <cerrno>
#include <charconv>
#include <filesystem>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"

namespace pkgjail::confine {
namespace {

namespace fs = std::filesystem;

std::uint64_t hard_limit(__rlimit_resource resource) {
    struct rlimit limit {};
    if (::getrlimit(resource, &limit) != 0)
        throw base::system_error(errno, "resource limits", "getrlimit");
    return limit.rlim_max == RLIM_INFINITY ? ~std::uint64_t{0} : limit.rlim_max;
}

// A rate can be set for a whole disk only, so a partition stands for its disk.
void find_disk(OciHost& host, const base::HostPath& state_directory) {
    struct stat status {};
    if (::stat(state_directory.c_str(), &status) != 0)
        throw base::system_error(errno, state_directory.string(), "stat");
    const auto device = fmt::format("{}:{}", major(status.st_dev), minor(status.st_dev));
    const fs::path block = fs::path("/sys/dev/block") / device;
    std::error_code error;
    if (major(status.st_dev) == 0 || !fs::exists(block, error)) {
        host.no_disk = "the file system of the state directory is on no single disk";
        return;
    }
    host.state_disk = device;
    if (fs::exists(block / "partition", error)) {
        const auto parent = base::read_file(fs::canonical(block).parent_path() / "dev");
        host.state_disk = parent.substr(0, parent.find('\n'));
    }
}

bool swap_can_be_limited(const std::vector<CgroupHierarchy>& hierarchies) {
    std::error_code error;
    for (const auto& hierarchy : hierarchies)
        for (const auto& name : hierarchy.controllers) {
            if (name != "memory")
                continue;
            if (!hierarchy.unified)
                return fs::exists(hierarchy.mount_point / "memory.memsw.limit_in_bytes", error);
            // The top of the unified tree has no limits; any group below it shows whether there are any.
            for (const auto& entry : fs::directory_iterator(hierarchy.mount_point))
                if (entry.is_directory() && fs::exists(entry.path() / "memory.swap.max", error))
                    return true;
        }
    return false;
}

} // namespace

OciHost read_oci_host(const base::HostPath& state_directory,
                      const std::vector<CgroupHierarchy>& hierarchies) {
    OciHost host;
    host.architecture = base::host_machine_arch();
    for (const auto& hierarchy : hierarchies)
        host.controllers.insert(hierarchy.controllers.begin(), hierarchy.controllers.end());
    host.swap_limit = swap_can_be_limited(hierarchies);
    const auto adjust = base::read_file("/proc/self/oom_score_adj");
    std::from_chars(adjust.data(), adjust.data() + adjust.size(), host.oom_score_adjust);
    host.hard_files = hard_limit(RLIMIT_NOFILE);
    host.hard_core = hard_limit(RLIMIT_CORE);
    host.hard_stack = hard_limit(RLIMIT_STACK);
    find_disk(host, state_directory);
    return host;
}

} // namespace pkgjail::confine

#endif
