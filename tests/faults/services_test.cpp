// Services that require others where one of these is down, comes down meanwhile, or has a supervisor that
// does not do its work: who is started and stopped then, and what is said.
#include <csignal>
#include <fstream>
#include <future>
#include <regex>
#include <thread>

#include <fmt/format.h>

#include "faults/processes.hpp"
#include "faults/required_jails.hpp"
#include "pkgjail/base/file.hpp"
#include "support/old_catalog.hpp"
#include "support/wait_until.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Jails;
using test::no_start;

namespace fs = std::filesystem;

namespace {

/// "jail db: TEXT (HINT)" of each that doctor finds to be wrong.
std::string bad_of(const Jails& jails) {
    std::string text;
    const nlohmann::json found = jails.world.run({"doctor", "--json"}).json();
    for (const auto& finding : found["findings"])
        if (finding["verdict"] == "BAD" && finding["subject"].get<std::string>().starts_with("jail "))
            text += fmt::format("{}: {} ({})\n", finding["subject"].get<std::string>(),
                                finding["text"].get<std::string>(), finding["hint"].get<std::string>());
    return text;
}

} // namespace

TEST_CASE("a good generation stays where something else does not run that those require who require its jail",
          "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    jails.make("app", {"db", "cache"});
    jails.end("cache");
    const std::string starts = (jails.world.top() / "out/starts").string();
    jails.write_recipe("cache", {}, "echo once >>" + starts + "; exit 1");

    const CommandResult changed = jails.world.run({"install", "extra", "-j", "db"});

    INFO(changed.err);
    CHECK(changed.status == 0);
    CHECK_THAT(changed.err, ContainsSubstring("start jail app, which requires db: cache: the service did not "
                                              "get ready: "));
    CHECK_THAT(changed.err, ContainsSubstring("the next command that changes something tries again"));
    CHECK(jails.of("db")["generation"] == 2);
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    const CommandResult next = jails.world.well({"gc"});
    CHECK_THAT(next.err, ContainsSubstring("jail app: cache: did not get ready when it was started last"));
    const CommandResult restarted = jails.world.run({"restart", "db"});
    CHECK(restarted.status == 4);
    CHECK_THAT(restarted.err, ContainsSubstring("start jail app, which requires db: cache: did not get ready "
                                                "when it was started last (exit status 1)"));
    CHECK_THAT(restarted.err, ContainsSubstring("pkgjail start app starts both, pkgjail stop app"));
    CHECK(jails.states() == "app:stopped cache:failed db:ready");
    CHECK(base::read_file(starts) == "once\n");
    jails.write_recipe("cache");
    jails.world.well({"start", "cache"});
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("a secret of a name that was not there at the start takes a restart", "[faults][secrets]") {
    const Jails jails;
    jails.world.write("etc/recipes.d/vault.recipe",
                      "[recipe]\nsummary = a test\npackage = more\n[service]\n"
                      "command = /bin/sh -c 'trap : HUP; while :; do sleep 0.05; done'\n"
                      "reload-signal = HUP\n[health]\ncommand = /bin/true\nquiet = 20ms\n");
    jails.world.well({"install", "more", "-j", "vault", "--recipe", "vault"});
    const auto set = [&](const std::string& name, const std::string& value) {
        return jails.world.well({"secret", "set", "vault", name}, value).out;
    };

    CHECK(set("key", "one") == "jail vault: secret key set\n"
                               "the service does not have it until: pkgjail restart vault\n");
    const auto again = jails.world.well({"secret", "set", "vault", "key", "--json"}, "two").json();
    CHECK(again["restart_needed"] == true);
    CHECK(again["reload_needed"] == false);
    jails.world.well({"restart", "vault"});

    CHECK(set("key", "three") == "jail vault: secret key set\n"
                                 "the service has the one before until: pkgjail reload vault\n");
    const auto changed = jails.world.well({"secret", "set", "vault", "key", "--json"}, "four").json();
    CHECK(changed["restart_needed"] == false);
    CHECK(changed["reload_needed"] == true);

    set("other", "one");
    CHECK(jails.world.well({"secret", "remove", "vault", "other"}).out ==
          "jail vault: secret other removed\n");
    CHECK(jails.world.well({"secret", "remove", "vault", "key"}).out ==
          "jail vault: secret key removed\n"
          "the service has the one before until: pkgjail reload vault\n");
    jails.world.well({"stop", "vault"});
    CHECK(set("key", "five") == "jail vault: secret key set\n");
}

TEST_CASE("a command is not run as a user whom the jail does not have", "[faults][exec]") {
    const Jails jails;
    jails.make("db");

    const CommandResult result = jails.world.run({"exec", "-u", "nosuch", "db", "true"});

    CHECK(result.status == 5);
    CHECK(result.err == "pkgjail: exec: nosuch: no such user in the jail's /etc/passwd\n"
                        "hint: pkgjail exec db cat /etc/passwd shows those there are\n");
}

TEST_CASE("a dry run of start, stop and reload says what would be and what is so already", "[faults][dry]") {
    const Jails jails;
    jails.make("db");
    const std::string hup = "[recipe]\nsummary = a test\npackage = more\n[service]\n"
                            "command = /bin/sh -c 'trap : HUP; while :; do sleep 0.05; done'\n"
                            "reload-signal = HUP\n[health]\ncommand = /bin/true\nquiet = 20ms\n"
                            "[service second]\n"
                            "command = /bin/sh -c 'while :; do sleep 0.05; done'\n";
    jails.world.write("etc/recipes.d/two.recipe", hup);
    jails.world.well({"install", "more", "-j", "two", "--recipe", "two"});
    const auto said = [&](const std::vector<std::string>& words) { return jails.world.well(words).out; };

    CHECK(said({"start", "-n", "db"}) == "jail db: running already\n");
    CHECK(said({"stop", "-n", "db"}) == "jail db: would be stopped\n");
    CHECK(said({"reset-failed", "-n", "db"}) == "jail db: has not failed\n");
    CHECK(said({"reload", "-n", "two"}) == "jail two: would be reloaded\n");
    CHECK(said({"start", "-n", "two/second"}) == "service two/second: running already\n");
    CHECK(said({"stop", "-n", "two/second"}) == "service two/second: would be stopped\n");
    const CommandResult unable = jails.world.run({"reload", "-n", "db"});
    CHECK(unable.status == 6);
    CHECK(unable.err == "pkgjail: reload: db: the service has no reload signal\nhint: pkgjail restart db\n");
    CHECK(jails.world.run({"reload", "-n", "two/second"}).status == 6);
    CHECK(jails.world.run({"stop", "-n", "two/third"}).status == 5);

    jails.world.well({"stop", "db"});
    CHECK(said({"stop", "-n", "db"}) == "jail db: not running\n");
    CHECK(said({"start", "-n", "db"}) == "jail db: would be started\n");
    const CommandResult down = jails.world.run({"reload", "-n", "db"});
    CHECK(down.status == 6);
    CHECK(down.err == "pkgjail: reload: db: does not run\nhint: pkgjail start db\n");
}

TEST_CASE("nothing is stopped while the recipe of a jail that is required cannot be read",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.write("etc/recipes.d/db.recipe", "[recipe\n");

    const CommandResult refused = jails.world.run({"install", "extra", "-j", "app"});

    INFO(refused.err);
    CHECK(refused.status == 78);
    CHECK(jails.of("app")["generation"] == 1);
    jails.write_recipe("db");
    CHECK(jails.states() == "app:ready db:ready");
    jails.world.well({"install", "extra", "-j", "app"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a backup in the catalog's place costs no jail that runs", "[faults][services][rebuild]") {
    const Jails jails;
    jails.make("older");
    const std::filesystem::path backup = jails.world.top() / "out/catalog.backup";
    const std::filesystem::path catalog = jails.world.state() / "catalog.sqlite";
    jails.world.well({"catalog", "backup", backup.string()});
    jails.make("newer");
    base::write_file_atomically(jails.data("newer") / "precious", "value");
    const auto pid = jails.of("newer")["pid"];
    test::remove_catalog(catalog);
    std::filesystem::copy_file(backup, catalog);

    const CommandResult held = jails.world.run({"hold", "more", "-j", "older"});
    INFO(held.err);
    CHECK(held.status == 0);
    CHECK_THAT(held.err, ContainsSubstring("it is older than what is on disk; nothing is cleared away; "
                                           "pkgjail catalog rebuild"));
    CHECK(held.err.find("removed") == std::string::npos);
    CHECK(jails.world.run({"gc"}).status == 65);
    CHECK(jails.world.run({"destroy", "older", "--with-data", "--yes"}).status == 0);
    const CommandResult doctor = jails.world.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("the catalog does not know jail newer"));

    jails.world.well({"catalog", "rebuild"});
    CHECK(jails.of("newer")["pid"] == pid);
    CHECK(base::read_file(jails.data("newer") / "precious") == "value");
    CHECK(jails.world.well({"gc"}).err.find("does not know") == std::string::npos);
    CHECK(jails.world.run({"restart", "newer"}).status == 0);
}

TEST_CASE("nothing is stopped that could not be started again", "[faults][services]") {
    const Jails jails;
    jails.make("db");
    jails.world.well({"volume", "attach", "db", "shared:/srv/shared"});
    jails.world.well({"restart", "db"});
    const auto pid = jails.of("db")["pid"];
    const std::string part = GENERATE("images", "volumes", "config");
    std::filesystem::path place = jails.world.state() / part;
    if (part == "config")
        place = jails.data("db").parent_path() / "config";
    for (const auto& entry : std::filesystem::directory_iterator(place))
        std::filesystem::rename(entry.path(), entry.path().string() + ".away");

    const CommandResult refused = jails.world.run({"restart", "db"});

    INFO(refused.err);
    CHECK(refused.status == 65);
    CHECK_THAT(refused.err, ContainsSubstring("restart: db: its ") &&
                                ContainsSubstring(" is not on disk; it could not be started again, so "
                                                  "nothing was stopped\n"));
    CHECK(jails.of("db")["pid"] == pid);
    const CommandResult doctor = jails.world.run({"doctor"});
    INFO(doctor.out);
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("BAD   jail db") && ContainsSubstring(" is not on disk"));
}

TEST_CASE("doctor tells of a recipe that a jail could not be started with again", "[faults][services]") {
    const Jails jails;
    jails.make("db");
    CHECK(jails.world.run({"doctor"}).out.find("could not be started again") == std::string::npos);
    jails.world.write("etc/recipes.d/db.recipe", "no recipe\n");
    const CommandResult doctor = jails.world.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out,
               ContainsSubstring("could not be started again: ") && ContainsSubstring("db.recipe:1"));
}

