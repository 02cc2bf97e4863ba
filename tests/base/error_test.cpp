#include "support/catch.hpp"

#include <cerrno>

#include "pkgjail/base/error.hpp"

using namespace pkgjail::base;

namespace {

ErrorKind kind_for(int error_number) {
    return system_error(error_number, "/x", "open").kind();
}

} // namespace

TEST_CASE("an error's text is its context from the outside in, then object and cause", "[base][error]") {
    Error error(ErrorKind::corrupt, "../../etc/passwd", "leaves the root", "do not use this package");

    error.add_context("extract nginx-1.26.1.tgz");
    error.add_context("install nginx in jail web");

    CHECK(std::string(error.what()) ==
          "install nginx in jail web: extract nginx-1.26.1.tgz: ../../etc/passwd: leaves the root");
    CHECK(error.hint() == "do not use this package");
}

TEST_CASE("an error without an object shows the cause alone", "[base][error]") {
    CHECK(std::string(Error(ErrorKind::usage, "", "no command given").what()) == "no command given");
}

TEST_CASE("the kind of a failed system call follows from its errno", "[base][error]") {
    CHECK(kind_for(ENOENT) == ErrorKind::not_found);
    CHECK(kind_for(EACCES) == ErrorKind::denied);
    CHECK(kind_for(EPERM) == ErrorKind::denied);
    CHECK(kind_for(ENOSPC) == ErrorKind::system);
}

TEST_CASE("a failed system call names the object, the call and the reason", "[base][error]") {
    CHECK(std::string(system_error(ENOSPC, "/a/b", "write").what()) ==
          "/a/b: write: No space left on device");
}

TEST_CASE("while_doing adds its words to an error that passes and hands back values and references",
          "[base][error]") {
    int number = 7;

    int& same = while_doing("count", [&]() -> int& { return number; });
    auto fail = [] { while_doing("count sheep", [] { throw Error(ErrorKind::busy, "sheep", "asleep"); }); };

    CHECK(&same == &number);
    CHECK_THROWS_WITH(fail(), "count sheep: sheep: asleep");
}
