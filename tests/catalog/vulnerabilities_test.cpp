// The list of known vulnerabilities in the catalog.
#include "pkgjail/catalog/vulnerabilities.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include "catalog/fixture.hpp"
#include "pkgjail/format/pattern.hpp"

using namespace pkgjail;
using catalog::Vulnerabilities;
using test::Fixture;

namespace {

catalog::VulnerabilityListState state_of(const std::string& url) {
    catalog::VulnerabilityListState state;
    state.url = url;
    state.etag = "\"e\"";
    state.last_modified = "yesterday";
    state.sha256 = "abc";
    state.revision = "1.5";
    state.written_at = 90;
    state.signed_by = "somebody";
    state.checked_at = 100;
    state.refreshed_at = 100;
    return state;
}

std::string found(Vulnerabilities& list, const std::string& pkgname) {
    std::string text;
    for (const format::Vulnerability& one : list.of_package(pkgname))
        text += one.pattern + " " + one.type + " " + one.url + "\n";
    return text;
}

/// First and second words of tests/data/format/patterns.txt: patterns, and names to try them on.
std::pair<std::set<std::string>, std::set<std::string>> patterns_and_names() {
    std::ifstream file(std::string(PKGJAIL_SOURCE_DIR) + "/tests/data/format/patterns.txt");
    std::set<std::string> patterns, names;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string pattern, name, answer;
        if (line.empty() || line.front() == '#' || !(words >> pattern >> name >> answer) || answer == "error")
            continue;
        patterns.insert(pattern == "\"\"" ? "" : pattern);
        names.insert(name == "\"\"" ? "" : name);
    }
    REQUIRE(patterns.size() > 100);
    return {patterns, names};
}

} // namespace

TEST_CASE("a list is replaced as a whole, with what is known of it", "[catalog][vulnerabilities]") {
    Fixture fixture;
    Vulnerabilities list(fixture.catalog);
    CHECK_FALSE(list.list());
    CHECK(found(list, "liba-1.0").empty());
    CHECK_THROWS_AS(list.mark_checked(1), base::Error);

    list.replace(state_of("file:///old"), {{"liba<2", "eol", "u1"}, {"gone<2", "x", "u2"}});
    list.replace(state_of("file:///new"), {{"liba<3", "dos", "u3"}, {"{libb,liba}<2", "xss", "u4"}});
    list.mark_checked(200);

    const auto state = list.list();
    REQUIRE(state);
    CHECK(state->url == "file:///new");
    CHECK(state->entries == 2);
    CHECK(state->checked_at == 200);
    CHECK(state->refreshed_at == 100);
    CHECK(state->written_at == 90);
    CHECK(state->signed_by == "somebody");
    CHECK(state->revision == "1.5");
    CHECK(found(list, "liba-1.0") == "liba<3 dos u3\n{libb,liba}<2 xss u4\n");
    CHECK(found(list, "liba-2.5") == "liba<3 dos u3\n");
    CHECK(found(list, "libb-1.0") == "{libb,liba}<2 xss u4\n");
    CHECK(found(list, "gone-1.0").empty());
    CHECK(found(list, "lib-1.0").empty());
}

TEST_CASE("an entry is found for exactly the packages that its pattern matches",
          "[catalog][vulnerabilities]") {
    Fixture fixture;
    Vulnerabilities list(fixture.catalog);
    const auto [patterns, names] = patterns_and_names();
    std::vector<format::Vulnerability> entries;
    for (const std::string& pattern : patterns)
        entries.push_back({pattern, "t", "u"});
    list.replace(state_of("file:///x"), entries);

    for (const std::string& name : names) {
        std::string wanted;
        for (const std::string& pattern : patterns)
            if (format::Pattern::parse(pattern).matches(name))
                wanted += pattern + " t u\n";
        INFO(name);
        CHECK(found(list, name) == wanted);
    }
}

TEST_CASE("names of any bytes can be asked for", "[catalog][vulnerabilities][hostile]") {
    Fixture fixture;
    Vulnerabilities list(fixture.catalog);
    list.replace(state_of("file:///x"), {{"*'*", "t'\"%;--", "u\x1b"}});

    CHECK(found(list, "a'; DROP TABLE jail; ---1") == "*'* t'\"%;-- u\x1b\n");
    CHECK(found(list, std::string("a\0b-1", 5)).empty());
    CHECK(found(list, std::string(1 << 16, '-')).empty());
}
