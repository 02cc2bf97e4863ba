#include "pkgjail/format/pattern_beginning.hpp"

#include <string>

#include "pkgjail/format/pattern.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

TEST_CASE("a pattern begins as every name that it matches", "[format][pattern]") {
    const std::string patterns[] = {"foo",          "foo-1.0",         "foo>=1<3",      "foo-[0-9]*",
                                    "fo?-1.0",      "{foo,bar}>=1",    "foo-{bar,baz}", "py[0-9]*-foo>=1",
                                    "*-1.0",        "foo-b{a,{r,z}}*", "f}o-1.0",       "foo\\-1.0",
                                    "foo-1.0{,nb1}"};
    const std::string names[] = {"foo-1.0",     "foo-1.0nb1",  "foo-2",       "foobar-1.0",       "bar-1.0",
                                 "foo-bar-1.0", "foo-baz-1.0", "fob-1.0",     "py311-foo-1.2",    "foo",
                                 "f}o-1.0",     "foo-bar",     "foo-bazar-2", "foo-100dpi-1.0.3", "fo"};
    int matched = 0;
    for (const std::string& pattern : patterns) {
        for (const std::string& name : names) {
            if (!format::Pattern::parse(pattern).matches(name))
                continue;
            INFO(pattern << " matches " << name);
            CHECK(name.starts_with(format::beginning_of(pattern)));
            ++matched;
        }
    }
    CHECK(matched > 30);
    CHECK(format::beginning_of("foo>=1") == "foo");
    CHECK(format::beginning_of("foo-[0-9]*") == "foo-");
    CHECK(format::beginning_of("{a,b}>=1").empty());
}
