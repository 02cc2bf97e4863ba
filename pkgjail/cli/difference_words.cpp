#include "pkgjail/cli/difference_words.hpp"

#include <fmt/format.h>

#include "pkgjail/base/printable.hpp"

namespace pkgjail::cli {

std::string difference_text(const store::Difference& difference) {
    return fmt::format("{} {}  {}", static_cast<char>(difference.change),
                       base::printable(difference.path.str()),
                       base::printable(fmt::format("{}", fmt::join(difference.what, "; "))));
}

Json difference_json(const store::Difference& difference) {
    return {{"path", difference.path.str()},
            {"change", change_name(difference.change)},
            {"what", difference.what}};
}

const char* change_name(store::Change change) {
    switch (change) {
    case store::Change::added:
        return "added";
    case store::Change::removed:
        return "removed";
    case store::Change::changed:
        return "changed";
    }
    return "";
}

} // namespace pkgjail::cli
