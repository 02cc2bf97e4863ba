#include <algorithm>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using cli::Color;
using cli::Screen;
using cli::Table;

namespace {

/// The locale decides how a cut is marked, so a test says which one it means.
class Locale {
  public:
    explicit Locale(const char* name) { ::setenv("LC_ALL", name, 1); }
    Locale(const Locale&) = delete;
    Locale& operator=(const Locale&) = delete;
    ~Locale() { ::unsetenv("LC_ALL"); }
};

Screen screen(std::size_t columns) {
    Screen result;
    result.is_terminal = columns != 0;
    result.columns = columns;
    return result;
}

std::size_t widest_line(const std::string& text) {
    std::size_t widest = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        widest = std::max(widest, base::display_width(text.substr(at, end - at)));
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return widest;
}

Table packages() {
    Table table({"PACKAGE", "SIZE", "COMMENT"}, 2);
    table.add({{"nginx-1.26.1nb2"}, {"1.6M"}, {"Lightweight HTTP server and mail proxy server"}});
    table.add({{"py312-something-with-a-long-name-20240101"},
               {"12K"},
               {"Bibliothèque pour 日本語 and a comment that goes on for longer than anybody reads"}});
    return table;
}

/// Standard output is a terminal as long as this lives.
class OnTerminal {
  public:
    explicit OnTerminal(unsigned short columns)
        : master_(::posix_openpt(O_RDWR | O_NOCTTY)), before_(::dup(STDOUT_FILENO)) {
        REQUIRE(master_ >= 0);
        REQUIRE(::grantpt(master_) == 0);
        REQUIRE(::unlockpt(master_) == 0);
        const int terminal = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
        REQUIRE(terminal >= 0);
        struct winsize size {};
        size.ws_col = columns;
        REQUIRE(::ioctl(terminal, TIOCSWINSZ, &size) == 0);
        ::dup2(terminal, STDOUT_FILENO);
        ::close(terminal);
    }
    OnTerminal(const OnTerminal&) = delete;
    OnTerminal& operator=(const OnTerminal&) = delete;
    ~OnTerminal() {
        ::dup2(before_, STDOUT_FILENO);
        ::close(before_);
        ::close(master_);
    }

  private:
    int master_;
    int before_;
};

/// The screen that a program with these variables sees; an empty TERM stands for none.
Screen screen_with(const char* term, const char* no_color, unsigned short columns = 100) {
    if (*term == '\0')
        ::unsetenv("TERM");
    else
        ::setenv("TERM", term, 1);
    if (no_color == nullptr)
        ::unsetenv("NO_COLOR");
    else
        ::setenv("NO_COLOR", no_color, 1);
    const OnTerminal terminal(columns);
    return cli::output_screen();
}

} // namespace

TEST_CASE("a terminal has color unless it cannot or the operator does not want it", "[cli]") {
    CHECK(screen_with("xterm", nullptr).color);
    CHECK(screen_with("xterm", "").color);
    CHECK_FALSE(screen_with("xterm", "1").color);
    CHECK_FALSE(screen_with("dumb", nullptr).color);
    CHECK_FALSE(screen_with("", nullptr).color);
    ::unsetenv("NO_COLOR");
}

TEST_CASE("a terminal is as wide as it says, and 80 columns where it says nothing", "[cli]") {
    CHECK(screen_with("xterm", nullptr, 132).columns == 132);
    CHECK(screen_with("xterm", nullptr, 0).columns == 80);
    CHECK(screen_with("xterm", nullptr).is_terminal);
}

TEST_CASE("a table that is not for a terminal is not cut", "[cli][table]") {
    CHECK(packages().render(screen(0)) ==
          "PACKAGE                                    SIZE  COMMENT\n"
          "nginx-1.26.1nb2                            1.6M  Lightweight HTTP server and mail proxy server\n"
          "py312-something-with-a-long-name-20240101  12K   Bibliothèque pour 日本語 and a comment that goes "
          "on "
          "for longer than anybody reads\n");
}

