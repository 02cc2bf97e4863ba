#include "pkgjail/format/pattern.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"
#include "vectors.hpp"

using namespace pkgjail;
using format::Choice;
using format::Pattern;

namespace {

std::string result_of(const std::string& pattern, const std::string& name) {
    try {
        return Pattern::parse(pattern).matches(name) ? "yes" : "no";
    } catch (const base::Error& error) {
        return error.kind() == base::ErrorKind::corrupt ? "error" : error.what();
    }
}

std::string show_bases(std::string_view pattern) {
    const auto bases = Pattern::parse(pattern).bases();
    return bases ? fmt::format("{}", fmt::join(*bases, " ")) : "any";
}

} // namespace

TEST_CASE("patterns match what pkg_install matches", "[format][pattern]") {
    const std::vector<test::TableRow> rows = test::read_table("patterns.txt", 3);

    REQUIRE(rows.size() >= 148);
    for (const test::TableRow& row : rows) {
        INFO(row.where() << ": " << row.fields[0] << " " << row.fields[1]);
        CHECK(result_of(row.fields[0], row.fields[1]) == row.fields[2]);
    }
}

TEST_CASE("of two candidates the better one is chosen", "[format][pattern]") {
    const std::vector<test::TableRow> rows = test::read_table("best_match.txt", 4);

    REQUIRE(rows.size() >= 21);
    for (const test::TableRow& row : rows) {
        const Choice choice =
            format::choose_better(Pattern::parse(row.fields[0]), row.fields[1], row.fields[2]);
        INFO(row.where());
        CHECK((choice == Choice::neither ? "neither"
               : choice == Choice::first ? "first"
                                         : "second") == row.fields[3]);
    }
}

TEST_CASE("a pattern names the bases that may be chosen for it", "[format][pattern][bases]") {
    for (const test::TableRow& row : test::read_table("bases.txt", 2)) {
        std::string expected = row.fields[1];
        std::replace(expected.begin(), expected.end(), ',', ' ');
        INFO(row.where() << ": " << row.fields[0]);
        CHECK(show_bases(row.fields[0]) == expected);
    }
}

TEST_CASE("a package with a longer base matches a plain name but is not selected for it",
          "[format][pattern][bases]") {
    for (const char* text : {"font-adobe", "font-adobe-[0-9]*"}) {
        const Pattern pattern = Pattern::parse(text);
        INFO(text);
        CHECK(pattern.matches("font-adobe-100dpi-1.0.3"));
        CHECK_FALSE(pattern.selects("font-adobe-100dpi-1.0.3"));
        CHECK(pattern.selects("font-adobe-1.0"));
    }
    CHECK(Pattern::parse("font-adobe-100dpi").selects("font-adobe-100dpi-1.0.3"));
    CHECK(Pattern::parse("font-*").selects("font-adobe-100dpi-1.0.3"));
    CHECK(Pattern::parse("foo-1.0").selects("foo-1.0"));
}

TEST_CASE("a package is selected only if it matches", "[format][pattern][bases]") {
    for (const test::TableRow& row : test::read_table("patterns.txt", 3)) {
        if (row.fields[2] == "error")
            continue;
        INFO(row.where());
        CHECK(Pattern::parse(row.fields[0]).selects(row.fields[1]) <= (row.fields[2] == "yes"));
    }
}

TEST_CASE("an unbalanced brace is refused with its column", "[format][pattern]") {
    try {
        Pattern::parse("foo-{1,{2,3}-x");
        FAIL("no error");
    } catch (const base::Error& error) {
        CHECK(std::string(error.what()) == "pattern foo-{1,{2,3}-x: the brace in column 5 is not closed");
    }
}

TEST_CASE("a pattern cannot make the program work without end", "[format][pattern][hostile]") {
    std::string doubling;
    for (int i = 0; i < 11; ++i)
        doubling += "{a,b}";
    CHECK(result_of(doubling, "x-1") == "error");
    CHECK(result_of(doubling.substr(5), "abababababa-1") == "no");
    CHECK(result_of(doubling.substr(5), "ababababab-1") == "yes");
    CHECK(result_of(doubling.substr(5) + std::string(1000, 'x'), "x-1") == "error");
    CHECK(result_of(std::string(4097, 'a'), "a-1") == "error");
    CHECK(result_of(std::string(2048, '{') + std::string(2048, '}'), "-1") == "yes");
    CHECK(result_of(std::string(2000, '*') + "b", std::string(2000, 'a')) == "no");
    std::string stars;
    for (int i = 0; i < 1000; ++i)
        stars += "a*";
    CHECK(result_of(stars + "b", std::string(4000, 'a')) == "no");
    CHECK(result_of(std::string(4000, '['), std::string(4000, '[')) == "yes");
}

TEST_CASE("patterns look at bytes and not at characters", "[format][pattern]") {
    CHECK(result_of("caf\xc3\xa9>=1", "caf\xc3\xa9-2") == "yes");
    CHECK(result_of("caf?\xa9-1", "caf\xc3\xa9-1") == "yes");
    CHECK(result_of("x[\x80-\xff]-1", "x\x90-1") == "yes");
    CHECK(result_of("x[a-z]-1", "x\xe4-1") == "no");
    CHECK(result_of("fo o-1", "fo o-1") == "yes");
}
