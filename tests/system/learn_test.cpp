// Jails that learn what their profile would have denied.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "system/services.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::install;
using test::logged;
using test::service;
using test::status;
using test::wait_for;
using test::write_recipe;

namespace {

/// Makes a namespace each tenth of a second, and says whether it could.
const std::string curious = "while :; do if /usr/bin/unshare -U /bin/true 2>/dev/null; then echo went; else "
                            "echo denied; fi; sleep 0.1; done";

nlohmann::json learned(const Host& host) {
    return host.run({"learned", "test", "--json"}).json();
}

/// The entry of unshare by the program unshare; null: there is none.
nlohmann::json entry(const Host& host, const std::string& call = "unshare(CLONE_NEWUSER)") {
    const CommandResult result = host.run({"learned", "test", "--json"});
    if (result.status != 0)
        return nullptr;
    const nlohmann::json all = result.json();
    for (const auto& one : all["calls"])
        if (one["call"] == call)
            return one;
    return nullptr;
}

std::string last_word(const Host& host) {
    std::string word;
    std::istringstream lines(host.run({"logs", "test", "--raw", "--lines", "1"}).out);
    std::getline(lines, word);
    return word;
}

/// Descriptors of a process that hear of system calls.
int notices(int pid) {
    int count = 0;
    std::error_code gone;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
        std::error_code closed;
        count += std::filesystem::read_symlink(entry.path(), closed) == "anon_inode:seccomp notify" ? 1 : 0;
    }
    return count;
}

std::filesystem::path run_directory(const Host& host) {
    return host.state() / "run" / status(host)["id"].get<std::string>();
}

} // namespace

TEST_CASE("what a profile denies goes on in a jail that learns, and is listed", "[system][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", curious));
    REQUIRE(install(host).status == 0);
    CHECK(wait_for([&] { return last_word(host) == "denied"; }));
    CHECK(host.run({"learned", "test"}).status == 5);
    const CommandResult refused = host.run({"start", "test", "--learn"});
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("runs already, and does not learn") &&
                                ContainsSubstring("pkgjail restart --learn --profile high test"));

    const CommandResult restarted = host.run({"restart", "--learn", "test"});

    INFO(restarted.out << restarted.err);
    REQUIRE(restarted.status == 0);
    CHECK_THAT(restarted.err,
               ContainsSubstring("jail test learns: no system call is denied to it that profile "
                                 "high denies, until it is"));
    CHECK(wait_for([&] { return last_word(host) == "went"; }));
    CHECK(status(host)["learning"] == "high");
    CHECK_THAT(host.run({"status", "test"}).out, ContainsSubstring("no system call is denied that profile"));
    CHECK_THAT(host.run({"list"}).out, ContainsSubstring("ready, learning"));
    REQUIRE(wait_for([&] { return entry(host).is_object() && entry(host)["count"].get<int>() >= 3; }));
    const nlohmann::json one = entry(host);
    CHECK(one["program"] == "unshare");
    CHECK(one["denied_by"] == "high");
    CHECK(one["answer"] == EPERM);
    CHECK(one["allowed_by"].empty());
    CHECK(one["recipe_line"].is_null());
    CHECK(learned(host)["learning"] == true);
    CHECK_THAT(host.run({"learned", "test"}).out,
               ContainsSubstring("unshare(CLONE_NEWUSER)") && ContainsSubstring("no profile"));
    CHECK(host.run({"start", "test", "--learn"}).status == 0); // it does so already
    const CommandResult as_it_is = host.run({"start", "test"});
    CHECK(as_it_is.status == 0);
    CHECK_THAT(as_it_is.err, ContainsSubstring("pkgjail restart test ends the learning"));

    // A process that is put into it is heard by another descriptor, as long as it lives.
    const int supervisor = status(host)["supervisor_pid"];
    CHECK(notices(supervisor) == 1);
    CHECK(host.run({"exec", "test", "/usr/bin/unshare", "-U", "-n", "/bin/true"}).status == 0);
    CHECK(wait_for([&] { return entry(host, "unshare(CLONE_NEWUSER|CLONE_NEWNET)").is_object(); }));
    CHECK(wait_for([&] { return notices(supervisor) == 1; }));

    CHECK(host.run({"restart", "test"}).status == 0);
    CHECK(wait_for([&] { return last_word(host) == "denied"; }));
    CHECK(status(host)["learning"].is_null());
    CHECK(entry(host).is_object());
    CHECK(learned(host)["learning"] == false);
    CHECK_FALSE(std::filesystem::exists(run_directory(host) / "calls"));
}

TEST_CASE("every process of a jail that learns is heard, in the background and in further services too",
          "[system][root][learn][services]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", "(" + curious + ") & echo $! > /run/x.pid", "pid-file = /run/x.pid\n") +
                           service("worker", "while :; do /usr/bin/unshare -n /bin/true; sleep 0.1; done"));
    REQUIRE(host.run({"install", "tree", "-j", "test", "--recipe", "test", "--no-start"}).status == 0);

    const CommandResult started = host.run({"start", "--learn", "test"});

    INFO(started.out << started.err);
    REQUIRE(started.status == 0);
    CHECK(wait_for([&] { return entry(host).is_object(); }));
    // It goes on, and fails all the same: the jail has no right to make a network.
    CHECK(wait_for([&] { return entry(host, "unshare(CLONE_NEWNET)").is_object(); }));
    CHECK_THAT(logged(host),
               ContainsSubstring("worker/err unshare: unshare failed: Operation not permitted"));
    CHECK(notices(status(host)["supervisor_pid"]) == 2);
}

