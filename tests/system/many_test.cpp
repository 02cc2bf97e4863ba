// A hundred jails of a tiny service on one host: started, seen, killed, repaired and gone without a trace.
#include <csignal>
#include <set>
#include <sstream>

#include <sys/wait.h>

#include "pkgjail/base/process.hpp"
#include "system/services.hpp"
#include "system/traces.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::CommandResult;
using test::Host;

namespace {

constexpr int how_many = 100;

/// "97 ready, 3 starting"
std::string states(const Host& host) {
    std::map<std::string, int> counts;
    const nlohmann::json document = host.run({"status", "--json"}).json();
    for (const nlohmann::json& jail : document["jails"])
        ++counts[jail["state"].get<std::string>()];
    std::string text;
    for (const auto& [state, count] : counts)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    return text;
}

std::vector<pid_t> pids(const Host& host, const char* key) {
    std::vector<pid_t> found;
    const nlohmann::json document = host.run({"status", "--json"}).json();
    for (const nlohmann::json& jail : document["jails"])
        if (jail[key].is_number())
            found.push_back(jail[key].get<pid_t>());
    return found;
}

void kill_all(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids)
        ::kill(pid, SIGKILL);
    test::wait_for([&] {
        return std::none_of(pids.begin(), pids.end(),
                            [](pid_t pid) { return base::identify_process(pid).has_value(); });
    });
}

/// Proportional share of memory, of the largest of them.
std::uint64_t largest_pss_kib(const std::vector<pid_t>& pids) {
    std::uint64_t largest = 0;
    for (const pid_t pid : pids) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
        std::string line;
        while (std::getline(file, line))
            if (line.starts_with("Pss:"))
                largest = std::max<std::uint64_t>(largest, std::stoull(line.substr(4)));
    }
    return largest;
}

} // namespace

TEST_CASE("a hundred jails run side by side, survive being killed, and leave nothing",
          "[system][root][many]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("pkgjail.conf", "[pkgjail]\nparallel = 8\n");
    test::write_recipe(host, "[service]\ncommand = /bin/sleep 100000\nstop-timeout = 1s\n");
    const auto said = [](const CommandResult& result) {
        return result.out.substr(0, 2000) + result.err.substr(0, 2000);
    };
    REQUIRE(host.run({"install", "tree", "-j", "j1", "--recipe", "test", "--no-start"}).status == 0);
    for (int number = 2; number <= how_many; ++number)
        REQUIRE(host.run({"clone", "j1", "j" + std::to_string(number), "--no-start"}).status == 0);
    std::set<std::string> ids;
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "jails"))
        ids.insert(entry.path().filename().string());
    REQUIRE(ids.size() == how_many);
    CHECK(states(host) == "100 stopped");

    const CommandResult started = host.run({"start", "--all"});
    INFO(said(started));
    REQUIRE(started.status == 0);
    CHECK(states(host) == "100 ready");
    CHECK(host.run({"list", "--json"}).json()["jails"].size() == how_many);
    const std::string metrics = host.run({"metrics"}).out;
    std::size_t up = 0;
    for (std::size_t at = 0; (at = metrics.find("pkgjail_jail_up{", at)) != std::string::npos; ++at)
        ++up;
    CHECK(up == how_many);
    const std::vector<pid_t> supervisors = pids(host, "supervisor_pid");
    CHECK(supervisors.size() == how_many);
    CHECK(largest_pss_kib(supervisors) < 8 * 1024);

    kill_all(supervisors);
    CHECK(states(host) == "100 unsupervised");
    const CommandResult adopted = host.run({"start", "--wanted"});
    INFO(said(adopted));
    CHECK(adopted.status == 0);
    CHECK(states(host) == "100 ready");

    std::vector<pid_t> everything = pids(host, "supervisor_pid");
    const std::vector<pid_t> services = pids(host, "pid");
    everything.insert(everything.end(), services.begin(), services.end());
    kill_all(everything);
    CHECK(states(host) == "100 stopped");
    const CommandResult again = host.run({"start", "--all"});
    INFO(said(again));
    CHECK(again.status == 0);
    CHECK(states(host) == "100 ready");
    CHECK(host.run({"start", "--all"}).status == 0); // nothing to do

    const CommandResult destroyed = host.run({"destroy", "--all", "--with-data", "--yes"});
    INFO(said(destroyed));
    CHECK(destroyed.status == 0);
    // What was orphaned may have become ours, where this program reaps for others, and shows until it is
    // reaped.
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    CHECK(test::traces(host, ids) == "");
}
