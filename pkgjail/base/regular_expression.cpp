#include "pkgjail/base/regular_expression.hpp"

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

constexpr int flags = REG_EXTENDED | REG_NOSUB;

bool compiles(const std::string& text) {
    ::regex_t compiled{};
    if (::regcomp(&compiled, text.c_str(), flags) != 0)
        return false;
    ::regfree(&compiled);
    return true;
}

/// The C library does not tell where: behind the longest beginning that is an expression.
std::size_t position_of_error(const std::string& text) {
    std::size_t length = text.size() - 1;
    while (length > 0 && !compiles(text.substr(0, length)))
        --length;
    return length + 1;
}

} // namespace

RegularExpression::RegularExpression(const std::string& text, const std::string& name) {
    // An empty one is undefined in POSIX.
    if (text.empty() || text.size() > longest || text.find('\0') != text.npos)
        throw Error(ErrorKind::usage, name,
                    "found " + std::to_string(text.size()) +
                        " bytes, allowed: a regular expression of 1 to " + std::to_string(longest));
    if (const int error = ::regcomp(&compiled_, text.c_str(), flags); error != 0) {
        char reason[128];
        ::regerror(error, &compiled_, reason, sizeof reason);
        throw Error(ErrorKind::usage, name,
                    "found \"" + text + "\", which is no regular expression: wrong at character " +
                        std::to_string(position_of_error(text)) + " (" + reason + ")",
                    "a backslash before a character such as ( or [ takes its meaning away");
    }
}

RegularExpression::~RegularExpression() {
    ::regfree(&compiled_);
}

bool RegularExpression::matches(const std::string& text) const {
    return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
}

} // namespace pkgjail::base