TEST_CASE("at 80 columns only the flexible column is cut", "[cli][table]") {
    const Locale locale("C.UTF-8");

    CHECK(packages().render(screen(80)) ==
          "PACKAGE                                    SIZE  COMMENT\n"
          "nginx-1.26.1nb2                            1.6M  Lightweight HTTP server and ma…\n"
          "py312-something-with-a-long-name-20240101  12K   Bibliothèque pour 日本語 and a…\n");
}

TEST_CASE("at 40 columns the widest of the other columns is cut as well", "[cli][table]") {
    const Locale locale("C.UTF-8");

    CHECK(packages().render(screen(40)) == "PACKAGE                   SIZE  COMMENT\n"
                                           "nginx-1.26.1nb2           1.6M  Lightwe…\n"
                                           "py312-something-with-a-…  12K   Bibliot…\n");
}

TEST_CASE("no line of a table is wider than the screen", "[cli][table]") {
    const Locale locale("C");

    for (std::size_t columns = 16; columns <= 140; ++columns) {
        INFO("columns " << columns);
        CHECK(widest_line(packages().render(screen(columns))) <= columns);
    }
}

TEST_CASE("a row with too few cells is filled up and lines end without blanks", "[cli][table]") {
    Table table({"JAIL", "PORTS"}, 0);
    table.add({{"web"}});

    CHECK(table.render(screen(80)) == "JAIL  PORTS\nweb\n");
}

TEST_CASE("a cell of a mebibyte is cut as any other", "[cli][table]") {
    const Locale locale("C");
    Table table({"NAME", "COMMENT"}, 1);
    table.add({{std::string(1u << 20, 'n')}, {std::string(1u << 20, 'c')}});

    CHECK(widest_line(table.render(screen(80))) == 80);
}

TEST_CASE("a cut text says that something is missing, in the locale's characters", "[cli]") {
    {
        const Locale locale("C.UTF-8");
        CHECK(cli::cut("generation", 10) == "generation");
        CHECK(cli::cut("generation", 9) == "generati…");
        CHECK(cli::cut("日本語", 6) == "日本語");
        CHECK(cli::cut("日本語", 5) == "日本…");
        CHECK(cli::cut("日本語", 4) == "日…");
        CHECK(cli::cut("é", 1) == "é");
        CHECK(cli::cut("éa", 1) == "…");
        CHECK(cli::cut("abc", 0).empty());
    }
    const Locale locale("C");
    CHECK(cli::cut("generation", 9) == "generati~");
}

TEST_CASE("folded text keeps within the screen and loses nothing", "[cli]") {
    const std::string text = "cgroup v1 and v2 are both mounted, and the runtime takes the first";

    CHECK(cli::folded(text, 10, screen(30)) == "cgroup v1 and v2 are\n"
                                               "          both mounted, and\n"
                                               "          the runtime takes\n"
                                               "          the first");
    CHECK(cli::folded(text, 10, screen(0)) == text);
    CHECK(cli::folded("see /var/db/pkgjail/log/a-long-name.log for more", 4, screen(20)) ==
          "see\n    /var/db/pkgjail/log/a-long-name.log\n    for more");
}

TEST_CASE("color is for terminals that take it", "[cli]") {
    Screen plain = screen(80);
    Screen color = plain;
    color.color = true;

    CHECK(cli::colored("ready", Color::green, color) == "\033[32mready\033[0m");
    CHECK(cli::colored("ready", Color::none, color) == "ready");
    CHECK(cli::colored("ready", Color::green, plain) == "ready");
}

TEST_CASE("color does not move the columns of a table", "[cli][table]") {
    Table table({"JAIL", "STATE", "GEN"}, 0);
    table.add({{"web"}, {"ready", Color::green}, {"1"}});
    Screen color = screen(80);
    color.color = true;

    CHECK(table.render(color) == "\033[1mJAIL\033[0m  \033[1mSTATE\033[0m  \033[1mGEN\033[0m\n"
                                 "web   \033[32mready\033[0m  1\n");
}
