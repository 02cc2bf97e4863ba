#include "pkgjail/supervise/learned.hpp"

#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/whole_json.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::supervise {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::json;

namespace {

constexpr int format_number = 1;
constexpr std::size_t longest_file = 4u << 20;
constexpr std::size_t longest_trouble = 300;
constexpr jail::Profile strictest_first[] = {jail::Profile::high, jail::Profile::medium, jail::Profile::low};

Error damaged(std::string cause) {
    return Error(ErrorKind::corrupt, "learned calls", std::move(cause));
}

jail::Profile profile_at(const Json& json) {
    const auto profile = jail::find_profile(json.get<std::string>());
    if (!profile)
        throw damaged("unknown profile \"" + json.get<std::string>() + "\"");
    return *profile;
}

base::WallTime time_at(const Json& json, const char* key) {
    const auto time = base::parse_time(json.at(key).get<std::string>());
    if (!time)
        throw damaged(std::string(key) + " is no time");
    return *time;
}

} // namespace

LearnedCalls::LearnedCalls(jail::Profile profile, base::WallTime now) {
    learned_.profile = profile;
    learned_.since = now;
    for (const jail::Profile one : strictest_first)
        if (one <= profile)
            filters_.emplace_back(one, confine::syscall_filter(one));
}

void LearnedCalls::hear(const confine::NoticedCall& noticed, base::WallTime now) {
    const int answer = confine::verdict(filters_.front().second, noticed.call, noticed.arguments);
    if (answer == 0)
        return;
    Key key{confine::describe_call(noticed.call, noticed.arguments), noticed.program};
    const std::lock_guard hold(guard_);
    changed_ = true;
    auto found = calls_.find(key);
    if (found == calls_.end()) {
        if (calls_.size() >= most_learned) {
            ++learned_.unlisted;
            return;
        }
        LearnedCall call{key.first, key.second, answer, {}, 0, now, now};
        for (const auto& [profile, filter] : filters_)
            if (confine::verdict(filter, noticed.call, noticed.arguments) == 0)
                call.allowed_by.push_back(profile);
        found = calls_.emplace(std::move(key), std::move(call)).first;
    }
    ++found->second.count;
    found->second.last = now;
}

void LearnedCalls::have_trouble(const std::string& reason) {
    const std::lock_guard hold(guard_);
    learned_.trouble = reason.substr(0, longest_trouble);
    changed_ = true;
}

std::optional<Learned> LearnedCalls::take_changed() {
    const std::lock_guard hold(guard_);
    if (!changed_)
        return std::nullopt;
    Learned all = learned_;
    for (const auto& [key, call] : calls_)
        all.calls.push_back(call);
    changed_ = false;
    return all;
}

void LearnedCalls::not_taken() {
    const std::lock_guard hold(guard_);
    changed_ = true;
}

std::string to_json(const Learned& learned) {
    Json json{{"format", format_number},
              {"profile", jail::profile_name(learned.profile)},
              {"since", base::format_time_precise(learned.since)},
              {"unlisted", learned.unlisted},
              {"trouble", learned.trouble}};
    json["calls"] = Json::array();
    for (const LearnedCall& call : learned.calls) {
        Json one{{"call", call.call},
                 {"program", call.program},
                 {"answer", call.answer},
                 {"count", call.count},
                 {"first", base::format_time_precise(call.first)},
                 {"last", base::format_time_precise(call.last)}};
        one["allowed_by"] = Json::array();
        for (const jail::Profile profile : call.allowed_by)
            one["allowed_by"].push_back(jail::profile_name(profile));
        json["calls"].push_back(std::move(one));
    }
    // Programs choose their names.
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Learned learned_from_json(std::string_view text) {
    try {
        const Json json = base::parse_whole_json<Json>(text);
        if (const int found = json.at("format").get<int>(); found != format_number)
            throw damaged("is of format " + std::to_string(found) + ", this pkgjail reads format " +
                          std::to_string(format_number));
        Learned learned;
        learned.profile = profile_at(json.at("profile"));
        learned.since = time_at(json, "since");
        learned.unlisted = json.at("unlisted").get<std::uint64_t>();
        learned.trouble = json.at("trouble").get<std::string>();
        for (const Json& one : json.at("calls")) {
            LearnedCall call{one.at("call").get<std::string>(),
                             one.at("program").get<std::string>(),
                             one.at("answer").get<int>(),
                             {},
                             one.at("count").get<std::uint64_t>(),
                             time_at(one, "first"),
                             time_at(one, "last")};
            for (const Json& profile : one.at("allowed_by"))
                call.allowed_by.push_back(profile_at(profile));
            learned.calls.push_back(std::move(call));
        }
        return learned;
    } catch (const Json::exception& error) {
        throw damaged(error.what());
    }
}

base::HostPath learned_file(const base::HostPath& run_directory) {
    return run_directory / "learned.json";
}

std::optional<Learned> read_learned(const base::HostPath& run_directory) {
    const base::HostPath file = learned_file(run_directory);
    return base::while_doing(file.string(), [&]() -> std::optional<Learned> {
        const auto text = base::read_file_if_exists(file, longest_file);
        return text ? std::optional(learned_from_json(*text)) : std::nullopt;
    });
}

Learning::Learning(const base::HostPath& run_directory, const std::string& handle, jail::Profile profile)
    : file_(learned_file(run_directory)), calls_(profile, base::wall_now()),
      listener_(run_directory, handle,
                {[this](const confine::NoticedCall& call) { calls_.hear(call, base::wall_now()); },
                 [this](const std::string& trouble) { calls_.have_trouble(trouble); }}),
      write_at_(base::steady_now()) {}

std::optional<std::string> Learning::handle_timers(base::SteadyTime now) noexcept {
    if (now < write_at_)
        return std::nullopt;
    write_at_ = now + pause;
    return write();
}

std::optional<std::string> Learning::write() noexcept {
    try {
        const auto learned = calls_.take_changed();
        if (!learned)
            return std::nullopt;
        replace_file(file_, to_json(*learned));
        failed_ = false;
    } catch (const std::exception& error) {
        calls_.not_taken();
        if (!std::exchange(failed_, true))
            return std::string("what was learned could not be written: ") + error.what();
    }
    return std::nullopt;
}

} // namespace pkgjail::supervise
