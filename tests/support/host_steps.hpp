// What tests of whole commands do again and again, with and without real jails.
#pragma once

#include <string>
#include <vector>

#include "support/pkgjail_command.hpp"

namespace pkgjail::test {

/// Runs it and expects success.
CommandResult well(const Host& host, const std::vector<std::string>& command);
/// The steps that the command passes, each once, in order; it has to succeed.
std::vector<std::string> steps_of(const Host& host, const std::vector<std::string>& command);
/// Expects that the catalog and the disk agree.
void check_sound(const Host& host);
/// The demo repository in this edition from now on, and known to the host.
void use_edition(const Host& host, const std::string& edition);
/// "1 2* 3": the generations of a jail, the current one marked.
std::string generations(const Host& host, const std::string& jail);
/// "http://127.0.0.1:PORT/"
std::string url(int port);

} // namespace pkgjail::test
