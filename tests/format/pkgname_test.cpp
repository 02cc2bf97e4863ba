#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::Pkgname;

TEST_CASE("the version is what follows the last dash of a package's name", "[format][pkgname]") {
    const Pkgname name = Pkgname::parse("font-adobe-100dpi-1.0.3");

    CHECK(name.base() == "font-adobe-100dpi");
    CHECK(name.version() == "1.0.3");
    CHECK(name.str() == "font-adobe-100dpi-1.0.3");
}

TEST_CASE("a package's name keeps its bytes", "[format][pkgname]") {
    CHECK(Pkgname::parse("caf\xc3\xa9-1.0").base() == "caf\xc3\xa9");
    CHECK(Pkgname::parse("x\xff\xfe-1").base() == "x\xff\xfe");
    CHECK(Pkgname::is_valid("a'b\"c;d%e_f{g}-1'"));
    CHECK(Pkgname::is_valid("R-4.3"));
    CHECK(Pkgname::is_valid("foo-abc"));
    CHECK(Pkgname::is_valid(std::string(198, 'a') + "-1"));
}

TEST_CASE("what no package may be called is refused", "[format][pkgname]") {
    const std::string nul("fo\0o-1", 6);
    for (const std::string& text : {std::string(),
                                    std::string("foo"),
                                    std::string("-1.0"),
                                    std::string("foo-"),
                                    std::string("-"),
                                    std::string("a/b-1"),
                                    std::string("../x-1"),
                                    std::string(".-1"),
                                    std::string("..-1"),
                                    std::string(".foo-1"),
                                    std::string("-rf-1"),
                                    std::string("+CONTENTS-1"),
                                    std::string("fo o-1"),
                                    std::string("foo-1\n"),
                                    std::string("foo\t-1"),
                                    std::string("fo\x1bo-1"),
                                    std::string("foo-1\x7f"),
                                    nul,
                                    std::string("/foo-1"),
                                    std::string("foo-1/.."),
                                    std::string(199, 'a') + "-1"}) {
        INFO(text);
        CHECK_FALSE(Pkgname::is_valid(text));
        CHECK_THROWS_AS(Pkgname::parse(text), base::Error);
    }
}

TEST_CASE("package names are ordered by their bytes", "[format][pkgname]") {
    CHECK(Pkgname::parse("a-9") < Pkgname::parse("b-1"));
    CHECK(Pkgname::parse("a-10") < Pkgname::parse("a-9"));
    CHECK(Pkgname::parse("z-1") < Pkgname::parse("\xc3\xa9-1"));
}
