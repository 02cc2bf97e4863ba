// [prepare]: a directory of data that is made and filled once, before the first start.
#include <fstream>

#include "system/services.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

/// A jail whose service does nothing and whose data are a file that a preparation appends a word to. The jail
/// is made and not started.
struct Prepared {
    explicit Prepared(const std::string& script = "echo prepared $(id -u) >>word")
        : host(test::demo_repository("2026Q3")) {
        set_script(script);
        const CommandResult result =
            host.run({"install", "tree", "--recipe", "idle", "-j", "idle", "--no-start"});
        INFO(result.out << result.err);
        REQUIRE(result.status == 0);
    }
    void set_script(const std::string& script) const {
        host.write_config("recipes.d/idle.recipe", "[recipe]\nsummary = does nothing\npackage = tree\n"
                                                   "[service]\ncommand = /bin/sleep 1000000\nuser = nobody\n"
                                                   "[health]\nquiet = 0s\n"
                                                   "[prepare]\npath = /var/db/idle\ntimeout = 3s\n"
                                                   "directory = /var/db/idle\n"
                                                   "command = /bin/sh -c '" +
                                                       script + "'\n");
    }
    CommandResult start() const { return host.run({"start", "idle"}); }
    std::filesystem::path data() const {
        for (const auto& jail : std::filesystem::directory_iterator(host.state() / "jails"))
            return jail.path() / "data/var/db/idle";
        return {};
    }
    std::string word() const {
        std::ifstream stream(data() / "word");
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    bool is_empty() const { return !std::filesystem::exists(data()) || std::filesystem::is_empty(data()); }
    Host host;
};

} // namespace

TEST_CASE("what a recipe prepares is prepared once, by the service's user, and told in the log",
          "[system][prepare][root]") {
    if (!test::can_run_jails())
        return;
    const Prepared prepared("echo making it; echo prepared $(id -u) >>word");

    const CommandResult first = prepared.start();

    INFO(first.out << first.err);
    REQUIRE(first.status == 0);
    const std::string word = prepared.word();
    CHECK(word.starts_with("prepared "));
    CHECK(word != "prepared 0\n");
    CHECK_THAT(prepared.host.run({"logs", "idle"}).out, ContainsSubstring("making it"));
    CHECK(prepared.host.run({"exec", "idle", "/usr/bin/stat", "-c", "%U %a", "/var/db/idle"}).out ==
          "nobody 700\n");
    CHECK(prepared.host.run({"restart", "idle"}).status == 0);
    CHECK(prepared.word() == word);
    // A clone has data from the beginning.
    CHECK(prepared.host.run({"clone", "idle", "copy"}).status == 0);
    CHECK(prepared.host.run({"exec", "copy", "/bin/cat", "/var/db/idle/word"}).out == word);
}

TEST_CASE("a jail that learns is prepared like any other", "[system][prepare][root][learn]") {
    if (!test::can_run_jails())
        return;
    const Prepared prepared;

    const CommandResult started = prepared.host.run({"start", "idle", "--learn"});

    INFO(started.out << started.err);
    CHECK(started.status == 0);
    CHECK(prepared.word().starts_with("prepared "));
    CHECK(prepared.host.run({"status", "idle", "--json"}).json()["jails"][0]["learning"] == "high");
}

TEST_CASE("a preparation that fails leaves nothing, and the next start tries again",
          "[system][prepare][root]") {
    if (!test::can_run_jails())
        return;
    const Prepared prepared("touch half; echo no room >&2; exit 3");

    const CommandResult failed = prepared.start();

    CHECK(failed.status == 4);
    CHECK_THAT(failed.err,
               ContainsSubstring("pkgjail: start: idle: prepare of its recipe failed: exit status "
                                 "3: no room\n"));
    CHECK(prepared.is_empty());
    prepared.set_script("touch half; sleep 1000002");
    CHECK_THAT(prepared.start().err, ContainsSubstring("prepare of its recipe failed: no end within 3s"));
    CHECK(prepared.is_empty());
    prepared.set_script("true");
    CHECK_THAT(prepared.start().err, ContainsSubstring("it left /var/db/idle empty"));
    prepared.set_script("echo good >word");
    CHECK(prepared.start().status == 0);
    CHECK(prepared.word() == "good\n");
}

TEST_CASE("a start that is killed while it prepares leaves no half of it", "[system][prepare][root][crash]") {
    if (!test::can_run_jails())
        return;
    for (const char* step : {"prepare.noted", "prepare.ran", "prepare.done"}) {
        INFO("killed at " << step);
        const Prepared prepared;
        CHECK(prepared.host.run({"start", "idle"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);

        const CommandResult next = prepared.host.run({"snapshot", "idle", "one"}); // any command that changes

        INFO(next.out << next.err);
        CHECK(next.status == 0);
        CHECK(prepared.is_empty() == (std::string(step) != "prepare.done"));
        CHECK(prepared.start().status == 0);
        const std::string word = prepared.word();
        CHECK(word.starts_with("prepared "));
        CHECK(word.find('\n') == word.size() - 1); // once
    }
}

TEST_CASE("a preparation whose command was killed is ended by the next one, and begins anew",
          "[system][prepare][root][crash]") {
    if (!test::can_run_jails())
        return;
    const Prepared prepared("touch half; exec sleep 1000003");
    CHECK(prepared.host.run({"start", "idle"}, {{"PKGJAIL_STOP_AT", "prepare.running"}}).status == 128 + 9);
    REQUIRE(test::wait_for([&] { return !test::running("sleep 1000003").empty(); }));

    const CommandResult next = prepared.host.run({"snapshot", "idle", "one"}); // any command that changes

    INFO(next.out << next.err);
    CHECK(next.status == 0);
    CHECK(test::running("sleep 1000003").empty());
    CHECK(prepared.is_empty());
    for (const auto& run : std::filesystem::directory_iterator(prepared.host.state() / "run"))
        CHECK_FALSE(run.path().filename().string().starts_with("pkgjail-"));
    prepared.set_script("echo good >word");
    CHECK(prepared.start().status == 0);
    CHECK(prepared.word() == "good\n");
}

TEST_CASE("data that are gone are not replaced by fresh ones unasked", "[system][prepare][root]") {
    if (!test::can_run_jails())
        return;
    const Prepared prepared;
    REQUIRE(prepared.start().status == 0);
    REQUIRE(prepared.host.run({"snapshot", "idle", "full"}).status == 0);
    REQUIRE(prepared.host.run({"stop", "idle"}).status == 0);
    std::filesystem::remove(prepared.data() / "word");

    const CommandResult refused = prepared.start();

    CHECK(refused.status == 6);
    CHECK_THAT(refused.err, ContainsSubstring("/var/db/idle had data and is empty now"));
    CHECK(prepared.is_empty());
    CHECK(prepared.host.run({"start", "--prepare", "idle"}).status == 0);
    CHECK(prepared.word().starts_with("prepared "));
    REQUIRE(prepared.host.run({"stop", "idle"}).status == 0);
    std::filesystem::remove(prepared.data() / "word");
    CHECK(prepared.host.run({"restore", "idle", "full", "--yes"}).status == 0);
    CHECK(prepared.start().status == 0);
    CHECK(prepared.word().starts_with("prepared "));
    CHECK(prepared.host.run({"start", "--prepare", "--all"}).status == 64);
}
