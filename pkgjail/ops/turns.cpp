#include "pkgjail/ops/turns.hpp"

#include <algorithm>
#include <optional>

namespace pkgjail::ops {

using base::Error;

namespace {

class Round {
  public:
    Round(const std::vector<Turn>& turns, unsigned limit, const TurnWork& work)
        : turns_(turns), limit_(limit), work_(work) {
        for (const Turn& turn : turns_)
            states_[turn.jail] = State::waiting;
    }

    void run() {
        for (;;) {
            bool moved = ask();
            moved = begin_what_can() || moved;
            if (!any(State::waiting) && under_way() == 0)
                return;
            if (moved)
                continue;
            if (under_way() == 0)
                begin(first_waiting()); // a circle: somebody has to be the first
            else
                work_.pause();
        }
    }

  private:
    enum class State { waiting, under_way, done, failed };

    bool any(State state) const {
        return std::any_of(states_.begin(), states_.end(),
                           [&](const auto& entry) { return entry.second == state; });
    }
    unsigned under_way() const {
        return static_cast<unsigned>(std::count_if(states_.begin(), states_.end(), [](const auto& entry) {
            return entry.second == State::under_way;
        }));
    }
    const Turn& first_waiting() const {
        return *std::find_if(turns_.begin(), turns_.end(),
                             [&](const Turn& turn) { return states_.at(turn.jail) == State::waiting; });
    }

    void fail(const std::string& jail, const Error& why) {
        states_[jail] = State::failed;
        failures_.emplace(jail, why);
        work_.failed(jail, why);
    }

    bool ask() {
        bool moved = false;
        for (const Turn& turn : turns_) {
            if (states_[turn.jail] != State::under_way)
                continue;
            try {
                if (!work_.is_over(turn.jail))
                    continue;
                states_[turn.jail] = State::done;
            } catch (const Error& error) {
                fail(turn.jail, error);
            }
            moved = true;
        }
        return moved;
    }

    void begin(const Turn& turn) {
        states_[turn.jail] = State::under_way;
        try {
            work_.begin(turn.jail);
        } catch (const Error& error) {
            fail(turn.jail, error);
        }
    }

    bool begin_what_can() {
        bool moved = false;
        for (const Turn& turn : turns_) {
            if (states_[turn.jail] != State::waiting)
                continue;
            bool ready = true;
            std::optional<std::string> failed;
            for (const std::string& other : turn.after) {
                const auto state = states_.find(other);
                if (state == states_.end() || other == turn.jail)
                    continue;
                if (state->second == State::failed)
                    failed = other;
                ready = ready && state->second == State::done;
            }
            if (failed) {
                fail(turn.jail, work_.blocked(turn.jail, *failed, failures_.at(*failed)));
                moved = true;
            } else if (ready && under_way() < limit_) {
                begin(turn);
                moved = true;
            }
        }
        return moved;
    }

    const std::vector<Turn>& turns_;
    const unsigned limit_;
    const TurnWork& work_;
    std::map<std::string, State> states_;
    std::map<std::string, Error> failures_;
};

} // namespace

void take_turns(const std::vector<Turn>& turns, unsigned limit, const TurnWork& work) {
    Round(turns, std::max(limit, 1u), work).run();
}

} // namespace pkgjail::ops
