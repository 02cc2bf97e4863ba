// One record of a jail's log, and its line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"

namespace pkgjail::supervise {

struct LogRecord {
    base::WallTime time;
    std::string stream;
    std::string text;
};
/// nullopt for a line that is no record (damage is shown by readers as such).
std::optional<LogRecord> parse_log_line(std::string_view line);
/// One line without its newline; `text` is made printable, so a record can never forge another.
std::string format_log_line(const LogRecord& record);

} // namespace pkgjail::supervise
