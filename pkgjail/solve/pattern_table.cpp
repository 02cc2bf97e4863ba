#include "pkgjail/solve/pattern_table.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern_beginning.hpp"

namespace pkgjail::solve {

KnownPattern::KnownPattern(const std::string& text)
    : text_(text), beginning_(format::beginning_of(text).size()) {
    try {
        pattern_ = format::Pattern::parse(text_);
        bases_ = pattern_->bases();
    } catch (const base::Error& error) {
        fault_ = error.cause();
        bases_.emplace();
    }
}

bool KnownPattern::selects(std::string_view pkgname) const {
    // Most pairs differ in the first letters, and a base is compared more quickly than versions.
    if (!pattern_ || !pkgname.starts_with(beginning()))
        return false;
    if (bases_ && std::find(bases_->begin(), bases_->end(), base_of(pkgname)) == bases_->end())
        return false;
    return pattern_->matches(pkgname);
}

bool KnownPattern::matches(std::string_view pkgname) const {
    return pattern_ && pkgname.starts_with(beginning()) && pattern_->matches(pkgname);
}

const KnownPattern& PatternTable::get(const std::string& text) {
    return patterns_.try_emplace(text, text).first->second;
}

} // namespace pkgjail::solve
