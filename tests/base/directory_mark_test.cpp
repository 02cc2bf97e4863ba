// A directory, and a copy of it.
#include "pkgjail/base/directory_mark.hpp"

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using base::directory_mark;
using base::mark_directory;

TEST_CASE("a copy of a directory that has a mark is told from it, until it is marked itself",
          "[base][directory_mark]") {
    test::TempDir directory;
    const base::HostPath one = directory / "one";
    const base::HostPath two = directory / "two";
    std::filesystem::create_directory(one);
    CHECK_FALSE(directory_mark(one));

    mark_directory(one, false);
    std::filesystem::copy(one, two);

    REQUIRE(directory_mark(one));
    CHECK_FALSE(directory_mark(one)->is_of_another);
    CHECK_FALSE(directory_mark(one)->is_old);
    CHECK_FALSE(directory_mark(one)->was_copy);
    REQUIRE(directory_mark(two));
    CHECK(directory_mark(two)->is_of_another);

    mark_directory(two, true);
    CHECK_FALSE(directory_mark(two)->is_of_another);
    CHECK(directory_mark(two)->was_copy);
}

TEST_CASE("a directory that was renamed is no copy", "[base][directory_mark]") {
    test::TempDir directory;
    std::filesystem::create_directory(directory / "one");
    mark_directory(directory / "one", false);

    std::filesystem::rename(directory / "one", directory / "two");

    CHECK_FALSE(directory_mark(directory / "two")->is_of_another);
}

TEST_CASE("a device is not compared with that of before the host was started", "[base][directory_mark]") {
    test::TempDir directory;
    const auto write = [&](const std::string& text) {
        std::ofstream(directory / base::directory_mark_name) << text;
    };
    mark_directory(directory.path(), true);
    std::string inode;
    std::ifstream(directory / base::directory_mark_name) >> inode;

    write(inode + " 1 another-boot copy\n");
    CHECK(directory_mark(directory.path())->is_old);
    CHECK_FALSE(directory_mark(directory.path())->is_of_another);
    CHECK(directory_mark(directory.path())->was_copy);

    write("1 1 another-boot original\n");
    CHECK(directory_mark(directory.path())->is_of_another);

    for (const char* damaged : {"", "1", "x 1 boot copy\n"}) {
        write(damaged);
        CHECK_FALSE(directory_mark(directory.path()));
    }
}
