// Ships' configurations of sailor, read as data.
#include "pkgjail/jail/sailor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

namespace {

std::string show(const std::string& text) {
    try {
        const jail::SailorShip ship = jail::read_sailor(text, "s.conf");
        std::string shown = fmt::format("{} [{}] [{}]\n", ship.name, fmt::join(ship.packages, ","),
                                        fmt::join(ship.services, ","));
        for (const auto& note : ship.notes)
            shown += fmt::format("{}: {}\n", note.line, note.what);
        return shown;
    } catch (const base::Error& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("a ship's name, packages and services are read without a shell", "[jail][sailor]") {
    CHECK(show("# a ship\nservices=\"nginx php_fpm\"\nshipname=web\npackages='nginx php83-fpm'\n") ==
          "web [nginx,php83-fpm] [nginx,php_fpm]\n");
    CHECK(show("shipname=\"we\"b # with a remark\npackages=nginx; shippath=/ships/web\n") ==
          "web [nginx] []\n2: shippath=/ships/web\n");
    CHECK(show("v=83\npackages=\"nginx php${v}-fpm php$v-x\"\n") ==
          " [nginx,php83-fpm,php83-x] []\n1: v=83\n");
    CHECK(show("packages=\"nginx \\\n  redis\"\n") == " [nginx,redis] []\n");
    CHECK(show("packages=a\npackages=b\nro_mounts=\n") == " [b] []\n");
}

TEST_CASE("what a ship asks for besides is told with its line", "[jail][sailor]") {
    CHECK(show("packages=a\nro_mounts=\"${HOME}/www\"\nip_lo0=192.0.2.1/24\n\nrun_at_start='kill $(cat "
               "/p)'\nif true; then\nFOO=1 rm x\n") ==
          " [a] []\n2: ro_mounts=${HOME}/www\n3: ip_lo0=192.0.2.1/24\n5: run_at_start=kill $(cat /p)\n"
          "6: if true; then\n7: FOO=1 rm x\n");
}

TEST_CASE("what only a shell would know, and what is no name, is refused", "[jail][sailor]") {
    CHECK(show("packages=\"$(cat list)\"\n") == "s.conf:1: only a shell knows what packages is: $(cat list)");
    CHECK(show("\npackages=\"`cat list`\"\n") == "s.conf:2: only a shell knows what packages is: `cat list`");
    CHECK(show("packages=${UNKNOWN}\n") == "s.conf:1: only a shell knows what packages is: ${UNKNOWN}");
    CHECK(show("packages=../x.tgz\n") ==
          "s.conf:1: packages: found \"../x.tgz\", allowed: letters, digits, \"_\", \"-\", \".\" and \"+\"");
    CHECK(show("shipname='a b'\n") == "s.conf:1: shipname: found 2 words, allowed: 1");
    CHECK(show("packages=\"nginx\n") == "s.conf:1: a \" without an end");
    CHECK(show(std::string("packages=a\0", 11)) == "s.conf: holds a zero byte, so it is no text");
    std::string doubling = "a=xxxxxxxxxxxxxxxx\n";
    for (int i = 0; i < 100; ++i)
        doubling += "a=$a$a\n";
    CHECK_THAT(show(doubling), ContainsSubstring("longer than 1 MiB"));
}

TEST_CASE("a value behind what only a shell can follow is refused", "[jail][sailor]") {
    for (const char* line : {"if [ -d /x ]; then",
                             "case $(uname) in",
                             "for x in a b; do",
                             "while true; do",
                             "until false; do",
                             "{",
                             "  { echo a",
                             "(cd /",
                             "build() {",
                             "build () {",
                             "function build {",
                             "cat <<END",
                             "cat <<-'END' >/x",
                             "true && if x; then",
                             "echo a; for x in 1; do",
                             "echo \"a",
                             "echo 'a",
                             "echo a \\",
                             "echo $(cat",
                             "FOO=1 cat <<END"}) {
        INFO(line);
        CHECK(show(std::string("\n") + line + "\nx=1\npackages=a\n") ==
              "s.conf:4: packages stands behind line 2, which only a shell can follow");
    }
    CHECK(show("if x; then\nwhile y; do\nshipname=a\n") ==
          "s.conf:3: shipname stands behind line 1, which only a shell can follow");
    CHECK(show("packages=a\nif x; then\nservices=b\n") ==
          "s.conf:3: services stands behind line 2, which only a shell can follow");
    // Lines that are over at their end.
    for (const char* line :
         {"echo a for b", "echo \"if\" '{' \\( # it's (one", "ifconfig lo0 $(hostname)",
          "echo $((1 + (2))) `date`; forget", "A=1 true", "test -d /x && echo a || echo b"}) {
        INFO(line);
        CHECK(show(line + std::string("\npackages=a\n")) == std::string(" [a] []\n1: ") + line + "\n");
    }
}

TEST_CASE("values of a ship that grow by others stop where they are too long", "[jail][sailor]") {
    const std::string large = "b=" + std::string(400u << 10, 'x') + "\n";
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "$b";
    // A quote without an end, too: the value is not read as far as that.
    CHECK(show(large + "a=\"" + many) == "s.conf:2: all values together are longer than 1 MiB");
    CHECK(show(large + "a=" + many + "\n") == "s.conf:2: all values together are longer than 1 MiB");
    // Nor can the packages behind it get lost.
    CHECK(show(large + "a=\"" + many + "\"\npackages=a\n") ==
          "s.conf:2: all values together are longer than 1 MiB");
    // Values for one command only are none that stay, and count all the same.
    CHECK(show(large + "a=$b x\na=$b x\n") == "s.conf:3: all values together are longer than 1 MiB");
}
