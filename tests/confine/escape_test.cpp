#include "pkgjail/confine/escape.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "support/catch.hpp"
#include "support/fake_driver.hpp"
#include "support/temp_dir.hpp"

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

TEST_CASE("whoever is killed while it tries leaves no process that holds its locks", "[confine][escape]") {
    const test::TempDir dir;
    const auto take = [&](base::LockMode mode) {
        return base::Lock::take(dir / "lock", mode, "lock", "test", std::chrono::seconds(10));
    };
    auto ready = base::make_pipe();
    const pid_t doctor = ::fork();
    if (doctor == 0) {
        ::setpgid(0, 0);
        const base::Lock held = take(base::LockMode::shared);
        test::FakeDriver driver;
        driver.on_call = [&](std::string_view) {
            if (::write(ready.write_end.get(), "x", 1) == 1)
                ::pause();
        };
        confine::EscapeJail jail;
        jail.spec.handle = jail.spec.jail = "escape";
        jail.run_directory = dir.path();
        confine::try_to_escape(driver, jail);
        ::_exit(1);
    }
    char byte = 0;
    REQUIRE(::read(ready.read_end.get(), &byte, 1) == 1);
    REQUIRE(base::Lock::try_take(dir / "lock", base::LockMode::exclusive, "test") == std::nullopt);

    ::kill(doctor, SIGKILL);
    ::waitpid(doctor, nullptr, 0);

    CHECK_NOTHROW(take(base::LockMode::exclusive));
    ::kill(-doctor, SIGKILL);
}
