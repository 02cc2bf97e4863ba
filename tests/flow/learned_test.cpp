// learned, and what is refused of --learn before anything is done.
#include <filesystem>
#include <fstream>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;

namespace {

void write_learned(const Host& host, const std::string& jail_id, const std::string& text) {
    const auto run = host.state() / "run" / jail_id;
    std::filesystem::create_directories(run);
    std::ofstream(run / "learned.json") << text;
}

} // namespace

TEST_CASE("what a jail has learned is shown with the line of a recipe that would allow it", "[flow][learn]") {
    const Host host;
    const std::string id = test::record_jail(host, "web", {"web-1.0"});
    check_fails(host, {"learned", "web"}, 5,
                "pkgjail: learned: web: has never learned\n"
                "hint: pkgjail restart --learn web has it run and learn\n");
    check_fails(host, {"learned"}, 64, "pkgjail: learned: no jail given\nhint: pkgjail learned JAIL\n");
    write_learned(host, id, R"json({"format": 1, "profile": "high", "since": "2026-11-22T10:00:00Z",
        "unlisted": 7, "trouble": "", "calls": [
        {"call": "fanotify_init", "program": "wat\u001bch", "answer": 1, "count": 12,
         "allowed_by": ["medium", "low"], "first": "2026-11-22T10:00:01Z", "last": "2026-11-22T10:00:03Z"},
        {"call": "unshare(CLONE_NEWUSER)", "program": "", "answer": 1, "count": 1,
         "allowed_by": [], "first": "2026-11-22T10:00:02Z", "last": "2026-11-22T10:00:02Z"}]})json");

    CHECK(host.run({"learned", "web"}).out ==
          "jail web: learned from profile high since 2026-11-22T10:00:00Z\n"
          "SYSTEM CALL             TIMES  PROGRAM    ALLOWED BY        LAST\n"
          "fanotify_init           12     wat\\x1bch  profile = medium  2026-11-22T10:00:03Z\n"
          "unshare(CLONE_NEWUSER)  1      -          no profile        2026-11-22T10:00:02Z\n"
          "and 7 calls of more kinds than are listed\n");
    const auto json = host.run({"learned", "web", "--json"}).json();
    CHECK(json["learning"] == false);
    CHECK(json["calls"][0]["recipe_line"] == "profile = medium");
    CHECK(json["calls"][0]["program"] == "wat\x1b"
                                         "ch");
    CHECK(json["calls"][1]["recipe_line"].is_null());
    CHECK(json["unlisted"] == 7);

    write_learned(host, id, "{}");
    CHECK(host.run({"learned", "web"}).status == 65);
}

TEST_CASE("a jail is asked to learn by its name, from a profile that there is", "[flow][learn]") {
    const Host host;
    test::record_jail(host, "web", {"web-1.0"});
    for (const char* verb : {"start", "restart"}) {
        const std::string begin = std::string("pkgjail: ") + verb + ": ";
        check_fails(host, {verb, "--learn", "--all"}, 64, begin + "--learn: takes jails by their names\n");
        check_fails(
            host, {verb, "--learn", "web/worker"}, 64,
            begin + "--learn: found \"web/worker\", allowed: JAIL, because all services of a jail have its "
                    "profile\n");
        check_fails(host, {verb, "web", "--profile", "high"}, 64,
                    begin + "--profile: is a part of --learn\n");
        check_fails(host, {verb, "web", "--learn", "--profile", "hihg"}, 64,
                    begin + "--profile hihg: is no profile, allowed: low, medium, high\n"
                            "hint: did you mean \"high\"?\n");
    }
    check_fails(host, {"start", "--learn", "--wanted"}, 64,
                "pkgjail: start: --learn: takes jails by their names\n");
}
