// The one line in which a new supervisor tells launch() how its beginning went.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/error.hpp"

namespace pkgjail::supervise {

/// With its newline; nullptr: all is well.
std::string format_announcement(const base::Error* error);
/// Writes it to standard output, where launch() reads.
void announce(const base::Error* error);

struct Announcement {
    std::optional<base::Error> error;
};
/// nullopt for anything that is no announcement.
std::optional<Announcement> parse_announcement(std::string_view line);

} // namespace pkgjail::supervise
