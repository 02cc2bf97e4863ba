// Two hostile jails do a million random things: none crosses, no counter drifts, nothing is left over.

#include "kernel.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

using namespace kmod_test;

namespace {

// What the test itself knows of a process: its jail, and the slot that a failed fork left on its thread.
struct Known {
    std::size_t jail;
    bool slot = false;
    bool zombie = false;
};

class Chaos {
  public:
    Chaos(Kernel& kernel, unsigned seed) : kernel_(kernel), random_(seed) {
        for (std::size_t i = 0; i < 2; ++i) {
            Spec spec;
            spec.name = i == 0 ? "a" : "b";
            spec.policy = i == 0 ? PKGJAIL_PROFILE_LOW : PKGJAIL_PROFILE_MEDIUM;
            spec.limits.processes = limit;
            spec.limits.cpu_percent = 40;
            spec.ports = {
                tcp(static_cast<std::uint16_t>(8000 + 100 * i), static_cast<std::uint16_t>(8099 + 100 * i))};
            jails_[i] = kernel.create(spec);
            add_entry(i);
        }
        outsider_ = world_process(0);
    }

    void step() {
        const unsigned what = pick(100);
        if (processes_.empty() || what < 2)
            return add_entry(pick(2));
        const auto subject = any();
        if (processes_.at(subject).zombie)
            return reap(subject);
        if (what < 22)
            return do_fork(subject);
        if (what < 36)
            return do_exit(subject);
        if (what < 50)
            return change_credential(subject);
        if (what < 66)
            return ask(subject);
        if (what < 76)
            return kill(subject);
        if (what < 84)
            return bind(subject);
        if (what < 90)
            return reach_for_control(subject);
        if (what < 95)
            return administer();
        world_spin(world_lwp(subject), pick(2) == 0);
        if (what == 99)
            run();
    }

    // The module's counts against the test's own.
    void compare() {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto stat = kernel_.stat(jails_[i]);
            std::uint32_t expected = 0;
            for (const auto& [process, known] : processes_)
                if (known.jail == i && !known.zombie)
                    expected += 1 + known.slot;
            if (stat.processes != expected || stat.forks != forks_[i]) {
                CHECK(stat.processes == expected);
                CHECK(stat.forks == forks_[i]);
                std::exit(1);
            }
            if (stat.processes_peak > limit)
                FAIL("the limit was passed");
        }
    }

    void finish() {
        while (!processes_.empty()) {
            const auto process = processes_.begin()->first;
            if (!processes_.at(process).zombie)
                do_exit(process);
            if (processes_.contains(process))
                reap(process);
        }
        compare();
        exit_and_reap(outsider_);
        for (const auto& jail : jails_)
            CHECK(kernel_.destroy(jail) == "ok");
    }

    std::uint64_t crossed() const { return crossed_; }
    std::uint64_t tried() const { return tried_; }

  private:
    static constexpr std::uint32_t limit = 12;

    unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
    proc* any() {
        auto it = order_.begin() + pick(static_cast<unsigned>(order_.size()));
        return *it;
    }
    void know(proc* process, Known known) {
        processes_[process] = known;
        order_.push_back(process);
    }
    void forget(proc* process) {
        processes_.erase(process);
        order_.erase(std::find(order_.begin(), order_.end(), process));
    }
    std::uint32_t used(std::size_t jail) const {
        std::uint32_t count = 0;
        for (const auto& [process, known] : processes_)
            if (known.jail == jail && !known.zombie)
                count += 1 + known.slot;
        return count;
    }
    void expect(bool right) {
        if (!right)
            ++crossed_;
    }

