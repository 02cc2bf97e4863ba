#include "pkgjail/jail/limit.hpp"

#include "jail/show.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::failure;
using test::show;
using test::TempDir;
using test::write_text;

namespace {

constexpr HostTerms host{8ull << 30, 4};
const Position nowhere{"command line"};

std::string limits_of(const TempDir& directory, const std::string& name) {
    return show(load_limits({directory.path()}, name, host));
}

} // namespace

TEST_CASE("limits are found by the name that is shown for them", "[jail][limit]") {
    for (const LimitKind kind : all_limit_kinds)
        CHECK(find_limit(limit_name(kind)) == kind);
    CHECK(limit_name(LimitKind::io_read) == "io-read");
    CHECK_FALSE(find_limit("io_read").has_value());
}

TEST_CASE("a limit is read in its own unit", "[jail][limit]") {
    CHECK(parse_limit(LimitKind::cpu, "200%", host, nowhere) == 200u);
    CHECK(parse_limit(LimitKind::cpu, "1%", host, nowhere) == 1u);
    CHECK(parse_limit(LimitKind::memory, "25%", host, nowhere) == 2ull << 30);
    CHECK(parse_limit(LimitKind::memory, "100%", host, nowhere) == 8ull << 30);
    CHECK(parse_limit(LimitKind::memory, "256M", host, nowhere) == 256u << 20);
    CHECK(parse_limit(LimitKind::processes, "64", host, nowhere) == 64u);
    CHECK(parse_limit(LimitKind::files, "4096", host, nowhere) == 4096u);
    CHECK(parse_limit(LimitKind::net_out, "10M", host, nowhere) == 10u << 20);
    CHECK(parse_limit(LimitKind::net_out, "10M/s", host, nowhere) == 10u << 20);
    CHECK(parse_limit(LimitKind::core, "0", host, nowhere) == 0u);
    for (const LimitKind kind : all_limit_kinds)
        CHECK_FALSE(parse_limit(kind, "none", host, nowhere).has_value());
    CHECK(failure([] {
              parse_limit(LimitKind::cpu, "fast", host, {"command line", 0, "--limit cpu"});
          }) == "command line: --limit cpu: found \"fast\", allowed: a percentage of one CPU from 1% to "
                "100000%: 50%, 200% for two; "
                "or none");
}

