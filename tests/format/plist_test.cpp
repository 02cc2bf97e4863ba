#include "pkgjail/format/plist.hpp"

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::Plist;

namespace {

const std::string head = "@name foo-1.0\n@cwd /usr/pkg\n";

std::string show(const Plist& list) {
    std::string text = list.pkgname + " in " + list.prefix + "\n";
    for (const format::PlistFile& file : list.files)
        text += "file " + file.path + (file.md5 ? " md5 " + *file.md5 : "") +
                (file.link_target ? " -> " + *file.link_target : "") + "\n";
    for (const std::string& pattern : list.depends)
        text += "depends " + pattern + "\n";
    for (const std::string& pattern : list.conflicts)
        text += "conflicts " + pattern + "\n";
    for (const std::string& name : list.build_depends)
        text += "built with " + name + "\n";
    for (const format::PlistDirectory& directory : list.directories)
        text += "directory " + directory.path + "\n";
    for (const format::PlistCommand& command : list.exec)
        text += fmt::format("after {} run {}\n", command.after_files, command.command);
    for (const format::PlistCommand& command : list.unexec)
        text += fmt::format("after {} at removal {}\n", command.after_files, command.command);
    for (const std::string& warning : list.warnings)
        text += "warning " + warning + "\n";
    return text;
}

/// What parse() says against `text`; empty: nothing.
std::string refusal(const std::string& text) {
    try {
        Plist::parse(text);
    } catch (const base::Error& error) {
        return error.kind() == base::ErrorKind::corrupt ? error.what()
                                                        : std::string("wrong kind: ") + error.what();
    }
    return {};
}

std::string files_of(const std::string& lines) {
    std::string text;
    for (const format::PlistFile& file : Plist::parse(head + lines).files)
        text += "[" + file.path + (file.md5 ? " md5" : "") + (file.link_target ? " link" : "") + "]";
    return text;
}

std::string exec_of(const std::string& lines) {
    const Plist list = Plist::parse(head + lines);
    return list.exec.empty() ? "" : list.exec.back().command;
}

} // namespace

TEST_CASE("a packing list as pkg_create writes it is understood", "[format][plist]") {
    const Plist list = Plist::parse("@name foo-1.0\n"
                                    "@cwd /usr/pkg\n"
                                    "@blddep zlib-1.2.13\n"
                                    "@pkgdep zlib>=1.2.3\n"
                                    "@pkgcfl oldfoo-[0-9]*\n"
                                    "@comment $NetBSD$\n"
                                    "bin/hello\n"
                                    "@comment MD5:46bbbe8aa98cc0714426e948474eaaf4\n"
                                    "bin/hi\n"
                                    "@comment Symlink:hello\n"
                                    "@exec echo %f\n"
                                    "@unexec rm -f %D/x\n"
                                    "@pkgdir share/foo/empty\n"
                                    "@cwd /somewhere/else\n"
                                    "@ignore\n"
                                    "+COMMENT\n"
                                    "@ignore\n"
                                    "+DESC\n");

    CHECK(show(list) == "foo-1.0 in /usr/pkg\n"
                        "file bin/hello md5 46bbbe8aa98cc0714426e948474eaaf4\n"
                        "file bin/hi -> hello\n"
                        "depends zlib>=1.2.3\n"
                        "conflicts oldfoo-[0-9]*\n"
                        "built with zlib-1.2.13\n"
                        "directory share/foo/empty\n"
                        "after 2 run echo 'hi'\n"
                        "after 2 at removal rm -f '/usr/pkg'/x\n");
}

TEST_CASE("the name may come after the prefix", "[format][plist]") {
    CHECK(show(Plist::parse("@cwd /opt/pkg\n@name foo-1.0\n")) == "foo-1.0 in /opt/pkg\n");
}

TEST_CASE("a command is known by its beginning, without a blank after it", "[format][plist]") {
    CHECK(Plist::parse(head + "@pkgdepfoo>=1\n").depends == std::vector<std::string>{"foo>=1"});
    CHECK(Plist::parse(head + "@pkgdep \t foo>=1 \t\n").depends == std::vector<std::string>{"foo>=1"});
    CHECK(refusal("@name foo-1.0\n@cwdx /usr/pkg\n") ==
          "+CONTENTS line 2: the prefix x /usr/pkg is not absolute");
}

