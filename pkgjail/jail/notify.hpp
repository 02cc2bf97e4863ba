// [notify] of pkgjail.conf: which program of the host is told of what befalls jails. A plain value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::jail {

enum class NotifyEvent {
    failed,    ///< a service has ended and is not started again
    unhealthy, ///< its probe fails
    well,      ///< it answers again
    restart,   ///< it has ended and is started again
    limit,     ///< the jail has met a limit
};
inline constexpr NotifyEvent all_notify_events[] = {
    NotifyEvent::failed, NotifyEvent::unhealthy, NotifyEvent::well, NotifyEvent::restart, NotifyEvent::limit};
constexpr std::string_view notify_event_name(NotifyEvent event) {
    switch (event) {
    case NotifyEvent::failed:
        return "failed";
    case NotifyEvent::unhealthy:
        return "unhealthy";
    case NotifyEvent::well:
        return "well";
    case NotifyEvent::restart:
        return "restart";
    case NotifyEvent::limit:
        break;
    }
    return "limit";
}

struct Notify {
    std::vector<std::string>
        command; ///< absolute path of a program of the host, then words; empty: nobody is told
    std::vector<NotifyEvent> events = {NotifyEvent::failed, NotifyEvent::unhealthy, NotifyEvent::limit};
};

} // namespace pkgjail::jail
