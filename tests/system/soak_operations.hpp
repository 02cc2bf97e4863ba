// The random operations of the soak. Which one comes next follows from seed, number and the model alone, and
// the model never depends on how far a killed command came: so a seed chooses the same again, on any machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "system/soak_model.hpp"

namespace pkgjail::soak {

enum class Deed {
    command,         ///< of pkgjail
    kill_service,    ///< its supervisor starts it again
    kill_supervisor, ///< the service lives on, and the next command adopts it
    kill_both,       ///< supervisor and service
    kill_all,        ///< those of all jails
    write_data,      ///< into the file in /var
    write_configuration
};

/// The version of package svc that the repository has from now on.
struct Offer {
    std::string version;
    bool good = true; ///< stays up
};

struct Operation {
    std::string kind; ///< to be counted
    Deed deed = Deed::command;
    std::vector<std::string> words; ///< of the command
    int status = 0;                 ///< what it ends with
    std::string jail;
    std::string text; ///< what is written
    std::optional<Offer> offer;
    /// The command is killed when it takes longer, the next one puts right what it left, and if it was not
    /// done then it is done once more.
    std::optional<std::chrono::milliseconds> killed_after;
    std::optional<std::chrono::milliseconds>
        next_killed_after; ///< so is the next one, and the one after it does
    World after;
    std::vector<World> between; ///< as far as the killed command may also have come
};

constexpr std::size_t most_jails = 12;

Operation choose(std::uint64_t seed, std::size_t number, const World& now);

/// "upgrade j3 to svc-12.0, killed after 80 ms"
std::string describe(const Operation& operation);

} // namespace pkgjail::soak