TEST_CASE("a command that nobody knows is a warning and no error", "[format][plist]") {
    const Plist list = Plist::parse(head + "@mtree etc/mtree\n@\n@nonsense\n");

    CHECK(list.warnings == std::vector<std::string>{"+CONTENTS line 3: unknown command @mtree etc/mtree",
                                                    "+CONTENTS line 4: unknown command @",
                                                    "+CONTENTS line 5: unknown command @nonsense"});
}

TEST_CASE("commands without effect at installation change nothing", "[format][plist]") {
    CHECK(files_of("@mode 4755\n@owner root\n@group wheel\n@src /x\n@dirrm y\n@option preserve\n@display "
                   "z\nbin/a\n") == "[bin/a]");
}

TEST_CASE("blanks before a path belong to it, blanks behind do not", "[format][plist]") {
    CHECK(files_of("  bin/a b \t\r\n\n   \nbin/c\n") == "[  bin/a b][bin/c]");
}

TEST_CASE("the last line need not end in a newline", "[format][plist]") {
    CHECK(files_of("bin/a") == "[bin/a]");
}

TEST_CASE("a path keeps its bytes", "[format][plist]") {
    CHECK(files_of("share/caf\xc3\xa9\nshare/\xff\xfe\n") == "[share/caf\xc3\xa9][share/\xff\xfe]");
}

TEST_CASE("a digest counts only directly after its file", "[format][plist]") {
    const std::string md5 = "@comment MD5:46bbbe8aa98cc0714426e948474eaaf4\n";

    CHECK(files_of("bin/a\n" + md5 + "bin/b\n@comment\n" + md5) == "[bin/a md5][bin/b]");
    CHECK(files_of(md5 + "bin/a\n") == "[bin/a]");
    CHECK(files_of("bin/a\n@mode 0644\n" + md5) == "[bin/a]");
    CHECK(files_of("bin/a\n\n" + md5) == "[bin/a md5]");
    CHECK(files_of("bin/a\n@comment Symlink:b\n@comment Symlink:c\n" + md5) == "[bin/a link]");
    CHECK(Plist::parse(head + "bin/a\n@comment Symlink:../x y\n").files[0].link_target == "../x y");
}

TEST_CASE("@ignore takes the next line away, whatever it is", "[format][plist]") {
    CHECK(files_of("@ignore\nbin/a\nbin/b\n") == "[bin/b]");
    CHECK(files_of("@ignore\n\nbin/a\nbin/b\n") == "[bin/b]");
    CHECK(files_of("@ignore\n@comment x\nbin/b\n") == "[bin/b]");
    CHECK(files_of("bin/a\n@ignore\nbin/b\n@comment MD5:46bbbe8aa98cc0714426e948474eaaf4\n") == "[bin/a]");
}

TEST_CASE("percent tokens in commands become quoted words", "[format][plist][exec]") {
    const std::string file = "share/foo/x.conf\n";

    CHECK(exec_of(file + "@exec echo %D %F %B %f\n") ==
          "echo '/usr/pkg' 'share/foo/x.conf' '/usr/pkg/share/foo' 'x.conf'");
    CHECK(exec_of(file + "@exec echo %X %% %%D 100%\n") == "echo %X %% %%D 100%");
    CHECK(exec_of("it's\n@exec echo %f\n") == "echo 'it'\\''s'");
    CHECK(exec_of("$(reboot);`x`\n@exec echo %f\n") == "echo '$(reboot);`x`'");
    CHECK(exec_of("@exec mkdir -p %D/x\n") == "mkdir -p '/usr/pkg'/x");
    CHECK(exec_of("top\n@exec echo %B\n") == "echo '/usr/pkg'");
    CHECK(Plist::parse("@exec echo %D\n@name foo-1.0\n@cwd /p\n").exec[0].command == "echo '/p'");
}

TEST_CASE("a percent token without its file is refused", "[format][plist][exec]") {
    CHECK(refusal(head + "@exec echo %F\nbin/a\n") ==
          "+CONTENTS line 3: %F stands for the last file, and none is listed before it");
    CHECK(refusal(head + "@unexec echo %B\n") != "");
    CHECK(refusal(head + "@ignore\nbin/a\n@exec echo %f\n") != "");
}

