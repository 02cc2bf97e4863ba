#include "pkgjail/format/install_script.hpp"

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::InstallDeclarations;

namespace {

std::string number(const std::optional<std::uint32_t>& value) {
    return value ? std::to_string(*value) : "-";
}
std::string octal(const std::optional<unsigned>& mode) {
    return mode ? fmt::format("{:04o}", *mode) : "-";
}

std::string show(const std::string& script) {
    const InstallDeclarations all = InstallDeclarations::parse(script);
    std::string text;
    for (const auto& group : all.groups)
        text += fmt::format("group {} {}\n", group.name, number(group.gid));
    for (const auto& user : all.users)
        text += fmt::format("user {} {} {} [{}] {} [{}]\n", user.name, user.group, number(user.uid),
                            user.gecos, user.home, user.shell);
    for (const auto& permissions : all.permissions)
        text += fmt::format("perms {} {} {} {}\n", permissions.path, octal(permissions.mode),
                            permissions.user, permissions.group);
    for (const auto& file : all.files)
        text += fmt::format("file {} from {} {} [{}] [{}]{}\n", file.path, file.example, octal(file.mode),
                            file.user, file.group, file.is_rc_script ? " rc" : "");
    for (const auto& directory : all.directories)
        text += fmt::format("dir {} {} [{}] [{}]\n", directory.path, octal(directory.mode), directory.user,
                            directory.group);
    for (const auto& shell : all.shells)
        text += "shell " + shell + "\n";
    return text;
}

std::string refusal(const std::string& script) {
    try {
        InstallDeclarations::parse(script);
    } catch (const base::Error& error) {
        return error.kind() == base::ErrorKind::corrupt ? error.what()
                                                        : std::string("wrong kind: ") + error.what();
    }
    return {};
}

} // namespace

TEST_CASE("the data lines of an install script are read", "[format][install_script]") {
    CHECK(show("#!/bin/sh\n"
               "# Lines starting with # USER are data.\n"
               "#\t# USER: example:not-data\n"
               "exit 0\n"
               "# GROUP: svcg\n"
               "# GROUP: games:13\n"
               "# USER: svcu:svcg::Svc user:/var/db/svc:/sbin/nologin\n"
               "# USER: nginx:nginx\n"
               "# USER: Postgres:pgsql:1005\n"
               "# PERMS: bin/hello 2755 root svcg\n"
               "# PERMS: /usr/pkg/libexec/x\t04711\troot\t0\n"
               "# FILE: /etc/rc.d/svc cr share/examples/rc.d/svc 0755\n"
               "# FILE: etc/svc/x.conf c share/foo/x.conf 0644\n"
               "# FILE: etc/svc/my\\ file c share/foo/x\\\\y 0600 svcu svcg\n"
               "# FILE: etc/plain cf share/plain\n"
               "# DIR: etc/svc m\n"
               "# DIR: /var/db/svc mo 0750 svcu svcg\n"
               "# SHELL: bin/hello\n"
               "# INFO: info/x.info\n"
               "# FONTS: share/fonts ttf\n") ==
          "group svcg -\n"
          "group games 13\n"
          "user svcu svcg - [Svc user] /var/db/svc [/sbin/nologin]\n"
          "user nginx nginx - [] /nonexistent []\n"
          "user Postgres pgsql 1005 [] /nonexistent []\n"
          "perms bin/hello 2755 root svcg\n"
          "perms /usr/pkg/libexec/x 4711 root 0\n"
          "file /etc/rc.d/svc from share/examples/rc.d/svc 0755 [] [] rc\n"
          "file etc/svc/x.conf from share/foo/x.conf 0644 [] []\n"
          "file etc/svc/my file from share/foo/x\\y 0600 [svcu] [svcg]\n"
          "file etc/plain from share/plain - [] []\n"
          "dir etc/svc - [] []\n"
          "dir /var/db/svc 0750 [svcu] [svcg]\n"
          "shell bin/hello\n");
}

TEST_CASE("a script without data lines declares nothing", "[format][install_script]") {
    CHECK(show("") == "");
    CHECK(show("#!/bin/sh\nexit 0\n") == "");
    CHECK(show("# USERS: x\n#USER: x\n USER: x\n# USER:x\n") == "");
}

TEST_CASE("data lines of the wrong form are refused with their number", "[format][install_script][hostile]") {
    CHECK(refusal("x\n# USER: lonely\n") == "+INSTALL line 2: # USER: 1 fields; 2 to 6 are allowed");
    for (const char* line : {
             "# USER: a:b:c",
             "# USER: a:b:-1",
             "# USER: a:b:4294967296",
             "# USER: a:b:1:g:h:s:more",
             "# USER: :b",
             "# USER: a:",
             "# USER: root b:c",
             "# USER: -rf:b",
             "# USER: ../x:b",
             "# USER: 0:b",
             "# USER: a/b:b",
             "# USER: abcdefghijklmnopqrstuvwxyzabcdefg:b",
             "# USER: a:b::two\tfields",
             "# USER: a:b::esc\x1b[2J",
             "# GROUP: ",
             "# GROUP: a:b",
             "# GROUP: a:1:2",
             "# GROUP: caf\xc3\xa9",
             "# PERMS: bin/x 4755 root",
             "# PERMS: bin/x u+s root wheel",
             "# PERMS: bin/x 10000 root wheel",
             "# PERMS: bin/x 4795 root wheel",
             "# PERMS: bin/x -755 root wheel",
             "# PERMS: bin/x 4755 ro:ot wheel",
             "# PERMS: bin/x 4755 root wheel more",
             "# PERMS: bin/\x01x 4755 root wheel",
             "# FILE: a c",
             "# DIR: a",
             "# SHELL: ",
         }) {
        INFO(line);
        CHECK(refusal(std::string(line) + "\n") != "");
    }
    CHECK(refusal("# GROUP: a:b") == "+INSTALL line 1: # GROUP: b is no account number");
}

TEST_CASE("an account's name may have 32 bytes", "[format][install_script]") {
    CHECK(refusal("# GROUP: " + std::string(32, 'a') + "\n") == "");
    CHECK(refusal("# GROUP: " + std::string(33, 'a') + "\n") != "");
    CHECK(refusal("# GROUP: _x.y-z_0\n") == "");
}
