#include "pkgjail/jail/config_file.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/jail/config_text.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view key_characters = "abcdefghijklmnopqrstuvwxyz0123456789._-";
// Stands for "#" while Boost reads a line: to Boost every "#" begins a comment, to us only one after white
// space. No line that gets this far has a control character of its own.
constexpr char number_sign = '\x01';

base::Error wrong_line(const Position& where, std::string_view line, std::string_view allowed,
                       std::string hint = {}) {
    return {base::ErrorKind::configuration, where.str(),
            fmt::format("found \"{}\", allowed: {}", base::printable(line), allowed), std::move(hint)};
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view without_comment(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i)
        if (line[i] == '#' && (i == 0 || blanks.find(line[i - 1]) != std::string_view::npos))
            return line.substr(0, i);
    return line;
}

Section parse_header(std::string_view line, Position where) {
    constexpr std::string_view form = "[section] or [section name]";
    if (line.back() != ']')
        throw wrong_line(where, line, form);
    const std::string_view inside = trim(line.substr(1, line.size() - 2));
    const std::size_t blank = inside.find_first_of(blanks);
    const std::string_view kind = inside.substr(0, blank);
    const std::string_view name = blank == std::string_view::npos ? "" : trim(inside.substr(blank));
    if (kind.empty() || kind.find_first_not_of(key_characters) != std::string_view::npos ||
        name.find_first_of("[]") != std::string_view::npos)
        throw wrong_line(where, line, form);
    return {std::string(kind), std::string(name), {}, std::move(where)};
}

Setting parse_setting(std::string_view line, Position where) {
    std::string shielded(line);
    std::replace(shielded.begin(), shielded.end(), '#', number_sign);
    std::istringstream stream(shielded);
    Setting setting;
    try {
        const boost::program_options::options_description none;
        const auto parsed = boost::program_options::parse_config_file(stream, none, true);
        setting.key = parsed.options.at(0).string_key;
        setting.value = parsed.options.at(0).value.at(0);
    } catch (const boost::program_options::error&) {
        throw wrong_line(where, line, "[section] or key = value");
    }
    std::replace(setting.key.begin(), setting.key.end(), number_sign, '#');
    std::replace(setting.value.begin(), setting.value.end(), number_sign, '#');
    if (setting.key.empty() || setting.key.find_first_not_of(key_characters) != std::string::npos)
        throw base::Error(
            base::ErrorKind::configuration, where.str(),
            fmt::format("found the key \"{}\", allowed: a key of letters a-z, digits, \".\", \"-\" "
                        "and \"_\"",
                        setting.key));
    where.key = setting.key;
    setting.where = std::move(where);
    return setting;
}

} // namespace

std::string Position::str() const {
    std::string text = file;
    if (line != 0)
        text += fmt::format(":{}", line);
    if (!key.empty())
        text += ": " + key;
    return text;
}

std::string Section::title() const {
    return name.empty() ? "[" + kind + "]" : "[" + kind + " " + name + "]";
}

bool is_plain_text(std::string_view text) {
    return base::printable(text) == text;
}

std::vector<Section> parse_sections(std::string_view text, std::string_view file) {
    std::vector<Section> sections;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));

        const Position where{std::string(file), number};
        std::replace(line.begin(), line.end(), '\t', ' ');
        if (!is_plain_text(line))
            throw wrong_line(where, line, "UTF-8 text without control characters",
                             line.back() == '\r' ? "the file has the line ends of DOS" : "");
        const std::string_view content = trim(without_comment(line));
        if (content.empty())
            continue;
        if (content.front() == '[') {
            sections.push_back(parse_header(content, where));
            continue;
        }
        Setting setting = parse_setting(content, where);
        if (sections.empty())
            sections.push_back({"", "", {}, where});
        sections.back().settings.push_back(std::move(setting));
    }
    return sections;
}

std::optional<std::string> read_configuration(const base::HostPath& file) {
    try {
        return base::read_file_if_exists(file, 1u << 20);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::corrupt)
            throw;
        throw base::Error(base::ErrorKind::configuration, error.object(), error.cause(), error.hint());
    }
}

std::vector<Section> read_sections(const base::HostPath& file) {
    const std::optional<std::string> text = read_configuration(file);
    if (!text)
        throw base::system_error(ENOENT, file.string(), "open");
    return parse_sections(*text, file.string());
}

void check_kind(const Section& section, const std::vector<std::string>& kinds,
                const std::vector<std::string>& named) {
    const auto is_named = [&](const std::string& kind) {
        return std::find(named.begin(), named.end(), kind) != named.end();
    };
    std::vector<std::string> titles;
    for (const std::string& kind : kinds)
        titles.push_back(is_named(kind) ? "[" + kind + " NAME]" : "[" + kind + "]");
    if (section.kind.empty())
        throw base::Error(base::ErrorKind::configuration, section.settings.front().where.str(),
                          "found before the first section, allowed: below one of " + enumerate(titles));
    if (std::find(kinds.begin(), kinds.end(), section.kind) == kinds.end())
        throw wrong_line(section.where, section.title(), enumerate(titles),
                         did_you_mean(section.kind, kinds));
    if (!section.name.empty() && !is_named(section.kind))
        throw wrong_line(section.where, section.title(), "[" + section.kind + "], without a name");
}

} // namespace pkgjail::jail
