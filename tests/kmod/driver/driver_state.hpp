// What the tests of the driver begin with: a state directory, descriptions of jails on it, and what a machine
// shows of one.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "driver/fake_host.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/driver_kmod.hpp"
#include "support/temp_dir.hpp"

namespace kmod_test {

/// A state directory with what a root is made of, and descriptions of jails on it.
struct State {
    pkgjail::test::TempDir dir;

    State() {
        for (const char* name : {"skeleton/dev", "skeleton/proc", "skeleton/sys", "skeleton/usr/pkg",
                                 "skeleton/var", "skeleton/tmp", "tree/sbin", "data/run"})
            std::filesystem::create_directories(dir.path() / name);
    }
    confine::JailSpec spec(const std::string& name) const {
        confine::JailSpec spec;
        spec.handle = name;
        spec.jail = name;
        spec.root = dir / "skeleton";
        const auto bind = [&](const char* source, const char* target, bool writable) {
            confine::Mount mount;
            mount.source = dir / source;
            mount.target = pkgjail::base::RootPath::parse(target);
            mount.writable = writable;
            spec.mounts.push_back(mount);
        };
        bind("tree", "/usr/pkg", false);
        bind("data", "/var", true);
        confine::Mount memory;
        memory.kind = confine::Mount::Kind::tmpfs;
        memory.target = pkgjail::base::RootPath::parse("/var/run");
        memory.writable = true;
        spec.mounts.push_back(memory);
        spec.command = {"/usr/pkg/sbin/service", "-f"};
        spec.environment = {{"PATH", "/usr/pkg/sbin:/bin"}};
        return spec;
    }
    std::unique_ptr<confine::KmodDriver> command(Machine& machine) const {
        return std::make_unique<confine::KmodDriver>(std::make_unique<FakeHost>(machine), dir.path());
    }
    /// Directories that stand for jails on disk.
    std::string places() const {
        std::string names;
        for (const auto& entry : std::filesystem::directory_iterator(dir / "run" / "kmod"))
            names += entry.path().filename().string() + "\n";
        return names;
    }
};

/// What an error that the act throws says, or that there was none.
inline std::string failure(const std::function<void()>& act) {
    try {
        act();
    } catch (const pkgjail::base::Error& error) {
        return error.object() + ": " + error.cause();
    }
    return "no failure";
}

/// What the machine shows of a jail web that is there whole.
inline const std::string whole_web = "jail web live 1\nmount web/root\nmount web/dev\nmount web/root/dev\n"
                                     "mount web/root/usr/pkg\nmount web/root/var\nmount web/root/var/run\n";

} // namespace kmod_test
