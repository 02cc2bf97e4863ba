// Rows of acts.hpp for commands on services that run: jails are ordinary processes there
// (process_driver.cpp).
#include <filesystem>
#include <fstream>
#include <thread>

#include "faults/acts.hpp"
#include "pkgjail/supervise/service_state.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {

const std::string health = "[health]\ncommand = /bin/true\ninterval = 1h\ngrace = 1s\nquiet = 20ms\n";

std::string recipe(const std::string& package, const std::string& more) {
    return "[recipe]\nsummary = a test\npackage = " + package + "\n" + more + health;
}

std::string web_recipe(const std::string& more = "") {
    return recipe("web", "[set]\nport = 8080\n"
                         "[service]\ncommand = ${prefix}/sbin/web\nreload-signal = CONT\n"
                         "[data]\npath = /var/db/web\n" +
                             more + "[file /etc/port.conf]\nsource = port.conf\n");
}

void web_runs(const World& world) {
    let_web_run(world);
}

void start_web(const World& world) {
    world.well({"start", "web"});
}

/// Jail front requires jail web.
void two_run(const World& world) {
    web_runs(world);
    world.write("etc/recipes.d/front.recipe",
                recipe("more", "requires = web\n[service]\ncommand = /bin/sleep 2d\n"));
    world.well({"install", "more", "-j", "front", "--recipe", "front", "--no-start"});
}

void start_two(const World& world) {
    world.well({"start", "front"});
}

/// Jail web is meant to run, and its start failed before anything was made for it.
void web_is_wanted(const World& world) {
    web_runs(world);
    REQUIRE(world.run_with({"eio", 1, true, "mkdir /root/srv"}, {"start", "web"}).status == 1);
    REQUIRE(world.hit());
}

/// A second service in jail web.
void with_worker(const World& world) {
    world.write("etc/recipes.d/web.recipe",
                web_recipe("[service worker]\ncommand = /bin/sleep 3d\nrestart = never\n"));
}

/// Jail web says so before it is copied, and after.
void asked_for_quiet(const World& world) {
    world.write("etc/recipes.d/web.recipe", web_recipe("pre-snapshot = /bin/sh -c \": > OUT/quiet\"\n"
                                                       "post-snapshot = /bin/rm -f OUT/quiet\n"
                                                       "snapshot-pause = no\n"));
    const fs::path file = world.top() / "etc/recipes.d/web.recipe";
    std::ifstream stream(file);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::size_t at = text.find("OUT/"); at != text.npos; at = text.find("OUT/"))
        text.replace(at, 4, (world.top() / "out/").string());
    stream.close();
    std::ofstream(file) << text;
}

/// web 1.2 ends as soon as it is started.
void offer_broken(const World& world) {
    web_runs(world);
    std::vector<PackageSpec> packages = edition("1.2");
    for (PackageSpec& spec : packages)
        for (PackageFile& file : spec.files)
            if (file.path == "sbin/web")
                file.content = "#!/bin/sh\nexit 1\n";
    world.offer(packages);
    world.well({"update"});
}

/// Jail front gets ready, and fails for good when it is told to.
void brief(const World& world) {
    world.write("etc/recipes.d/front.recipe",
                recipe("more", "[service]\ncommand = /bin/sh -c \"until test -e " +
                                   (world.top() / "out/fail").string() +
                                   "; do sleep 0.02; done; exit 1\"\nrestart = never\n"));
    world.well({"install", "more", "-j", "front", "--recipe", "front", "--no-start"});
}

