#include "support/catch.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/shared_library.hpp"

using namespace pkgjail::base;

namespace {

#ifdef __linux__
constexpr const char* mathematics = "libm.so.6";
#else
constexpr const char* mathematics = "libm.so.0";
#endif

template <class Work>
Error error_of(Work&& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorKind::usage, "nothing", "was thrown");
}

} // namespace

TEST_CASE("a function of a library that is loaded when needed can be called", "[base][shared_library]") {
    double (*cosine)(double) = nullptr;

    SharedLibrary(mathematics, "tests need it").look_up("cos", cosine);

    REQUIRE(cosine != nullptr);
    CHECK(cosine(0) == 1);
}

TEST_CASE("a library that is not there is named, with what needs it and what to do",
          "[base][shared_library]") {
    const Error error = error_of([] { SharedLibrary("libnone.so.0", "tests need it"); });

    CHECK(error.kind() == ErrorKind::system);
    CHECK(error.object() == "libnone.so.0");
    CHECK_THAT(error.cause(), ContainsSubstring("cannot be loaded, and tests need it: ") &&
                                  ContainsSubstring("libnone.so.0"));
    CHECK(error.hint() == "install the library that has it");
}

TEST_CASE("a library without a function that is needed is named, with what to do", "[base][shared_library]") {
    const SharedLibrary library(mathematics, "tests need it");
    void (*function)() = nullptr;

    const Error error = error_of([&] { library.look_up("no_such", function); });

    CHECK(error.kind() == ErrorKind::system);
    CHECK(error.object() == mathematics);
    CHECK(error.cause() == "has no function no_such");
    CHECK(error.hint() == "install the one that pkgjail was built with, or build pkgjail again");
    CHECK(function == nullptr);
}
