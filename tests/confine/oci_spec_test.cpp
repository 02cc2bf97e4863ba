#include "pkgjail/confine/oci_spec.hpp"

#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using confine::JailSpec;
using confine::Mount;
using confine::OciHost;
using jail::LimitKind;
using nlohmann::json;

namespace {

JailSpec web() {
    JailSpec spec;
    spec.handle = "pkgjail-7";
    spec.jail = "web";
    spec.root = "/state/jails/7/root";
    spec.command = {"/usr/pkg/sbin/nginx", "-g", "daemon off;"};
    spec.environment = {{"PATH", "/bin"}, {"HOME", "/"}};
    return spec;
}

OciHost host() {
    OciHost host;
    host.architecture = "x86_64";
    host.controllers = {"cpu", "memory", "pids", "blkio"};
    host.swap_limit = true;
    host.state_disk = "254:16";
    return host;
}

json config(const JailSpec& spec, const OciHost& on = host()) {
    return json::parse(confine::oci_config(spec, on));
}

Mount bind(const std::string& source, const std::string& target, bool writable = false) {
    Mount mount;
    mount.source = source;
    mount.target = base::RootPath::parse(target);
    mount.writable = writable;
    return mount;
}

/// "/usr/pkg bind /state/tree ro …", a line a mount, options in alphabetical order.
std::string show_mounts(const json& configuration) {
    std::string text;
    for (const auto& mount : configuration.at("mounts")) {
        text += mount.at("destination").get<std::string>() + " " + mount.at("type").get<std::string>();
        if (mount.at("type") == "bind")
            text += " " + mount.at("source").get<std::string>();
        auto options = mount.at("options").get<std::vector<std::string>>();
        std::sort(options.begin(), options.end());
        for (const auto& option : options)
            text += " " + option;
        text += "\n";
    }
    return text;
}

std::string refusal(const JailSpec& spec) {
    try {
        confine::oci_config(spec, host());
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::configuration);
        return error.cause();
    }
    return "taken";
}

} // namespace

TEST_CASE("the root is read-only and the kernel's file systems are always fresh", "[confine][oci]") {
    const auto high = config(web());

    CHECK(high.at("root").dump() == R"({"path":"/state/jails/7/root","readonly":true})");
    CHECK(show_mounts(high) == "/proc proc hidepid=2 nodev noexec nosuid\n"
                               "/dev tmpfs mode=755 noexec nosuid ro size=64k strictatime\n"
                               "/dev/pts devpts mode=0620 newinstance noexec nosuid ptmxmode=0666\n"
                               "/dev/shm tmpfs mode=1777 nodev noexec nosuid size=64m\n"
                               "/sys tmpfs mode=755 nodev noexec nosuid ro size=4k\n");

    JailSpec spec = web();
    spec.profile = jail::Profile::low;
    CHECK_THAT(show_mounts(config(spec)), ContainsSubstring("/sys sysfs nodev noexec nosuid ro\n"));
    CHECK_THAT(show_mounts(config(spec)), ContainsSubstring("/proc proc nodev noexec nosuid\n"));
}

TEST_CASE("mounts keep their order, are nosuid and nodev, and writable only when asked", "[confine][oci]") {
    JailSpec spec = web();
    Mount scratch;
    scratch.kind = Mount::Kind::tmpfs;
    scratch.target = base::RootPath::parse("/tmp");
    scratch.writable = true;
    scratch.size_bytes = 1048576;
    scratch.mode = 01777;
    Mount data = bind("/state/jails/7/data/var", "/var", true);
    data.no_exec = true;
    spec.mounts = {bind("/usr/bin", "/usr/bin"), bind("/state/images/ab/tree", "/usr/pkg"), data, scratch};

    const std::string text = show_mounts(config(spec));

    CHECK_THAT(text,
               ContainsSubstring("/usr/bin bind /usr/bin bind nodev nosuid ro rprivate\n"
                                 "/usr/pkg bind /state/images/ab/tree bind nodev nosuid ro rprivate\n"
                                 "/var bind /state/jails/7/data/var bind nodev noexec nosuid rprivate rw\n"
                                 "/tmp tmpfs mode=1777 nodev nosuid rw size=1048576\n"));
    CHECK(text.find("rbind") == std::string::npos);
}

