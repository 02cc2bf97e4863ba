// The supervisor and the limits of its jail: changing them while the service runs, and telling when they are
// met.
#include "pkgjail/base/error.hpp"
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
    for (const std::string& event : limit_watch_.look(usage, base::steady_now()))
        note(event);
}

} // namespace pkgjail::supervise
