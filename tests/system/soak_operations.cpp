#include "system/soak_operations.hpp"

#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "system/soak_maker.hpp"

namespace pkgjail::soak {

namespace {

Maker::Made make(Maker& maker, std::size_t kind) {
    struct Kind {
        std::size_t share; ///< of a hundred
        std::function<Maker::Made(Maker&)> make;
    };
    static const std::vector<Kind> kinds = {
        {8, [](Maker& m) { return m.install(); }},       {9, [](Maker& m) { return m.clone(); }},
        {11, [](Maker& m) { return m.upgrade(true); }},  {6, [](Maker& m) { return m.upgrade(false); }},
        {8, [](Maker& m) { return m.rollback(); }},      {11, [](Maker& m) { return m.snapshot(); }},
        {4, [](Maker& m) { return m.drop(); }},          {7, [](Maker& m) { return m.restore(); }},
        {8, [](Maker& m) { return m.stop_or_start(); }}, {4, [](Maker& m) { return m.limits(); }},
        {3, [](Maker& m) { return m.rename(); }},        {6, [](Maker& m) { return m.destroy(); }},
        {2, [](Maker& m) { return m.refused(); }},       {7, [](Maker& m) { return m.kill_something(); }},
        {6, [](Maker& m) { return m.write(); }}};
    for (const Kind& each : kinds) {
        if (kind < each.share)
            return each.make(maker);
        kind -= each.share;
    }
    return std::nullopt;
}

} // namespace

Operation choose(std::uint64_t seed, std::size_t number, const World& now) {
    Draw draw(seed, number);
    Maker maker(draw, number, now);
    Maker::Made made = now.jails.size() < 3 ? maker.install() : std::nullopt;
    while (!made)
        made = make(maker, draw.below(100));
    if (made->deed == Deed::command && draw.one_in(3)) {
        made->killed_after = std::chrono::milliseconds(draw.below(draw.one_in(2) ? 80 : 900));
        if (draw.one_in(3))
            made->next_killed_after = std::chrono::milliseconds(draw.below(300));
        made->kind += ", killed";
    }
    return std::move(*made);
}

std::string describe(const Operation& operation) {
    std::string text;
    if (operation.offer)
        text = fmt::format("with {}svc-{} on offer: ", operation.offer->good ? "" : "bad ",
                           operation.offer->version);
    switch (operation.deed) {
    case Deed::command:
        text += fmt::format("pkgjail {}", fmt::join(operation.words, " "));
        break;
    case Deed::kill_service:
        text += fmt::format("kill the service of {}", operation.jail);
        break;
    case Deed::kill_supervisor:
        text += fmt::format("kill the supervisor of {}", operation.jail);
        break;
    case Deed::kill_both:
        text += fmt::format("kill supervisor and service of {}", operation.jail);
        break;
    case Deed::kill_all:
        text += "kill all supervisors and services";
        break;
    case Deed::write_data:
        text += fmt::format("write \"{}\" into data of {}", operation.text, operation.jail);
        break;
    case Deed::write_configuration:
        text += fmt::format("write \"{}\" into configuration of {}", operation.text, operation.jail);
        break;
    }
    if (operation.killed_after)
        text += fmt::format(", killed after {} ms", operation.killed_after->count());
    if (operation.next_killed_after)
        text += fmt::format(", the next command after {} ms", operation.next_killed_after->count());
    return text;
}

} // namespace pkgjail::soak