TEST_CASE("the process has the description's command, environment and identity and no new privileges",
          "[confine][oci]") {
    JailSpec spec = web();
    spec.identity = {1001, 1002, {5, 20}};
    spec.working_directory = "/var";

    const auto process = config(spec).at("process");

    CHECK(process.at("args").dump() == R"(["/usr/pkg/sbin/nginx","-g","daemon off;"])");
    CHECK(process.at("env").dump() == R"(["HOME=/","PATH=/bin"])");
    CHECK(process.at("user").dump() == R"({"additionalGids":[5,20],"gid":1002,"uid":1001})");
    CHECK(process.at("cwd") == "/var");
    CHECK(process.at("noNewPrivileges") == true);
    CHECK(process.at("terminal") == false);
    CHECK(process.at("oomScoreAdj") == 100);
}

TEST_CASE("the oom score is never asked below our own", "[confine][oci]") {
    OciHost on = host();
    on.oom_score_adjust = 500;
    CHECK(config(web(), on).at("process").at("oomScoreAdj") == 500);
}

TEST_CASE("root in a jail keeps exactly the profile's capabilities, others none", "[confine][oci]") {
    const json root = config(web()).at("process").at("capabilities");
    const std::string high =
        R"(["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_NET_BIND_SERVICE"])";
    CHECK(root.at("bounding").dump() == high);
    CHECK(root.at("effective").dump() == high);
    CHECK(root.at("permitted").dump() == high);
    CHECK(root.at("inheritable").dump() == "[]");
    CHECK(root.at("ambient").dump() == "[]");

    JailSpec spec = web();
    spec.identity.uid = 1001;
    const json user = config(spec).at("process").at("capabilities");
    CHECK(user.at("bounding").dump() == high);
    CHECK(user.at("effective").dump() == "[]");
    CHECK(user.at("permitted").dump() == "[]");

    for (const auto profile : {jail::Profile::low, jail::Profile::medium, jail::Profile::high}) {
        spec.profile = profile;
        const std::string bounding = config(spec).at("process").at("capabilities").at("bounding").dump();
        for (const char* never :
             {"SYS_ADMIN", "SYS_CHROOT", "MKNOD", "SYS_MODULE", "SYS_PTRACE", "SYS_TIME", "NET_ADMIN",
              "DAC_READ_SEARCH", "SYS_RESOURCE", "SYS_RAWIO", "SYS_BOOT", "BPF", "PERFMON"})
            CHECK(bounding.find(never) == std::string::npos);
    }
}

TEST_CASE("every jail has its own processes, mounts, IPC, names and control groups, and its own network only "
          "for none",
          "[confine][oci]") {
    const auto types = [](const json& configuration) {
        std::string text;
        for (const auto& name : configuration.at("linux").at("namespaces")) {
            CHECK_FALSE(name.contains("path"));
            text += name.at("type").get<std::string>() + " ";
        }
        return text;
    };
    JailSpec spec = web();
    CHECK(types(config(spec)) == "pid mount ipc uts cgroup ");
    CHECK(config(spec).at("hostname") == "web");

    spec.network = jail::NetworkMode::none;
    CHECK(types(config(spec)) == "pid mount ipc uts cgroup network ");
}

TEST_CASE("limits become control group settings and rlimits", "[confine][oci]") {
    JailSpec spec = web();
    spec.limits.wanted = {{LimitKind::cpu, {150, ""}},       {LimitKind::memory, {268435456, ""}},
                          {LimitKind::processes, {64, ""}},  {LimitKind::files, {4096, ""}},
                          {LimitKind::io_read, {1000, ""}},  {LimitKind::io_write, {2000, ""}},
                          {LimitKind::stack, {8388608, ""}}, {LimitKind::net_in, {5, ""}},
                          {LimitKind::disk, {6, ""}}};

    const auto all = config(spec);

    const json resources = all.at("linux").at("resources");
    CHECK(resources.at("cpu").dump() == R"({"period":100000,"quota":150000})");
    CHECK(resources.at("memory").dump() == R"({"limit":268435456,"swap":268435456})");
    CHECK(resources.at("pids").dump() == R"({"limit":64})");
    CHECK(
        resources.at("blockIO").dump() ==
        R"({"throttleReadBpsDevice":[{"major":254,"minor":16,"rate":1000}],"throttleWriteBpsDevice":[{"major":254,"minor":16,"rate":2000}]})");
    CHECK(resources.at("devices").dump() == R"([{"access":"rwm","allow":false}])");
    CHECK(all.at("linux").at("cgroupsPath") == "/pkgjail/pkgjail-7");
    CHECK(
        all.at("process").at("rlimits").dump() ==
        R"([{"hard":4096,"soft":4096,"type":"RLIMIT_NOFILE"},{"hard":0,"soft":0,"type":"RLIMIT_CORE"},{"hard":8388608,"soft":8388608,"type":"RLIMIT_STACK"}])");
}

