// What is written down of a jail that learns, and what of it can be read again.
#include "pkgjail/supervise/learned.hpp"

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using jail::Profile;
using supervise::Learned;
using supervise::LearnedCalls;

namespace {

const base::WallTime early = base::from_unix(1'763'800'000);
const base::WallTime later = base::from_unix(1'763'800'060);

/// A line a kind of call.
std::string show(const Learned& learned) {
    std::string text;
    for (const auto& call : learned.calls) {
        text += fmt::format("{} by {}: {} times, answer {}, allowed by", call.call, call.program, call.count,
                            call.answer);
        for (const Profile profile : call.allowed_by)
            text += fmt::format(" {}", jail::profile_name(profile));
        text += "\n";
    }
    return text;
}

} // namespace

TEST_CASE("calls are told apart by what profiles look at and by program, and counted", "[supervise][learn]") {
    LearnedCalls calls(Profile::high, early);
    calls.hear({"unshare", {0x10000000}, "tool"}, early);
    calls.hear({"unshare", {0x10000000}, "tool"}, later);
    calls.hear({"unshare", {0x10000000}, "other"}, later);
    calls.hear({"unshare", {0x20020000}, "tool"}, later);
    calls.hear({"fanotify_init", {0, 0}, "tool"}, later);
    calls.hear({"kcmp", {1, 2}, "tool"}, later);
    calls.hear({"io_uring_setup", {1}, "tool"}, later);
    calls.hear({"socket", {40, 02000001, 0}, "tool"}, later);
    calls.hear({"socket", {16, 3, 9}, "tool"}, later);

    const auto learned = calls.take_changed();

    REQUIRE(learned);
    CHECK(show(*learned) ==
          "fanotify_init by tool: 1 times, answer 1, allowed by medium low\n"
          "io_uring_setup by tool: 1 times, answer 38, allowed by\n"
          "kcmp by tool: 1 times, answer 1, allowed by low\n"
          "socket(AF_NETLINK, type 3, protocol 9) by tool: 1 times, answer 38, allowed by medium low\n"
          "socket(AF_VSOCK, type 1, protocol 0) by tool: 1 times, answer 97, allowed by\n"
          "unshare(CLONE_NEWNS|CLONE_NEWPID) by tool: 1 times, answer 1, allowed by\n"
          "unshare(CLONE_NEWUSER) by other: 1 times, answer 1, allowed by\n"
          "unshare(CLONE_NEWUSER) by tool: 2 times, answer 1, allowed by\n");
    CHECK(learned->calls.back().first == early);
    CHECK(learned->calls.back().last == later);
}

TEST_CASE("what the profile allows is not written down", "[supervise][learn]") {
    LearnedCalls calls(Profile::medium, early);
    calls.hear({"fanotify_init", {0, 0}, "tool"}, later);
    calls.hear({"socket", {1, 1, 0}, "tool"}, later);
    calls.hear({"unshare", {0x400}, "tool"}, later);
    calls.hear({"kcmp", {}, "tool"}, later);

    CHECK(show(*calls.take_changed()) == "kcmp by tool: 1 times, answer 1, allowed by low\n");
}

TEST_CASE("there is something to write only when there is something new", "[supervise][learn]") {
    LearnedCalls calls(Profile::high, early);
    CHECK(calls.take_changed()); // that nothing was heard is worth a file
    CHECK_FALSE(calls.take_changed());
    calls.hear({"read", {}, "tool"}, later);
    CHECK_FALSE(calls.take_changed());
    calls.hear({"keyctl", {}, "tool"}, later);
    CHECK(calls.take_changed());
    calls.not_taken();
    CHECK(calls.take_changed());
    calls.have_trouble(std::string(5000, 'x'));
    CHECK(calls.take_changed()->trouble.size() == 300);
}

TEST_CASE("a program that makes up names and arguments fills no disk", "[supervise][learn]") {
    LearnedCalls calls(Profile::high, early);
    for (unsigned number = 0; number < supervise::most_learned + 5; ++number)
        calls.hear({"keyctl", {}, std::to_string(number)}, later);
    calls.hear({"keyctl", {}, "7"}, later);

    const auto learned = calls.take_changed();

    CHECK(learned->calls.size() == supervise::most_learned);
    CHECK(learned->unlisted == 5);
    CHECK(supervise::to_json(*learned).size() < (1u << 20));
}

TEST_CASE("what was learned survives being written and read", "[supervise][learn]") {
    const test::TempDir run;
    CHECK_FALSE(supervise::read_learned(run.path()));
    LearnedCalls calls(Profile::high, early);
    calls.hear({"fanotify_init", {0, 0}, "to\xff\x1b[1mol"}, early);
    calls.hear({"unshare", {0x10000000}, ""}, later);
    calls.have_trouble("a word");
    const std::string text = supervise::to_json(*calls.take_changed());

    const Learned read = supervise::learned_from_json(text);

    CHECK(supervise::to_json(read) == text);
    CHECK(read.profile == Profile::high);
    CHECK(read.since == early);
    CHECK(read.trouble == "a word");
    CHECK(show(read) == "fanotify_init by to\xef\xbf\xbd\x1b[1mol: 1 times, answer 1, allowed by medium low\n"
                        "unshare(CLONE_NEWUSER) by : 1 times, answer 1, allowed by\n");
}

TEST_CASE("a damaged list of learned calls is called so", "[supervise][learn]") {
    const auto kind = [](const std::string& text) {
        try {
            supervise::learned_from_json(text);
        } catch (const base::Error& error) {
            return error.kind();
        }
        return base::ErrorKind::system;
    };
    LearnedCalls calls(Profile::high, early);
    const std::string text = supervise::to_json(*calls.take_changed());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = text;
        const auto at = changed.find(from);
        REQUIRE(at != changed.npos);
        return changed.replace(at, from.size(), to);
    };

    CHECK(kind("") == base::ErrorKind::corrupt);
    CHECK(kind("{}") == base::ErrorKind::corrupt);
    CHECK(kind(with("\"format\": 1", "\"format\": 2")) == base::ErrorKind::corrupt);
    CHECK(kind(with("\"high\"", "\"highest\"")) == base::ErrorKind::corrupt);
    CHECK(kind(with("\"since\": \"", "\"since\": \"x")) == base::ErrorKind::corrupt);
}
