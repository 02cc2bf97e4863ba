#include "support/catch.hpp"

#include <csignal>

#include "base/in_child.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;

namespace {

int pass_two_steps() {
    base::step("test.first");
    base::step("test.second");
    return 0;
}

} // namespace

TEST_CASE("without orders a step does nothing", "[base][step]") {
    test::ScopedVariable stop("PKGJAIL_STOP_AT", nullptr), fail("PKGJAIL_FAIL_AT", nullptr),
        log("PKGJAIL_STEP_LOG", nullptr);

    CHECK(pass_two_steps() == 0);
}

#ifdef PKGJAIL_FAILPOINTS

TEST_CASE("a process is killed at the step that is named and at no other", "[base][step]") {
    test::TempDir dir;
    test::ScopedVariable log("PKGJAIL_STEP_LOG", (dir / "log").c_str());

    test::ScopedVariable stop("PKGJAIL_STOP_AT", "test.second");
    CHECK(test::status_of_child(pass_two_steps) == -SIGKILL);
    CHECK(base::read_file(dir / "log") == "test.first\ntest.second\n");

    test::ScopedVariable other("PKGJAIL_STOP_AT", "test.sec");
    CHECK(test::status_of_child(pass_two_steps) == 0);
}

TEST_CASE("a step that is to fail throws as a full disk does", "[base][step]") {
    test::ScopedVariable fail("PKGJAIL_FAIL_AT", "test.second");

    CHECK_THROWS_WITH(pass_two_steps(), "test.second: no space left");
    CHECK_NOTHROW(base::step("test.first"));
}

#else

TEST_CASE("a build without failpoints obeys no orders", "[base][step]") {
    test::ScopedVariable stop("PKGJAIL_STOP_AT", "test.second");

    CHECK(test::status_of_child(pass_two_steps) == 0);
}

#endif
