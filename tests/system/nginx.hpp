// A jail "nginx" with the real nginx.
#pragma once

#include "support/host_steps.hpp"
#include "system/support.hpp"

namespace pkgjail::test::nginx {

/// The shipped recipe with a quiet period that tests can wait for.
void shorten_quiet_period(const Host& host);
/// Installs it, with `more` on the command line; the port on which it answers.
int install(const Host& host, const std::vector<std::string>& more = {});

} // namespace pkgjail::test::nginx