TEST_CASE("a service without a reload signal is told by its jail's name", "[faults][services]") {
    const Jails jails;
    jails.make("db");

    const CommandResult refused = jails.world.run({"reload", "db"});

    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("pkgjail: reload: db: the service has no reload signal\n"
                                              "hint: pkgjail restart db\n"));
}

TEST_CASE("every jail is none that has nothing to start or to reload", "[faults][services]") {
    const Jails jails;
    jails.make("db");
    jails.make("web");
    jails.write_recipe("web", {}, "trap : HUP");
    const std::filesystem::path recipe = jails.world.top() / "etc/recipes.d/web.recipe";
    std::string text = base::read_file(recipe);
    text.insert(text.find("stop-timeout"), "reload-signal = HUP\n");
    jails.world.write("etc/recipes.d/web.recipe", text);
    jails.world.well({"restart", "web"});
    const std::filesystem::path other = jails.world.top() / "etc/recipes.d/db.recipe";
    std::string with_secret = base::read_file(other);
    with_secret.insert(with_secret.find("stop-timeout"), "secret = word\n");
    jails.world.write("etc/recipes.d/db.recipe", with_secret);
    jails.world.well({"secret", "set", "db", "word"}, "a secret");
    jails.world.well({"restart", "db"});
    jails.world.well({"install", "extra", "-j", "tools"});
    jails.make("idle");
    jails.world.well({"stop", "idle"});

    CHECK(jails.world.well({"reload", "--all"}).out == "jail web: reloaded\n");
    CHECK(jails.world.run({"reload", "db"}).status == 6);
    jails.world.write("etc/recipes.d/web.recipe", "no recipe\n");
    CHECK(jails.world.well({"reload", "web"}).out == "jail web: reloaded\n");
    jails.world.write("etc/recipes.d/web.recipe", text);
    CHECK(jails.world.well({"start", "--all"}).out ==
          "jail db: running already\njail web: running already\njail idle: started\n");
    CHECK(jails.world.well({"restart", "--all"}).out ==
          "jail db: restarted\njail idle: restarted\njail web: restarted\n");
    CHECK(jails.world.run({"start", "tools"}).status == 78);
}

