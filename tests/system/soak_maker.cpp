#include "system/soak_maker.hpp"

#include <fmt/format.h>

namespace pkgjail::soak {

namespace {

constexpr std::size_t most_snapshots = 3;

bool is_ready(const Jail& jail) {
    return jail.state == "ready";
}
/// What does not stay up is only left by a rollback: nothing else that is done with it has one outcome.
bool is_sound(const Jail& jail) {
    return jail.generation().good;
}
bool is_stopped(const Jail& jail) {
    return is_sound(jail) && !is_ready(jail);
}

bool has_snapshots(const Jail& jail) {
    return !jail.snapshots.empty();
}

} // namespace

Operation Maker::begin(const std::string& kind, const std::string& jail) const {
    Operation made;
    made.kind = kind;
    made.jail = jail;
    made.after = now_;
    return made;
}

std::optional<std::string> Maker::pick(const std::function<bool(const Jail&)>& suits) {
    std::vector<std::string> names;
    for (const auto& [name, jail] : now_.jails)
        if (suits(jail))
            names.push_back(name);
    if (names.empty())
        return std::nullopt;
    return draw_.among(names);
}

Maker::Made Maker::of(const std::string& kind, const std::function<bool(const Jail&)>& suits) {
    const auto jail = pick(suits);
    if (!jail)
        return std::nullopt;
    return begin(kind, *jail);
}

/// A killed command may have left its jail in this state.
void Maker::may_be(Operation& made, const std::string& state) const {
    made.between.push_back(now_);
    made.between.back().jails.at(made.jail).state = state;
}

Maker::Made Maker::install() {
    if (now_.jails.size() >= most_jails)
        return std::nullopt;
    Operation made = begin("installed", fmt::format("j{}", number_));
    made.words = {"install", "svc", "-j", made.jail, "--limit", "memory=64M"};
    made.offer = {fmt::format("{}.0", number_), true};
    Jail& jail = made.after.jails[made.jail];
    jail.memory = "64M";
    jail.generations[1] = {made.offer->version, "", false, true};
    return made;
}

Maker::Made Maker::clone() {
    const auto source = pick(is_sound);
    if (!source || now_.jails.size() >= most_jails)
        return std::nullopt;
    const Jail& from = now_.jails.at(*source);
    Operation made = begin("cloned", fmt::format("j{}", number_));
    Jail& jail = made.after.jails[made.jail];
    jail.memory = from.memory;
    std::string what = *source;
    if (!from.snapshots.empty() && draw_.one_in(2)) {
        const auto& [snapshot, frozen] = draw_.among(from.snapshots);
        what += "@" + snapshot;
        jail.generations[1] = {frozen.version, frozen.configuration, false, true};
        jail.data = frozen.data;
    } else {
        jail.generations[1] = {from.generation().version, from.generation().configuration, false, true};
        jail.data = from.data;
    }
    made.words = {"clone", what, made.jail};
    return made;
}

Maker::Made Maker::upgrade(bool good) {
    auto made = of("upgraded", is_sound);
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    made->offer = {fmt::format("{}.0", number_), good};
    made->words = {"upgrade", made->jail};
    const int before = jail.current;
    jail.add({made->offer->version, jail.generation().configuration, false, good});
    if (!good && is_ready(jail)) {
        made->kind = "upgraded in vain";
        made->status = 4;
        jail.generations.at(jail.current).rolled_back = true;
        jail.current = before;
    }
    return made;
}

Maker::Made Maker::rollback() {
    auto made = of("rolled back", [](const Jail& jail) { return jail.generations.size() > 1; });
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    std::vector<int> others;
    for (const auto& [number, generation] : jail.generations)
        if (number != jail.current)
            others.push_back(number);
    const int to = draw_.among(others);
    made->words = {"rollback", made->jail, std::to_string(to)};
    if (is_ready(jail) && !jail.generations.at(to).good) {
        made->kind = "rolled back in vain";
        made->status = 4;
        jail.generations.at(to).rolled_back = true;
    } else {
        jail.current = to;
    }
    return made;
}

Maker::Made Maker::snapshot() {
    auto made = of("snapshots",
                   [](const Jail& jail) { return is_sound(jail) && jail.snapshots.size() < most_snapshots; });
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    const std::string name = fmt::format("s{}", number_);
    made->words = {"snapshot", made->jail, name};
    jail.snapshots[name] = {jail.generation().version, jail.generation().configuration, jail.data};
    return made;
}

Maker::Made Maker::drop() {
    auto made = of("snapshots dropped", has_snapshots);
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    const std::string name = draw_.among(jail.snapshots).first;
    made->words = {"drop", made->jail, name, "--yes"};
    jail.snapshots.erase(name);
    return made;
}

Maker::Made Maker::restore() {
    auto made = of("restored", [](const Jail& jail) { return is_sound(jail) && has_snapshots(jail); });
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    const auto [name, frozen] = draw_.among(jail.snapshots);
    made->words = {"restore", made->jail, name, "--yes"};
    jail.snapshots[fmt::format("before-restore#{}", ++jail.restores)] = {
        jail.generation().version, jail.generation().configuration, jail.data};
    jail.add({frozen.version, frozen.configuration, false, true});
    jail.data = frozen.data;
    return made;
}

Maker::Made Maker::stop_or_start() {
    auto made = of("", is_sound);
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    const char* verb = !is_ready(jail) ? "start" : draw_.one_in(3) ? "restart" : "stop";
    made->kind = verb == std::string("stop") ? "stopped" : std::string(verb) + "ed";
    made->words = {verb, made->jail};
    jail.state = verb == std::string("stop") ? "stopped" : "ready";
    if (verb == std::string("stop"))
        may_be(*made, "ready, not wanted"); // noted before it is done
    return made;
}

Maker::Made Maker::limits() {
    auto made = of("limits changed", is_sound);
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    jail.memory = fmt::format("{}M", 40 + 4 * draw_.below(20));
    made->words = {"limits", made->jail, "memory=" + jail.memory};
    return made;
}

Maker::Made Maker::rename() {
    auto made = of("renamed", is_stopped);
    if (!made)
        return made;
    auto node = made->after.jails.extract(made->jail);
    node.key() = fmt::format("j{}", number_);
    made->words = {"rename", made->jail, node.key()};
    made->after.jails.insert(std::move(node));
    return made;
}

Maker::Made Maker::destroy() {
    if (now_.jails.size() < 5)
        return std::nullopt;
    auto made = of("destroyed", [](const Jail&) { return true; });
    const Jail& jail = now_.jails.at(made->jail);
    made->words = {"destroy", made->jail, "--yes"};
    if (!jail.snapshots.empty() || draw_.one_in(2))
        made->words.emplace_back("--with-data");
    else
        made->after.kept.insert(jail.data);
    made->after.jails.erase(made->jail);
    // It is stopped for good before anything of it goes.
    may_be(*made, "stopped");
    if (is_ready(jail))
        may_be(*made, "ready, not wanted");
    return made;
}

Maker::Made Maker::refused() {
    auto made = of("refused", [](const Jail&) { return true; });
    if (!made)
        return made;
    const Jail& jail = now_.jails.at(made->jail);
    const std::string& name = made->jail;
    switch (draw_.below(5)) {
    case 0:
        made->words = {"clone", name, draw_.among(now_.jails).first};
        break;
    case 1:
        made->words = {"rollback", name, "9999"};
        break;
    case 2:
        made->words = {"restore", name, "nothing", "--yes"};
        break;
    case 3:
        made->words = {"rename", name, draw_.among(now_.jails).first};
        break;
    default:
        made->words = {"snapshot", name, jail.snapshots.empty() ? "-" : draw_.among(jail.snapshots).first};
    }
    const std::string& verb = made->words.front();
    const bool itself = made->words.back() == name;
    if (verb == "rename" && itself)
        return std::nullopt;
    made->status = verb == "rollback" || verb == "restore" ? 5 : itself || made->words.back() == "-" ? 64 : 6;
    return made;
}

Maker::Made Maker::kill_something() {
    auto made = of("", is_ready);
    if (!made)
        return made;
    static const std::vector<std::pair<Deed, const char*>> deeds = {
        {Deed::kill_service, "services killed"},
        {Deed::kill_service, "services killed"},
        {Deed::kill_service, "services killed"},
        {Deed::kill_supervisor, "supervisors killed"},
        {Deed::kill_supervisor, "supervisors killed"},
        {Deed::kill_both, "both killed"},
        {Deed::kill_both, "both killed"},
        {Deed::kill_all, "all killed at once"}};
    std::tie(made->deed, made->kind) = draw_.among(deeds);
    return made;
}

Maker::Made Maker::write() {
    auto made = of("written to", is_sound);
    if (!made)
        return made;
    Jail& jail = made->after.jails.at(made->jail);
    made->text = fmt::format("text {}", number_);
    if (draw_.one_in(2)) {
        made->deed = Deed::write_data;
        jail.data = made->text;
    } else {
        made->deed = Deed::write_configuration;
        jail.generations.at(jail.current).configuration = made->text;
    }
    return made;
}

} // namespace pkgjail::soak
