#include "driver/shadow_host.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "pkgjail/confine/kmod_process.hpp"

namespace kmod_test {

using namespace pkgjail::confine;

namespace {

class Unconfined final : public SystemEntryCalls {
  public:
    using SystemEntryCalls::SystemEntryCalls;
    int open_device() noexcept override { return 0; }
    int change_root(const EntryPlan&) noexcept override { return 0; }
    int enter(pkgjail_enter&) noexcept override { return 0; }
    int close_device() noexcept override { return 0; }
    int become(const Identity&) noexcept override { return 0; }
};

std::unique_ptr<EntryCalls> unconfined(const EntryPlan& plan, int gate, int report) {
    return std::make_unique<Unconfined>(plan, gate, report);
}

class ShadowEntrant final : public Entrant {
  public:
    ShadowEntrant(std::unique_ptr<Entrant> real, std::unique_ptr<Entrant> shadow)
        : real_(std::move(real)), shadow_(std::move(shadow)) {}
    pkgjail::base::ProcessId process() const override { return real_->process(); }
    EntryOutcome await_ready() override {
        const EntryOutcome outcome = real_->await_ready();
        return outcome.ready() ? shadow_->await_ready() : outcome;
    }
    std::optional<EntryOutcome> let_go() override {
        const auto failed = shadow_->let_go();
        return failed ? failed : real_->let_go();
    }
    pkgjail::base::Exit wait() override { return real_->wait(); }

  private:
    std::unique_ptr<Entrant> real_;
    std::unique_ptr<Entrant> shadow_;
};

} // namespace

/// What ended on one side ends on the other.
void ShadowHost::settle() {
    for (const Pair& pair : pairs_) {
        const bool alive = pkgjail::base::identify_process(pair.real).has_value();
        if (world_is_zombie(pair.shadow)) {
            if (alive)
                ::kill(-pair.real, SIGKILL); // the leader of its session, with what it started
        } else if (!alive) {
            lwp* before = world_as(world_lwp(pair.shadow));
            world_exit();
            world_as(before);
        }
    }
}

pid_t ShadowHost::shadow_of(pid_t real) const {
    for (const Pair& pair : pairs_)
        if (pair.real == real)
            return world_pid(pair.shadow);
    return real; // our own
}

int ShadowHost::request(unsigned long number, void* data) {
    settle();
    if (number == PKGJAIL_IOC_SIGNAL) {
        const auto* signal = static_cast<const pkgjail_signal*>(data);
        for (const Pair& pair : pairs_)
            if (signal->flags == 0 && signal->signo != 0 && !world_is_zombie(pair.shadow) &&
                world_jail_of(pair.shadow) == signal->ref.id)
                ::kill(-pair.real, signal->signo);
    }
    const int error = fake_.request(number, data);
    if (error == 0 && number == PKGJAIL_IOC_MEMBERS) {
        const auto* members = static_cast<const pkgjail_members*>(data);
        auto* pids = reinterpret_cast<std::int32_t*>(static_cast<std::uintptr_t>(members->buffer));
        for (std::uint32_t i = 0; i < std::min(members->count, members->capacity); ++i)
            for (const Pair& pair : pairs_)
                if (world_pid(pair.shadow) == pids[i])
                    pids[i] = pair.real;
    }
    settle();
    return error;
}

std::unique_ptr<Entrant> ShadowHost::start(const EntryPlan& plan) {
    auto real = fork_entrant(plan, unconfined);
    auto shadow = fake_.start(plan);
    pairs_.push_back({machine_.last_entered(), real->process().pid});
    return std::make_unique<ShadowEntrant>(std::move(real), std::move(shadow));
}

void ShadowHost::pause(std::chrono::milliseconds time) {
    fake_.pause(time);
    settle();
    std::this_thread::sleep_for(std::chrono::milliseconds(1)); // a killed process takes real time to end
}

} // namespace kmod_test
