// How states, limits and times of jails are shown: shared by list, status, start and install.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/ops/snapshot.hpp"

namespace pkgjail::cli {

Color state_color(supervise::ServiceState state);
/// "ready", "ready for 2h 10m", "failed: exit status 1".
std::string state_text(const supervise::ServiceStatus& status);
/// Whether it runs in a jail that learns, and from which profile, or null.
bool learns(const supervise::ServiceStatus& status);
Json learning_json(const supervise::ServiceStatus& status);
/// The limits of a jail as lines of a table: name, value in force, how sure it is, by which mechanism. Each
/// is at most `columns` wide, the mechanism being cut; 0: nothing is cut.
std::vector<std::string> limit_lines(const std::vector<jail::LimitReading>& limits, std::size_t columns);
std::string short_id(const std::string& image_id);

Json status_json(const supervise::ServiceStatus& status);
Json limits_json(const std::vector<jail::LimitReading>& limits);
Json usage_json(const confine::Usage& usage);
/// What it has mounted.
Json volumes_json(const ops::JailView& view);
Json mounts_json(const std::vector<catalog::HostMountRow>& mounts);
/// What a copy of the jail does not have: a line each, empty for nothing; and the same as a list.
std::string left_out_text(const std::string& jail, const ops::LeftOut& left_out);
Json left_out_json(const ops::LeftOut& left_out);
/// With null in the place of each one's packages.
Json jails_json(const std::vector<ops::JailView>& views);

} // namespace pkgjail::cli
