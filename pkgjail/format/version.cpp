#include "pkgjail/format/version.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace pkgjail::format {
namespace {

// Bytes, not characters of some locale: the order must be the same on every host.
bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

char to_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

bool begins_with(std::string_view text, std::string_view lower_case_word) {
    return text.size() >= lower_case_word.size() &&
           std::equal(lower_case_word.begin(), lower_case_word.end(), text.begin(),
                      [](char wanted, char found) { return wanted == to_lower(found); });
}

// Takes the digits at the front of `rest` away. A number too large stays at the largest value.
std::int64_t take_number(std::string_view& rest) {
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    std::int64_t value = 0;
    while (!rest.empty() && is_digit(rest.front())) {
        const int digit = rest.front() - '0';
        value = value > (largest - digit) / 10 ? largest : value * 10 + digit;
        rest.remove_prefix(1);
    }
    return value;
}

struct Word {
    std::string_view text;
    std::int64_t value;
};
constexpr std::array<Word, 7> words = {{
    {"alpha", -3},
    {"beta", -2},
    {"pre", -1},
    {"rc", -1},
    {"pl", 0},
    {"_", 0},
    {".", 0},
}};

const Word* word_at(std::string_view rest) {
    for (const Word& word : words)
        if (begins_with(rest, word.text))
            return &word;
    return nullptr;
}

} // namespace

Version Version::parse(std::string_view text) {
    Version version;
    version.text_ = text;
    std::string_view rest = text;
    while (!rest.empty()) {
        if (is_digit(rest.front())) {
            version.numbers_.push_back(take_number(rest));
        } else if (const Word* word = word_at(rest)) {
            version.numbers_.push_back(word->value);
            rest.remove_prefix(word->text.size());
        } else if (begins_with(rest, "nb")) {
            rest.remove_prefix(2);
            version.revision_ = take_number(rest);
        } else {
            const char letter = to_lower(rest.front());
            if (letter >= 'a' && letter <= 'z') {
                version.numbers_.push_back(0);
                version.numbers_.push_back(letter - 'a' + 1);
            }
            rest.remove_prefix(1);
        }
    }
    return version;
}

std::weak_ordering Version::operator<=>(const Version& other) const {
    const std::size_t length = std::max(numbers_.size(), other.numbers_.size());
    for (std::size_t i = 0; i < length; ++i) {
        const std::int64_t mine = i < numbers_.size() ? numbers_[i] : 0;
        const std::int64_t theirs = i < other.numbers_.size() ? other.numbers_[i] : 0;
        if (mine != theirs)
            return mine <=> theirs;
    }
    return revision_ <=> other.revision_;
}

std::weak_ordering compare_versions(std::string_view a, std::string_view b) {
    return Version::parse(a) <=> Version::parse(b);
}

} // namespace pkgjail::format
