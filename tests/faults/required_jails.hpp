// Jails on a host of its own that may require each other, with services that are ordinary processes
// (process_driver.cpp), begin and end as told, and answer their probe while there is a file.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "faults/world.hpp"
#include "flow/flow.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {

/// The host lets no service start.
inline const std::map<std::string, std::string> no_start = {{"PKGJAIL_FAIL_AT", "start.begun"}};

class Jails {
  public:
    Jails() {
        world.offer({test::package("more-1.0"), test::package("extra-1.0")});
        world.well({"update"});
        std::filesystem::create_directories(world.top() / "out");
    }

    /// Of a service that runs until there is the file out/end-NAME, and is not started again then.
    void write_recipe(const std::string& name, const std::vector<std::string>& required = {},
                      const std::string& first = ":", const std::string& on_stop = ":") const {
        std::string text = "[recipe]\nsummary = a test\npackage = more\n";
        for (const std::string& other : required)
            text += "requires = " + other + "\n";
        text += fmt::format("[service]\n"
                            "command = /bin/sh -c \"rm -f {0}/up-{1}; trap '{3}; exit 0' TERM; {2}; "
                            "touch {0}/up-{1}; while [ ! -e {0}/end-{1} ]; do sleep 0.02; done; exit 3\"\n"
                            "stop-timeout = 10s\nrestart = never\n"
                            "[health]\ncommand = /usr/bin/test -e {0}/up-{1}\ninterval = 100ms\n"
                            "grace = 10s\nquiet = 20ms\n",
                            (world.top() / "out").string(), name, first, on_stop);
        world.write("etc/recipes.d/" + name + ".recipe", text);
    }
    void make(const std::string& name, const std::vector<std::string>& required = {}) const {
        write_recipe(name, required);
        world.well({"install", "more", "-j", name, "--recipe", name});
    }

    nlohmann::json of(const std::string& name) const {
        return world.well({"status", name, "--json"}).json()["jails"][0];
    }
    std::string state(const std::string& name) const { return of(name)["state"]; }
    /// "app:ready db:stopped"
    std::string states() const {
        std::string text;
        const nlohmann::json list = world.run({"list", "--json"}).json();
        for (const auto& jail : list["jails"])
            text += (text.empty() ? "" : " ") + jail["jail"].get<std::string>() + ":" +
                    jail["state"].get<std::string>();
        return text;
    }
    void wait_for(const std::string& name, const std::string& state_name) const {
        for (int round = 0; state(name) != state_name; ++round) {
            INFO(name << " is " << state(name));
            REQUIRE(round < 500);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
    std::filesystem::path data(const std::string& name) const {
        return world.state() / "jails" / of(name)["id"].get<std::string>() / "data";
    }
    /// The service ends by itself, and stays down.
    void end(const std::string& name) const {
        std::ofstream(world.top() / "out" / ("end-" + name)) << "";
        wait_for(name, "failed");
        std::filesystem::remove(world.top() / "out" / ("end-" + name));
    }
    /// A command that kills itself there.
    void cut(const std::string& step, const std::vector<std::string>& command) const {
        const CommandResult result = world.run(command, {{"PKGJAIL_STOP_AT", step}});
        INFO(result.err);
        REQUIRE(result.status == 128 + 9);
    }
    /// As another command does.
    base::Lock lock(const std::string& name) const {
        return base::Lock::take(store::Layout(base::HostPath(world.state())).jail_lock(name),
                                base::LockMode::exclusive, name, "a test", std::chrono::seconds(10));
    }

    const World world{true};
};

} // namespace pkgjail::test
