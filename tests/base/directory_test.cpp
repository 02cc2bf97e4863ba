#include "support/catch.hpp"

#include <filesystem>

#include <unistd.h>

#include "pkgjail/base/directory.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/temp_dir.hpp"

using pkgjail::base::Directory;
using pkgjail::base::Error;
using pkgjail::base::RootPath;
using pkgjail::base::Tree;

TEST_CASE("a directory makes files, once each, and knows whose they are", "[base][directory]") {
    const pkgjail::test::TempDir dir;
    const Tree tree = Tree::open(dir.path());
    tree.make_directories(RootPath::parse("/a"));
    Directory a(tree, RootPath::parse("/a"));
    CHECK_FALSE(a.owner_of_new());

    pkgjail::base::write_all(a.create_file("x").get(), "content", "x");

    CHECK(tree.read(RootPath::parse("/a/x")) == "content");
    REQUIRE(a.owner_of_new());
    CHECK(a.owner_of_new()->uid == ::geteuid());
    CHECK_THROWS_WITH(a.create_file("x"), Catch::Matchers::Contains("/a/x: exists already"));
    std::filesystem::create_symlink("elsewhere", dir.path() / "a" / "link");
    CHECK_THROWS_AS(a.create_file("link"), Error);
    CHECK_FALSE(std::filesystem::exists(dir.path() / "a" / "elsewhere"));
}

TEST_CASE("an entry goes from one directory to another, and nothing that is not there", "[base][directory]") {
    const pkgjail::test::TempDir dir;
    const Tree tree = Tree::open(dir.path());
    tree.make_directories(RootPath::parse("/a"));
    tree.make_directories(RootPath::parse("/b/c"));
    Directory a(tree, RootPath::parse("/a"));
    const Directory c(tree, RootPath::parse("/b/c"));
    pkgjail::base::write_all(a.create_file("x").get(), "content", "x");

    a.rename_into(c, "x");

    CHECK_FALSE(a.stat("x"));
    REQUIRE(c.stat("x"));
    CHECK(S_ISREG(c.stat("x")->st_mode));
    CHECK(tree.read(RootPath::parse("/b/c/x")) == "content");
    CHECK_THROWS_AS(a.rename_into(c, "x"), Error);
}

TEST_CASE("a link is no directory to work in", "[base][directory]") {
    const pkgjail::test::TempDir dir;
    const Tree tree = Tree::open(dir.path());
    tree.make_directories(RootPath::parse("/a"));
    std::filesystem::create_symlink("a", dir.path() / "link");

    CHECK_THROWS_AS(Directory(tree, RootPath::parse("/link")), Error);
}