TEST_CASE("a share of memory is exact for hosts of any size", "[jail][limit]") {
    CHECK(parse_limit(LimitKind::memory, "33%", {16'777'215'999, 1}, nowhere) == 5'536'481'279u);
    CHECK(parse_limit(LimitKind::memory, "100%", {(1ull << 62) - 1, 1}, nowhere) == (1ull << 62) - 1);
}

TEST_CASE("a limit is shown in its own unit", "[jail][limit]") {
    CHECK(format_limit(LimitKind::cpu, 150) == "150%");
    CHECK(format_limit(LimitKind::memory, 256u << 20) == "256M");
    CHECK(format_limit(LimitKind::processes, 64) == "64");
    CHECK(format_limit(LimitKind::files, 65536) == "65536");
    CHECK(format_limit(LimitKind::io_write, 10u << 20) == "10M/s");
    CHECK(format_limit(LimitKind::core, 0) == "0");
}

TEST_CASE("a template replaces what it inherits, wherever the line stands", "[jail][limit]") {
    const TempDir directory;
    write_text(directory / "default.limits",
               "[limits]\nmemory = 25%\nfiles = 100\ncore = 0\nrequire = enforced\n");
    write_text(directory / "web.limits", "[limits]\nfiles = 200\ncpu = 100%\ninherit = default\n");
    write_text(directory / "big.limits", "[limits]\ninherit = web\nmemory = none\nrequire = any\n");

    CHECK(limits_of(directory, "web") == "cpu 100% (template web)\n"
                                         "memory 2G (template default)\n"
                                         "files 200 (template web)\n"
                                         "core 0 (template default)\n"
                                         "require enforced\n");
    CHECK(limits_of(directory, "big") == "cpu 100% (template web)\n"
                                         "files 200 (template web)\n"
                                         "core 0 (template default)\n");
}

TEST_CASE("the first directory that has a template wins, also for what is inherited", "[jail][limit]") {
    const TempDir mine;
    const TempDir theirs;
    write_text(theirs / "default.limits", "[limits]\nfiles = 100\n");
    write_text(theirs / "web.limits", "[limits]\ninherit = default\n");
    write_text(mine / "default.limits", "[limits]\nfiles = 300\n");

    CHECK(show(load_limits({mine / "missing", mine.path(), theirs.path()}, "web", host)) ==
          "files 300 (template default)\n");
    CHECK(list_limits({mine / "missing", mine.path(), theirs.path()}) ==
          std::vector<std::string>{"default", "web"});
}

TEST_CASE("a cycle of templates is refused with the way round", "[jail][limit]") {
    const TempDir directory;
    write_text(directory / "a.limits", "[limits]\ninherit = b\n");
    write_text(directory / "b.limits", "[limits]\ncpu = 10%\ninherit = c\n");
    write_text(directory / "c.limits", "[limits]\ninherit = b\n");

    CHECK(failure([&] { limits_of(directory, "a"); }) ==
          (directory / "c.limits").string() + ":2: inherit: found a cycle: a → b → c → b");
}

TEST_CASE("a missing parent is named with the chain that leads to it", "[jail][limit]") {
    const TempDir directory;
    write_text(directory / "a.limits", "[limits]\ninherit = base\n");
    write_text(directory / "base.limits", "[limits]\ninherit = bsae\n");

    CHECK(failure([&] { limits_of(directory, "a"); }) ==
          (directory / "base.limits").string() +
              ":2: inherit: found \"bsae\", which is no template (a → base → bsae), allowed: a, base\nhint: "
              "did you mean \"base\"?");
}

TEST_CASE("a template that does not exist is not found, with those there are", "[jail][limit]") {
    const TempDir directory;
    write_text(directory / "web.limits", "[limits]\n");
    write_text(directory / "Not A Name.limits", "[limits]\n");

    CHECK(failure([&] { limits_of(directory, "wbe"); }, base::ErrorKind::not_found) ==
          "wbe: no such limit template, there are: web\nhint: did you mean \"web\"?");
    CHECK(failure([&] { limits_of(directory, "../web"); }, base::ErrorKind::usage)
              .starts_with("../web: no valid limit template name"));
}

TEST_CASE("a template has one section", "[jail][limit]") {
    const TempDir directory;
    write_text(directory / "none.limits", "# nothing\n");
    write_text(directory / "two.limits", "[limits]\ncpu = 1%\n[limits]\ncpu = 2%\n");
    write_text(directory / "bare.limits", "cpu = 1%\n");

    const std::string place = directory.path().string();
    CHECK(failure([&] { limits_of(directory, "none"); }) ==
          place + "/none.limits: found 0 sections [limits], allowed: one");
    CHECK(failure([&] { limits_of(directory, "two"); }) ==
          place + "/two.limits: found 2 sections [limits], allowed: one");
    CHECK(failure([&] { limits_of(directory, "bare"); }) ==
          place + "/bare.limits:1: cpu: found before the first section, allowed: below one of [limits]");
}

TEST_CASE("an override replaces one limit, names its source, and can take a ceiling away", "[jail][limit]") {
    Limits limits;
    limits.wanted[LimitKind::memory] = {1u << 20, "template web"};
    limits.wanted[LimitKind::files] = {64, "template web"};

    override_limit(limits, {"memory", "50%", nowhere}, host, "command line");
    override_limit(limits, {"files", "none", nowhere}, host, "command line");
    override_limit(limits, {"require", "enforced", nowhere}, host, "command line");

    CHECK(show(limits) == "memory 4G (command line)\nrequire enforced\n");
    CHECK(failure([&] {
              override_limit(limits, {"memroy", "1G", {"command line", 0, "memroy"}}, host, "");
          }) == "command line: memroy: found an unknown limit \"memroy\", allowed: cpu, memory, processes, "
                "files, io-read, io-write, "
                "net-in, net-out, disk, core, stack, require\nhint: did you mean \"memory\"?");
}

TEST_CASE("how sure a limit is has three words", "[jail][limit]") {
    CHECK(enforcement_name(Enforcement::enforced) == "enforced");
    CHECK(enforcement_name(Enforcement::advisory) == "advisory");
    CHECK(enforcement_name(Enforcement::unavailable) == "unavailable");
}
