// JSON in which every number is whole, as in all that we write for ourselves.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace pkgjail::base {

/// A number that is not whole, or too large to be held as one, becomes null, so that whoever asks for a
/// number finds none: what a conversion of such a one gives is not defined. Throws nlohmann::json::exception
/// for what is no JSON.
template <class Json>
Json parse_whole_json(std::string_view text) {
    return Json::parse(text, [](int, typename Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::value && value.is_number_float())
            value = nullptr;
        return true;
    });
}

} // namespace pkgjail::base