TEST_CASE("a jail learns from the profile after its own, and hears which one is enough",
          "[system][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const auto recipe = [&](const std::string& profile) {
        host.write_config("recipes.d/test.recipe", "[recipe]\nsummary = a test\npackage = tree\nprofile = " +
                                                       profile + "\n" + service("", curious));
    };
    recipe("low");
    REQUIRE(install(host).status == 0);
    CHECK(host.run({"stop", "test"}).status == 0);

    CHECK(host.run({"start", "test", "--learn"}).status == 0);
    CHECK(learned(host)["learned_from"] == "medium");
    CHECK(learned(host)["profile"] == "low");
    CHECK(host.run({"restart", "test", "--learn", "--profile", "high"}).status == 0);
    CHECK(learned(host)["learned_from"] == "high");
    // A recipe that was edited counts from the next start on.
    recipe("medium");
    const CommandResult weaker = host.run({"restart", "test", "--learn", "--profile", "low"});
    CHECK(weaker.status == 64);
    CHECK_THAT(weaker.err, ContainsSubstring("is weaker than profile medium, which jail test has"));
    CHECK(host.run({"restart", "test", "--learn"}).status == 0);
    CHECK(status(host)["profile"] == "medium");
    CHECK(learned(host)["learned_from"] == "high");
}

TEST_CASE("a service that is killed while its jail learns leaves nothing", "[system][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host,
                 service("", curious, "restart = on-failure\nrestart-backoff = 10ms\nrestart-budget = 1\n"));
    REQUIRE(install(host).status == 0);
    const int without = std::stoi(test::of_process(status(host)["supervisor_pid"], "Threads"));
    REQUIRE(host.run({"restart", "--learn", "test"}).status == 0);
    const int supervisor = status(host)["supervisor_pid"];
    const int first = status(host)["pid"];
    const std::string threads = std::to_string(without + 1);
    CHECK(notices(supervisor) == 1);
    CHECK(test::of_process(supervisor, "Threads") == threads);

    ::kill(first, SIGKILL);

    // It is started again, and goes on learning with one descriptor.
    CHECK(wait_for([&] { return status(host)["state"] == "ready" && status(host)["pid"] != first; }));
    CHECK(status(host)["learning"] == "high");
    CHECK(wait_for([&] { return last_word(host) == "went"; }));
    CHECK(wait_for([&] { return notices(supervisor) == 1; }));
    CHECK(test::of_process(supervisor, "Threads") == threads);
    CHECK(wait_for([&] { return entry(host).is_object(); }));

    ::kill(status(host)["pid"].get<int>(), SIGKILL);
    CHECK(wait_for([&] { return status(host)["state"] == "failed"; }));
    CHECK(wait_for([&] { // nobody may have asked for its exit yet
        const std::string left = test::of_process(supervisor, "State");
        return left.empty() || left.starts_with("Z");
    }));
    CHECK_FALSE(std::filesystem::exists(run_directory(host) / "calls"));
    CHECK(status(host)["learning"].is_null());
    CHECK(entry(host).is_object());
}

TEST_CASE("a supervisor that is killed while its jail learns leaves nothing that a stop does not take away",
          "[system][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    write_recipe(host, service("", curious));
    REQUIRE(install(host).status == 0);
    REQUIRE(host.run({"restart", "--learn", "test"}).status == 0);
    CHECK(wait_for([&] { return last_word(host) == "went"; }));
    const nlohmann::json before = status(host);

    ::kill(before["supervisor_pid"].get<int>(), SIGKILL);

    CHECK(wait_for([&] { return status(host)["state"] == "unsupervised"; }));
    CHECK(status(host)["learning"] == "high");
    CHECK(host.run({"stop", "test"}).status == 0);
    CHECK_FALSE(std::filesystem::exists(run_directory(host) / "calls"));
    CHECK(wait_for([&] {
        const std::string state = test::of_process(before["pid"], "State");
        return state.empty() || state.starts_with("Z"); // whoever took it over may wait for it later
    }));
    CHECK(host.run({"start", "test"}).status == 0);
    CHECK(wait_for([&] { return last_word(host) == "denied"; }));
}

TEST_CASE("a runtime that hands on nothing is named, and the jail goes on as it was",
          "[system][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    // As an old runtime, which does not know the key and has no such action.
    const auto runtime = host.etc() / "old-runtime";
    std::ofstream(runtime) << "#!/bin/sh\n"
                              "bundle=\n"
                              "for word; do case $last in --bundle) bundle=$word;; esac; last=$word; done\n"
                              "[ -z \"$bundle\" ] || sed -i -e s/SCMP_ACT_NOTIFY/SCMP_ACT_ALLOW/ "
                              "-e s/listenerPath/unknown/ \"$bundle/config.json\"\n"
                              "exec runc \"$@\"\n";
    std::filesystem::permissions(runtime, std::filesystem::perms::owner_all);
    write_recipe(host, service("", curious));
    host.write_config("pkgjail.conf", "[pkgjail]\nruntime = " + runtime.string() + "\n");
    const CommandResult installed = install(host);
    INFO(installed.err);
    REQUIRE(installed.status == 0);
    const int pid = status(host)["pid"];

    const CommandResult refused = host.run({"restart", "--learn", "test"});

    CHECK(refused.status == 78);
    CHECK_THAT(refused.err,
               ContainsSubstring("--learn: old-runtime hands on no notifications of seccomp here: probe: the "
                                 "filter was made and its notifications were not handed on"));
    CHECK(status(host)["pid"] == pid);
    CHECK(status(host)["learning"].is_null());
}
