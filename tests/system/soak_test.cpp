// Random operations on a dozen real jails beside a model that says what has to be true after each of them. In
// the middle of it services, supervisors and commands are killed. At the end catalog, disk and model agree,
// and nothing of it is left on the host.
//
// PKGJAIL_SOAK_SECONDS says how long at least (30), PKGJAIL_SOAK_SEED which operations (1): `./check --soak`.
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "system/soak_host.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using soak::Deed;
using soak::Operation;
using soak::World;
using test::CommandResult;

namespace {

/// As many on a slow machine, too: the first ones do little more than make jails.
constexpr std::size_t least_operations = 40;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
    const char* value = std::getenv(variable);
    return value == nullptr || *value == '\0' ? otherwise : std::strtoull(value, nullptr, 10);
}

/// At once, so that it is there as well when the machine dies of it.
void tell(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

class Soak {
  public:
    Soak(std::uint64_t seed, soak::SoakHost& host) : seed_(seed), host_(host) {}

    void run(std::chrono::seconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end || number_ < least_operations) {
            operation_ = soak::choose(seed_, ++number_, model_);
            tell(fmt::format("{:5} {}", number_, describe(operation_)));
            ++counts_[operation_.kind];
            perform();
            model_ = operation_.after;
            require("open files", "", host_.more_descriptors());
            if (number_ % 20 == 0)
                require("complaints", "", host_.complaints());
        }
        require("complaints", "", host_.complaints());
    }

    /// All jails are destroyed and nothing is left.
    void end() {
        operation_ = {};
        operation_.words = {"destroy", "--all", "--with-data", "--yes"};
        command(operation_.words, 0);
        operation_.words = {"gc"};
        command(operation_.words, 0);
        command(any_, 0); // removes the lock files of what gc has looked at
        model_.jails.clear();
        expect({model_});
        require("complaints", "", host_.complaints());
        require("what is left", "", host_.left());
    }

    std::size_t operations() const { return number_; }
    std::string told() const {
        std::string text;
        for (const auto& [what, count] : counts_)
            text += fmt::format("{}{} {}", text.empty() ? "" : "; ", count, what);
        return text;
    }
    /// For whoever has to find out why it failed.
    std::string story() const {
        return fmt::format(
            "operation {}: {}\nall operations stand above; ./check --soak --seed {} chooses them again",
            number_, describe(operation_), seed_);
    }

  private:
    void perform() {
        if (operation_.offer)
            host_.offer(*operation_.offer);
        switch (operation_.deed) {
        case Deed::write_data:
        case Deed::write_configuration:
            host_.write(operation_.deed, operation_.jail, operation_.text);
            break;
        case Deed::kill_service:
            host_.kill(operation_.deed, operation_.jail);
            break;
        case Deed::kill_supervisor:
        case Deed::kill_both:
        case Deed::kill_all:
            host_.kill(operation_.deed, operation_.jail);
            command(next_, 0);
            break;
        case Deed::command:
            if (operation_.killed_after)
                killed();
            else
                command(operation_.words, operation_.status);
            break;
        }
        expect({operation_.after});
    }

    /// It is done, or it is not and the same command does it.
    void killed() {
        host_.run_and_kill(operation_.words, *operation_.killed_after);
        if (operation_.next_killed_after)
            host_.run_and_kill(next_, *operation_.next_killed_after);
        command(next_, 0);
        command(any_, 0);
        std::vector<World> possible = {operation_.after, model_};
        possible.insert(possible.end(), operation_.between.begin(), operation_.between.end());
        const bool was_done = expect(possible) == 0;
        ++counts_[was_done ? "of the killed were done" : "were not"];
        if (!was_done)
            command(operation_.words, operation_.status);
    }

    void command(const std::vector<std::string>& words, int status) {
        const CommandResult result = host_.run(words);
        printed_ = fmt::format("pkgjail {}\n{}{}", fmt::join(words, " "), result.out, result.err);
        require("exit status", std::to_string(status), std::to_string(result.status));
    }

    /// Which of these worlds has come about; services need a moment for it.
    std::size_t expect(const std::vector<World>& possible) {
        World found;
        for (const auto end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end;
             std::this_thread::sleep_for(30ms)) {
            found = host_.look();
            for (std::size_t i = 0; i < possible.size(); ++i)
                if (show(found) == show(possible[i]))
                    return i;
        }
        std::string expected;
        std::string different;
        for (const World& one : possible) {
            expected += (expected.empty() ? "" : "  or\n") + show_difference(one, found);
            different += (different.empty() ? "" : "  and\n") + show_difference(found, one);
        }
        require("jails", expected, different);
        return 0;
    }

    void require(const std::string& what, const std::string& expected, const std::string& found) const {
        if (expected != found)
            throw std::runtime_error(fmt::format("{}\nexpected:\n{}\nfound:\n{}\nthe last command:\n{}", what,
                                                 expected, found, printed_));
    }

    /// Starts what should run, and does nothing where all does or nothing should.
    const std::vector<std::string> next_ = {"start", "--wanted"};
    /// Like every command that changes something, puts right what dead ones left.
    const std::vector<std::string> any_ = {"update"};
    const std::uint64_t seed_;
    soak::SoakHost& host_;
    World model_;
    Operation operation_; ///< that is under way
    std::size_t number_ = 0;
    std::string printed_; ///< by the last command
    std::map<std::string, std::size_t> counts_;
};

} // namespace

TEST_CASE("whatever is done to a dozen jails, catalog, disk and processes are as the model says, and nothing "
          "is left",
          "[system][root][.soak]") {
    if (!test::can_run_jails())
        return;
    const std::uint64_t seed = number_of("PKGJAIL_SOAK_SEED", 1);
    const std::chrono::seconds time(number_of("PKGJAIL_SOAK_SECONDS", 30));
    const auto disk = test::LoopMount::make("tmpfs", 1024);
    REQUIRE(disk);
    tell(fmt::format("soak: seed {}, {} s", seed, time.count()));
    soak::SoakHost host(*disk);
    Soak soak(seed, host);

    try {
        soak.run(time);
        soak.end();
    } catch (const std::exception& error) {
        FAIL(soak.story() << "\n" << error.what());
    }

    tell(fmt::format("soak: seed {}: {}\nnumbers: soak operations {}", seed, soak.told(), soak.operations()));
}