TEST_CASE("a command that expands beyond measure is refused", "[format][plist][exec]") {
    std::string tokens;
    for (int i = 0; i < 2000; ++i)
        tokens += "%D";

    CHECK(refusal(head + "@exec " + tokens + "\n") == "+CONTENTS line 3: a command of more than 4096 bytes");
}

TEST_CASE("a list without name or prefix is refused", "[format][plist][hostile]") {
    CHECK(refusal("") == "+CONTENTS: it has no @name line");
    CHECK(refusal("@name foo-1.0\n") == "+CONTENTS: it has no @cwd line");
    CHECK(refusal("@cwd /usr/pkg\n") == "+CONTENTS: it has no @name line");
    CHECK(refusal("@ignore\n@name foo-1.0\n@cwd /usr/pkg\n") != "");
    CHECK(refusal(head + "@name bar-1.0\n") ==
          "+CONTENTS line 3: a second @name, bar-1.0; the first is foo-1.0");
    CHECK(refusal(head + "@name foo-1.0\n") == "");
    CHECK(refusal("@name ../foo-1\n@cwd /usr/pkg\n") != "");
    CHECK(refusal("@name\n@cwd /usr/pkg\n") != "");
}

TEST_CASE("a prefix that is no plain absolute path is refused", "[format][plist][hostile]") {
    for (const char* prefix : {"", "usr/pkg", "../..", "/usr/../..", "/usr//pkg", "/./usr", "/a\x01"}) {
        INFO(prefix);
        CHECK(refusal(std::string("@name foo-1.0\n@cwd ") + prefix + "\n") != "");
    }
    CHECK(Plist::parse("@name foo-1.0\n@cwd /usr/pkg/\n").prefix == "/usr/pkg");
    CHECK(Plist::parse("@name foo-1.0\n@cwd /\n@exec echo %D\n").exec[0].command == "echo '/'");
}

TEST_CASE("a path that leaves the prefix is refused", "[format][plist][hostile]") {
    for (const std::string& path :
         {std::string(".."), std::string("../x"), std::string("./.."), std::string("a/../../b"),
          std::string("/"), std::string("//x"), std::string("/etc/passwd"), std::string("a//b"),
          std::string("a/"), std::string("./a"), std::string("a/./b"), std::string("a\x1b[2J"),
          std::string("a\0b", 3), std::string(300, 'a'), std::string(64 * 1024, 'a')}) {
        INFO(path.substr(0, 40));
        CHECK(refusal(head + path + "\n") != "");
        CHECK(refusal(head + "@pkgdir " + path + "\n") != (path == "a/" ? "x" : ""));
    }
    CHECK(Plist::parse(head + "@pkgdir share/foo/\n").directories[0].path == "share/foo");
}

TEST_CASE("a path is listed once", "[format][plist][hostile]") {
    CHECK(refusal(head + "bin/a\nbin/b\nbin/a\n") == "+CONTENTS line 5: bin/a is listed twice");
    CHECK(refusal(head + "@pkgdir share/x\n@pkgdir share/x\n") == "");
    CHECK(refusal(head + "share/x\n@pkgdir share/x\n") ==
          "+CONTENTS line 4: share/x is listed as a file and as a directory");
}

TEST_CASE("a file of the list is no directory of another one", "[format][plist][hostile]") {
    CHECK(refusal(head + "lib\n@comment Symlink:/\nlib-x\nlib.so\nlib/tmp/canary\n") ==
          "+CONTENTS line 7: lib/tmp/canary lies below lib, which is a file of the list");
    CHECK(refusal(head + "a/b/c\na/b\n") != "");
    CHECK(refusal(head + "a\n@pkgdir a/b\n") != "");
    CHECK(refusal(head + "a-b\na\na.b\na b/c\n") == "");
}

TEST_CASE("malformed digests, links and patterns are refused", "[format][plist][hostile]") {
    CHECK(refusal(head + "a\n@comment MD5:46BBBE8AA98CC0714426E948474EAAF4\n") != "");
    CHECK(refusal(head + "a\n@comment MD5:46bb\n") != "");
    CHECK(refusal(head + "a\n@comment Symlink:\n") != "");
    CHECK(refusal(head + "@pkgdep {a\n") ==
          "+CONTENTS line 3: pattern {a: the brace in column 1 is not closed");
    CHECK(refusal(head + "@pkgcfl\n") == "+CONTENTS line 3: an empty pattern");
}
