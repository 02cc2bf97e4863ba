#include "pkgjail/ops/running_generation.hpp"

#include <charconv>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/supervise/service_json.hpp"

namespace pkgjail::ops {

std::optional<std::int64_t> running_generation(const store::Layout& layout, const std::string& jail_id) {
    const base::HostPath run = layout.run(jail_id);
    if (!is_running(supervise::read_status(run)))
        return std::nullopt;
    const std::string configs = layout.jail_configs(jail_id).string() + "/";
    for (const confine::Mount& mount : supervise::read_service(run).spec.mounts) {
        const std::string source = mount.source.string();
        if (!source.starts_with(configs))
            continue;
        std::int64_t number = 0;
        const char* end = source.data() + source.size();
        if (std::from_chars(source.data() + configs.size(), end, number).ec == std::errc{})
            return number;
    }
    throw base::Error(base::ErrorKind::corrupt, run.string(),
                      "a service runs, and its configuration is of no generation");
}

} // namespace pkgjail::ops
