// pre-snapshot and post-snapshot: a recipe's commands around the copying of a jail's data.
#include <fstream>
#include <set>

#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// A jail whose service does nothing, with a recipe that has these lines in [data].
struct Quiet {
    explicit Quiet(const std::string& data) : host(test::demo_repository("2026Q3")) {
        set_recipe(data);
        const CommandResult result = host.run({"install", "tree", "--recipe", "idle", "-j", "idle"});
        INFO(result.out << result.err);
        REQUIRE(result.status == 0);
    }
    /// The recipe is read at each command.
    void set_recipe(const std::string& data) const {
        host.write_config("recipes.d/idle.recipe", "[recipe]\nsummary = does nothing\npackage = tree\n"
                                                   "[service]\ncommand = /bin/sleep 1000000\n"
                                                   "directory = /var\n[data]\n" +
                                                       data);
    }
    /// What the commands wrote, in the jail's own data.
    std::string wrote() const {
        for (const auto& jail : std::filesystem::directory_iterator(host.state() / "jails"))
            return content(jail.path() / "data/var/wrote");
        return "";
    }
    static std::string content(const std::filesystem::path& file) {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    std::size_t snapshots() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(host.state() / "snapshots"),
                          std::filesystem::directory_iterator()));
    }
    std::string state() const { return host.run({"status", "idle", "--json"}).json()["jails"][0]["state"]; }

    Host host;
};

/// Appends a word to /var/wrote, and then does more.
std::string writes(const std::string& word, const std::string& more = "") {
    return "/bin/sh -c 'echo " + word + " >>wrote" + (more.empty() ? "" : "; " + more) + "'\n";
}

} // namespace

TEST_CASE("a recipe's commands run before and after the data of a running jail are copied",
          "[system][snapshot][quiet][root]") {
    if (!test::can_run_jails())
        return;
    const std::string paused = GENERATE("", "snapshot-pause = yes\n");
    const Quiet quiet("pre-snapshot = " + writes("pre") + "post-snapshot = " + writes("post") + paused);

    const CommandResult made = quiet.host.run({"snapshot", "idle", "one", "--json"});

    INFO(made.out << made.err);
    REQUIRE(made.status == 0);
    const std::string id = made.json()["id"];
    CHECK(Quiet::content(quiet.host.state() / "snapshots" / id / "data/var/wrote") == "pre\n");
    CHECK(quiet.wrote() == "pre\npost\n");
    CHECK(quiet.host.run({"clone", "idle", "copy", "--no-start"}).status == 0);
    CHECK(quiet.host.run({"exec", "copy", "/bin/cat", "/var/wrote"}).out == "pre\npost\npre\n");
    CHECK(quiet.host.run({"exec", "idle", "/bin/cat", "/var/wrote"}).out == "pre\npost\npre\npost\n");
    // A jail that does not run has nothing to write down, and nobody to ask.
    REQUIRE(quiet.host.run({"stop", "idle"}).status == 0);
    CHECK(quiet.host.run({"snapshot", "idle", "two"}).status == 0);
    CHECK(quiet.host.run({"exec", "idle", "/bin/cat", "/var/wrote"}).out == "pre\npost\npre\npost\n");
}

TEST_CASE("when pre-snapshot fails nothing is copied, and post-snapshot runs all the same",
          "[system][snapshot][quiet][root]") {
    if (!test::can_run_jails())
        return;
    const std::string after = "post-snapshot = " + writes("post");
    const Quiet quiet("pre-snapshot = " + writes("pre", "echo cannot save >&2; exit 3") + after);

    const CommandResult failed = quiet.host.run({"snapshot", "idle", "one"});

    CHECK(failed.status == 1);
    CHECK_THAT(failed.err, ContainsSubstring("pkgjail: snapshot: idle: pre-snapshot of its recipe failed: "
                                             "exit status 3: cannot save\n"));
    CHECK(quiet.snapshots() == 0);
    CHECK(quiet.wrote() == "pre\npost\n");
    CHECK(quiet.state() == "ready");

    quiet.set_recipe("snapshot-timeout = 5s\npre-snapshot = " + writes("slow", "sleep 1000001; true") +
                     after);
    const CommandResult slow = quiet.host.run({"clone", "idle", "copy"});

    CHECK(slow.status == 1);
    CHECK_THAT(slow.err, ContainsSubstring("pre-snapshot of its recipe failed: no answer within"));
    CHECK(quiet.wrote() == "pre\npost\nslow\npost\n");
    CHECK(quiet.host.run({"status", "copy"}).status == 5);
    CHECK_THAT(
        quiet.host.run({"exec", "idle", "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"}).out,
        !ContainsSubstring("1000001"));
    CHECK(quiet.host.run({"start", "idle"}).err.empty()); // nothing to recover
}

TEST_CASE("when post-snapshot fails the command does, and leaves no snapshot",
          "[system][snapshot][quiet][root]") {
    if (!test::can_run_jails())
        return;
    const Quiet quiet("pre-snapshot = " + writes("pre") + "post-snapshot = " + writes("post", "exit 1"));

    const CommandResult failed = quiet.host.run({"snapshot", "idle", "one"});

    CHECK(failed.status == 1);
    CHECK_THAT(failed.err, ContainsSubstring("post-snapshot of its recipe failed: exit status 1"));
    CHECK(quiet.snapshots() == 0);
    CHECK(quiet.wrote() == "pre\npost\n");
    CHECK(quiet.host.run({"start", "idle"}).err.empty());
    CHECK(quiet.wrote() == "pre\npost\n");
}

TEST_CASE("a killed snapshot's post-snapshot is made good by the next command",
          "[system][snapshot][quiet][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Quiet quiet("pre-snapshot = " + writes("pre") + "post-snapshot = " + writes("post") +
                      "snapshot-pause = yes\n");
    const std::vector<std::string> steps = steps_of(quiet.host, {"snapshot", "idle", "one"});
    for (const char* step : {"pause.noted", "pause.quiet", "pause.paused", "pause.resumed"})
        REQUIRE(std::count(steps.begin(), steps.end(), step) == 1);

    for (const std::string& step : steps) {
        INFO("killed at " << step);
        REQUIRE(quiet.host.run({"drop", "idle", "one", "--yes"}).status <= 5);
        CHECK(quiet.host.run({"snapshot", "idle", "one"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        CHECK(quiet.host.run({"start", "idle"}).status == 0);

        CHECK(quiet.state() == "ready");
        const std::string wrote = quiet.wrote();
        CHECK(wrote.ends_with("post\n"));
        if (step.starts_with("pause."))
            CHECK(quiet.snapshots() == 0);
    }
    // Each pre has its post, but for one killed before the first was begun.
    std::istringstream words(quiet.wrote());
    int open = 0;
    for (std::string word; words >> word;) {
        open = word == "pre" ? open + 1 : 0;
        CHECK(open <= 1);
    }
}
