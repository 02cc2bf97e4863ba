#include "pkgjail/format/build_info.hpp"

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::BuildInfo;
using format::parse_build_date;
using Strings = std::vector<std::string>;

namespace {

std::string verdict(const std::string& opsys, const std::string& version, const std::string& arch) {
    const BuildInfo info =
        BuildInfo::parse("OPSYS=" + opsys + "\nOS_VERSION=" + version + "\nMACHINE_ARCH=" + arch + "\n");
    const std::string host_version = opsys == "NetBSD" ? "10.1" : "6.1.0";
    const format::PlatformCheck check =
        check_platform(info, opsys == "SunOS" ? "Linux" : opsys, host_version, "x86_64");
    return !check.problem.empty() ? "no" : !check.advice.empty() ? "advice" : "fine";
}

} // namespace

TEST_CASE("build information gives one value or all of a variable's", "[format][build_info]") {
    const BuildInfo info =
        BuildInfo::parse("REQUIRES=/usr/lib/libc.so.12\nLICENSE=\nREQUIRES=/usr/lib/libm.so.0\n"
                         "\nHOMEPAGE= https://example.org/?a=b\nPKGPATH=www/nginx");

    CHECK(info.get("REQUIRES") == "/usr/lib/libc.so.12");
    CHECK(info.all("REQUIRES") == Strings{"/usr/lib/libc.so.12", "/usr/lib/libm.so.0"});
    CHECK(info.get("LICENSE") == std::nullopt);
    CHECK(info.get("REQUIRE") == std::nullopt);
    CHECK(info.all("NOTHING").empty());
    CHECK(info.get("HOMEPAGE") == "https://example.org/?a=b");
    CHECK(info.get("PKGPATH") == "www/nginx");
}

TEST_CASE("a line of build information without a variable is refused with its number",
          "[format][build_info]") {
    for (const char* line : {"nonsense", "=value", " "}) {
        INFO(line);
        CHECK_THROWS_WITH(BuildInfo::parse(std::string("OPSYS=Linux\n") + line + "\n"),
                          "+BUILD_INFO line 2: not of the form VARIABLE=value");
    }
}

TEST_CASE("a package runs where it was built for", "[format][build_info]") {
    CHECK(verdict("Linux", "6.1.0", "x86_64") == "fine");
    CHECK(verdict("Linux", "5.10.0", "x86_64") == "advice");
    CHECK(verdict("Linux", "6.1.0", "aarch64") == "no");
    CHECK(verdict("SunOS", "5.11", "x86_64") == "no");
    CHECK(verdict("NetBSD", "10.0", "x86_64") == "fine");
    CHECK(verdict("NetBSD", "9.4", "x86_64") == "advice");
    CHECK(verdict("NetBSD", "10.99.5", "x86_64") == "advice");
    CHECK(verdict("NetBSD", "1.6", "x86_64") == "advice");
    CHECK(verdict("", "6.1.0", "x86_64") == "no");
    CHECK(verdict("Linux", "", "x86_64") == "no");
}

TEST_CASE("a build date is what pkgsrc writes, in any zone, and nothing else", "[format][build_info]") {
    CHECK(parse_build_date("1970-01-01 00:00:00 +0000") == 0);
    CHECK(parse_build_date("2026-10-01 12:34:56 +0000") == 1790858096);
    CHECK(parse_build_date("2026-10-01 14:34:56 +0200") == 1790858096);
    CHECK(parse_build_date("2026-10-01 03:04:56 -0930") == 1790858096);
    CHECK(parse_build_date("9999-12-31 23:59:59 +0000") == 253402300799);
    for (const char* const text :
         {"", "2026-10-01", "2026-10-01 12:34:56", "2026-10-01T12:34:56 +0000", "2026-10-01 12:34:56 UTC00",
          "2026-10-01 12:34:56 +00:0", "2026-02-30 12:34:56 +0000", "2026-10-01 24:00:00 +0000",
          "2026-10-01 12:34:60 +0000", "-026-10-01 12:34:56 +0000", "1969-12-31 23:59:59 +0000",
          "1970-01-01 00:00:00 +0001", "9999-12-31 23:59:59 -0001", "2026-10-01 12:34:56 +0000 "}) {
        INFO(text);
        CHECK_FALSE(parse_build_date(text));
    }
}