TEST_CASE("what the host cannot limit is not asked of the runtime", "[confine][oci]") {
    JailSpec spec = web();
    spec.limits.wanted = {{LimitKind::cpu, {150, ""}},
                          {LimitKind::memory, {268435456, ""}},
                          {LimitKind::processes, {64, ""}},
                          {LimitKind::files, {4096, ""}},
                          {LimitKind::io_read, {1000, ""}}};
    OciHost poor = host();
    poor.controllers = {"memory"};
    poor.swap_limit = false;
    poor.hard_files = 1024;

    const auto all = config(spec, poor);

    const json resources = all.at("linux").at("resources");
    CHECK(resources.at("memory").dump() == R"({"limit":268435456})");
    for (const char* missing : {"cpu", "pids", "blockIO"})
        CHECK_FALSE(resources.contains(missing));
    CHECK(all.at("process").at("rlimits").at(0).dump() ==
          R"({"hard":1024,"soft":1024,"type":"RLIMIT_NOFILE"})");
}

TEST_CASE("a core size is wanted or zero", "[confine][oci]") {
    JailSpec spec = web();
    CHECK(config(spec).at("process").at("rlimits").dump() == R"([{"hard":0,"soft":0,"type":"RLIMIT_CORE"}])");
    spec.limits.wanted = {{LimitKind::core, {4096, ""}}};
    CHECK(config(spec).at("process").at("rlimits").dump() ==
          R"([{"hard":4096,"soft":4096,"type":"RLIMIT_CORE"}])");
}

TEST_CASE("the filter is written in the runtime's words for the native architecture alone",
          "[confine][oci]") {
    const json seccomp = config(web()).at("linux").at("seccomp");

    CHECK(seccomp.at("defaultAction") == "SCMP_ACT_ERRNO");
    CHECK(seccomp.at("defaultErrnoRet") == 38);
    CHECK(seccomp.at("architectures").dump() == R"(["SCMP_ARCH_X86_64"])");
    const auto& rules = seccomp.at("syscalls");
    const json typed{
        {"names", {"ioctl"}},
        {"action", "SCMP_ACT_ERRNO"},
        {"errnoRet", 1},
        {"args", {{{"index", 1}, {"value", 0xffff}, {"valueTwo", 0x5412}, {"op", "SCMP_CMP_MASKED_EQ"}}}}};
    CHECK(std::count(rules.begin(), rules.end(), typed) == 1);
    for (const auto& rule : rules)
        CHECK((rule.at("action") == "SCMP_ACT_ALLOW") != rule.contains("errnoRet"));
}

TEST_CASE("a jail that learns has its denials told at a socket, and nothing else changed",
          "[confine][oci][learn]") {
    JailSpec spec = web();
    json before = config(spec);
    spec.learning = confine::Learning{jail::Profile::high, "/state/run/7/calls"};

    json after = config(spec);

    const json seccomp = after["linux"]["seccomp"];
    CHECK(seccomp.at("listenerPath") == "/state/run/7/calls");
    CHECK(seccomp.at("defaultAction") == "SCMP_ACT_ERRNO"); // runtimes take no other for what has no name
    for (const auto& rule : seccomp.at("syscalls"))
        if (rule.at("action") != "SCMP_ACT_ALLOW") {
            CHECK(rule.at("action") == "SCMP_ACT_NOTIFY");
            CHECK_FALSE(rule.contains("errnoRet"));
        }
    before["linux"].erase("seccomp");
    after["linux"].erase("seccomp");
    CHECK(before == after);
    spec.learning->socket.clear();
    CHECK_THAT(refusal(spec), ContainsSubstring("learns, and nobody listens"));
}