    void add_entry(std::size_t jail) {
        proc* process = nullptr;
        const bool room = used(jail) < limit;
        const std::string result = kernel_.try_enter(jails_[jail], &process);
        expect((result == "ok") == room);
        if (result == "ok")
            know(process, Known{jail});
        else
            exit_and_reap(process);
    }
    void do_fork(proc* subject) {
        auto& known = processes_.at(subject);
        const auto kind = static_cast<enum world_fork>(pick(4));
        const bool room = known.slot || used(known.jail) < limit;
        const std::size_t jail = known.jail;
        proc* child = nullptr;
        int error = 0;
        {
            const As as(subject);
            error = world_fork(kind, &child);
        }
        expect((name_of(error) == "EAGAIN") == !room);
        if (name_of(error) == "ENOMEM")
            known.slot = true;
        if (error != 0)
            return;
        known.slot = false;
        ++forks_[jail];
        expect(world_jail_of(child) == jails_[jail].ref.id);
        know(child, Known{jail});
    }
    void do_exit(proc* subject) {
        const As as(subject);
        world_exit();
        processes_.at(subject).zombie = true;
        processes_.at(subject).slot = false;
    }
    void reap(proc* subject) {
        if (world_reap(subject) == 0)
            forget(subject);
    }
    void change_credential(proc* subject) {
        const auto id = world_jail_of(subject);
        {
            const As as(subject);
            switch (pick(4)) {
            case 0:
                world_setuid(pick(3) * 1000);
                break;
            case 1:
                world_setgroups();
                break;
            case 2:
                world_exec_setid(pick(2) * 1000);
                break;
            default:
                world_setsid();
            }
        }
        expect(world_jail_of(subject) == id);
    }
    void ask(proc* subject) {
        const auto question = static_cast<std::size_t>(pick(static_cast<unsigned>(world_questions())));
        proc* target = pick(10) == 0 ? outsider_ : any();
        const bool foreign = target == outsider_ || processes_.at(target).jail != processes_.at(subject).jail;
        const As as(subject);
        const auto answer = world_ask(question, target);
        ++tried_;
        expect(answer.module != WORLD_ALLOW);
        if (foreign && world_question_target(question) != WORLD_NOTHING &&
            std::string(world_question(question)) != "process setid")
            expect(answer.module == WORLD_DENY && !answer.allowed);
    }
    void kill(proc* subject) {
        proc* target = pick(5) == 0 ? outsider_ : any();
        const bool foreign = target == outsider_ || processes_.at(target).jail != processes_.at(subject).jail;
        const As as(subject);
        const int error = world_kill(target, 15);
        ++tried_;
        if (foreign)
            expect(name_of(error) == "EPERM");
    }
    void bind(proc* subject) {
        const std::size_t jail = processes_.at(subject).jail;
        world_bind endpoint{};
        endpoint.family = 4;
        endpoint.type = 1;
        endpoint.port = static_cast<std::uint16_t>(7950 + pick(300));
        const As as(subject);
        const auto answer = world_ask_bind(&endpoint);
        ++tried_;
        const bool others =
            endpoint.port >= 8000 + 100 * (1 - jail) && endpoint.port <= 8099 + 100 * (1 - jail);
        const bool own = endpoint.port >= 8000 + 100 * jail && endpoint.port <= 8099 + 100 * jail;
        if (others)
            expect(answer.module == WORLD_DENY);
        if (own)
            expect(answer.module == WORLD_DEFER);
    }
    void reach_for_control(proc* subject) {
        int fd = -1;
        const As as(subject);
        ++tried_;
        expect(name_of(world_open_device(&fd)) == "EPERM");
        expect(name_of(world_chroot(jails_[1 - processes_.at(subject).jail].root)) == "EPERM");
    }
    void administer() {
        const std::size_t jail = pick(2);
        switch (pick(5)) {
        case 0:
            kernel_.pause(jails_[jail], pick(2) == 0);
            break;
        case 1:
            kernel_.events(jails_[jail]);
            break;
        case 2: {
            auto limits = kernel_.stat(jails_[jail]).limits;
            limits.cpu_percent = pick(100);
            limits.memory_bytes = std::uint64_t{pick(2)} << 30;
            kernel_.set_limits(jails_[jail], limits);
            break;
        }
        case 3:
            if (used(jail) != 0)
                expect(kernel_.destroy(jails_[jail]) == "EBUSY");
            break;
        default:
            compare();
        }
        if (kernel_.list().size() != 2)
            FAIL("a jail went away");
    }
    void run() { world_run(1 + pick(20)); }

    Kernel& kernel_;
    std::minstd_rand random_;
    Jail jails_[2];
    std::uint64_t forks_[2]{};
    std::map<proc*, Known> processes_;
    std::vector<proc*> order_;
    proc* outsider_ = nullptr;
    std::uint64_t crossed_ = 0, tried_ = 0;
};

void chaos(unsigned steps, unsigned seed) {
    Kernel kernel(2);
    Chaos chaos(kernel, seed);
    for (unsigned i = 0; i < steps; ++i) {
        chaos.step();
        if (i % 1000 == 0)
            chaos.compare();
        if (chaos.crossed() != 0)
            FAIL("step " << i << " of seed " << seed << " crossed or drifted");
    }
    chaos.finish();
    CHECK(chaos.crossed() == 0);
    CHECK(chaos.tried() > steps / 10);
}

} // namespace

TEST_CASE("two hostile jails in twenty thousand random steps do not cross", "[kmod][hostile]") {
    for (unsigned seed = 1; seed <= 4; ++seed)
        chaos(5000, seed);
}

TEST_CASE("two hostile jails in a million random steps do not cross", "[kmod][hostile][long]") {
    chaos(1000000, 42);
}
