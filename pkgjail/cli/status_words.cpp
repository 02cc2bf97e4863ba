#include "pkgjail/cli/status_words.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/plan_words.hpp"

namespace pkgjail::cli {

using supervise::ServiceState;
using supervise::ServiceStatus;

Color state_color(ServiceState state) {
    switch (state) {
    case ServiceState::ready:
        return Color::green;
    case ServiceState::starting:
    case ServiceState::stopping:
    case ServiceState::backoff:
    case ServiceState::unhealthy:
    case ServiceState::unsupervised:
        return Color::yellow;
    case ServiceState::failed:
        return Color::red;
    case ServiceState::stopped:
        return Color::dim;
    }
    return Color::none;
}

std::string state_text(const ServiceStatus& status) {
    std::string text(supervise::state_name(status.state));
    if (status.state == ServiceState::ready && status.ready_at) {
        const auto since =
            std::chrono::duration_cast<std::chrono::seconds>(base::wall_now() - *status.ready_at);
        if (since.count() > 0) // just now, or the clock was set back
            text += " for " + base::format_duration(since);
    } else if (!status.reason.empty()) {
        text += ": " + base::printable(status.reason);
    }
    return text;
}

bool learns(const ServiceStatus& status) {
    return status.learning && status.state != ServiceState::stopped && status.state != ServiceState::failed;
}

Json learning_json(const ServiceStatus& status) {
    return learns(status) ? Json(jail::profile_name(*status.learning)) : Json(nullptr);
}

std::vector<std::string> limit_lines(const std::vector<jail::LimitReading>& limits, std::size_t columns) {
    std::vector<std::string> values;
    std::size_t width = 10;
    for (const jail::LimitReading& limit : limits) {
        const std::string wanted = jail::format_limit(limit.kind, limit.wanted);
        const std::string value = jail::format_limit(limit.kind, limit.effective.value_or(limit.wanted));
        // The kernel rounds, to pages for one; what looks the same is not worth a word.
        values.push_back(value == wanted ? value : fmt::format("{} (wanted {})", value, wanted));
        width = std::max(width, values.back().size());
    }
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        const std::string line =
            fmt::format("{:<10} {:<{}} {:<11} {}", jail::limit_name(limits[i].kind), values[i], width,
                        jail::enforcement_name(limits[i].enforcement), base::printable(limits[i].mechanism));
        lines.push_back(columns == 0 ? line : cut(line, columns));
    }
    return lines;
}

std::string short_id(const std::string& image_id) {
    return image_id.substr(0, 12);
}

namespace {

template <class Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json(nullptr);
}
Json time_or_null(const std::optional<base::WallTime>& time) {
    return time ? Json(base::format_time(*time)) : Json(nullptr);
}

} // namespace

std::string left_out_text(const std::string& jail, const ops::LeftOut& left_out) {
    std::string text;
    for (const catalog::VolumeUseRow& use : left_out.volumes)
        text += fmt::format("jail {}: volume {} at {} is not in it\n", jail, use.volume,
                            base::printable(use.path));
    for (const catalog::HostMountRow& mount : left_out.mounts)
        text += fmt::format("jail {}: {} of the host at {} is not in it\n", jail,
                            base::printable(mount.source), base::printable(mount.path));
    return text;
}

Json left_out_json(const ops::LeftOut& left_out) {
    Json list = Json::array();
    for (const catalog::VolumeUseRow& use : left_out.volumes)
        list.push_back({{"volume", use.volume}, {"path", use.path}});
    for (const catalog::HostMountRow& mount : left_out.mounts)
        list.push_back({{"mount", mount.source}, {"path", mount.path}});
    return list;
}

Json limits_json(const std::vector<jail::LimitReading>& limits) {
    Json list = Json::array();
    for (const jail::LimitReading& limit : limits)
        list.push_back({{"limit", jail::limit_name(limit.kind)},
                        {"wanted", limit.wanted},
                        {"effective", or_null(limit.effective)},
                        {"enforcement", jail::enforcement_name(limit.enforcement)},
                        {"mechanism", limit.mechanism}});
    return list;
}

Json usage_json(const confine::Usage& usage) {
    return {{"cpu_usec", or_null(usage.cpu_usec)},
            {"memory_bytes", or_null(usage.memory_bytes)},
            {"memory_peak_bytes", or_null(usage.memory_peak_bytes)},
            {"processes", or_null(usage.processes)},
            {"io_read_bytes", or_null(usage.io_read_bytes)},
            {"io_write_bytes", or_null(usage.io_write_bytes)},
            {"net_in_bytes", or_null(usage.net_in_bytes)},
            {"net_out_bytes", or_null(usage.net_out_bytes)},
            {"memory_limit_hits", or_null(usage.memory_limit_hits)},
            {"process_limit_hits", or_null(usage.process_limit_hits)},
            {"throttled_usec", or_null(usage.throttled_usec)}};
}

