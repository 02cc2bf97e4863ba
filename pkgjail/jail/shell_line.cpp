#include "pkgjail/jail/shell_line.hpp"

#include <algorithm>
#include <iterator>

namespace pkgjail::jail {

bool decides_on_more(std::string_view line) {
    constexpr std::string_view openers[] = {"if", "case", "for", "while", "until", "select", "function", "{"};
    char quote = 0;
    unsigned open = 0;       // "$(" without its ")": whole commands, if these end in this line
    bool begins_word = true; // outside quotes
    bool is_command = true;  // where the first word of a command may stand
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char c = line[at];
        if (c == '\\' && quote != '\'') {
            if (++at >= line.size())
                return true;
            begins_word = is_command = false;
        } else if (quote != 0) {
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"' || c == '`') {
            quote = c;
            begins_word = is_command = false;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            begins_word = true;
        } else if (c == ';' || c == '&' || c == '|') {
            begins_word = is_command = true;
        } else if (c == '#' && begins_word) {
            break;
        } else if (c == '(' && open == 0 && (at == 0 || line[at - 1] != '$')) {
            return true;
        } else if (c == '(') {
            ++open;
        } else if (c == ')') {
            open -= open > 0 ? 1u : 0u;
        } else if (c == '<' && line.substr(at).starts_with("<<")) {
            return true;
        } else {
            const std::string_view word = line.substr(at, line.find_first_of(" \t\r;&|()<>", at) - at);
            if (is_command && open == 0 && std::count(std::begin(openers), std::end(openers), word) != 0)
                return true;
            begins_word = is_command = false;
        }
    }
    return quote != 0 || open != 0;
}

} // namespace pkgjail::jail
