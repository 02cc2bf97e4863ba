#include "pkgjail/base/umask.hpp"

#include <sys/stat.h>

#include "base/in_child.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::TempDir;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
}

} // namespace

TEST_CASE("what is made has its mode whatever the caller's umask is, but for what is the caller's",
          "[base][umask]") {
    const TempDir dir;
    const auto make = [&](const char* name) { return ::mkdir((dir / name).c_str(), 0777) == 0; };

    const int status = test::status_of_child([&] {
        ::umask(077);
        base::set_umask();
        bool is_made = make("own");
        {
            const base::UmaskOfCaller theirs;
            is_made = make("theirs") && is_made;
        }
        return make("own-again") && is_made ? 0 : 1;
    });

    REQUIRE(status == 0);
    CHECK(mode_of(dir / "own") == 0755);
    CHECK(mode_of(dir / "theirs") == 0700);
    CHECK(mode_of(dir / "own-again") == 0755);
}

TEST_CASE("a program that keeps its umask has it all the time", "[base][umask]") {
    const TempDir dir;

    const int status = test::status_of_child([&] {
        ::umask(027);
        { const base::UmaskOfCaller theirs; }
        return ::mkdir((dir / "made").c_str(), 0777) == 0 ? 0 : 1;
    });

    REQUIRE(status == 0);
    CHECK(mode_of(dir / "made") == 0750);
}
