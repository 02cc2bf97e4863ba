#include "pkgjail/confine/kmod_root.hpp"

#include <fmt/format.h>

namespace pkgjail::confine {
namespace {

constexpr std::uint64_t device_directory_bytes = 64u << 10;
constexpr std::uint64_t shared_memory_bytes = 64u << 20;
constexpr std::uint64_t usual_memory_bytes = 64u << 20; // of a tmpfs that names no size

RootStep memory(std::string target, std::uint64_t bytes, unsigned mode) {
    RootStep step;
    step.kind = RootStep::Kind::memory;
    step.target = std::move(target);
    step.size_bytes = bytes;
    step.mode = mode;
    return step;
}

} // namespace

const std::vector<JailDevice>& jail_devices() {
    static const std::vector<JailDevice> devices = {
        {"null", 0666, true, true},   {"zero", 0666, true, true},    {"full", 0666, true, true},
        {"random", 0644, true, true}, {"urandom", 0644, true, true}, {"tty", 0666, true, true},
        {"stdin", 0666, true, true},  {"stdout", 0666, true, true},  {"stderr", 0666, true, true},
        {"fd/0", 0666, true, true},   {"fd/1", 0666, true, true},    {"fd/2", 0666, true, true},
    };
    return devices;
}

std::vector<RootStep> root_steps(const JailSpec& spec, const base::HostPath& place, const RootFacts& facts) {
    std::vector<RootStep> steps;
    const std::string root = (place / place_root).string();
    const auto inside = [&](std::string_view path) { return root + std::string(path); };

    RootStep skeleton;
    skeleton.source = spec.root.string();
    skeleton.target = root;
    skeleton.read_only = true;
    skeleton.no_exec = true; // directories and links only
    steps.push_back(std::move(skeleton));

    // The one place where device nodes work. Root inside can neither fill nor change it: it sees a read-only
    // mount of a tmpfs that is mounted elsewhere (a tmpfs itself cannot be made read-only once it has its
    // nodes).
    RootStep nodes = memory((place / place_devices).string(), device_directory_bytes, 0755);
    nodes.no_exec = true;
    nodes.no_devices = false;
    steps.push_back(nodes);
    nodes.kind = RootStep::Kind::devices;
    nodes.devices = facts.devices;
    steps.push_back(std::move(nodes));
    RootStep dev;
    dev.source = (place / place_devices).string();
    dev.target = inside("/dev");
    dev.read_only = true;
    dev.no_exec = true;
    dev.no_devices = false;
    steps.push_back(std::move(dev));

    for (const Mount& mount : spec.mounts) {
        RootStep step;
        if (mount.kind == Mount::Kind::tmpfs)
            step = memory(inside(mount.target.str()),
                          mount.size_bytes == 0 ? usual_memory_bytes : mount.size_bytes, mount.mode);
        step.target = inside(mount.target.str());
        step.source = mount.kind == Mount::Kind::bind ? mount.source.string() : std::string();
        step.read_only = !mount.writable;
        step.no_exec = mount.no_exec;
        steps.push_back(std::move(step));
    }

    if (facts.shared_memory) {
        RootStep shm = memory(inside("/var/shm"), shared_memory_bytes, 01777);
        shm.no_exec = true;
        steps.push_back(std::move(shm));
    }
    return steps;
}

std::string show(const RootStep& step) {
    std::string text;
    switch (step.kind) {
    case RootStep::Kind::null:
        text = fmt::format("null {} -> {}", step.source, step.target);
        break;
    case RootStep::Kind::memory:
        text = fmt::format("tmpfs {} {}K {:o}", step.target, step.size_bytes >> 10, step.mode);
        break;
    case RootStep::Kind::devices:
        text = "devices " + step.target;
        for (const HostDevice& device : step.devices)
            text += fmt::format(" {}", device.device.name);
        return text;
    }
    text += step.read_only ? " ro" : " rw";
    text += " nosuid";
    text += step.no_devices ? " nodev" : "";
    text += step.no_exec ? " noexec" : "";
    return text;
}

} // namespace pkgjail::confine
