#include "pkgjail/confine/kmod_root.hpp"

#include "support/catch.hpp"

using namespace pkgjail;
using confine::Mount;

namespace {

confine::JailSpec spec_with(std::vector<Mount> mounts) {
    confine::JailSpec spec;
    spec.handle = "pkgjail-1";
    spec.jail = "web";
    spec.root = "/state/jails/1/root";
    spec.mounts = std::move(mounts);
    return spec;
}

Mount bind(const char* source, const char* target, bool writable = false) {
    Mount mount;
    mount.source = source;
    mount.target = base::RootPath::parse(target);
    mount.writable = writable;
    return mount;
}

Mount memory(const char* target, std::uint64_t bytes, unsigned mode) {
    Mount mount;
    mount.kind = Mount::Kind::tmpfs;
    mount.target = base::RootPath::parse(target);
    mount.writable = true;
    mount.size_bytes = bytes;
    mount.mode = mode;
    return mount;
}

std::string table(const confine::JailSpec& spec, const confine::RootFacts& facts) {
    std::string text;
    for (const auto& step : confine::root_steps(spec, "/run/web", facts))
        text += show(step) + "\n";
    return text;
}

} // namespace

TEST_CASE("a root is put together in the order of the description, after its own /dev", "[confine][kmod]") {
    auto no_exec = bind("/state/jails/1/data/var", "/var", true);
    no_exec.no_exec = true;
    confine::RootFacts facts;
    facts.devices = {{confine::jail_devices()[0], 0x202}, {confine::jail_devices()[4], 0x2e01}};

    CHECK(table(spec_with({bind("/usr/lib", "/usr/lib"), no_exec, memory("/tmp", 256u << 20, 01777)}),
                facts) == "null /state/jails/1/root -> /run/web/root ro nosuid nodev noexec\n"
                          "tmpfs /run/web/dev 64K 755 rw nosuid noexec\n"
                          "devices /run/web/dev null urandom\n"
                          "null /run/web/dev -> /run/web/root/dev ro nosuid noexec\n"
                          "null /usr/lib -> /run/web/root/usr/lib ro nosuid nodev\n"
                          "null /state/jails/1/data/var -> /run/web/root/var rw nosuid nodev noexec\n"
                          "tmpfs /run/web/root/tmp 262144K 1777 rw nosuid nodev\n");
}

TEST_CASE("shared memory gets a tmpfs of its own where there is a place for it, last", "[confine][kmod]") {
    confine::RootFacts facts;
    facts.shared_memory = true;

    CHECK(table(spec_with({bind("/data/var", "/var", true)}), facts) ==
          "null /state/jails/1/root -> /run/web/root ro nosuid nodev noexec\n"
          "tmpfs /run/web/dev 64K 755 rw nosuid noexec\n"
          "devices /run/web/dev\n"
          "null /run/web/dev -> /run/web/root/dev ro nosuid noexec\n"
          "null /data/var -> /run/web/root/var rw nosuid nodev\n"
          "tmpfs /run/web/root/var/shm 65536K 1777 rw nosuid nodev noexec\n");
}

TEST_CASE("a tmpfs that names no size has a ceiling all the same", "[confine][kmod]") {
    CHECK(table(spec_with({memory("/tmp", 0, 0700)}), {}).find("tmpfs /run/web/root/tmp 65536K 700 rw") !=
          std::string::npos);
}

TEST_CASE("device nodes work in /dev and nowhere else", "[confine][kmod]") {
    const auto steps = confine::root_steps(
        spec_with({bind("/bin", "/bin"), bind("/data", "/var", true), memory("/tmp", 0, 01777)}), "/r",
        {{}, true});
    for (const auto& step : steps)
        if (step.is_mount())
            CHECK(step.no_devices == (step.target != "/r/dev" && step.target != "/r/root/dev"));
}

TEST_CASE("no jail has a device that reaches the host's memory or disks", "[confine][kmod]") {
    std::string names;
    for (const auto& device : confine::jail_devices())
        names += std::string(device.name) + " ";
    CHECK(names == "null zero full random urandom tty stdin stdout stderr fd/0 fd/1 fd/2 ");
}
