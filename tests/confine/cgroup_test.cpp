#include "pkgjail/confine/cgroup.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::CgroupHierarchy;
using confine::JailCgroup;
using jail::LimitKind;

namespace {

const base::HostPath recorded = base::HostPath(PKGJAIL_TEST_DATA) / "confine";

std::vector<CgroupHierarchy> hierarchies_of(const std::string& host) {
    return confine::find_cgroup_hierarchies(base::read_file(recorded / host / "mountinfo"), recorded / host);
}

std::string show(const std::vector<CgroupHierarchy>& hierarchies, const std::string& host) {
    std::string text;
    for (const auto& hierarchy : hierarchies) {
        text += hierarchy.mount_point.string().substr((recorded / host).string().size());
        text += hierarchy.unified ? " v2:" : " v1:";
        for (const auto& name : hierarchy.controllers)
            text += " " + name;
        text += "\n";
    }
    return text;
}

std::string show(const std::optional<std::uint64_t>& value) {
    return value ? std::to_string(*value) : "-";
}

std::string show(const confine::Usage& usage) {
    return "cpu " + show(usage.cpu_usec) + " throttled " + show(usage.throttled_usec) + " memory " +
           show(usage.memory_bytes) + " peak " + show(usage.memory_peak_bytes) + " hits " +
           show(usage.memory_limit_hits) + " processes " + show(usage.processes) + " hits " +
           show(usage.process_limit_hits) + " read " + show(usage.io_read_bytes) + " write " +
           show(usage.io_write_bytes);
}

std::string show(const JailCgroup::Reading& reading) {
    return show(reading.value) + " by " + reading.mechanism;
}

} // namespace

TEST_CASE("the trees of a hybrid host are found, bind mounts and part trees are not taken for them",
          "[confine][cgroup]") {
    const auto found = hierarchies_of("hybrid");

    CHECK(show(found, "hybrid") == "/sys/fs/cgroup/cpu,cpuacct v1: cpu cpuacct\n"
                                   "/sys/fs/cgroup/memory v1: memory\n"
                                   "/sys/fs/cgroup/freezer v1: freezer\n"
                                   "/sys/fs/cgroup/blkio v1: blkio\n"
                                   "/sys/fs/cgroup/pids v1: pids\n"
                                   "/sys/fs/cgroup/systemd v1: name=systemd\n"
                                   "/sys/fs/cgroup/unified v2:\n");
    CHECK(confine::describe_cgroups(found) == "cgroup v1 (hybrid)");
}

TEST_CASE("the one tree of a version 2 host is found with its controllers", "[confine][cgroup]") {
    const auto found = hierarchies_of("v2");

    CHECK(show(found, "v2") == "/sys/fs/cgroup v2: cpuset cpu blkio memory hugetlb pids rdma misc\n");
    CHECK(confine::describe_cgroups(found) == "cgroup v2");
    CHECK(confine::describe_cgroups({}) == "no cgroups");
}

TEST_CASE("a mount point with a blank in its name is read as it is", "[confine][cgroup]") {
    const auto found = confine::find_cgroup_hierarchies(
        "50 27 0:36 / /srv/chroot\\040one/pids rw - cgroup cgroup rw,pids\n");

    REQUIRE(found.size() == 1);
    CHECK(found[0].mount_point == "/srv/chroot one/pids");
}

TEST_CASE("usage is read from version 1 files in the units of Usage", "[confine][cgroup]") {
    const JailCgroup cgroup(hierarchies_of("hybrid"), "/pkgjail/pkgjail-web");

    CHECK(show(cgroup.usage()) ==
          "cpu 2500123 throttled 3400567 memory 8388608 peak 16777216 hits 3 processes 2 hits 5 "
          "read 5096 write 8192");
}

TEST_CASE("usage is read from version 2 files in the units of Usage", "[confine][cgroup]") {
    const JailCgroup cgroup(hierarchies_of("v2"), "/pkgjail/pkgjail-web");

    CHECK(show(cgroup.usage()) ==
          "cpu 7654321 throttled 98765 memory 1048576 peak 2097152 hits 12 processes 2 hits 0 "
          "read 4196 write 200");
}

TEST_CASE("usage of a jail without groups is unknown, not zero", "[confine][cgroup]") {
    const JailCgroup cgroup(hierarchies_of("hybrid"), "/pkgjail/pkgjail-nobody");

    CHECK_FALSE(cgroup.exists());
    CHECK(show(cgroup.usage()) ==
          "cpu - throttled - memory - peak - hits - processes - hits - read - write -");
}

