#include "pkgjail/format/glob.hpp"

namespace pkgjail::format {
namespace {

bool in_class(std::string_view name, int byte) {
    const bool digit = byte >= '0' && byte <= '9';
    const bool upper = byte >= 'A' && byte <= 'Z';
    const bool lower = byte >= 'a' && byte <= 'z';
    if (name == "digit")
        return digit;
    if (name == "upper")
        return upper;
    if (name == "lower")
        return lower;
    if (name == "alpha")
        return upper || lower;
    if (name == "alnum")
        return upper || lower || digit;
    if (name == "xdigit")
        return digit || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
    if (name == "punct")
        return byte > 0x20 && byte < 0x7f && !(upper || lower || digit);
    if (name == "space")
        return byte == ' ' || (byte >= '\t' && byte <= '\r');
    return false;
}

// Length of "[:name:]" at `at`, 0 if there is none.
std::size_t class_length(std::string_view text, std::size_t at) {
    constexpr std::size_t longest_name = 6;
    if (text.substr(at, 2) != "[:")
        return 0;
    const std::size_t end = text.substr(at + 2, longest_name + 2).find(":]");
    return end == std::string_view::npos ? 0 : end + 4;
}

// One byte of a set, quoted or not; steps over it.
unsigned char take_byte(std::string_view set, std::size_t& at) {
    if (set[at] == '\\' && at + 1 < set.size())
        ++at;
    return static_cast<unsigned char>(set[at++]);
}

// `set` is what stands between the brackets.
Glob::ByteSet compile_set(std::string_view set) {
    const bool complement = set.front() == '!' || set.front() == '^';
    Glob::ByteSet bytes;
    for (std::size_t at = complement ? 1 : 0; at < set.size();) {
        if (const std::size_t length = class_length(set, at); length != 0) {
            for (int byte = 0; byte < 256; ++byte)
                if (in_class(set.substr(at + 2, length - 4), byte))
                    bytes.set(static_cast<std::size_t>(byte));
            at += length;
            continue;
        }
        const std::size_t low = take_byte(set, at);
        std::size_t high = low;
        if (at + 1 < set.size() && set[at] == '-') {
            ++at;
            high = take_byte(set, at);
        }
        for (std::size_t byte = low; byte <= high; ++byte)
            bytes.set(byte);
    }
    return complement ? ~bytes : bytes;
}

// Index of the "]" that closes the set whose "[" is at `at`; npos if none does. A "]" that comes first
// belongs to the set.
std::size_t end_of_set(std::string_view pattern, std::size_t at) {
    std::size_t i = at + 1;
    if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^'))
        ++i;
    for (const std::size_t begin = i; i < pattern.size();) {
        if (pattern[i] == ']' && i != begin)
            return i;
        if (const std::size_t length = class_length(pattern, i); length != 0)
            i += length;
        else
            i += pattern[i] == '\\' ? 2 : 1;
    }
    return std::string_view::npos;
}

} // namespace

Glob::Glob(std::string_view pattern) {
    bool may_close = true; // once a "[" was not closed, no later one is
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        Element element;
        element.byte = pattern[at];
        if (pattern[at] == '*') {
            element.kind = Kind::any_many;
        } else if (pattern[at] == '?') {
            element.kind = Kind::any_one;
        } else if (pattern[at] == '\\' && at + 1 < pattern.size()) {
            element.byte = pattern[++at];
        } else if (pattern[at] == '[' && may_close) {
            const std::size_t end = end_of_set(pattern, at);
            may_close = end != std::string_view::npos;
            if (may_close) {
                element.kind = Kind::set;
                element.set = static_cast<std::uint32_t>(sets_.size());
                sets_.push_back(compile_set(pattern.substr(at + 1, end - at - 1)));
                at = end;
            }
        }
        elements_.push_back(element);
    }
}

bool Glob::accepts(const Element& element, char byte) const {
    switch (element.kind) {
    case Kind::literal:
        return element.byte == byte;
    case Kind::set:
        return sets_[element.set].test(static_cast<unsigned char>(byte));
    case Kind::any_one:
    case Kind::any_many:
        break;
    }
    return true;
}

bool Glob::matches(std::string_view text) const {
    if (text.substr(0, 1) == "." && (elements_.empty() || elements_.front().kind != Kind::literal))
        return false;
    std::size_t e = 0;
    std::size_t t = 0;
    // Where to go on when a later element fails: after the last "*", which then takes one byte more. Earlier
    // ones never need another try, so this is no search.
    std::size_t after_star = elements_.size() + 1;
    std::size_t star_text = 0;
    while (t < text.size()) {
        if (e < elements_.size() && elements_[e].kind == Kind::any_many) {
            after_star = ++e;
            star_text = t;
        } else if (e < elements_.size() && accepts(elements_[e], text[t])) {
            ++e;
            ++t;
        } else if (after_star <= elements_.size()) {
            e = after_star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (e < elements_.size() && elements_[e].kind == Kind::any_many)
        ++e;
    return e == elements_.size();
}

} // namespace pkgjail::format
