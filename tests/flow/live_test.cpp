// Commands on a terminal: what top takes it gives back; what is said on standard error can be read there.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

using namespace pkgjail;
using test::Host;

namespace {

/// A command on a terminal of its own, 70 columns wide.
class Watched {
  public:
    Watched(const Host& host, const std::vector<std::string>& words)
        : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        REQUIRE(master_);
        REQUIRE(::grantpt(master_.get()) == 0);
        REQUIRE(::unlockpt(master_.get()) == 0);
        terminal_ = base::Fd(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(terminal_);
        const struct winsize size { 20, 70, 0, 0 };
        REQUIRE(::ioctl(terminal_.get(), TIOCSWINSZ, &size) == 0);
        before_ = settings();
        base::Command command;
        command.argv = {test::pkgjail_program(), "--state", host.state().string(), "--config",
                        host.etc().string()};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        command.environment = {"LC_ALL=C.UTF-8", "TERM=xterm", "NO_COLOR=1"};
        command.standard_input = command.standard_output = command.standard_error = terminal_.get();
        child_.emplace(base::Child::start(command));
    }
    bool read_until(const std::string& text) {
        const auto deadline = base::steady_now() + std::chrono::seconds(30);
        while (seen_.find(text) == seen_.npos && base::steady_now() < deadline) {
            struct pollfd waiting {
                master_.get(), POLLIN, 0
            };
            char buffer[4096];
            if (::poll(&waiting, 1, 200) == 1)
                if (const ssize_t count = ::read(master_.get(), buffer, sizeof buffer); count > 0)
                    seen_.append(buffer, static_cast<std::size_t>(count));
        }
        return seen_.find(text) != seen_.npos;
    }
    const std::string& seen() const { return seen_; }
    void type(char key) { REQUIRE(::write(master_.get(), &key, 1) == 1); }
    base::Child& child() { return *child_; }
    tcflag_t before() const { return before_; }
    /// Local flags: echo, whole lines.
    tcflag_t settings() const {
        struct termios now {};
        REQUIRE(::tcgetattr(terminal_.get(), &now) == 0);
        return now.c_lflag;
    }

  private:
    base::Fd master_;
    base::Fd terminal_;
    tcflag_t before_ = 0;
    std::string seen_;
    std::optional<base::Child> child_;
};

} // namespace

TEST_CASE("top draws jails on the other screen and gives the terminal back", "[flow][top]") {
    const Host host;
    test::record_jail(host, "web", {"web-1.0"});
    Watched top(host, {"top", "--interval", "100ms"});

    REQUIRE(top.read_until("\033[?1049h"));
    REQUIRE(top.read_until("web   stopped"));
    CHECK((top.settings() & ECHO) == 0);
    std::string ended;
    SECTION("when q is pressed") {
        top.type('c');
        top.type('q');
        ended = "exit status 0";
    }
    SECTION("when it is told to end") {
        top.child().kill(SIGTERM);
        ended = "exit status 143";
    }
    SECTION("when it is interrupted") {
        top.child().kill(SIGINT);
        ended = "exit status 130";
    }

    CHECK(top.read_until("\033[?1049l"));
    CHECK(top.child().wait().describe() == ended);
    CHECK(top.settings() == top.before());
}

TEST_CASE("a repository that fails is told on a line of its own", "[flow][terminal]") {
    const test::TempDir directory;
    const test::HttpServer server(directory.path());
    test::write_bytes(directory.path() / "pkg_summary.gz", "no index");
    const Host host;
    host.write_config("repositories.conf", "[repository demo]\nurl = " + server.url() + "\ntrust = none\n");
    Watched update(host, {"update"});

    REQUIRE(update.read_until("pkgjail: update: "));

    REQUIRE(update.seen().find("index of demo") != std::string::npos); // there was a line to stick to
    CHECK_THAT(update.seen(), ContainsSubstring("\r\033[Kpkgjail: update: "));
}

TEST_CASE("errors, hints and notes are folded for a terminal, and for nothing else", "[flow][terminal]") {
    const Host host;
    test::record_jail(host, "web", {"web-1.0"});
    const auto widest = [](const std::string& text) {
        std::size_t width = 0;
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            while (!line.empty() && line.back() == '\r')
                line.pop_back();
            width = std::max(width, base::display_width(line));
        }
        return width;
    };

    const test::CommandResult plain = host.run({"install", "tree", "--zzzzzz"});
    Watched shown(host, {"install", "tree", "--zzzzzz"});
    REQUIRE(shown.read_until("[-j JAIL]"));
    CHECK(shown.child().wait().describe() == "exit status 64");
    REQUIRE(shown.read_until("--no-start]"));
    CHECK(widest(shown.seen()) <= 70);
    CHECK_THAT(shown.seen(), ContainsSubstring("\r\n      ")); // the hint goes on below its first word
    CHECK(std::count(plain.err.begin(), plain.err.end(), '\n') == 2);

    host.write_config("jails.d/web.jail", "");
    const test::CommandResult note = host.run({"apply", "--export", "web"});
    CHECK(std::count(note.err.begin(), note.err.end(), '\n') == 1);
    Watched noted(host, {"apply", "--export", "web"});
    REQUIRE(noted.read_until("package = web-1.0"));
    CHECK_THAT(noted.seen(), ContainsSubstring("pkgjail: note:") && ContainsSubstring("\r\n         "));
}
