#include "support/json_schema.hpp"

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <stdexcept>

namespace pkgjail::test {

namespace {

using Json = nlohmann::json;

std::string last_part(const std::string& id) {
    return id.substr(id.rfind('/') + 1);
}

bool is_of_type(const Json& value, const std::string& type) {
    return type == "object"    ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "string"  ? value.is_string()
           : type == "boolean" ? value.is_boolean()
           : type == "null"    ? value.is_null()
           : type == "integer" ? value.is_number_integer()
           : type == "number"  ? value.is_number()
                               : throw std::runtime_error("schema: unknown type " + type);
}

/// The formats that say something that pkgjail could get wrong; e-mail addresses are none of them.
bool has_format(const std::string& text, const std::string& format) {
    static const std::regex date_time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))");
    static const std::regex iri(R"([^\s<>"{}|\\^`]+)");
    if (format == "date-time")
        return std::regex_match(text, date_time);
    if (format == "iri-reference" || format == "uri" || format == "uri-reference")
        return std::regex_match(text, iri);
    if (format == "idn-email" || format == "email" || format == "string")
        return true;
    throw std::runtime_error("schema: unknown format " + format);
}

/// Length in characters.
std::size_t length_of(const std::string& utf8) {
    return static_cast<std::size_t>(
        std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & '\xc0') != '\x80'; }));
}

} // namespace

struct JsonSchema::Check {
    const JsonSchema& all;
    std::vector<std::string>& faults;

    void fault(const std::string& path, const std::string& what) const {
        faults.push_back((path.empty() ? "/" : path) + ": " + what);
    }

    bool fits(const Json& value, const Json& schema, const std::string& document) const {
        std::vector<std::string> found;
        Check{all, found}.run(value, schema, document, "");
        return found.empty();
    }

    void run(const Json& value, const Json& schema, const std::string& document,
             const std::string& path) const {
        if (schema.is_boolean()) {
            if (!schema.get<bool>())
                fault(path, "is not allowed");
            return;
        }
        if (schema.contains("$ref")) {
            const std::string target = schema["$ref"];
            const std::size_t hash = target.find('#');
            const std::string file = target.substr(0, hash);
            const std::string place = file.empty() ? document : last_part(file);
            if (!all.documents_.contains(place))
                throw std::runtime_error("schema: refers to " + target);
            const Json& there = all.documents_.at(place);
            return run(value,
                       hash == std::string::npos || hash + 1 == target.size()
                           ? there
                           : there.at(Json::json_pointer(target.substr(hash + 1))),
                       place, path);
        }
        for (const auto& [keyword, rule] : schema.items())
            apply(keyword, rule, value, schema, document, path);
    }

    void apply(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
               const std::string& document, const std::string& path) const {
        static const std::set<std::string> about = {
            "$schema", "$id",  "$comment",    "title",      "description", "default",  "examples",
            "then",    "else", "definitions", "deprecated", "$defs",       "meta:enum"};
        static const std::set<std::string> of_objects = {"properties", "required", "additionalProperties",
                                                         "dependencies"};
        static const std::set<std::string> of_arrays = {"items", "additionalItems", "minItems", "maxItems",
                                                        "uniqueItems"};
        if (about.contains(keyword))
            return;
        if (keyword == "type") {
            const Json types = rule.is_array() ? rule : Json::array({rule});
            if (std::none_of(types.begin(), types.end(),
                             [&](const Json& type) { return is_of_type(value, type); }))
                fault(path, "is of another type than " + rule.dump());
        } else if (keyword == "enum") {
            if (std::find(rule.begin(), rule.end(), value) == rule.end())
                fault(path, value.dump() + " is none of the allowed values");
        } else if (keyword == "const") {
            if (value != rule)
                fault(path, "is not " + rule.dump());
        } else if (keyword == "oneOf" || keyword == "anyOf" || keyword == "allOf") {
            combine(keyword, rule, value, document, path);
        } else if (keyword == "not") {
            if (fits(value, rule, document))
                fault(path, "is what it must not be");
        } else if (keyword == "if") {
            const char* branch = fits(value, rule, document) ? "then" : "else";
            if (schema.contains(branch))
                run(value, schema[branch], document, path);
        } else if (of_objects.contains(keyword)) {
            if (value.is_object())
                object(keyword, rule, value, schema, document, path);
        } else if (of_arrays.contains(keyword)) {
            if (value.is_array())
                array(keyword, rule, value, schema, document, path);
        } else {
            scalar(keyword, rule, value, path);
        }
    }

    void combine(const std::string& keyword, const Json& rules, const Json& value,
                 const std::string& document, const std::string& path) const {
        if (keyword == "allOf") {
            for (const Json& rule : rules)
                run(value, rule, document, path);
            return;
        }
        const auto count = std::count_if(rules.begin(), rules.end(),
                                         [&](const Json& rule) { return fits(value, rule, document); });
        if (count == 0 || (keyword == "oneOf" && count > 1))
            fault(path, "fits " + std::to_string(count) + " of " + keyword);
        if (count == 0)
            nearest(rules, value, document, path);
    }

    /// What keeps the value from the alternative that it comes nearest to.
    void nearest(const Json& rules, const Json& value, const std::string& document,
                 const std::string& path) const {
        std::vector<std::string> fewest;
        for (const Json& rule : rules) {
            std::vector<std::string> found;
            Check{all, found}.run(value, rule, document, path);
            if (fewest.empty() || found.size() < fewest.size())
                fewest = std::move(found);
        }
        faults.insert(faults.end(), fewest.begin(), fewest.end());
    }

    void object(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
                const std::string& document, const std::string& path) const {
        if (keyword == "required") {
            for (const std::string key : rule)
                if (!value.contains(key))
                    fault(path, "has no " + key);
        } else if (keyword == "properties") {
            for (const auto& [key, one] : rule.items())
                if (value.contains(key))
                    run(value[key], one, document, path + "/" + key);
        } else if (keyword == "additionalProperties") {
            for (const auto& [key, one] : value.items())
                if (!schema.value("properties", Json::object()).contains(key))
                    run(one, rule, document, path + "/" + key);
        } else {
            for (const auto& [key, needed] : rule.items())
                if (value.contains(key))
                    for (const std::string other : needed)
                        if (!value.contains(other))
                            fault(path, key + " is there and " + other + " is not");
        }
    }

    void array(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
               const std::string& document, const std::string& path) const {
        if (keyword == "items") {
            for (std::size_t i = 0; i < value.size(); ++i) {
                const std::string place = path + "/" + std::to_string(i);
                if (!rule.is_array())
                    run(value[i], rule, document, place);
                else if (i < rule.size())
                    run(value[i], rule[i], document, place);
                else if (schema.contains("additionalItems"))
                    run(value[i], schema["additionalItems"], document, place);
            }
        } else if (keyword == "minItems") {
            if (value.size() < rule.get<std::size_t>())
                fault(path, "has too few items");
        } else if (keyword == "maxItems") {
            if (value.size() > rule.get<std::size_t>())
                fault(path, "has too many items");
        } else if (keyword == "uniqueItems" && rule.get<bool>()) {
            if (std::set<Json>(value.begin(), value.end()).size() != value.size())
                fault(path, "has an item twice");
        }
    }

    void scalar(const std::string& keyword, const Json& rule, const Json& value,
                const std::string& path) const {
        const std::string text = value.is_string() ? value.get<std::string>() : "";
        bool fine = true;
        if (keyword == "pattern")
            fine = !value.is_string() || std::regex_search(text, std::regex(rule.get<std::string>()));
        else if (keyword == "format")
            fine = !value.is_string() || has_format(text, rule);
        else if (keyword == "minLength")
            fine = !value.is_string() || length_of(text) >= rule.get<std::size_t>();
        else if (keyword == "maxLength")
            fine = !value.is_string() || length_of(text) <= rule.get<std::size_t>();
        else if (keyword == "minimum")
            fine = !value.is_number() || value.get<double>() >= rule.get<double>();
        else if (keyword == "maximum")
            fine = !value.is_number() || value.get<double>() <= rule.get<double>();
        else
            throw std::runtime_error("schema: unknown keyword " + keyword);
        if (!fine)
            fault(path, value.dump() + " does not have " + keyword + " " + rule.dump());
    }
};

JsonSchema::JsonSchema(const std::vector<std::filesystem::path>& files,
                       const std::function<void(Json&)>& change) {
    for (const std::filesystem::path& file : files) {
        std::ifstream stream(file);
        Json schema = Json::parse(stream);
        if (change)
            change(schema);
        const std::string name = last_part(schema.value("$id", file.filename().string()));
        if (first_.empty())
            first_ = name;
        documents_[name] = std::move(schema);
    }
}

std::vector<std::string> JsonSchema::faults(const Json& document) const {
    std::vector<std::string> found;
    Check{*this, found}.run(document, documents_.at(first_), first_, "");
    return found;
}

} // namespace pkgjail::test
