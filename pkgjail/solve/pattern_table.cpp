#include "pkgjail/solve/pattern_table.hpp"

#include "pkgjail/base/error.hpp"

namespace pkgjail::solve {

KnownPattern::KnownPattern(const std::string& text) : text_(text) {
    try {
        pattern_ = format::Pattern::parse(text_);
    } catch (const base::Error& error) {
        fault_ = error.cause();
    }
}

bool KnownPattern::may_match(std::string_view pkgname) const {
    // Most pairs differ in the first letters; a special character first tells nothing.
    for (std::size_t i = 0; i < text_.size() && i < pkgname.size(); ++i) {
        if (std::string_view("{}<>=!*?[]\\").find(text_[i]) != std::string_view::npos)
            return true;
        if (text_[i] != pkgname[i])
            return false;
    }
    return true;
}

bool KnownPattern::selects(std::string_view pkgname) const {
    return pattern_ && may_match(pkgname) && pattern_->selects(pkgname);
}

bool KnownPattern::matches(std::string_view pkgname) const {
    return pattern_ && may_match(pkgname) && pattern_->matches(pkgname);
}

std::optional<std::vector<std::string>> KnownPattern::bases() const {
    return pattern_ ? pattern_->bases() : std::vector<std::string>();
}

const KnownPattern& PatternTable::get(const std::string& text) {
    return patterns_.try_emplace(text, text).first->second;
}

} // namespace pkgjail::solve
