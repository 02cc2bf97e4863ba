// Command lines into words, and ${names} into values. Splitting comes first and expansion works on each word,
// so a value with blanks or quotes in it stays one word.
#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

std::optional<std::vector<std::string>> split_command(std::string_view text) {
    std::vector<std::string> words;
    bool in_word = false;
    char quote = '\0';
    const auto put = [&](char c) {
        if (!in_word)
            words.emplace_back();
        in_word = true;
        words.back() += c;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool has_next = i + 1 < text.size();
        if (c == '\\' && quote != '\'') {
            if (!has_next)
                return std::nullopt;
            const char next = text[i + 1];
            if (quote == '"' && next != '"' && next != '\\') {
                put(c);
                continue;
            }
            put(next);
            ++i;
        } else if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                put(c);
        } else if (c == '\'' || c == '"') {
            quote = c;
            if (!in_word)
                words.emplace_back();
            in_word = true;
        } else if (c == ' ' || c == '\t') {
            in_word = false;
        } else {
            put(c);
        }
    }
    if (quote != '\0')
        return std::nullopt;
    return words;
}

std::string expand(std::string_view text, const std::map<std::string, std::string>& values,
                   const Position& where) {
    const auto position = [&](std::size_t offset) {
        Position at = where;
        at.line += static_cast<unsigned>(
            std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
        return at.str();
    };
    constexpr std::string_view literal = "write $${ for a literal ${";

    std::string result;
    std::size_t i = 0;
    while (i < text.size()) {
        const std::string_view rest = text.substr(i);
        if (rest.starts_with("$${")) {
            result += "${";
            i += 3;
            continue;
        }
        if (!rest.starts_with("${")) {
            result += text[i++];
            continue;
        }
        const std::size_t end = rest.find_first_of("}\n");
        if (end == std::string_view::npos || rest[end] != '}')
            throw base::Error(base::ErrorKind::configuration, position(i),
                              "found \"${\" without a \"}\" on its line", std::string(literal));
        const std::string name(rest.substr(2, end - 2));
        const auto value = values.find(name);
        if (value == values.end()) {
            std::vector<std::string> names;
            std::vector<std::string> forms;
            for (const auto& [known, ignored] : values) {
                names.push_back(known);
                forms.push_back("${" + known + "}");
            }
            const std::optional<std::string> near = nearest(name, names);
            throw base::Error(base::ErrorKind::configuration, position(i),
                              fmt::format("found \"${{{}}}\", allowed: {}", name, enumerate(forms)),
                              near ? fmt::format("did you mean \"${{{}}}\"?", *near) : std::string(literal));
        }
        result += value->second;
        i += end + 1;
    }
    return result;
}

} // namespace pkgjail::jail