Json status_json(const ServiceStatus& status) {
    Json further = Json::array();
    for (const supervise::ServicePart& part : status.further)
        further.push_back({{"service", part.name},
                           {"state", supervise::state_name(part.state)},
                           {"reason", part.reason},
                           {"pid", part.process ? Json(part.process->pid) : Json(nullptr)},
                           {"restarts", part.restarts},
                           {"last_exit", part.last_exit},
                           {"last_probe", part.last_probe}});
    return {{"state", supervise::state_name(status.state)},
            {"reason", status.reason},
            {"pid", status.service ? Json(status.service->pid) : Json(nullptr)},
            {"followed_pid", status.followed ? Json(status.followed->pid) : Json(nullptr)},
            {"supervisor_pid", status.supervisor ? Json(status.supervisor->pid) : Json(nullptr)},
            {"started_at", time_or_null(status.started_at)},
            {"ready_at", time_or_null(status.ready_at)},
            {"restarts", status.restarts},
            {"last_exit", status.last_exit},
            {"last_probe", status.last_probe},
            {"further", further},
            {"driver", status.driver},
            {"learning", learning_json(status)},
            {"limits", limits_json(status.limits)},
            {"log_records_dropped", status.log_records_dropped},
            {"syslog_records_dropped", status.syslog_records_dropped}};
}

namespace {

/// Of the addresses that the claim covers; a name may have some of both.
const char* family_of(const catalog::PortClaimRow& claim) {
    if (claim.address.find(':') != std::string::npos && claim.address != "::")
        return "inet6";
    if (claim.address.find_first_not_of("0123456789.") == std::string::npos && !claim.address.empty())
        return "inet";
    return "any";
}

Json held_json(jail::Enforcement enforcement, const std::string& mechanism) {
    return {{"enforcement", jail::enforcement_name(enforcement)}, {"mechanism", mechanism}};
}

} // namespace

Json volumes_json(const ops::JailView& view) {
    Json list = Json::array();
    for (const catalog::VolumeUseRow& use : view.jail.volumes) {
        const auto shared = view.volumes_shared.find(use.volume_id);
        list.push_back({{"volume", use.volume},
                        {"path", use.path},
                        {"writable", use.writable},
                        {"shared_with",
                         shared == view.volumes_shared.end() ? std::vector<std::string>{} : shared->second}});
    }
    return list;
}

Json mounts_json(const std::vector<catalog::HostMountRow>& mounts) {
    Json list = Json::array();
    for (const catalog::HostMountRow& mount : mounts)
        list.push_back({{"source", mount.source},
                        {"path", mount.path},
                        {"writable", mount.writable},
                        {"executable", mount.executable}});
    return list;
}

namespace {

Json jail_json(const ops::JailView& view) {
    Json ports = Json::array();
    for (const catalog::PortClaimRow& claim : view.jail.claims)
        ports.push_back({{"protocol", claim.protocol},
                         {"address", claim.address},
                         {"port", claim.port},
                         {"family", family_of(claim)}});
    Json held = nullptr;
    if (view.ports)
        held = {{"tcp", held_json(view.ports->tcp, view.ports->tcp_mechanism)},
                {"udp", held_json(view.ports->udp, view.ports->udp_mechanism)}};
    Json published = Json::array();
    for (const jail::PublishedPort& port : view.publish)
        published.push_back({{"protocol", port.protocol},
                             {"address", port.address},
                             {"port", port.host_port},
                             {"jail_port", port.jail_port}});
    Json conflicts = Json::array();
    for (const catalog::ConfigConflict& conflict : view.generation.conflicts)
        if (conflict.is_open())
            conflicts.push_back({{"path", conflict.path}, {"what", conflict.what}});
    Json json = {{"jail", view.jail.name},
                 {"id", view.jail.id},
                 {"recipe", view.jail.recipe},
                 {"profile", view.jail.profile},
                 {"network", view.jail.network},
                 {"address", view.jail.address.empty() ? Json(nullptr) : Json(view.jail.address)},
                 {"published", published},
                 {"nat", view.nat},
                 {"resolv", view.resolv},
                 {"resolv_file", view.resolv_file},
                 {"ports", ports},
                 {"ports_held", held},
                 {"addresses", view.addresses},
                 {"requires", view.requires_},
                 {"generation", view.generation.number},
                 {"image", view.generation.image_id},
                 {"conflicts", conflicts},
                 {"packages", nullptr},
                 {"vulnerable_packages", or_null(view.vulnerable)},
                 {"holds", holds_json(view.jail.holds)},
                 {"volumes", volumes_json(view)},
                 {"mounts", mounts_json(view.jail.mounts)},
                 {"settings", view.jail.settings},
                 {"limits_template", view.jail.limits_template},
                 {"wanted_running", view.jail.wanted_running},
                 {"log", view.log.string()},
                 {"usage", usage_json(view.usage)}};
    json.update(status_json(view.status));
    return json;
}

} // namespace

Json jails_json(const std::vector<ops::JailView>& views) {
    Json list = Json::array();
    for (const ops::JailView& view : views)
        list.push_back(jail_json(view));
    return list;
}

} // namespace pkgjail::cli
