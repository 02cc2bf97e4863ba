#include "pkgjail/base/shell_word.hpp"

namespace pkgjail::base {

std::string shell_word(const std::string& text) {
    std::string word = "'";
    for (const char c : text)
        if (c == '\'')
            word += "'\\''";
        else
            word += c;
    return word + "'";
}

} // namespace pkgjail::base
