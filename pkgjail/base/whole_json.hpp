// JSON in which every number is whole, as in all that we write for ourselves.
#pragma once

#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace pkgjail::base {

/// A number that is not whole, or too large to be held as one, becomes null, so that whoever asks for a
/// number finds none: what a conversion of such a one gives is not defined. Throws nlohmann::json::exception
/// for what is no JSON.
template <class Json>
Json parse_whole_json(std::string_view text) {
    Json json = Json::parse(text);
    std::vector<Json*> rest = {&json}; // no recursion: a hostile text is nested as deeply as it is long
    while (!rest.empty()) {
        Json& value = *rest.back();
        rest.pop_back();
        if (value.is_number_float())
            value = nullptr;
        else if (value.is_structured())
            for (Json& part : value)
                if (part.is_structured() || part.is_number_float())
                    rest.push_back(&part);
    }
    return json;
}

} // namespace pkgjail::base