TEST_CASE("limits that are not in force are told with their reason when they are changed",
          "[faults][limits]") {
    const Jails jails;
    jails.make("db");

    CHECK_THAT(
        jails.world.well({"limits", "db", "net-in=1M", "memory=64M"}).out,
        ContainsSubstring("\njail db: limits changed, in force at once, but for net-in: switched off by "
                          "the test\n"));
    CHECK_THAT(jails.world.well({"limits", "db", "memory=65M"}).out,
               ContainsSubstring("\njail db: limits changed, in force at once\n"));
}

TEST_CASE("nothing is stopped where nothing can be started", "[faults]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    const auto service = [&] { return jails.of("db")["pid"]; };
    const auto before = service();
    jails.world.well({"snapshot", "db", "one"});
    jails.world.write("etc/pkgjail.conf", "[pkgjail]\nruntime = /bin/true\n");

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"restart", "db"}, {"install", "extra", "-j", "db"}, {"restore", "db", "one", "--yes"}}) {
        const CommandResult refused = jails.world.run(command);
        INFO(refused.err);
        CHECK(refused.status == 77);
        CHECK_THAT(refused.err, ContainsSubstring("db: could not be started again, so nothing was stopped: "
                                                  "driver oci: no OCI runtime works here: /bin/true"));
        CHECK(jails.states() == "app:ready db:ready");
        CHECK(jails.of("db")["generation"] == 1);
    }
    CHECK(service() == before);
    fs::remove(jails.world.top() / "etc/pkgjail.conf");
    jails.world.well({"restart", "db"});
    CHECK(service() != before);
}