TEST_CASE("limits are read back with the file that holds them", "[confine][cgroup]") {
    const JailCgroup v1(hierarchies_of("hybrid"), "/pkgjail/pkgjail-web");
    CHECK(show(v1.limit(LimitKind::cpu, "254:0")) == "150 by cgroup v1 cpu.cfs_quota_us");
    CHECK(show(v1.limit(LimitKind::memory, "254:0")) == "67108864 by cgroup v1 memory.limit_in_bytes");
    CHECK(show(v1.limit(LimitKind::processes, "254:0")) == "64 by cgroup v1 pids.max");
    CHECK(show(v1.limit(LimitKind::io_read, "254:0")) ==
          "1048576 by cgroup v1 blkio.throttle.read_bps_device of disk 254:0");
    CHECK(show(v1.limit(LimitKind::io_write, "254:0")) ==
          "- by cgroup v1 blkio.throttle.write_bps_device of disk 254:0");
    CHECK(show(v1.limit(LimitKind::io_read, "")) == "- by ");
    CHECK(show(v1.limit(LimitKind::disk, "254:0")) == "- by ");

    const JailCgroup v2(hierarchies_of("v2"), "/pkgjail/pkgjail-web");
    CHECK(show(v2.limit(LimitKind::cpu, "254:0")) == "25 by cgroup v2 cpu.max");
    CHECK(show(v2.limit(LimitKind::memory, "254:0")) == "268435456 by cgroup v2 memory.max");
    CHECK(show(v2.limit(LimitKind::processes, "254:0")) == "32 by cgroup v2 pids.max");
    CHECK(show(v2.limit(LimitKind::io_read, "254:0")) == "2097152 by cgroup v2 io.max of disk 254:0");
    CHECK(show(v2.limit(LimitKind::io_write, "254:0")) == "- by cgroup v2 io.max of disk 254:0");
}

TEST_CASE("no ceiling is read as no value, not as a large one", "[confine][cgroup]") {
    const JailCgroup v1(hierarchies_of("hybrid"), "/pkgjail/pkgjail-free");
    CHECK_FALSE(v1.limit(LimitKind::memory, "").value.has_value());
    CHECK_FALSE(v1.limit(LimitKind::processes, "").value.has_value());

    const JailCgroup v2(hierarchies_of("v2"), "/pkgjail/pkgjail-free");
    CHECK_FALSE(v2.limit(LimitKind::memory, "").value.has_value());
    CHECK_FALSE(v2.limit(LimitKind::cpu, "").value.has_value());
}

TEST_CASE("a jail's processes are those of all its groups and of groups below, each once",
          "[confine][cgroup]") {
    const JailCgroup v1(hierarchies_of("hybrid"), "/pkgjail/pkgjail-web");
    CHECK(v1.processes() == std::vector<pid_t>{4100, 4102, 4200});

    const JailCgroup v2(hierarchies_of("v2"), "/pkgjail/pkgjail-web");
    CHECK(v2.processes() == std::vector<pid_t>{900, 901});
}

TEST_CASE("whether a jail is paused is read from the freezer", "[confine][cgroup]") {
    CHECK(JailCgroup(hierarchies_of("hybrid"), "/pkgjail/pkgjail-web").is_frozen());
    CHECK_FALSE(JailCgroup(hierarchies_of("v2"), "/pkgjail/pkgjail-web").is_frozen());
}

TEST_CASE("removing takes the groups of one jail and the common parent only when it is empty",
          "[confine][cgroup]") {
    const test::TempDir host;
    // Directories stand for groups: without processes in them the kernel's rules for removal are the same.
    for (const char* tree : {"pids", "memory"})
        for (const char* jail : {"a", "b/inner"})
            base::make_directories(host / tree / "pkgjail" / jail, 0755);
    const std::vector<CgroupHierarchy> hierarchies = {{host / "pids", false, {"pids"}},
                                                      {host / "memory", false, {"memory"}}};

    JailCgroup(hierarchies, "/pkgjail/b").remove(std::chrono::seconds(5));
    CHECK_FALSE(std::filesystem::exists(host / "pids" / "pkgjail" / "b"));
    CHECK(std::filesystem::exists(host / "memory" / "pkgjail" / "a"));

    JailCgroup(hierarchies, "/pkgjail/a").remove(std::chrono::seconds(5));
    CHECK_FALSE(std::filesystem::exists(host / "pids" / "pkgjail"));
    CHECK_FALSE(std::filesystem::exists(host / "memory" / "pkgjail"));
    CHECK(std::filesystem::exists(host / "memory"));
}

TEST_CASE("the common parent stays while a jail is being made", "[confine][cgroup]") {
    const test::TempDir host;
    base::make_directories(host / "pids" / "pkgjail" / "a", 0755);
    const std::vector<CgroupHierarchy> hierarchies = {{host / "pids", false, {"pids"}}};
    const confine::CgroupParentHold hold(hierarchies);

    JailCgroup(hierarchies, "/pkgjail/a").remove(std::chrono::seconds(5));

    CHECK_FALSE(std::filesystem::exists(host / "pids" / "pkgjail" / "a"));
    CHECK(std::filesystem::exists(host / "pids" / "pkgjail"));
}

TEST_CASE("a process's groups are read from /proc", "[confine][cgroup]") {
    const auto members = confine::parse_proc_cgroup(base::read_file(recorded / "proc-self-cgroup-hybrid"));

    REQUIRE(members.size() == 4);
    CHECK(members[1].controllers == std::vector<std::string>{"pids"});
    CHECK(members[1].path == "/pkgjail/pkgjail-web");
    CHECK(members[2].controllers == std::vector<std::string>{"cpu", "cpuacct"});
    CHECK(members[3].controllers.empty());
    CHECK(members[3].path == "/");
    CHECK_THROWS_AS(confine::parse_proc_cgroup("8 pids\n"), base::Error);
}
