// One record of the log as a line, and the cutting of output into such lines.
#include "pkgjail/supervise/service_log.hpp"

#include <algorithm>

#include "pkgjail/base/printable.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t time_length = std::string_view("2026-11-21T23:40:00.123456Z").size();

bool is_stream(std::string_view word) {
    if (!word.empty() && word.back() == '+')
        word.remove_suffix(1);
    // Of several services: "NAME/out".
    if (const std::size_t slash = word.find('/'); slash != word.npos && slash > 0) {
        word.remove_prefix(slash + 1);
        return word == "out" || word == "err";
    }
    return word == "out" || word == "err" || word == "sup";
}

/// The most bytes of `text`, at least one and not over `limit`, that do not end inside a UTF-8 character.
std::size_t whole_characters(std::string_view text, std::size_t limit) {
    if (text.size() <= limit)
        return text.size();
    std::size_t end = limit;
    // A character has at most three continuation bytes; more of them is no UTF-8 and may be cut anywhere.
    while (end > limit - 3 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
        --end;
    return (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u ? limit : end;
}

} // namespace

std::string format_log_line(const LogRecord& record) {
    return base::format_time_precise(record.time) + ' ' + record.stream + ' ' + base::printable(record.text);
}

std::optional<LogRecord> parse_log_line(std::string_view line) {
    if (line.size() < time_length + 2 || line[time_length] != ' ')
        return std::nullopt;
    std::optional<base::WallTime> time = base::parse_time(line.substr(0, time_length));
    line.remove_prefix(time_length + 1);
    std::size_t blank = line.find(' ');
    if (!time || blank == line.npos || !is_stream(line.substr(0, blank)) || line.find('\n') != line.npos)
        return std::nullopt;
    return LogRecord{*time, std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
}

void LineCutter::feed(std::string_view bytes, const Take& take) {
    while (!bytes.empty()) {
        std::size_t newline = bytes.find('\n');
        std::size_t length = std::min(newline, bytes.size());
        if (rest_.empty() && newline != bytes.npos && length <= max_line) {
            // The usual case: a whole line that needs no copy.
            take(bytes.substr(0, length), false);
            bytes.remove_prefix(length + 1);
            continue;
        }
        // One byte more than a line may have tells a line that is exactly full from one that goes on.
        std::size_t fits = std::min(length, max_line + 1 - rest_.size());
        rest_.append(bytes.substr(0, fits));
        bytes.remove_prefix(fits);
        if (rest_.size() > max_line) {
            std::size_t cut = whole_characters(rest_, max_line);
            take(std::string_view(rest_).substr(0, cut), true);
            rest_.erase(0, cut);
        } else if (newline != bytes.npos && fits == length) {
            take(rest_, false);
            rest_ = std::string();
            bytes.remove_prefix(1);
        }
    }
}

void LineCutter::finish(const Take& take) {
    if (!rest_.empty())
        take(rest_, false);
    rest_ = std::string();
}

} // namespace pkgjail::supervise