TEST_CASE("a generation whose jail requires one that does not run is proven when that runs",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    const std::vector<std::string> install = {"install", "extra", "-j", "app"};
    bool is_good = true;
    SECTION("where that does not start") {
        jails.end("db");
        jails.write_recipe("db", {}, "exit 1");
        const CommandResult changed = jails.world.run(install);
        INFO(changed.err);
        CHECK(changed.status == 4);
        CHECK_THAT(changed.err, ContainsSubstring("generation 2 is not proven yet: db: the service did not "
                                                  "get ready: "));
        CHECK(changed.err.find("rolled back") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:failed");
        jails.write_recipe("db");
        jails.world.well({"start", "db"});
    }
    SECTION("where it is unhealthy, and the generation is no good") {
        is_good = false;
        fs::remove(jails.world.top() / "out/up-db");
        jails.wait_for("db", "unhealthy");
        const CommandResult changed = jails.world.run(install);
        INFO(changed.err);
        CHECK(changed.status == 4);
        CHECK_THAT(changed.err, ContainsSubstring("generation 2 is not proven yet: db: is unhealthy, and has "
                                                  "to be ready first"));
        CHECK(changed.err.find("rolled back") == std::string::npos);
        CHECK(jails.states() == "app:stopped db:unhealthy");
        std::ofstream(jails.world.top() / "out/up-db") << "";
        jails.wait_for("db", "ready");
    }
    CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("before generation 2 had proved itself"));
    if (is_good) {
        jails.world.well({"gc"});
        CHECK(jails.of("app")["generation"] == 2);
    } else {
        CHECK_THAT(jails.world.run({"gc"}, no_start).err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("app")["generation"] == 1);
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail is not stopped that another one has come to need while the command waited",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"stop", "app"});
    std::future<CommandResult> stop;
    {
        const base::Lock another = jails.lock("db");
        stop = std::async(std::launch::async, [&] {
            return jails.world.run({"--wait", "20", "stop", "db"});
        });
        std::this_thread::sleep_for(std::chrono::seconds(1)); // it has looked, and waits
        jails.world.well({"restart", "app"});
    }

    const CommandResult refused = stop.get();

    INFO(refused.err);
    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("db: is required by jail app, which runs"));
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail is not started on one that was stopped while it was prepared", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("app", {"db"});
    jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
    const fs::path out = jails.world.top() / "out";
    std::ofstream(jails.world.top() / "etc/recipes.d/app.recipe", std::ios::app) << fmt::format(
        "[prepare]\npath = /var/rows\ncommand = /bin/sh -c \"touch {0}/begun {1}/var/rows/one; "
        "while [ ! -e {0}/go-on ]; do sleep 0.02; done\"\n",
        out.string(), jails.data("app").string());
    auto start = std::async(std::launch::async, [&] { return jails.world.run({"start", "app"}); });
    REQUIRE(test::wait_until([&] { return fs::exists(out / "begun"); }));

    jails.world.well({"stop", "db"});
    std::ofstream(out / "go-on") << "";

    const CommandResult refused = start.get();
    INFO(refused.err);
    CHECK(refused.status == 3);
    CHECK_THAT(refused.err, ContainsSubstring("app: is not started, because jail db, which it requires, was "
                                              "ready and is stopped by now"));
    CHECK(jails.states() == "app:stopped db:stopped");
    jails.world.well({"start", "app"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("a jail that comes up after what it requires went down is told of", "[faults][requires]") {
    const Jails jails;
    const fs::path go_on = jails.world.top() / "out/go-on";
    jails.make("db");
    SECTION("by who starts it") {
        jails.write_recipe("app", {"db"}, "while [ ! -e " + go_on.string() + " ]; do sleep 0.02; done");
        jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
        auto start = std::async(std::launch::async, [&] { return jails.world.run({"start", "app"}); });
        jails.wait_for("app", "starting");
        jails.end("db");
        std::ofstream(go_on) << "";

        const CommandResult started = start.get();
        INFO(started.err);
        CHECK(started.status == 0);
        CHECK_THAT(started.err, ContainsSubstring("jail app runs, but jail db, which it requires, was ready "
                                                  "and is failed by now; pkgjail restart app starts both"));
        CHECK(jails.states() == "app:ready db:failed");
    }
    SECTION("by who stops what it requires") {
        jails.write_recipe("app", {"db"});
        jails.world.well({"install", "more", "-j", "app", "--recipe", "app", "--no-start"});
        const pid_t supervisor = jails.of("db")["supervisor_pid"];
        REQUIRE(::kill(supervisor, SIGSTOP) == 0);
        auto stop = std::async(std::launch::async, [&] { return jails.world.run({"stop", "db"}); });
        std::this_thread::sleep_for(std::chrono::milliseconds(500)); // it has looked, and asks the supervisor
        const CommandResult started = jails.world.run({"restart", "app"});
        REQUIRE(::kill(supervisor, SIGCONT) == 0);

        const CommandResult stopped = stop.get();
        INFO(started.err << stopped.err);
        CHECK(started.status == 0);
        CHECK(stopped.status == 0);
        CHECK_THAT(stopped.err, ContainsSubstring("jail db was stopped, but jail app, which requires it, was "
                                                  "started meanwhile; pkgjail restart app starts both"));
        CHECK(jails.states() == "app:ready db:stopped");
    }
    const auto app = jails.of("app")["pid"];
    jails.world.well({"restart", "app"});
    CHECK(jails.states() == "app:ready db:ready");
    CHECK(jails.of("app")["pid"] != app);
}

TEST_CASE("a stop that is done is told as done, also where it cannot be seen who came up meanwhile",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.world.well({"stop", "app"});
    const std::string id = jails.of("app")["id"];
    unsigned long afterwards = 0;
    for (test::Fault fault{"eio", 1, false, "open /run/" + id};; ++fault.call) {
        jails.world.well({"start", "db"});
        const CommandResult stopped = jails.world.run_with(fault, {"stop", "db"});
        if (!jails.world.hit())
            break;
        INFO(fault.text() << ": " << stopped.err);
        if (jails.state("db") == "ready") {
            CHECK(stopped.status == 1);
            continue;
        }
        CHECK(jails.states() == "app:stopped db:stopped");
        CHECK(stopped.status == 0);
        CHECK_THAT(stopped.out, ContainsSubstring("db: stopped"));
        if (stopped.err.find("Input/output error") != std::string::npos)
            ++afterwards;
    }
    CHECK(afterwards > 0);
}

TEST_CASE("a jail that is down does not wait for who has one that is down because of it",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    REQUIRE(jails.world.run({"restart", "db"}, no_start).status == 1);
    REQUIRE(jails.states() == "app:stopped db:stopped");
    {
        const base::Lock another = jails.lock("app"); // and waits for that of db
        const CommandResult next = jails.world.well({"gc"});
        INFO(next.err);
        CHECK(jails.states() == "app:stopped db:ready");
        CHECK(next.err.find("is held") == std::string::npos);
    }
    jails.world.well({"gc"});
    CHECK(jails.states() == "app:ready db:ready");
}

TEST_CASE("an installation that changes nothing leaves a service alone that is unhealthy for the moment",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    fs::remove(jails.world.top() / "out/up-db");
    jails.wait_for("db", "unhealthy");
    const auto app = jails.of("app")["pid"], db = jails.of("db")["pid"];

    const CommandResult same = jails.world.run({"install", "more", "-j", "db"}, no_start);

    INFO(same.err);
    CHECK(same.status == 0);
    CHECK(jails.states() == "app:ready db:unhealthy");
    CHECK(jails.of("app")["pid"] == app);
    CHECK(jails.of("db")["pid"] == db);
}

TEST_CASE("a service that has lost its supervisor is not stopped under those that require it",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});
    jails.make("web", {"db"});
    const auto lose_supervisor = [&] {
        REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for("db", "unsupervised");
    };

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"start", "db"}, {"install", "more", "-j", "db"}, {"restart", "app"}, {"start", "db", "web"}}) {
        lose_supervisor();
        const CommandResult done = jails.world.run(command);
        INFO(command.front() << ": " << done.err);
        CHECK(done.status == 0);
        CHECK_THAT(done.err,
                   ContainsSubstring("jail web is stopped for the time being, because it requires db"));
        CHECK_THAT(done.err, ContainsSubstring("jail web is started again"));
        CHECK(jails.states() == "app:ready db:ready web:ready");
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("3 as they should be"));

        lose_supervisor();
        const CommandResult failed = jails.world.run(command, no_start);
        INFO(failed.err);
        CHECK(failed.status != 0);
        CHECK(jails.states() == "app:stopped db:stopped web:stopped");
        CHECK_THAT(jails.world.run({"doctor"}).out, ContainsSubstring("it is to be started again (restart)"));
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready web:ready");
    }
}

