#include "pkgjail/format/pattern.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::format {
namespace {

[[noreturn]] void fail(std::string_view pattern, std::string cause) {
    throw base::Error(base::ErrorKind::corrupt, fmt::format("pattern {}", pattern.substr(0, 200)),
                      std::move(cause));
}

// Every "{" must have its "}"; a "}" of its own is an ordinary byte.
void check_braces(std::string_view text) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{')
            open.push_back(i);
        else if (text[i] == '}' && !open.empty())
            open.pop_back();
    }
    if (!open.empty())
        fail(text, fmt::format("the brace in column {} is not closed", open.back() + 1));
}

// Puts the alternates of the first group of `text` in place: "a{b,c{d,e}}f" becomes "abf" and "ac{d,e}f".
std::vector<std::string> expand_once(std::string_view text, std::size_t open) {
    std::vector<std::string_view> alternates;
    std::size_t begin = open + 1;
    std::size_t close = begin;
    for (int depth = 1;; ++close) {
        const char byte = text[close];
        if (byte == '{')
            ++depth;
        else if (byte == '}' && --depth == 0)
            break;
        else if (byte == ',' && depth == 1) {
            alternates.push_back(text.substr(begin, close - begin));
            begin = close + 1;
        }
    }
    alternates.push_back(text.substr(begin, close - begin));

    std::vector<std::string> expanded;
    for (const std::string_view alternate : alternates)
        expanded.push_back(
            std::string(text.substr(0, open)).append(alternate).append(text.substr(close + 1)));
    return expanded;
}

std::vector<std::string> expand(std::string_view text) {
    std::vector<std::string> done;
    std::size_t bytes = 0;
    std::vector<std::string> waiting = {std::string(text)}; // the next one is the last
    while (!waiting.empty()) {
        const std::string next = std::move(waiting.back());
        waiting.pop_back();
        const std::size_t open = next.find('{');
        if (open == std::string::npos) {
            bytes += next.size();
            if (bytes > Pattern::max_expanded)
                fail(text, fmt::format("its alternates give more than {} bytes", Pattern::max_expanded));
            done.push_back(next);
            continue;
        }
        std::vector<std::string> expanded = expand_once(next, open);
        waiting.insert(waiting.end(), std::make_move_iterator(expanded.rbegin()),
                       std::make_move_iterator(expanded.rend()));
        // Each of those waiting gives one branch at least.
        if (done.size() + waiting.size() > Pattern::max_branches)
            fail(text, fmt::format("its alternates give more than {} branches", Pattern::max_branches));
    }
    return done;
}

void add_once(std::vector<std::string>& bases, std::string_view base) {
    if (std::find(bases.begin(), bases.end(), base) == bases.end())
        bases.emplace_back(base);
}

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

// Whether only digits can stand where this element does; so a version begins here and not a longer base.
bool takes_digits_only(const Glob& glob, const Glob::Element& element) {
    if (element.kind == Glob::Kind::literal)
        return is_digit(element.byte);
    if (element.kind != Glob::Kind::set)
        return false;
    const Glob::ByteSet& bytes = glob.sets()[element.set];
    for (std::size_t byte = 0; byte < bytes.size(); ++byte)
        if (bytes.test(byte) && !is_digit(static_cast<char>(byte)))
            return false;
    return true;
}

// The base that a glob such as "foo-[0-9]*" names: literal up to its last dash, and then a version. nullopt
// if it is not so.
std::optional<std::string> base_of_glob(const Glob& glob) {
    std::string literal;
    std::optional<std::size_t> dash; // the last one, in `literal`
    bool version_follows = false;
    bool wild = false;
    for (const Glob::Element& element : glob.elements()) {
        if (dash && *dash + 1 == literal.size() && !wild)
            version_follows = takes_digits_only(glob, element);
        if (element.kind != Glob::Kind::literal) {
            wild = true;
            continue;
        }
        if (element.byte == '-') {
            if (wild)
                return std::nullopt; // "py[0-9]*-foo-1.0"
            dash = literal.size();
            version_follows = false;
        }
        literal += element.byte;
    }
    if (!dash || !version_follows)
        return std::nullopt;
    return literal.substr(0, *dash);
}

} // namespace

bool Pattern::Bound::holds(const Version& candidate) const {
    switch (relation) {
    case Relation::less:
        return candidate < version;
    case Relation::less_or_equal:
        return candidate <= version;
    case Relation::greater:
        return candidate > version;
    case Relation::greater_or_equal:
        return candidate >= version;
    case Relation::none:
        break;
    }
    return true;
}

