// Setting limits in control groups: what is written to which file, in a directory that stands for the
// kernel's.
#include <fstream>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/cgroup.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::CgroupHierarchy;
using confine::JailCgroup;
using jail::LimitKind;

namespace {

/// One tree with every controller and the group /web in it, whose files hold what a fresh group's do.
class Group {
  public:
    explicit Group(bool unified) : unified_(unified) {
        std::filesystem::create_directories(top_ / "web");
        for (const char* name :
             {"cpu.max", "memory.max", "memory.high", "memory.swap.max", "pids.max", "io.max",
              "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.memsw.limit_in_bytes",
              "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"})
            put(name, "");
        put("memory.limit_in_bytes", "9223372036854771712\n");
        put("memory.current", "1048576\n");
    }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(top_ / "web" / name) << text;
    }
    /// What was written last; files are opened without cutting them, so a shorter text leaves a rest.
    std::string get(const std::string& name) const { return base::read_file(top_ / "web" / name); }
    JailCgroup cgroup() const {
        return JailCgroup({CgroupHierarchy{top_.path(), unified_, {"cpu", "memory", "pids", "blkio"}}},
                          "/web");
    }

  private:
    bool unified_;
    test::TempDir top_;
};

} // namespace

TEST_CASE("limits are written as version 2 has them", "[confine][cgroup][limits]") {
    const Group group(true);
    const JailCgroup cgroup = group.cgroup();

    CHECK(cgroup.set_limit(LimitKind::cpu, 150, "", true));
    CHECK(cgroup.set_limit(LimitKind::memory, 64u << 20, "", true));
    CHECK(cgroup.set_limit(LimitKind::processes, 20, "", true));
    CHECK(cgroup.set_limit(LimitKind::io_write, 4096, "254:0", true));

    CHECK(group.get("cpu.max") == "150000 100000");
    CHECK(group.get("memory.max") == "67108864");
    CHECK(group.get("memory.swap.max") == "0");
    CHECK(group.get("memory.high").starts_with("max"));
    CHECK(group.get("pids.max") == "20");
    CHECK(group.get("io.max") == "254:0 wbps=4096");
}

TEST_CASE("limits are written as version 1 has them", "[confine][cgroup][limits]") {
    const Group group(false);
    const JailCgroup cgroup = group.cgroup();

    CHECK(cgroup.set_limit(LimitKind::cpu, 50, "", true));
    CHECK(cgroup.set_limit(LimitKind::memory, 1234567890123456789u, "", true));
    CHECK(cgroup.set_limit(LimitKind::processes, std::nullopt, "", true));
    CHECK(cgroup.set_limit(LimitKind::io_read, std::nullopt, "254:0", true));

    CHECK(group.get("cpu.cfs_quota_us") == "50000");
    CHECK(group.get("cpu.cfs_period_us") == "100000");
    CHECK(group.get("memory.limit_in_bytes") == "1234567890123456789\n");
    CHECK(group.get("memory.memsw.limit_in_bytes") == "1234567890123456789");
    CHECK(group.get("pids.max") == "max");
    CHECK(group.get("blkio.throttle.read_bps_device") == "254:0 0");
}

TEST_CASE("memory below what is in use is refused before version 2 would kill for it",
          "[confine][cgroup][limits]") {
    const Group group(true);
    group.put("memory.current", "104857600\n");

    CHECK_THROWS_WITH(group.cgroup().set_limit(LimitKind::memory, 64u << 20, "", true),
                      ContainsSubstring("the jail uses more than 64M"));
    CHECK(group.get("memory.max").empty());
    CHECK(group.get("memory.high").starts_with("max"));
}

TEST_CASE("a limit without a controller here is passed over", "[confine][cgroup][limits]") {
    const Group group(true);

    CHECK_FALSE(
        group.cgroup().set_limit(LimitKind::io_read, 4096, "", true)); // no disk that can be throttled
    CHECK_FALSE(group.cgroup().set_limit(LimitKind::files, 100, "", true));
    CHECK_FALSE(JailCgroup({}, "/web").set_limit(LimitKind::cpu, 50, "", true));
}

TEST_CASE("what the kernel killed for want of memory has met the limit", "[confine][cgroup][limits]") {
    const Group group(false);
    group.put("memory.failcnt", "0\n");
    group.put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    CHECK(group.cgroup().usage().memory_limit_hits == 2u);

    group.put("memory.failcnt", "7\n");
    CHECK(group.cgroup().usage().memory_limit_hits == 7u);
}
