// Licences of pkgsrc as SPDX expressions.
#include "pkgjail/format/license.hpp"

#include "support/catch.hpp"

using pkgjail::format::LicenseExpression;
using pkgjail::format::to_spdx;

namespace {

/// "EXPRESSION [REFERENCE=NAME …]"
std::string show(const std::string& license) {
    const LicenseExpression expression = to_spdx(license);
    std::string text = expression.spdx;
    for (const LicenseExpression::Reference& one : expression.references)
        text += " [" + one.id + "=" + one.name + "]";
    return text;
}

} // namespace

TEST_CASE("licences that SPDX has get its identifiers, others a reference", "[format][license]") {
    CHECK(show("mit") == "MIT");
    CHECK(to_spdx("  modified-bsd\t").single_id == "BSD-3-Clause");
    CHECK(show("gnu-gpl-v2") == "GPL-2.0-only");
    CHECK(show("vmware_license") ==
          "LicenseRef-pkgsrc-vmware-license [LicenseRef-pkgsrc-vmware-license=vmware_license]");
    CHECK(to_spdx("vmware-license").single_id.empty());
    CHECK(show("").empty());
    CHECK(show(" \t").empty());
}

TEST_CASE("licence expressions keep their operators and parentheses", "[format][license]") {
    CHECK(show("mit AND zlib AND x11") == "MIT AND Zlib AND X11");
    CHECK(show("(artistic AND mine) OR zlib") ==
          "(Artistic-1.0 AND LicenseRef-pkgsrc-mine) OR Zlib [LicenseRef-pkgsrc-mine=mine]");
    CHECK(show("yours OR mine OR yours") == "LicenseRef-pkgsrc-yours OR LicenseRef-pkgsrc-mine OR "
                                            "LicenseRef-pkgsrc-yours [LicenseRef-pkgsrc-mine=mine] "
                                            "[LicenseRef-pkgsrc-yours=yours]");
    CHECK(to_spdx("mit OR zlib").single_id.empty());
    CHECK(show("((mit))") == "((MIT))");
}

TEST_CASE("what is no licence expression becomes one reference with all that was said",
          "[format][license][hostile]") {
    CHECK(
        show("mit AND foo OR zlib") ==
        "LicenseRef-pkgsrc-mit-AND-foo-OR-zlib [LicenseRef-pkgsrc-mit-AND-foo-OR-zlib=mit AND foo OR zlib]");
    for (const char* text : {"mit zlib", "mit AND", "AND", "(mit", "mit)", "()", "mit,zlib",
                             "mit OR (zlib AND)", "\x1b[2J", "\xff"}) {
        INFO(text);
        const LicenseExpression expression = to_spdx(text);
        CHECK(expression.spdx.starts_with("LicenseRef-pkgsrc-"));
        REQUIRE(expression.references.size() == 1);
        CHECK(expression.references.front().name == text);
    }
    CHECK(to_spdx(std::string(100'000, '(')).spdx.starts_with("LicenseRef-pkgsrc-"));
}