Pattern::Branch Pattern::make_range(std::string_view text, std::size_t operator_at) {
    // Takes the operator at the front of `rest` away.
    const auto take_relation = [](std::string_view& rest) {
        const bool less = rest.front() == '<';
        const bool or_equal = rest.size() > 1 && rest[1] == '=';
        rest.remove_prefix(or_equal ? 2 : 1);
        if (less)
            return or_equal ? Relation::less_or_equal : Relation::less;
        return or_equal ? Relation::greater_or_equal : Relation::greater;
    };

    Branch branch;
    branch.form = Form::range;
    branch.text = text.substr(0, operator_at);
    std::string_view rest = text.substr(operator_at);
    branch.first.relation = take_relation(rest);
    const bool is_lower_bound =
        branch.first.relation == Relation::greater || branch.first.relation == Relation::greater_or_equal;
    const std::size_t upper_at = is_lower_bound ? rest.find('<') : std::string_view::npos;
    branch.first.version = Version::parse(rest.substr(0, upper_at));
    if (upper_at != std::string_view::npos) {
        rest.remove_prefix(upper_at);
        branch.second.relation = take_relation(rest);
        branch.second.version = Version::parse(rest); // further operators in it are bytes that mean nothing
    }
    return branch;
}

Pattern::Branch Pattern::make_branch(std::string_view text) {
    if (const std::size_t at = text.find_first_of("<>"); at != std::string_view::npos)
        return make_range(text, at);
    Branch branch;
    branch.text = text;
    const bool has_wildcards = text.find_first_of("*?[]") != std::string_view::npos;
    branch.form = has_wildcards || text.find('\\') != std::string_view::npos ? Form::glob : Form::plain;
    if (has_wildcards)
        branch.globs.emplace_back(text);
    if (branch.form == Form::glob)
        branch.globs.emplace_back(std::string(text) + "-[0-9]*");
    return branch;
}

bool Pattern::Branch::matches(std::string_view pkgname) const {
    if (form == Form::range) {
        const std::size_t dash = pkgname.rfind('-');
        if (dash == std::string_view::npos || pkgname.substr(0, dash) != text)
            return false;
        const Version version = Version::parse(pkgname.substr(dash + 1));
        return first.holds(version) && second.holds(version);
    }
    if (form == Form::plain) {
        // The name itself, or what "TEXT-[0-9]*" matches.
        if (pkgname.substr(0, text.size()) != text)
            return false;
        const std::string_view rest = pkgname.substr(text.size());
        return rest.empty() || (rest.size() > 1 && rest[0] == '-' && is_digit(rest[1]));
    }
    return pkgname == text ||
           std::any_of(globs.begin(), globs.end(), [&](const Glob& glob) { return glob.matches(pkgname); });
}

// False when the bases cannot be told.
bool Pattern::Branch::add_bases(std::vector<std::string>& bases) const {
    if (form == Form::range) {
        add_once(bases, text);
        return true;
    }
    if (form == Form::glob) {
        const std::optional<std::string> base = base_of_glob(globs.front());
        if (base)
            add_once(bases, *base);
        return base.has_value();
    }
    add_once(bases, text);
    if (const std::size_t dash = text.rfind('-'); dash != std::string::npos)
        add_once(bases, std::string_view(text).substr(0, dash));
    return true;
}

Pattern Pattern::parse(std::string_view text) {
    if (text.size() > max_length)
        fail(text, fmt::format("{} bytes long; at most {} are allowed", text.size(), max_length));
    check_braces(text);
    Pattern pattern;
    pattern.text_ = text;
    for (const std::string& branch : expand(text))
        pattern.branches_.push_back(make_branch(branch));
    return pattern;
}

bool Pattern::matches(std::string_view pkgname) const {
    return std::any_of(branches_.begin(), branches_.end(),
                       [&](const Branch& branch) { return branch.matches(pkgname); });
}

bool Pattern::selects(std::string_view pkgname) const {
    if (!matches(pkgname))
        return false;
    const std::optional<std::vector<std::string>> named = bases();
    return !named ||
           std::find(named->begin(), named->end(), pkgname.substr(0, pkgname.rfind('-'))) != named->end();
}

std::optional<std::vector<std::string>> Pattern::bases() const {
    std::vector<std::string> bases;
    for (const Branch& branch : branches_)
        if (!branch.add_bases(bases))
            return std::nullopt;
    return bases;
}

Choice choose_better(const Pattern& pattern, std::string_view first, std::string_view second) {
    const bool first_matches = pattern.matches(first);
    const bool second_matches = pattern.matches(second);
    if (!first_matches || !second_matches) {
        if (first_matches)
            return Choice::first;
        return second_matches ? Choice::second : Choice::neither;
    }
    const auto version_of = [](std::string_view name) {
        const std::size_t dash = name.rfind('-');
        return dash == std::string_view::npos ? std::string_view() : name.substr(dash + 1);
    };
    const std::weak_ordering order = compare_versions(version_of(first), version_of(second));
    if (order != 0)
        return order > 0 ? Choice::first : Choice::second;
    return first < second ? Choice::first : Choice::second;
}

} // namespace pkgjail::format
