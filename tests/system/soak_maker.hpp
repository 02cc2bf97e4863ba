// One operation of each kind, made for the jails that there are.
#pragma once

#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <string>

#include "system/soak_operations.hpp"

namespace pkgjail::soak {

/// Numbers of one operation. Not the library's distributions, which differ from one library to the next.
class Draw {
  public:
    Draw(std::uint64_t seed, std::size_t number) {
        std::seed_seq mixed{seed, seed >> 32, std::uint64_t{number}};
        random_.seed(mixed);
    }
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
    bool one_in(std::size_t of) { return below(of) == 0; }
    template <typename Things>
    const auto& among(const Things& things) {
        return *std::next(things.begin(), static_cast<std::ptrdiff_t>(below(things.size())));
    }

  private:
    std::mt19937_64 random_;
};

/// Each makes one operation; nothing where the world has no jail for it.
class Maker {
  public:
    using Made = std::optional<Operation>;

    Maker(Draw& draw, std::size_t number, const World& now) : draw_(draw), number_(number), now_(now) {}

    Made install();
    Made clone();
    Made upgrade(bool good);
    Made rollback();
    Made snapshot();
    Made drop();
    Made restore();
    Made stop_or_start();
    Made limits();
    Made rename();
    Made destroy();
    /// What cannot be done changes nothing.
    Made refused();
    Made kill_something();
    Made write();

  private:
    void may_be(Operation& made, const std::string& state) const;
    Operation begin(const std::string& kind, const std::string& jail) const;
    std::optional<std::string> pick(const std::function<bool(const Jail&)>& suits);
    Made of(const std::string& kind, const std::function<bool(const Jail&)>& suits);

    Draw& draw_;
    const std::size_t number_;
    const World& now_;
};

} // namespace pkgjail::soak
