#include "pkgjail/supervise/announcement.hpp"

#include <nlohmann/json.hpp>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/whole_json.hpp"

namespace pkgjail::supervise {

namespace {

using Json = nlohmann::json;

} // namespace

std::string format_announcement(const base::Error* error) {
    if (error == nullptr)
        return "{}\n";
    Json json{{"kind", static_cast<int>(error->kind())},
              {"object", error->object()},
              {"cause", error->cause()},
              {"hint", error->hint()},
              {"context", error->context()}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void announce(const base::Error* error) {
    base::write_all(1, format_announcement(error), "announcement");
}

std::optional<Announcement> parse_announcement(std::string_view line) {
    try {
        const Json json = base::parse_whole_json<Json>(line);
        Announcement announcement;
        if (json.empty())
            return announcement;
        int kind = json.at("kind").get<int>();
        if (kind < 0 || kind > static_cast<int>(base::ErrorKind::configuration))
            return std::nullopt;
        base::Error error(static_cast<base::ErrorKind>(kind), json.at("object").get<std::string>(),
                          json.at("cause").get<std::string>(), json.at("hint").get<std::string>());
        auto context = json.at("context").get<std::vector<std::string>>();
        for (auto what = context.rbegin(); what != context.rend(); ++what)
            error.add_context(*what);
        announcement.error = std::move(error);
        return announcement;
    } catch (const Json::exception&) {
        return std::nullopt;
    }
}

} // namespace pkgjail::supervise