TEST_CASE("a service whose supervisor has lost its control socket is stopped, started anew and destroyed",
          "[faults][services]") {
    const Jails jails;
    jails.make("db");
    nlohmann::json db;
    fs::path run;
    const auto lose_socket = [&] {
        db = jails.of("db");
        run = jails.world.state() / "run" / db["id"].get<std::string>();
        REQUIRE(fs::remove(run / "control"));
    };
    const auto have_ended = [&] {
        const auto is_there = [&](const char* who) {
            return base::identify_process(db[who].get<pid_t>()).has_value();
        };
        const bool served = is_there("pid");
        // It lets go of its lock an instant before it ends.
        return !served && test::wait_until([&] { return !is_there("supervisor_pid"); });
    };
    lose_socket();
    const std::string lost = fmt::format("its supervisor (process {}) cannot be reached: its control socket "
                                         "is gone",
                                         db["supervisor_pid"].get<pid_t>());

    CHECK(bad_of(jails) == "jail db: " + lost + " (pkgjail restart db)\n");
    const CommandResult reloaded = jails.world.run({"reload", "db"});
    CHECK(reloaded.err == "pkgjail: reload: db: " + lost + "\nhint: pkgjail restart db\n");
    jails.world.well({"restart", "db"});
    CHECK(have_ended());
    CHECK(bad_of(jails).empty());

    lose_socket();
    CHECK(jails.world.well({"stop", "db"}).out == "jail db: stopped\n");
    CHECK(have_ended());
    CHECK(test::processes_of_run(run).empty());
    CHECK(jails.states() == "db:stopped");

    jails.world.well({"start", "db"});
    lose_socket();
    CHECK(jails.world.well({"destroy", "db", "--with-data", "--yes"}).out == "jail db: destroyed\n");
    CHECK(have_ended());
    CHECK(test::processes_of_run(run).empty());
}