TEST_CASE("kernel tables of the host are masked", "[confine][oci]") {
    const json config_of_linux = config(web()).at("linux");
    const auto masked = config_of_linux.at("maskedPaths").get<std::vector<std::string>>();
    const auto readonly = config_of_linux.at("readonlyPaths").get<std::vector<std::string>>();
    for (const char* path :
         {"/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/kallsyms", "/sys/firmware"})
        CHECK(std::count(masked.begin(), masked.end(), path) == 1);
    for (const char* path : {"/proc/sys", "/proc/bus", "/proc/irq", "/proc/fs"})
        CHECK(std::count(readonly.begin(), readonly.end(), path) == 1);
}

TEST_CASE("a description that cannot be carried out safely is refused with the reason", "[confine][oci]") {
    const auto with = [](auto change) {
        JailSpec spec = web();
        change(spec);
        return refusal(spec);
    };
    CHECK(refusal(web()) == "taken");
    for (const char* handle : {"", "..", "a/b", "-rf", "A", "a b", "a\nb"}) {
        INFO(handle);
        CHECK_THAT(with([&](JailSpec& s) { s.handle = handle; }), ContainsSubstring("handle"));
    }
    for (const char* directory :
         {"/proc/self/fd/7", "/proc", "/dev/fd/3", "/sys/fs", "var", "", "/var/../proc", "/a//b"}) {
        INFO(directory);
        CHECK_THAT(with([&](JailSpec& s) { s.working_directory = directory; }),
                   ContainsSubstring("working directory"));
    }
    for (const char* target : {"/dev", "/dev/shm/x", "/proc/sys", "/sys"}) {
        INFO(target);
        CHECK_THAT(with([&](JailSpec& s) { s.mounts = {bind("/x", target)}; }),
                   ContainsSubstring("which every jail has fresh"));
    }
    CHECK(with([](JailSpec& s) { s.mounts = {bind("/x", "/")}; }) == "a mount covers the whole root");
    CHECK_THAT(with([](JailSpec& s) { s.mounts = {bind("x", "/x")}; }),
               ContainsSubstring("is not an absolute path"));
    CHECK(with([](JailSpec& s) { s.command.clear(); }) == "has no command to run");
    CHECK(with([](JailSpec& s) { s.command = {"nginx"}; }) == "command nginx is not an absolute path");
    CHECK(with([](JailSpec& s) { s.network = jail::NetworkMode::private_; }) ==
          "has no address for its private network");
    CHECK(with([](JailSpec& s) { s.root = "root"; }) == "root \"root\" is not an absolute path");
    CHECK(with([](JailSpec& s) {
              s.limits.wanted[LimitKind::cpu] = {0, ""};
          }) == "limit cpu is 0%, the least is 1%");
    CHECK_THAT(with([](JailSpec& s) { s.command = {"/\xff"}; }), ContainsSubstring("not valid UTF-8"));
}

TEST_CASE("a further process has the powers and limits of the first", "[confine][oci]") {
    JailSpec spec = web();
    spec.limits.wanted = {{LimitKind::files, {99, ""}}};
    confine::ExecRequest request;
    request.command = {"/bin/sh"};
    request.environment = {{"TERM", "vt100"}};
    request.terminal = true;

    const json process = json::parse(confine::oci_process(spec, request, host()));

    const json first = config(spec).at("process");
    for (const char* same : {"capabilities", "rlimits", "noNewPrivileges", "oomScoreAdj"})
        CHECK(process.at(same) == first.at(same));
    CHECK(process.at("args").dump() == R"(["/bin/sh"])");
    CHECK(process.at("env").dump() == R"(["TERM=vt100"])");
    CHECK(process.at("terminal") == true);

    request.working_directory = "/proc/self/fd/9";
    CHECK_THROWS_AS(confine::oci_process(spec, request, host()), base::Error);
    request.working_directory = "/";
    request.command.clear();
    CHECK_THROWS_AS(confine::oci_process(spec, request, host()), base::Error);
}
