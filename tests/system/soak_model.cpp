#include "system/soak_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pkgjail::soak {

void Jail::add(const Generation& next) {
    current = last() + 1;
    generations[current] = next;
}

std::string show(const std::string& name, const Jail& jail) {
    std::string text = fmt::format("{}: {}, generation {}, memory {}, data \"{}\"\n", name, jail.state,
                                   jail.current, jail.memory, jail.data);
    for (const auto& [number, generation] : jail.generations)
        text += fmt::format("    generation {}: svc-{}, configuration \"{}\"{}\n", number, generation.version,
                            generation.configuration, generation.rolled_back ? ", rolled back" : "");
    for (const auto& [snapshot, frozen] : jail.snapshots)
        text += fmt::format("    snapshot {}: svc-{}, configuration \"{}\", data \"{}\"\n", snapshot,
                            frozen.version, frozen.configuration, frozen.data);
    return text;
}

namespace {

std::string show_rest(const World& world) {
    std::string text;
    if (!world.kept.empty())
        text += fmt::format("kept data: \"{}\"\n", fmt::join(world.kept, "\", \""));
    for (const std::string& path : world.strange)
        text += fmt::format("nobody's: {}\n", path);
    return text;
}

} // namespace

std::string show(const World& world) {
    std::string text;
    for (const auto& [name, jail] : world.jails)
        text += show(name, jail);
    return text + show_rest(world);
}

std::string show_difference(const World& here, const World& there) {
    std::string text;
    for (const auto& [name, jail] : here.jails)
        if (const auto other = there.jails.find(name);
            other == there.jails.end() || show(name, other->second) != show(name, jail))
            text += show(name, jail);
    for (const auto& [name, jail] : there.jails)
        if (!here.jails.contains(name))
            text += fmt::format("no {}\n", name);
    if (const std::string rest = show_rest(here); rest != show_rest(there))
        text += rest.empty() ? "nothing else\n" : rest;
    return text;
}

} // namespace pkgjail::soak