TEST_CASE("a service that has ended beside a supervisor that hangs is not said to run",
          "[faults][services]") {
    const Jails jails;
    jails.make("db");
    const auto db = jails.of("db");
    const pid_t supervisor = db["supervisor_pid"], service = db["pid"];
    REQUIRE(::kill(supervisor, SIGSTOP) == 0);
    REQUIRE(::kill(service, SIGKILL) == 0);
    jails.wait_for("db", "unhealthy");
    const std::string cause = fmt::format("its supervisor (process {}) has not noticed that its service has "
                                          "ended, and does not answer",
                                          supervisor);
    const std::string remedy = fmt::format("end it with: kill -9 {}, then pkgjail start db", supervisor);

    CHECK(bad_of(jails) == fmt::format("jail db: {} ({})\n", cause, remedy));
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"start", "db"}, {"start", "-n", "db"}}) {
        const CommandResult started = jails.world.run(command);
        CHECK(started.status == 75);
        CHECK(started.err == fmt::format("pkgjail: start: db: {}\nhint: {}\n", cause, remedy));
    }

    REQUIRE(::kill(supervisor, SIGKILL) == 0);
    jails.wait_for("db", "stopped");
    CHECK(jails.world.well({"start", "db"}).out == "jail db: started\n");
    CHECK(bad_of(jails).empty());
}

