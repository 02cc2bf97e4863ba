// Documents against JSON schemas of draft 7: as much of it as the schemas in tests/data/schemas use. A
// keyword that is not known here is a fault, so nothing is passed over in silence.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pkgjail::test {

class JsonSchema {
  public:
    /// The first file's schema; the others are what it refers to, by their "$id".
    /// `change` is done to each schema once it is read.
    explicit JsonSchema(const std::vector<std::filesystem::path>& files,
                        const std::function<void(nlohmann::json&)>& change = {});

    /// A line for each fault: "/components/0/type: is none of the allowed values"; empty: valid.
    std::vector<std::string> faults(const nlohmann::json& document) const;

  private:
    struct Check;
    std::map<std::string, nlohmann::json> documents_; ///< by the last part of "$id"
    std::string first_;
};

} // namespace pkgjail::test
