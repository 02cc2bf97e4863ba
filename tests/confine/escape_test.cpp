#include "pkgjail/confine/escape.hpp"

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using confine::Attempt;
using confine::Held;
using confine::parse_attempts;

TEST_CASE("each line of the helper is an attempt", "[confine][escape]") {
    const auto attempts = parse_attempts("held\tset the clock\tadjtimex: EPERM\n"
                                         "open\tmount\tdone\ngiven\tping\tlow\nabsent\tx\ty\nend\n");

    CHECK(attempts == std::vector<Attempt>{{"set the clock", Held::held, "adjtimex: EPERM"},
                                           {"mount", Held::open, "done"},
                                           {"ping", Held::given, "low"},
                                           {"x", Held::absent, "y"}});
}

TEST_CASE("a helper that did not come to its end is no clean bill", "[confine][escape]") {
    const auto cause = [](const char* text) {
        try {
            parse_attempts(text);
        } catch (const base::Error& error) {
            return error.cause();
        }
        return std::string("accepted");
    };

    CHECK(cause("") == "was ended in the middle, before its first attempt");
    CHECK(cause("held\tset the clock\tEPERM\n") == "was ended in the middle, after \"set the clock\"");
    CHECK(cause("held\tset the clock\nend\n") ==
          "line \"held\\x09set the clock\" is not OUTCOME, WHAT, DETAIL");
    CHECK(cause("fine\ta\tb\nend\n") == "outcome \"fine\" is none of held, open, given, absent");
}
