// What is there: the half of SoakHost that changes nothing.
#include "system/soak_host.hpp"

#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "system/soak_files.hpp"

namespace pkgjail::soak {

namespace fs = std::filesystem;
using nlohmann::json;
using test::CommandResult;

namespace {

std::string in_mebibytes(const json& bytes) {
    return fmt::format("{}M", bytes.get<std::uint64_t>() >> 20);
}

const char* const before_restore = "before-restore-";

} // namespace

/// The model's name of a snapshot, which is its own unless it has the time in it.
std::string SoakHost::name_of(const std::string& id, const std::string& snapshot_id) {
    std::string& name = modelled_[snapshot_id];
    if (name.empty())
        name = fmt::format("before-restore#{}", ++restores_[id]);
    return name;
}

std::string SoakHost::version_of(const std::string& image) const {
    const std::string text = text_of(host_.state() / "images" / image / "image.json");
    if (text.empty())
        return "of no image";
    const std::string pkgname = json::parse(text)["packages"][0]["pkgname"].get<std::string>();
    return pkgname.substr(pkgname.rfind('-') + 1);
}

/// Its state as pkgjail says; with what its processes see, where that is not what lies on disk.
std::string SoakHost::state_of(const json& status, const Jail& jail) const {
    std::string state = status["state"].get<std::string>();
    if (status["wanted_running"].get<bool>() != (state == "ready"))
        state += status["wanted_running"].get<bool>() ? ", wanted running" : ", not wanted";
    if (status["state"] != "ready" || !jail.generations.contains(jail.current))
        return state;
    const fs::path root = fmt::format("/proc/{}/root", pid_in(status, "pid"));
    const std::string seen =
        fmt::format("svc-{}, configuration \"{}\", data \"{}\"", text_of(root / "usr/pkg/share/svc/version"),
                    text_of(root / "etc/soak"), text_of(root / "var/soak"));
    const std::string meant =
        fmt::format("svc-{}, configuration \"{}\", data \"{}\"", jail.generation().version,
                    jail.generation().configuration, jail.data);
    return seen == meant ? state : state + ", and sees " + seen;
}

Jail SoakHost::look_at(const json& status) {
    Jail jail;
    const std::string id = status["id"].get<std::string>();
    const fs::path directory = host_.state() / "jails" / id;
    jail.data = text_of(directory / "data/var/soak");
    jail.current = status["generation"].get<int>();
    const std::string text = text_of(directory / "jail.json");
    const json record = text.empty() ? json::object({{"generations", json::array()}}) : json::parse(text);
    for (const json& each : record["generations"]) {
        const int number = each["number"].get<int>();
        jail.generations[number] = {version_of(each["image"].get<std::string>()),
                                    text_of(directory / "config" / std::to_string(number) / "etc/soak"),
                                    each["outcome"].get<std::string>().starts_with("rolled back"), true};
    }
    // What is set stands in the record; what pkgjail shows besides was read when it was started last.
    jail.memory = record.value("limit_overrides", json::object()).value("memory", "");
    for (const json& limit : status["limits"])
        if (limit["limit"] == "memory" && status["state"] == "ready")
            for (const char* key : {"wanted", "effective"})
                if (limit[key].is_number() && in_mebibytes(limit[key]) != jail.memory)
                    jail.memory += fmt::format(", {} {}", key, in_mebibytes(limit[key]));
    jail.state = state_of(status, jail);
    if (record.value("current", 0) != jail.current)
        jail.state += fmt::format(", by its record at generation {}", record.value("current", 0));
    return jail;
}

World SoakHost::look() {
    reap();
    World world;
    const json jails = host_.run({"status", "--json"}).json()["jails"];
    seen_.clear();
    std::set<std::string> there;
    for (const json& status : jails) {
        const std::string name = status["jail"].get<std::string>();
        const std::string id = status["id"].get<std::string>();
        there.insert(id);
        ids_.insert(id);
        seen_[name] = {id, status["generation"].get<int>(), pid_in(status, "supervisor_pid"),
                       pid_in(status, "pid")};
        world.jails[name] = look_at(status);
    }
    real_.clear();
    std::set<std::string> known;
    const json snapshots = host_.run({"snapshots", "--json"}).json()["snapshots"];
    for (const json& each : snapshots) {
        const std::string jail = each["jail"].get<std::string>();
        const std::string id = each["id"].get<std::string>();
        std::string name = each["snapshot"].get<std::string>();
        if (name.starts_with(before_restore)) {
            const std::string real = name;
            name = name_of(seen_[jail].id, id);
            real_[jail + "@" + name] = real;
        }
        const fs::path directory = host_.state() / "snapshots" / id;
        world.jails[jail].snapshots[name] = {version_of(each["image"].get<std::string>()),
                                             text_of(directory / "config/etc/soak"),
                                             text_of(directory / "data/var/soak")};
        known.insert(id);
    }
    for (const std::string& id : names_in(host_.state() / "jails"))
        if (ids_.contains(id) && !there.contains(id) &&
            names_in(host_.state() / "jails" / id) == std::set<std::string>{"data"})
            world.kept.insert(text_of(host_.state() / "jails" / id / "data/var/soak"));
        else if (!there.contains(id))
            world.strange.insert("jails/" + id);
    for (const std::string& id : names_in(host_.state() / "snapshots"))
        if (!known.contains(id))
            world.strange.insert("snapshots/" + id);
    return world;
}

std::string SoakHost::complaints() {
    std::string text;
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"catalog", "check"}, {"verify"}, {"du"}, {"metrics"}})
        if (const CommandResult result = host_.run(words); result.status != 0)
            text += fmt::format("pkgjail {}: status {}\n{}{}", fmt::join(words, " "), result.status,
                                result.out, result.err);
    for (const auto& [name, seen] : seen_) {
        std::string told;
        std::string recorded;
        const json history = host_.run({"history", name, "--json"}).json()["generations"];
        for (const json& each : history)
            told += fmt::format("{} {} {}\n", each["generation"].get<int>(), each["image"].get<std::string>(),
                                each["outcome"].get<std::string>());
        const json record = json::parse(text_of(host_.state() / "jails" / seen.id / "jail.json"));
        for (const json& each : record["generations"])
            recorded += fmt::format("{} {} {}\n", each["number"].get<int>(), each["image"].get<std::string>(),
                                    each["outcome"].get<std::string>());
        if (told != recorded)
            text += fmt::format("{}: its history\n{}and its record\n{}", name, told, recorded);
    }
    return text;
}

std::string SoakHost::more_descriptors() {
    std::string text;
    std::map<pid_t, std::size_t> now;
    for (const auto& [name, seen] : seen_) {
        if (seen.supervisor == 0)
            continue;
        const pid_t supervisor = seen.supervisor; // clang 14 captures no part of a binding
        const auto young = young_.find(supervisor);
        std::size_t count = 0;
        // Whoever is talking to it has a moment to end.
        const auto is_small = [&] {
            count = descriptors_of(std::to_string(supervisor));
            return young == young_.end() || count <= young->second;
        };
        for (int round = 0; round < 100 && !is_small(); ++round)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        now[seen.supervisor] = young == young_.end() ? count : young->second;
        if (count > now[seen.supervisor])
            text += fmt::format("supervisor of {}: {} descriptors, and {} when it was young\n", name, count,
                                now[seen.supervisor]);
    }
    young_ = std::move(now);
    return text;
}

} // namespace pkgjail::soak
