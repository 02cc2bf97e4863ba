// SectionReader: text becomes numbers, durations, words, and nothing is left over.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

std::string cause_of(std::string_view problem, std::string_view allowed) {
    return allowed.empty() ? std::string(problem) : fmt::format("{}, allowed: {}", problem, allowed);
}

} // namespace

std::string found(const Setting& setting) {
    if (setting.written.empty() || setting.written == setting.value)
        return fmt::format("found \"{}\"", setting.value);
    return fmt::format("found \"{}\" (from \"{}\")", setting.value, setting.written);
}

base::Error wrong_value(const Setting& setting, std::string_view allowed, std::string hint) {
    return {base::ErrorKind::configuration, setting.where.str(), cause_of(found(setting), allowed),
            std::move(hint)};
}

std::optional<base::RootPath> absolute_path(std::string_view text) {
    if (!text.starts_with('/'))
        return std::nullopt;
    try {
        return base::RootPath::parse(text);
    } catch (const base::Error&) { // the caller says it with file and line
        return std::nullopt;
    }
}

SectionReader::SectionReader(const Section& section) : section_(section) {}

const Setting* SectionReader::take(const std::string& key, bool is_list) {
    known_[key] = is_list;
    const auto is_it = [&](const Setting& setting) { return setting.key == key; };
    const auto first = std::find_if(section_.settings.begin(), section_.settings.end(), is_it);
    return first == section_.settings.end() ? nullptr : &*first;
}

std::optional<std::string> SectionReader::text(const std::string& key) {
    const Setting* const setting = take(key);
    return setting == nullptr ? std::nullopt : std::optional(setting->value);
}

std::string SectionReader::required(const std::string& key) {
    const Setting* const setting = take(key);
    if (setting == nullptr) {
        std::string hint;
        for (const Setting& other : section_.settings)
            if (nearest(key, {other.key}) && !known_.contains(other.key))
                hint = fmt::format("line {} has \"{}\"", other.where.line, other.key);
        throw base::Error(base::ErrorKind::configuration, section_.where.str(),
                          fmt::format("found no key \"{}\" in {}", key, section_.title()), hint);
    }
    if (setting->value.empty())
        refuse(key, "a value that is not empty");
    return setting->value;
}

std::vector<Setting> SectionReader::list(const std::string& key) {
    take(key, true);
    std::vector<Setting> settings;
    for (const Setting& setting : section_.settings)
        if (setting.key == key)
            settings.push_back(setting);
    return settings;
}

std::optional<bool> SectionReader::yes_no(const std::string& key) {
    const std::optional<std::string> answer = word(key, {"yes", "no", "true", "false", "on", "off"});
    if (!answer)
        return std::nullopt;
    return *answer == "yes" || *answer == "true" || *answer == "on";
}

std::optional<std::uint64_t> SectionReader::number(const std::string& key, std::uint64_t low,
                                                   std::uint64_t high) {
    const Setting* const setting = take(key);
    if (setting == nullptr)
        return std::nullopt;
    const std::optional<std::uint64_t> value = parse_number(setting->value);
    if (!value || *value < low || *value > high)
        refuse(key, fmt::format("a whole number from {} to {}", low, high));
    return value;
}

std::optional<std::chrono::milliseconds> SectionReader::duration(const std::string& key, Milliseconds low,
                                                                 Milliseconds high) {
    const Setting* const setting = take(key);
    if (setting == nullptr)
        return std::nullopt;
    const std::optional<Milliseconds> value = parse_duration(setting->value);
    if (!value || *value < low || *value > high)
        refuse(key, fmt::format("a time from {} to {}, with a unit: 500ms, 10s, 5m, 2h, 1d", format_span(low),
                                format_span(high)));
    return value;
}

std::optional<std::uint64_t> SectionReader::size(const std::string& key, std::uint64_t low,
                                                 std::uint64_t high) {
    const Setting* const setting = take(key);
    if (setting == nullptr)
        return std::nullopt;
    const std::optional<std::uint64_t> value = parse_size(setting->value);
    if (!value || *value < low || *value > high)
        refuse(key, fmt::format("a size in bytes from {} to {}: 4096, 64K, 256M, 2G, 1T", format_size(low),
                                format_size(high)));
    return value;
}

std::optional<std::string> SectionReader::word(const std::string& key,
                                               const std::vector<std::string>& allowed) {
    const Setting* const setting = take(key);
    if (setting == nullptr)
        return std::nullopt;
    if (std::find(allowed.begin(), allowed.end(), setting->value) == allowed.end())
        refuse(key, enumerate(allowed), did_you_mean(setting->value, allowed));
    return setting->value;
}

std::optional<std::vector<std::string>> SectionReader::command(const std::string& key) {
    const Setting* const setting = take(key);
    if (setting == nullptr)
        return std::nullopt;
    std::optional<std::vector<std::string>> words = split_command(setting->value);
    if (!words)
        refuse(key, "a command whose quotes are closed and that does not end in a backslash");
    if (words->empty())
        refuse(key, "a command of at least one word");
    return words;
}

void SectionReader::finish() {
    std::vector<std::string> keys;
    for (const auto& [key, is_list] : known_)
        keys.push_back(key);
    std::map<std::string, unsigned> first_line;
    for (const Setting& setting : section_.settings) {
        const auto known = known_.find(setting.key);
        if (known == known_.end())
            throw base::Error(
                base::ErrorKind::configuration, setting.where.str(),
                fmt::format("found an unknown key in {}, allowed: {}", section_.title(), enumerate(keys)),
                did_you_mean(setting.key, keys));
        const auto [first, is_new] = first_line.emplace(setting.key, setting.where.line);
        if (!is_new && !known->second)
            throw base::Error(
                base::ErrorKind::configuration, setting.where.str(),
                fmt::format("found a second time, first in line {}, allowed: once", first->second));
    }
}

void SectionReader::refuse(const std::string& key, std::string_view allowed, std::string hint) const {
    for (const Setting& setting : section_.settings)
        if (setting.key == key)
            throw wrong_value(setting, allowed, std::move(hint));
    fail(key, "found nothing", allowed, std::move(hint));
}

void SectionReader::fail(const std::string& key, std::string_view problem, std::string_view allowed,
                         std::string hint) const {
    Position where = section_.where;
    where.key = key;
    for (const Setting& setting : section_.settings)
        if (setting.key == key) {
            where = setting.where;
            break;
        }
    throw base::Error(base::ErrorKind::configuration, where.str(), cause_of(problem, allowed),
                      std::move(hint));
}

} // namespace pkgjail::jail