void start_and_fail(const World& world) {
    world.well({"start", "front"});
    world.write("out/fail", "");
    for (int round = 0; world.running().find(" is failed\n") == std::string::npos; ++round) {
        REQUIRE(round < 3000);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void snapshot_of_before(const World& world) {
    web_runs(world);
    for (const auto& jail : fs::directory_iterator(world.state() / "jails"))
        if (fs::exists(jail.path() / "data/var/db/web/rows"))
            std::ofstream(jail.path() / "data/var/db/web/rows") << "other rows";
}

void snapshot_of_two(const World& world) {
    two_run(world);
    snapshot_of_before(world);
}

void declare_other_port(const World& world) {
    web_runs(world);
    world.write("etc/jails.d/web.jail", "[jail]\nrecipe = web\nstate = running\n[set]\nport = 8085\n");
}

void declare_network_of_web(const World& world) {
    web_runs(world);
    world.write("etc/jails.d/web.jail", "[jail]\nrecipe = web\nstate = running\nnetwork = private\n"
                                        "publish = tcp:8090:8080\nresolv = servers=192.0.2.53\n");
}

void declare_limits_of_web(const World& world) {
    web_runs(world);
    world.write("etc/jails.d/web.jail", "[jail]\nrecipe = web\nstate = running\n[limits]\nmemory = 300M\n");
}

/// Jail rows, whose recipe fills its data before the first start.
void with_preparation(const World& world) {
    world.write("etc/recipes.d/rows.recipe",
                recipe("more", "[service]\ncommand = /bin/sleep 4d\n"
                               "[prepare]\npath = /var/db/rows\ndirectory = /var/db/rows\n"
                               "command = /bin/sh -c \"for rows in " +
                                   (world.state() / "jails").string() +
                                   "/*/data/var/db/rows; do echo prepared >>$rows/word; done\"\n"));
    world.well({"install", "more", "-j", "rows", "--recipe", "rows", "--no-start"});
}

/// And was cut in the middle of it.
void with_half_a_preparation(const World& world) {
    with_preparation(world);
    cut(world, {"start", "rows"}, "prepare.ran");
}

/// And has lost what it was filled with.
void with_lost_data(const World& world) {
    with_preparation(world);
    world.well({"start", "rows"});
    world.well({"stop", "rows"});
    for (const auto& jail : fs::directory_iterator(world.state() / "jails"))
        fs::remove(jail.path() / "data/var/db/rows/word");
}

std::vector<Act> make_table() {
    std::vector<Act> table;
    const auto add = [&](const std::string& name, std::vector<std::string> command,
                         std::function<void(const World&)> prepare, std::function<void(const World&)> begin,
                         std::set<int> again = {}) -> Act& {
        Act act;
        act.name = name;
        act.command = std::move(command);
        act.prepare = std::move(prepare);
        act.begin = std::move(begin);
        act.again = std::move(again);
        table.push_back(std::move(act));
        return table.back();
    };
    const auto nobody = [](const World&) {};
    // That a jail is to run is written down first, or that it is not: cut afterwards, the kernel has not
    // followed yet.
    add("start", {"start", "web"}, web_runs, nobody).in_parts = true;
    add("start of one that is to run", {"start", "web"}, web_is_wanted, nobody).in_parts = true;
    add("start with what is required", {"start", "front"}, two_run, nobody).in_parts = true;
    add("start that prepares", {"start", "rows"}, with_preparation, nobody).in_parts = true;
    add("start after half a preparation", {"start", "rows"}, with_half_a_preparation, nobody).in_parts = true;
    add("start --prepare", {"start", "rows", "--prepare"}, with_lost_data, nobody).in_parts = true;
    add("start --wanted", {"start", "--wanted"}, web_is_wanted, nobody).in_parts = true;
    add("start --learn", {"start", "web", "--learn"}, web_runs, nobody).in_parts = true;
    add("start of a further service", {"start", "web/worker"}, with_worker, [](const World& world) {
        start_web(world);
        world.well({"stop", "web/worker"});
    });
    add("stop of a service that runs", {"stop", "web"}, web_runs, start_web).in_parts = true;
    add("stop with dependents", {"stop", "web", "--dependents"}, two_run, start_two).in_parts = true;
    add("stop of a further service", {"stop", "web/worker"}, with_worker, start_web);
    add("restart", {"restart", "web"}, web_runs, start_web);
    add("restart with dependents", {"restart", "web"}, two_run, start_two);
    add("reload", {"reload", "web"}, web_runs, start_web);
    add("reset-failed", {"reset-failed", "front"}, brief, start_and_fail).in_parts = true;
    add("exec", {"exec", "web", "/bin/true"}, web_runs, start_web);
    add("exec where nothing runs", {"exec", "web", "/bin/true"}, web_runs, nobody);
    add("upgrade of a service that runs", {"upgrade", "web"}, web_runs, start_web);
    add("upgrade with dependents", {"upgrade", "web"}, two_run, start_two);
    Act& broken = add("upgrade to one that does not run", {"upgrade", "web"}, offer_broken, start_web);
    broken.status = 4;
    broken.repeats = true;
    add("rollback of a service that runs", {"rollback", "web", "1"}, web_runs, start_web);
    add("install into a jail that runs", {"install", "extra", "-j", "web"}, web_runs, start_web);
    add("limits of a service that runs", {"limits", "web", "memory=300M"}, web_runs, start_web);
    add("snapshot of a service that runs", {"snapshot", "web", "two"}, web_runs, start_web, {6});
    // Where the command after it fails, nothing says that the service does not stay quiet.
    add("snapshot with commands", {"snapshot", "web", "two"}, asked_for_quiet, start_web, {6})
        .for_a_person = {"pause.resumed"};
    add("restore of a service that runs", {"restore", "web", "one", "--yes"}, snapshot_of_before, start_web)
        .repeats = true;
    add("restore with dependents", {"restore", "web", "one", "--yes"}, snapshot_of_two, start_two).repeats =
        true;
    // A jail that is made, and cannot be started, stays.
    Act& clone = add("clone of a service that runs", {"clone", "web", "twin", "--set", "port=8082"}, web_runs,
                     start_web, {6});
    clone.in_parts = true;
    clone.finish = {"start", "twin"};
    Act& install = add("install of a service", {"install", "web", "-j", "second", "--set", "port=8084"},
                       web_runs, start_web);
    install.in_parts = true;
    install.finish = {"start", "second"};
    add("export of a service that runs", {"export", "web", "OUT/web.tar"}, web_runs, start_web, {6});
    add("volume attach to a service that runs", {"volume", "attach", "web", "spare:/spare"}, web_runs,
        start_web, {6});
    add("secret set for a service that runs", {"secret", "set", "web", "tls.key"}, web_runs, start_web)
        .input = "another secret";
    // One change after the other, each of them whole: packages, mounts, settings.
    add("apply to a service that runs", {"apply"}, declare_other_port, start_web).in_parts = true;
    add("apply of limits to a service that runs", {"apply"}, declare_limits_of_web, start_web).in_parts =
        true;
    add("apply of a private network to a service that runs", {"apply"}, declare_network_of_web, start_web)
        .in_parts = true;
    add("gc after a change of limits that was cut", {"gc"}, web_runs, [](const World& world) {
        start_web(world);
        cut(world, {"limits", "web", "memory=300M"}, "limits.in_force");
    });
    add("destroy of a service that runs", {"destroy", "web", "--with-data", "--yes"}, web_runs, start_web,
        {5})
        .in_parts = true;
    add("catalog rebuild while a service runs", {"catalog", "rebuild"}, web_runs, start_web);
    return table;
}

} // namespace

void let_web_run(const World& world) {
    world.write("etc/recipes.d/web.recipe", web_recipe());
}

const std::vector<Act>& running_acts() {
    static const std::vector<Act> table = make_table();
    return table;
}

} // namespace pkgjail::test
