#include "pkgjail/store/text_diff.hpp"

#include <random>
#include <sstream>
#include <vector>

#include "support/catch.hpp"

using namespace pkgjail;

namespace {

std::string diff(const std::string& before, const std::string& after) {
    return store::unified_diff("a", before, "b", after);
}

/// "1 2 3" as lines.
std::string lines(const std::string& words) {
    std::istringstream stream(words);
    std::string text, word;
    while (stream >> word)
        text += word + "\n";
    return text;
}

/// What patch(1) does, strictly: every line of the hunks has to be where it is said to be.
std::string patched(const std::string& before, const std::string& difference) {
    std::vector<std::string> old_lines, result;
    const auto split = [](const std::string& text) {
        std::vector<std::string> parts;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
            parts.push_back(text.substr(at, end + 1 - at));
            at = end + 1;
        }
        return parts;
    };
    old_lines = split(before);
    const std::vector<std::string> script = split(difference);
    std::size_t x = 0;
    for (std::size_t i = 2; i < script.size(); ++i) {
        if (script[i].starts_with("@@ -")) {
            std::size_t first = std::stoul(script[i].substr(4));
            const std::string old_range = script[i].substr(4, script[i].find(" +") - 4);
            if (!old_range.ends_with(",0"))
                --first;
            REQUIRE(first >= x);
            for (; x < first; ++x)
                result.push_back(old_lines.at(x));
            continue;
        }
        std::string line = script[i].substr(1);
        if (i + 1 < script.size() && script[i + 1].starts_with("\\"))
            line.pop_back();
        if (script[i][0] == '\\')
            continue;
        if (script[i][0] != '+')
            REQUIRE(old_lines.at(x++) == line);
        if (script[i][0] != '-')
            result.push_back(line);
    }
    for (; x < old_lines.size(); ++x)
        result.push_back(old_lines[x]);
    std::string text;
    for (const std::string& line : result)
        text += line;
    return text;
}

std::size_t changed_lines(const std::string& difference) {
    std::istringstream stream(difference);
    std::size_t count = 0, number = 0;
    for (std::string line; std::getline(stream, line); ++number)
        count += number >= 2 && (line[0] == '+' || line[0] == '-');
    return count;
}

/// By the textbook's table: the length of the longest common subsequence.
std::size_t fewest_changes(const std::vector<int>& a, const std::vector<int>& b) {
    std::vector<std::vector<std::size_t>> common(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j)
            common[i][j] = a[i - 1] == b[j - 1] ? common[i - 1][j - 1] + 1
                                                : std::max(common[i - 1][j], common[i][j - 1]);
    return a.size() + b.size() - 2 * common[a.size()][b.size()];
}

} // namespace

TEST_CASE("a difference reads as diff -u writes it", "[store][config]") {
    CHECK(diff(lines("1 2 3 4 5 6 7 8 9"), lines("1 2 3 4 five 6 7 8 9")) ==
          "--- a\n+++ b\n@@ -2,7 +2,7 @@\n"
          " 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    CHECK(diff("", lines("1 2")) == "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+1\n+2\n");
    CHECK(diff(lines("1"), "") == "--- a\n+++ b\n@@ -1 +0,0 @@\n-1\n");
    CHECK(diff("1\n2", "1\n2\n") ==
          "--- a\n+++ b\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n");
    CHECK(diff(lines("1 2"), lines("1 2")).empty());
    CHECK(diff("", "").empty());
}

TEST_CASE("changes far apart are hunks of their own, near ones share one", "[store][config]") {
    const std::string far = diff(lines("a 1 2 3 4 5 6 7 b"), lines("A 1 2 3 4 5 6 7 B"));
    const std::string near = diff(lines("a 1 2 3 4 5 6 b"), lines("A 1 2 3 4 5 6 B"));

    CHECK(far == "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
    CHECK(near == "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
}

TEST_CASE("a difference applied to the old text gives the new one, and is the shortest", "[store][config]") {
    std::mt19937 random(20261122);
    for (int round = 0; round < 400; ++round) {
        const auto some = [&] {
            std::vector<int> numbers(random() % 25);
            for (int& number : numbers)
                number = static_cast<int>(random() % 6);
            return numbers;
        };
        const auto text_of = [&](const std::vector<int>& numbers) {
            std::string text;
            for (const int number : numbers)
                text += std::to_string(number) + "\n";
            return text;
        };
        const std::vector<int> a = some(), b = some();
        std::string before = text_of(a), after = text_of(b);
        const std::string difference = diff(before, after);
        INFO(difference);
        CHECK(changed_lines(difference) == fewest_changes(a, b));
        CHECK((before == after ? before : patched(before, difference)) == after);
        if (!after.empty() && before != after) {
            after.pop_back();
            CHECK(patched(before, diff(before, after)) == after);
        }
    }
}

TEST_CASE("texts with nothing in common are one change, whatever their length", "[store][config]") {
    std::string before, after;
    for (int i = 0; i < 20'000; ++i) {
        before += "old " + std::to_string(i) + "\n";
        after += "new " + std::to_string(i) + "\n";
    }
    before = "same\n" + before + "end\n";
    after = "same\n" + after + "end\n";

    const std::string difference = diff(before, after);

    CHECK(difference.starts_with("--- a\n+++ b\n@@ -1,20002 +1,20002 @@\n same\n-old 0\n"));
    CHECK(changed_lines(difference) == 40'000);
}

TEST_CASE("bytes stay as they are, and a NUL makes them no text", "[store][config]") {
    CHECK(diff("\x1b[2J\n", "\xff\n") == "--- a\n+++ b\n@@ -1 +1 @@\n-\x1b[2J\n+\xff\n");
    CHECK(store::is_text("\x1b\xff\n"));
    CHECK_FALSE(store::is_text(std::string_view("a\0b", 3)));
}
