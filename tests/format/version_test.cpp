#include <fmt/format.h>

#include "pkgjail/format/version.hpp"
#include "support/catch.hpp"
#include "vectors.hpp"

using namespace pkgjail;
using format::Version;

namespace {

std::string relation(std::string_view a, std::string_view b) {
    const std::weak_ordering order = format::compare_versions(a, b);
    if (order < 0)
        return "<";
    return order > 0 ? ">" : "=";
}

std::string show(std::string_view text) {
    const Version version = Version::parse(text);
    return fmt::format("[{}] {}", fmt::join(version.numbers(), " "), version.revision());
}

} // namespace

TEST_CASE("versions compare as pkg_install compares them", "[format][version]") {
    const std::vector<test::TableRow> rows = test::read_table("versions.txt", 3);

    REQUIRE(rows.size() >= 135);
    for (const test::TableRow& row : rows) {
        INFO(row.where() << ": " << row.fields[0] << " " << row.fields[1] << " " << row.fields[2]);
        CHECK(relation(row.fields[0], row.fields[2]) == row.fields[1]);
    }
}

TEST_CASE("turning a comparison round turns its answer round", "[format][version]") {
    for (const test::TableRow& row : test::read_table("versions.txt", 3)) {
        const std::string expected = row.fields[1] == "=" ? "=" : row.fields[1] == "<" ? ">" : "<";
        INFO(row.where());
        CHECK(relation(row.fields[2], row.fields[0]) == expected);
    }
}

TEST_CASE("a version becomes a list of numbers and a revision", "[format][version]") {
    CHECK(show("1.0alpha3nb2") == "[1 0 0 -3 3] 2");
    CHECK(show("1.2.3a") == "[1 0 2 0 3 0 1] 0");
    CHECK(show("1.0rc1") == "[1 0 0 -1 1] 0");
    CHECK(show("1.0.rc1") == "[1 0 0 0 -1 1] 0");
    CHECK(show("") == "[] 0");
    CHECK(show("nb7") == "[] 7");
    CHECK(show("\xc3\xa9-+~") == "[] 0");
}

TEST_CASE("a number of any length stops at the largest instead of wrapping", "[format][version]") {
    CHECK(show("9223372036854775807") == "[9223372036854775807] 0");
    CHECK(show("9223372036854775808") == "[9223372036854775807] 0");
    CHECK(show(std::string(5000, '9') + "nb" + std::string(5000, '9')) ==
          "[9223372036854775807] 9223372036854775807");
}

TEST_CASE("equivalent versions need not be the same text", "[format][version]") {
    const Version a = Version::parse("1.0");
    const Version b = Version::parse("1.00");

    CHECK(a == b);
    CHECK(a.text() != b.text());
}
