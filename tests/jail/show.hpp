// State and failures of the jail room as text that a person can read and compare.
#pragma once

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::test {

/// "OBJECT: CAUSE", then "hint: …" on a line of its own, of the Error that `work` throws; "no error" without
/// one. Fails the test for another kind of error than `kind`.
std::string failure(const std::function<void()>& work, base::ErrorKind kind = base::ErrorKind::configuration);

std::string show(const std::vector<jail::Section>& sections);
std::string show(const jail::Limits& limits);
std::string show(const jail::RenderedRecipe& recipe);
std::string show(const jail::Config& config);
std::string show(const jail::RepositoryConfig& repository);
/// Words in angle brackets, so that blanks inside and empty words can be seen: "<a> <b c> <>".
std::string show_words(const std::vector<std::string>& words);

std::string read_text(const std::filesystem::path& file);
void write_text(const std::filesystem::path& file, const std::string& text);

/// Compares with a file below tests/data/jail. With PKGJAIL_RENEW=1 in the environment the file is written
/// instead; the difference is then for git and for you to judge.
void check_golden(const std::string& name, const std::string& actual);

} // namespace pkgjail::test
