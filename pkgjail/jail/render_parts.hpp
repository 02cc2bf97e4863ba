// The parts of rendering that render.cpp puts together. Sections come expanded, but for commands, whose words
// are expanded here. Failures are Error{configuration} at the setting.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/preparation.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

using Values = std::map<std::string, std::string>;

/// Its words, each expanded by itself; the first is an absolute path.
std::optional<std::vector<std::string>> read_command(SectionReader& reader, const std::string& key,
                                                     const Values& values);
/// Names of secrets, each once.
std::vector<std::string> read_secrets(SectionReader& reader);
/// A user's or group's name, or a number.
std::optional<std::string> read_account(SectionReader& reader, const std::string& key);
Service read_service(const Section& section, const std::string& recipe_name, const Values& values);
Health read_health(const Section& section, const Values& values);
/// Its user is empty where none is named.
Preparation read_preparation(const Section& section, const Values& values);

} // namespace pkgjail::jail