TEST_CASE("start and restart begin a service without supervisor anew", "[faults][services]") {
    const Jails jails;
    jails.make("db");
    for (const char* verb : {"start", "restart"}) {
        const auto before = jails.of("db")["pid"];
        REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for("db", "unsupervised");
        CHECK(bad_of(jails) == "jail db: it runs without its supervisor (pkgjail restart db starts it anew "
                               "under one)\n");

        jails.world.well({verb, "db"});

        CHECK(jails.of("db")["pid"] != before);
        CHECK(jails.states() == "db:ready");
    }
}

TEST_CASE("of a service that waits to be started again nobody is told that it uses nothing",
          "[faults][services]") {
    const Jails jails;
    jails.make("db");
    const fs::path recipe = jails.world.top() / "etc/recipes.d/db.recipe";
    jails.world.write("etc/recipes.d/db.recipe",
                      std::regex_replace(base::read_file(recipe), std::regex("restart = never"),
                                         "restart = always\nrestart-backoff = 1h\nrestart-backoff-max = 1h"));
    jails.world.well({"restart", "db"});
    REQUIRE(::kill(jails.of("db")["pid"].get<pid_t>(), SIGKILL) == 0);
    jails.wait_for("db", "backoff");

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"list"}, {"list", "--json"}, {"status", "db"}, {"metrics"}, {"limits", "db"}}) {
        const CommandResult told = jails.world.well(command);
        INFO(command.front());
        CHECK(told.err.empty());
        CHECK_FALSE(told.out.empty());
    }
}

