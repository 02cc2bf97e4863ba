// The supervisor and the limits of its jail: changing them while the service runs, and telling when they are
// met.
#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/service_keeper.hpp"

namespace pkgjail::supervise {

std::string ServiceKeeper::change_limits() {
    const jail::Limits former = service_.spec.limits;
    try {
        service_.spec.limits = read_service(run_directory_).spec.limits;
        if (running_) {
            driver_.set_limits(service_.spec, run_directory_);
            record_limits();
            if (!watch_at_ && ending_ == Ending::none)
                watch_at_ = base::steady_now() + LimitWatch::interval;
        }
        note("limits changed");
        save(); // whoever asked may look next
        return "ok";
    } catch (const base::Error& error) {
        const std::string why = error.what();
        service_.spec.limits = former;
        try {
            if (running_) {
                driver_.set_limits(service_.spec, run_directory_);
                record_limits();
            }
        } catch (const base::Error& second) {
            note(std::string("the former limits could not be set again: ") + second.what());
            return "error " + why + "; and the former limits could not be set again: " + second.what();
        }
        return "error " + why;
    }
}

void ServiceKeeper::watch_limits() {
    if (!running_)
        return;
    watch_at_ = base::steady_now() + LimitWatch::interval;
    confine::Usage usage;
    try {
        usage = driver_.usage(service_.spec.handle, run_directory_);
    } catch (const base::Error&) {
        return; // it is ending; the loop hears of it
    }
    usage_looks_.add(usage, base::steady_now());
    for (const std::string& event : limit_watch_.look(usage, base::steady_now())) {
        note(event);
        tell(jail::NotifyEvent::limit, event);
    }
    watch_disk();
}

namespace {

/// How limit disk is held; nullptr: there is none.
const jail::LimitReading* disk_reading(const ServiceStatus& status) {
    for (const jail::LimitReading& reading : status.limits)
        if (reading.kind == jail::LimitKind::disk)
            return &reading;
    return nullptr;
}

} // namespace

void ServiceKeeper::watch_disk() {
    const jail::LimitReading* disk = disk_reading(status_);
    if (disk == nullptr || !disk->effective || service_.spec.storage.empty())
        return;
    try {
        if (disk->enforcement != jail::Enforcement::enforced)
            disk_watch_.begin_if_due(base::steady_now(), [this] { close_copies_in_child(); });
        else if (const auto used = confine::counted_disk_use(service_.spec.storage))
            for (const std::string& event :
                 limit_watch_.look_at_disk(*used, *disk->effective, base::steady_now())) {
                note(event);
                tell(jail::NotifyEvent::limit, event);
            }
    } catch (const base::Error& error) {
        note(std::string("limit disk: ") + error.what());
    }
}

/// Where the kernel does not hold the limit, a service that is far beyond it would fill the disk of all.
void ServiceKeeper::measured_disk() {
    const auto used = disk_watch_.take(base::steady_now());
    const jail::LimitReading* disk = disk_reading(status_);
    if (!used || disk == nullptr || !disk->effective || !running_)
        return;
    for (const std::string& event : limit_watch_.look_at_disk(*used, *disk->effective, base::steady_now())) {
        note(event);
        tell(jail::NotifyEvent::limit, event);
    }
    if (*used < confine::too_much_disk(*disk->effective) || ending_ != Ending::none)
        return;
    ending_ = Ending::given_up;
    ending_reason_ = fmt::format("limit disk: {} are used of {}", jail::format_size(*used),
                                 jail::format_size(*disk->effective));
    note("ended, because it takes a quarter more disk than it may have");
    drop_probe();
    signal_service();
}

} // namespace pkgjail::supervise
