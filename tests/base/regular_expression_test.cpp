#include "pkgjail/base/regular_expression.hpp"

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using pkgjail::base::Error;
using pkgjail::base::RegularExpression;

namespace {

std::string cause(const std::string& text) {
    try {
        const RegularExpression expression(text, "--grep");
        return "";
    } catch (const Error& error) {
        return error.cause();
    }
}

} // namespace

TEST_CASE("an expression is found anywhere in the text", "[base][regular-expression]") {
    const RegularExpression expression("b+c$", "--grep");

    CHECK(expression.matches("abbc"));
    CHECK_FALSE(expression.matches("abbcd"));
    CHECK_FALSE(expression.matches(""));
}

TEST_CASE("a wrong expression is told with the place where it goes wrong", "[base][regular-expression]") {
    CHECK_THAT(cause("ab(c"), ContainsSubstring("wrong at character 3"));
    CHECK_THAT(cause("(a)(b"), ContainsSubstring("wrong at character 4"));
    CHECK_THAT(cause("x[a-"), ContainsSubstring("wrong at character 2"));
    CHECK_THAT(cause("[z-a]"), ContainsSubstring("wrong at character 1"));
    CHECK(cause("(") != "");
    CHECK(cause(std::string(1001, 'a')) == "found 1001 bytes, allowed: a regular expression of 1 to 1000");
    CHECK(cause(std::string("a\0b", 3)) == "found 3 bytes, allowed: a regular expression of 1 to 1000");
}

TEST_CASE("a line as long as records get does not exhaust the stack", "[base][regular-expression]") {
    const RegularExpression expression("(a|b)*c", "--grep");

    CHECK_FALSE(expression.matches(std::string(64u << 10, 'a')));
    CHECK(expression.matches(std::string(64u << 10, 'a') + "c"));
}
