// The keeper and the further services of its jail: whose turn it is to start or to stop, and what their
// states make of the jail's.
#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/supervise/service_keeper.hpp"

namespace pkgjail::supervise {

bool ServiceKeeper::further_are_ready() const {
    return std::all_of(further_.begin(), further_.end(), [](const auto& further) {
        return further->is_set_aside() || further->part().state == ServiceState::ready;
    });
}

bool ServiceKeeper::is_its_turn(const FurtherService& further) const {
    return std::all_of(further.after().begin(), further.after().end(), [this](const std::string& name) {
        for (const auto& other : further_)
            if (other->name() == name)
                return other->was_ready() || other->is_set_aside();
        return first_well_ || status_.ready_at.has_value();
    });
}

/// Called in every round of the loop.
void ServiceKeeper::watch_further() {
    for (std::size_t i = 0; i < further_.size(); ++i)
        if (further_[i]->take_changed()) {
            status_.further[i] = further_[i]->part();
            changed_ = true;
        }
    if (further_.empty() || !running_ || over_)
        return;
    if (ending_ != Ending::none) {
        if (!told_first_ && !stop_next_further())
            signal_service();
        return;
    }
    const FurtherService* ill = nullptr; // the first that is not ready
    for (const auto& further : further_) {
        if (further->part().state == ServiceState::ready || further->is_set_aside())
            continue;
        if (ill == nullptr)
            ill = further.get();
        // Each waits until those that it comes after are ready for the first time; later on each lives its
        // own life.
        if (further->part().state == ServiceState::stopped && is_its_turn(*further))
            further->start();
    }
    if (ill == nullptr) {
        if (first_well_ && status_.state != ServiceState::ready)
            become_ready(first_why_);
        return;
    }
    const ServicePart& part = ill->part();
    if (status_.state == ServiceState::starting) {
        if (part.state == ServiceState::failed) {
            ending_ = Ending::not_ready;
            ending_reason_ = fmt::format("service {}: {}", part.name, part.reason);
            note(ending_reason_);
            drop_probe();
            signal_service();
        } else if (first_well_ && status_.reason != "waits for service " + part.name) {
            enter(ServiceState::starting, "waits for service " + part.name);
        }
        return;
    }
    const std::string reason =
        fmt::format("service {} is {}: {}", part.name, state_name(part.state), part.reason);
    if (first_well_ && status_.reason != reason)
        enter(ServiceState::unhealthy, reason);
}

/// The last one that runs is told to end; false when none runs any more. The others wait for it.
bool ServiceKeeper::stop_next_further() {
    for (auto further = further_.rbegin(); further != further_.rend(); ++further) {
        (*further)->begin_stop();
        if ((*further)->is_running())
            return true;
    }
    return false;
}

void ServiceKeeper::forget_further() {
    for (const auto& further : further_)
        further->jail_gone();
}

std::string ServiceKeeper::ask_service(const ControlRequest& request) {
    if (request.service == service_.service.name) {
        switch (request.verb) {
        case ControlVerb::start:
            return running_ ? "ok already" : "error the jail's first service does not run";
        case ControlVerb::reload:
            if (service_.service.reload_signal == 0)
                return "error the service has no reload signal";
            if (const auto refused = renew_secrets())
                return *refused;
            if (!running_ || ending_ != Ending::none ||
                !base::send_signal(service_process(), service_.service.reload_signal))
                return "error the service does not run";
            note(fmt::format("told to reload (signal {})", service_.service.reload_signal));
            return "ok";
        default:
            return "error it is the jail's first service, with which the jail ends: stop or restart the jail";
        }
    }
    const auto found = std::find_if(further_.begin(), further_.end(),
                                    [&](const auto& further) { return further->name() == request.service; });
    if (found == further_.end()) {
        std::string names = service_.service.name;
        for (const auto& further : further_)
            names += ", " + further->name();
        return fmt::format("error no service \"{}\", there are: {}", request.service, names);
    }
    if (ending_ != Ending::none)
        return "error the jail is being stopped";
    // Whoever begins or is told to look again finds the values of now.
    const bool looks = request.verb == ControlVerb::reload || request.verb == ControlVerb::restart ||
                       (request.verb == ControlVerb::start && !(*found)->is_up());
    if (const auto refused = looks ? renew_secrets() : std::nullopt)
        return *refused;
    const std::string answer = (*found)->ask(request.verb);
    watch_further();
    save(); // whoever asked may look next
    return answer;
}

/// Puts the present values into the jail; the answer when that fails.
std::optional<std::string> ServiceKeeper::renew_secrets() {
    if (running_ && !service_.spec.secrets.empty())
        try {
            driver_.put_secrets(service_.spec, run_directory_);
        } catch (const base::Error& error) {
            return std::string("error ") + error.what();
        }
    return std::nullopt;
}

std::string ServiceKeeper::reload() {
    if (!service_.can_reload())
        return "error the service has no reload signal";
    if (const auto refused = renew_secrets())
        return *refused;
    bool told = false;
    if (service_.service.reload_signal != 0 && running_ && ending_ == Ending::none &&
        base::send_signal(service_process(), service_.service.reload_signal)) {
        note("told to reload (signal " + std::to_string(service_.service.reload_signal) + ")");
        told = true;
    }
    for (const auto& further : further_)
        told = further->reload() || told;
    return told ? "ok" : "error the service does not run";
}

} // namespace pkgjail::supervise
