// What the tests of real jails need: root, a working driver, the demo repository. Where something is missing
// a test is skipped and says why; with PKGJAIL_REQUIRE_SYSTEM=1, as CI sets it, that is a failure.
#pragma once

#include <cstdlib>
#include <string>

#include <unistd.h>

#include "support/catch.hpp"
#include "support/pkgjail_command.hpp"

namespace pkgjail::test {

/// False (and said) when the test cannot run here.
inline bool can_run_jails() {
    std::string missing;
    if (::geteuid() != 0)
        missing = "root is needed to make jails";
    else if (demo_repository("2026Q3").empty())
        missing = "there is no demo repository; ./check makes it";
    if (missing.empty())
        return true;
    const char* required = std::getenv("PKGJAIL_REQUIRE_SYSTEM");
    if (required != nullptr && std::string(required) == "1")
        FAIL("may not be skipped here: " << missing);
    WARN("skipped: " << missing);
    return false;
}

} // namespace pkgjail::test
