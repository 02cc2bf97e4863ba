#include "support/json_outputs.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include "support/json_schema.hpp"

namespace pkgjail::test {

namespace {

using Json = nlohmann::json;

const std::filesystem::path directory = std::filesystem::path(PKGJAIL_SOURCE_DIR) / "etc/schemas";

/// Commands that run another one, whose output it is.
const std::set<std::string> without_document = {"exec", "shell"};

/// What is shipped lets fields be added; here what is not described is a fault.
void close(Json& schema) {
    if (schema.is_object() && schema.contains("properties") && !schema.contains("additionalProperties") &&
        schema["properties"].is_object())
        schema["additionalProperties"] = false;
    for (Json& part : schema)
        if (part.is_structured())
            close(part);
}

/// Reading and checking schemas takes time, and tests run commands in threads.
const JsonSchema& schema_of(const std::string& name) {
    static std::mutex mutex;
    static std::map<std::string, JsonSchema> known;
    const std::lock_guard lock(mutex);
    const auto found = known.find(name);
    if (found != known.end())
        return found->second;
    // "pkgjail.status/1" is described in status.1.json.
    std::string file = name.substr(name.find('.') + 1) + ".json";
    std::replace(file.begin(), file.end(), '/', '.');
    if (!name.starts_with("pkgjail.") || !std::filesystem::exists(directory / file))
        throw std::runtime_error("etc/schemas has no " + file + " for \"" + name + "\"");
    return known.emplace(name, JsonSchema({directory / file, directory / "common.1.json"}, close))
        .first->second;
}

/// A record of `logs --follow`, which is no document of its own.
bool is_record(const Json& json) {
    return !json.contains("schema") && json.contains("stream");
}

std::string faults_of(const Json& document) {
    if (!document.is_object() || !document.contains("schema") || !document["schema"].is_string())
        return "it names no schema\n";
    std::string text;
    for (const std::string& fault : schema_of(document["schema"]).faults(document))
        text += fault + "\n";
    return text;
}

} // namespace

void check_json_output(const std::vector<std::string>& arguments, const std::string& out) {
    std::string command;
    bool wanted = false;
    for (const std::string& argument : arguments) {
        if (without_document.contains(argument))
            return;
        wanted = wanted || argument == "--json";
        command += " " + argument;
    }
    if (!wanted || out.empty())
        return;
    const Json document = Json::parse(out, nullptr, false);
    if (document.is_discarded() && is_record(Json::parse(out.substr(0, out.find('\n')), nullptr, false)))
        return;
    const std::string faults = document.is_discarded() ? "it is no document\n" : faults_of(document);
    if (!faults.empty())
        throw std::runtime_error("pkgjail" + command + "\n" + faults + out);
}

} // namespace pkgjail::test