TEST_CASE("a command does not wait for a jail that it is at work on itself", "[faults][requires]") {
    const Jails jails;
    jails.make("cache");
    jails.make("db");
    jails.make("app", {"cache", "db"});
    REQUIRE(::kill(jails.of("db")["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
    jails.wait_for("db", "unsupervised");
    jails.end("cache");
    SECTION("and that does not start") {
        jails.write_recipe("cache", {}, "exit 1");
        const CommandResult started = jails.world.run({"--wait", "5", "start", "cache", "db"});
        INFO(started.err);
        CHECK(started.status == 3);
        CHECK_THAT(started.err, ContainsSubstring("start jail app, which requires db: jail cache: this "
                                                  "command is at work on it itself"));
        CHECK_THAT(started.err, ContainsSubstring("cache: the service did not get ready: "));
        CHECK(jails.states() == "app:stopped cache:failed db:ready");
        jails.write_recipe("cache");
        jails.world.well({"start", "cache"});
        jails.world.well({"gc"});
    }
    SECTION("and that is about to be ready") {
        jails.write_recipe("cache", {}, "sleep 1");
        jails.world.well({"--wait", "5", "start", "cache", "db"});
    }
    CHECK(jails.states() == "app:ready cache:ready db:ready");
}

TEST_CASE("a service without supervisor that could not be started anew is started by the next command",
          "[faults][requires]") {
    const Jails jails;
    for (const char* name : {"one", "two"}) {
        jails.make(name);
        REQUIRE(::kill(jails.of(name)["supervisor_pid"].get<pid_t>(), SIGKILL) == 0);
        jails.wait_for(name, "unsupervised");
    }

    const CommandResult failed = jails.world.run({"start", "--all"}, no_start);

    INFO(failed.err);
    CHECK(failed.status == 1);
    CHECK(jails.states() == "one:stopped two:stopped");
    jails.world.well({"gc"});
    CHECK(jails.states() == "one:ready two:ready");
}

TEST_CASE("a service that takes its time to end when it did not get ready has failed, and was not stopped",
          "[faults][requires]") {
    const Jails jails;
    // Nobody waits this long for it to be ready.
    jails.write_recipe("db", {}, "while :; do sleep 0.02; done", "sleep 12");
    const fs::path recipe = jails.world.top() / "etc/recipes.d/db.recipe";
    std::string text = base::read_file(recipe.string());
    text = std::regex_replace(text, std::regex("grace = 10s"), "grace = 100ms\ntimeout = 100ms");
    std::ofstream(recipe) << std::regex_replace(text, std::regex("stop-timeout = 10s"), "stop-timeout = 20s");

    const CommandResult failed = jails.world.run({"install", "more", "-j", "db", "--recipe", "db"});

    INFO(failed.err);
    CHECK(failed.status == 4);
    CHECK_THAT(failed.err, ContainsSubstring("db: the service did not get ready: not ready within 100"));
    CHECK(jails.states() == "db:failed");
}

TEST_CASE("why a service did not get ready is told, also where what is left of it cannot be ended",
          "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.write_recipe("db", {}, "exit 1");
    SECTION("by a start") {
        jails.world.well({"stop", "db"});
        // The first one is that of the launch.
        const CommandResult failed =
            jails.world.run_with({"eio", 2, false, "open /launch.lock"}, {"start", "db"});
        INFO(failed.err);
        REQUIRE(jails.world.hit());
        CHECK(failed.status == 4);
        CHECK_THAT(failed.err, ContainsSubstring("db: the service did not get ready: "));
        CHECK_THAT(failed.err, ContainsSubstring("; and what is left of it cannot be ended: "));
        CHECK_THAT(failed.err, ContainsSubstring("launch.lock: open: Input/output error"));
    }
    SECTION("by a new generation, which is put back when it can be ended") {
        const CommandResult failed =
            jails.world.run_with({"eio", 2, true, "open /launch.lock"}, {"install", "extra", "-j", "db"});
        INFO(failed.err);
        REQUIRE(jails.world.hit());
        CHECK(failed.status == 1);
        CHECK_THAT(failed.err,
                   ContainsSubstring("roll generation 2 back, because the service did not get ready: "));
        CHECK_THAT(jails.world.run({"doctor"}).out,
                   ContainsSubstring("before generation 2 had proved itself"));
        CHECK_THAT(jails.world.run({"gc"}).err, ContainsSubstring("generation 2 was rolled back"));
        CHECK(jails.of("db")["generation"] == 1);
    }
    jails.write_recipe("db");
    jails.world.well({"start", "db"});
    CHECK(jails.states() == "db:ready");
}

TEST_CASE("a network that cannot be put into the catalog takes nobody down", "[faults][requires]") {
    const Jails jails;
    jails.make("db");
    jails.make("app", {"db"});

    bool was_hit = true;
    for (unsigned long write = 1; was_hit; write += 2) {
        const std::string other = jails.of("db")["network"] == "host" ? "none" : "host";
        jails.world.write("etc/jails.d/db.jail", "[jail]\nrecipe = db\nnetwork = " + other + "\n");
        // The disk of the catalog is full from there on.
        const CommandResult failed =
            jails.world.run_with({"enospc", write, true, "pwrite /catalog"}, {"apply"});
        was_hit = jails.world.hit().has_value();

        INFO("from write " << write << " on: " << failed.err);
        if (failed.status != 0) // what fails at the end, when all is done, is not told
            CHECK_THAT(failed.err, ContainsSubstring("disk is full") || ContainsSubstring("No space left"));
        CHECK(jails.states() == "app:ready db:ready");
        jails.world.well({"gc"});
        CHECK(jails.states() == "app:ready db:ready");
    }
}
