// Every key of every file has a wrong value in tests/data/jail/wrong-*.txt, with the whole message: a message
// that nobody could act on fails here. A case is a line "[section] key = value" and, indented below it, what
// is said.
#include <set>

#include "jail/show.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

struct Case {
    std::string section; // "[health]"
    std::string line;    // "interval = 5"
    std::string key() const { return line.substr(0, line.find(' ')); }
};

std::vector<Case> read_cases(const std::string& name) {
    std::vector<Case> cases;
    std::istringstream lines(read_text(std::filesystem::path(PKGJAIL_TEST_DATA) / "jail" / name));
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() != '[')
            continue;
        const std::size_t end = line.find(']') + 1;
        cases.push_back({line.substr(0, end), end + 1 < line.size() ? line.substr(end + 1) : ""});
    }
    REQUIRE(!cases.empty());
    return cases;
}

/// The smallest good file of its kind with the case's line in its section, in place of the good line of the
/// same key.
std::string with_line(const std::vector<std::string>& good, const Case& one) {
    std::string text;
    bool in_section = false;
    bool done = false;
    const auto put = [&] {
        if (in_section && !done)
            text += one.line + "\n";
        done = done || in_section;
    };
    for (const std::string& line : good) {
        if (line.front() == '[') {
            put();
            in_section = line == one.section;
        }
        const bool is_replaced = in_section && line.starts_with(one.key() + " ");
        if (!is_replaced)
            text += line + "\n";
    }
    put();
    if (!done)
        text += one.section + "\n" + one.line + "\n";
    return text;
}

using Reader = std::function<void(const std::filesystem::path& directory, const std::string& text)>;

std::string message(const std::vector<std::string>& good, const Reader& read, const Case& one) {
    const TempDir directory;
    write_text(directory / "x.in", "some text\n");
    std::string text = failure([&] { read(directory.path(), with_line(good, one)); });
    const std::string place = directory.path().string() + "/";
    for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place))
        text.erase(at, place.size());
    return text;
}

void check_cases(const std::string& name, const std::vector<std::string>& good, const Reader& read) {
    INFO("the good file must be good");
    CHECK(message(good, read, {"[" + good.front().substr(1, good.front().find(']') - 1) + "]", ""}) ==
          "no error");
    std::string actual;
    for (const Case& one : read_cases(name)) {
        std::string text = message(good, read, one);
        CHECK(text != "no error");
        for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
            text.insert(at + 1, "    ");
        actual += one.section + (one.line.empty() ? "" : " " + one.line) + "\n    " + text + "\n";
    }
    check_golden(name, actual);
}

/// The keys that the message about an unknown key allows.
std::set<std::string> allowed_keys(const std::vector<std::string>& good, const Reader& read,
                                   const std::string& section) {
    const std::string text = message(good, read, {section, "no-such-key-at-all = 1"});
    const std::string mark = ", allowed: ";
    INFO(section << " " << text);
    REQUIRE(text.find(mark) != std::string::npos);
    std::set<std::string> keys;
    std::istringstream words(text.substr(text.find(mark) + mark.size()));
    for (std::string word; std::getline(words >> std::ws, word, ',');)
        keys.insert(word);
    return keys;
}

void check_every_key(const std::string& name, const std::string& page, const std::vector<std::string>& good,
                     const Reader& read, const std::vector<std::string>& sections) {
    const std::string manual = read_text(std::filesystem::path(PKGJAIL_SOURCE_DIR) / "man" / page);
    for (const std::string& section : sections) {
        std::set<std::string> tried;
        for (const Case& one : read_cases(name))
            if (one.section == section)
                tried.insert(one.key());
        for (const std::string& key : allowed_keys(good, read, section)) {
            INFO(section << " " << key);
            CHECK(tried.count(key) == 1);
            CHECK(manual.find(".It Cm " + key + " ") != std::string::npos);
        }
    }
}

const std::vector<std::string> good_recipe = {"[recipe]",
                                              "summary = a test",
                                              "package = test",
                                              "[service]",
                                              "command = /usr/pkg/bin/test",
                                              "[file /etc/x]",
                                              "source = x.in",
                                              "[prepare]",
                                              "path = /var/db/x",
                                              "command = /usr/pkg/bin/prepare"};
void read_recipe(const std::filesystem::path& directory, const std::string& text) {
    jail::parse_recipe(text, directory / "x.recipe", directory);
}

const std::vector<std::string> good_limits = {"[limits]", "memory = 25%"};
void read_limits(const std::filesystem::path& directory, const std::string& text) {
    write_text(directory / "x.limits", text);
    jail::load_limits({directory}, "x", {8ull << 30, 4});
}

const std::vector<std::string> good_config = {"[pkgjail]", "prefix = /usr/pkg"};
const std::vector<std::string> good_ignore = {"[ignore X]", "reason = a test"};
void read_config(const std::filesystem::path& directory, const std::string& text) {
    write_text(directory / "pkgjail.conf", text);
    jail::load_config(directory, directory);
}

const std::vector<std::string> good_repositories = {"[repository main]", "url = https://example.org/All"};
void read_repositories(const std::filesystem::path& directory, const std::string& text) {
    write_text(directory / "repositories.conf", text);
    jail::load_config(directory, directory);
}

const std::vector<std::string> good_declaration = {"[jail]",        "recipe = test", "[limits]",
                                                   "memory = 256M", "[set]",         "port = 8080"};
void read_declaration(const std::filesystem::path& directory, const std::string& text) {
    jail::parse_declaration(text, directory / "x.jail");
}

} // namespace

TEST_CASE("every wrong value in a declared jail is named with file, line, key and what is allowed",
          "[jail][declaration]") {
    check_cases("wrong-declaration.txt", good_declaration, read_declaration);
    check_every_key("wrong-declaration.txt", "pkgjail-jail.5", good_declaration, read_declaration,
                    {"[jail]"});
}

TEST_CASE("every wrong value in a recipe is named with file, line, key and what is allowed",
          "[jail][recipe]") {
    check_cases("wrong-recipe.txt", good_recipe, read_recipe);
    check_every_key(
        "wrong-recipe.txt", "pkgjail-recipe.5", good_recipe, read_recipe,
        {"[recipe]", "[service]", "[network]", "[health]", "[data]", "[prepare]", "[file /etc/x]"});
}

TEST_CASE("every wrong value in a limit template is named with file, line, key and what is allowed",
          "[jail][limit]") {
    check_cases("wrong-limits.txt", good_limits, read_limits);
    check_every_key("wrong-limits.txt", "pkgjail-limits.5", good_limits, read_limits, {"[limits]"});
}

TEST_CASE("every wrong value in pkgjail.conf is named with file, line, key and what is allowed",
          "[jail][config]") {
    check_cases("wrong-config.txt", good_config, read_config);
    check_every_key("wrong-config.txt", "pkgjail.conf.5", good_config, read_config,
                    {"[pkgjail]", "[packages]", "[log]", "[network]", "[vulnerabilities]"});
    check_cases("wrong-ignore.txt", good_ignore, read_config);
    check_every_key("wrong-ignore.txt", "pkgjail.conf.5", good_ignore, read_config, {"[ignore X]"});
}

TEST_CASE("every wrong value in repositories.conf is named with file, line, key and what is allowed",
          "[jail][config]") {
    check_cases("wrong-repositories.txt", good_repositories, read_repositories);
    check_every_key("wrong-repositories.txt", "pkgjail.conf.5", good_repositories, read_repositories,
                    {"[repository main]"});
}
