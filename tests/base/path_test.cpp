#include "support/catch.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"

using namespace pkgjail::base;

namespace {

/// "corrupt: CAUSE" for a refused path, else the path.
std::string outcome(const std::string& text) {
    try {
        return RootPath::parse(text).str();
    } catch (const Error& error) {
        return (error.kind() == ErrorKind::corrupt ? "corrupt: " : "other: ") + error.cause();
    }
}

} // namespace

TEST_CASE("a path with and without the leading slash is the same path", "[base][path]") {
    CHECK(RootPath::parse("usr/pkg").str() == "/usr/pkg");
    CHECK(RootPath::parse("/usr/pkg") == RootPath::parse("usr/pkg"));
    CHECK(RootPath::parse("/") == RootPath());
    CHECK(RootPath().relative().empty());
}

TEST_CASE("every spelling that could leave the root or confuse a reader is refused with its reason",
          "[base][path]") {
    const std::string dot = "corrupt: has the component \".\", which is not allowed in a path";
    const std::string dots = "corrupt: has the component \"..\", which is not allowed in a path";
    const std::string empty = "corrupt: has an empty component";
    const std::string control = "corrupt: has a control character in its name";

    CHECK(outcome("..") == dots);
    CHECK(outcome("../") == dots);
    CHECK(outcome("./..") == dot);
    CHECK(outcome("/a/../b") == dots);
    CHECK(outcome("a/../../b") == dots);
    CHECK(outcome("a/..") == dots);
    CHECK(outcome("./a") == dot);
    CHECK(outcome("a/.") == dot);
    CHECK(outcome("") == "corrupt: is an empty path");
    CHECK(outcome("//") == empty);
    CHECK(outcome("//x") == empty);
    CHECK(outcome("a//b") == empty);
    CHECK(outcome("/a/") == empty);
    CHECK(outcome(std::string("a\0b", 3)) == control);
    CHECK(outcome("a\nb") == control);
    CHECK(outcome("a\x1b[2Jb") == control);
    CHECK(outcome("a\x7f") == control);
    CHECK(outcome("a/" + std::string(256, 'x')) == "corrupt: has a component longer than 255 bytes");
    CHECK(outcome(std::string(64u << 10, 'x')) == "corrupt: is longer than 4095 bytes");
}

TEST_CASE("names that only look odd are kept byte for byte", "[base][path]") {
    CHECK(outcome("...") == "/...");
    CHECK(outcome("a/..b/c..") == "/a/..b/c..");
    CHECK(outcome("-rf") == "/-rf");
    CHECK(outcome("caf\xe9") == "/caf\xe9");
    CHECK(outcome(" a b ") == "/ a b ");
    CHECK(outcome(std::string(255, 'x')) == "/" + std::string(255, 'x'));
}

TEST_CASE("the longest path is accepted and one byte more is not", "[base][path]") {
    std::string longest;
    while (longest.size() < RootPath::max_length)
        longest += "/abc";
    longest.resize(RootPath::max_length);

    CHECK(outcome(longest) == longest);
    CHECK(outcome(longest + "x") == "corrupt: is longer than 4095 bytes");
    CHECK_THROWS_AS(RootPath::parse(longest) / "x", Error);
}

TEST_CASE("name, parent and components take a path apart", "[base][path]") {
    RootPath path = RootPath::parse("/usr/pkg/etc");

    CHECK(path.name() == "etc");
    CHECK(path.parent().str() == "/usr/pkg");
    CHECK(RootPath::parse("/usr").parent().is_root());
    CHECK(RootPath().parent().is_root());
    CHECK(RootPath().name().empty());
    CHECK(path.components() == std::vector<std::string>{"usr", "pkg", "etc"});
    CHECK(RootPath().components().empty());
}

TEST_CASE("appending checks what is appended", "[base][path]") {
    RootPath prefix = RootPath::parse("/usr/pkg");

    CHECK((prefix / "etc/nginx").str() == "/usr/pkg/etc/nginx");
    CHECK((RootPath() / "etc").str() == "/etc");
    CHECK_THROWS_AS(prefix / "../x", Error);
    CHECK_THROWS_AS(prefix / "", Error);
}

TEST_CASE("an entry may have any name that a directory can hold", "[base][path]") {
    CHECK(RootPath().entry("a\nb").str() == "/a\nb");
    CHECK(RootPath::parse("/x").entry("\x1b").str() == "/x/\x1b");
    for (const std::string& name :
         {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\0b", 3)})
        CHECK_THROWS_AS(RootPath().entry(name), Error);
}

TEST_CASE("a path lies within an ancestor by components, not by letters", "[base][path]") {
    RootPath prefix = RootPath::parse("/usr/pkg");

    CHECK(RootPath::parse("/usr/pkg/etc").is_within(prefix));
    CHECK(prefix.is_within(prefix));
    CHECK(prefix.is_within(RootPath()));
    CHECK_FALSE(RootPath::parse("/usr/pkgsrc").is_within(prefix));
    CHECK_FALSE(RootPath::parse("/usr").is_within(prefix));
}

TEST_CASE("below shows a path as its ancestor sees it", "[base][path]") {
    RootPath prefix = RootPath::parse("/usr/pkg");

    CHECK(RootPath::parse("/usr/pkg/etc/x").below(prefix).str() == "/etc/x");
    CHECK(prefix.below(prefix).is_root());
    CHECK(prefix.below(RootPath()) == prefix);
    CHECK_THROWS_AS(RootPath::parse("/etc").below(prefix), Error);
}
