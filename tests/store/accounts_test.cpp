// passwd and group inside a root: written for a seed, read back from whatever the jail's root made of them.
#include "support/catch.hpp"

#include <filesystem>

#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/base/host.hpp"
#include "pkgjail/store/accounts.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

class AccountFiles {
  public:
    AccountFiles() : config(base::Tree::open(dir.path())) { config.make_directories(at("/etc")); }
    void write(const char* path, const std::string& text) { config.write(at(path), text, 0644, me()); }
    std::string find(const std::string& user, const std::string& group = "") {
        std::string text;
        const std::string outcome = outcome_of([&] {
            const confine::Identity identity = store::find_identity(config, user, group);
            text = fmt::format("{}:{}", identity.uid, identity.gid);
            for (const std::uint32_t gid : identity.groups)
                text += fmt::format(" {}", gid);
        });
        return text.empty() ? outcome : text;
    }

    TempDir dir;
    base::Tree config;
};

} // namespace

TEST_CASE("account files hold the platform's accounts and the packages', each once", "[store][accounts]") {
    AccountFiles files;
    std::vector<format::DeclaredUser> users(3);
    users[0] = {"svc", "svcg", {}, "Svc user", "/var/db/svc", "/sbin/nologin"};
    users[1] = {"svc", "other", {}, "again", "/", "/bin/sh"};
    users[2] = {"daemon", "svcg", {}, "", "", ""};
    users.push_back({"plain", "daemon", {}, "", "", ""});
    store::AccountNumbers numbers;
    numbers.users = {{"svc", 20000}, {"plain", 20001}};
    numbers.groups = {{"svcg", 20000}, {"mail", 20002}};

    store::write_account_files(files.config, users, {{"mail", {}}, {"mail", {}}, {"wheel", {}}}, numbers);

    CHECK(files.config.read(at("/etc/passwd")) ==
          "root:*:0:0:Charlie &:/root:/bin/sh\n"
          "daemon:*:1:1:The devil himself:/:/sbin/nologin\n"
          "nobody:*:32767:39:Unprivileged user:/nonexistent:/sbin/nologin\n"
          "svc:*:20000:20000:Svc user:/var/db/svc:/sbin/nologin\n"
          "plain:*:20001:1:plain user:/nonexistent:/sbin/nologin\n");
    CHECK(files.config.read(at("/etc/group")) ==
          "root:*:0:\nwheel:*:0:\ndaemon:*:1:\nsys:*:3:\ntty:*:4:\n"
          "nogroup:*:39:\nnobody:*:39:\nmail:*:20002:\nsvcg:*:20000:\n");
    if (base::host_opsys() == "NetBSD") {
        CHECK(files.config.stat(at("/etc/master.passwd"))->permissions() == 0600);
    } else {
        CHECK(files.config.read(at("/etc/shadow")) ==
              "root:*:::::::\ndaemon:*:::::::\nnobody:*:::::::\nsvc:*:::::::\nplain:*:::::::\n");
        CHECK(files.config.stat(at("/etc/shadow"))->permissions() == 0600);
    }
    CHECK(files.find("svc") == "20000:20000");
    CHECK(files.find("plain", "mail") == "20001:20002");
}

TEST_CASE("a declared name without a number is refused", "[store][accounts]") {
    AccountFiles files;

    CHECK(outcome_of([&] {
              store::write_account_files(files.config, {{"svc", "wheel", {}, "", "", ""}}, {}, {});
          }) == "corrupt: a package declares this user, but it has no number");
    CHECK(outcome_of([&] {
              store::write_account_files(files.config, {}, {{"svc", {}}}, {});
          }) == "corrupt: a package declares this group, but it has no number");
}

TEST_CASE("a user is found by name or number, with the groups it is a member of", "[store][accounts]") {
    AccountFiles files;
    files.write("/etc/passwd", "root:*:0:0::/:/bin/sh\nwww:*:100:101::/:/bin/sh\nwww:*:7:7::/:/bin/sh\n");
    files.write("/etc/group", "wheel:*:0:root,www\nwww:*:101:www\nmail:*:102:x,www,y\nmore:*:102:www\n"
                              "not:*:103:wwwx\nnone:*:104:\n");

    CHECK(files.find("www") == "100:101 0 102");
    CHECK(files.find("100") == "100:101 0 102");
    CHECK(files.find("www", "mail") == "100:102 0 101");
    CHECK(files.find("www", "104") == "100:104 0 101 102");
    CHECK(files.find("root") == "0:0");
    CHECK(files.find("555") == "555:555");
    CHECK(files.find("www", "556") == "100:556 0 101 102");
    CHECK(files.find("nosuch") == "other: no such user in the jail's /etc/passwd");
    CHECK(files.find("www", "nosuch") == "other: no such group in the jail's /etc/group");
}

TEST_CASE("account files that a jail's root damaged are read without harm", "[store][accounts][hostile]") {
    AccountFiles files;

    SECTION("lines that are none") {
        files.write("/etc/passwd",
                    ":\n::\n:*:5:5\n#www:*:1:1\nwww\nwww:*\nwww:*:x:1\nwww:*:-1:1\nwww:*:4294967295:1\n"
                    "www:*:4294967296:1\nwww:*:99999999999999999999:1\nwww:*: 9:9\nwww:*:8:8");
        files.write("/etc/group", "g\ng:*\ng:*:x:www\ng:*:4294967295:www\ng:*:12:www");
        CHECK(files.find("www") == "8:8 12");
        CHECK(files.find("", "") == "other: no such user in the jail's /etc/passwd");
        CHECK(files.find("4294967295") == "other: no such user in the jail's /etc/passwd");
        CHECK(files.find("www", "4294967295") == "other: no such group in the jail's /etc/group");
    }
    SECTION("no files at all") {
        CHECK(files.find("root") == "other: no such user in the jail's /etc/passwd");
        CHECK(files.find("0") == "0:0");
    }
    SECTION("ten thousand groups") {
        files.write("/etc/passwd", "www:*:8:8");
        std::string groups;
        for (int i = 0; i < 10000; ++i)
            groups += fmt::format("g{}:*:{}:www\n", i, 1000 + i);
        files.write("/etc/group", groups);
        CHECK(store::find_identity(files.config, "www", "").groups.size() == 64);
    }
    SECTION("nothing but colons and newlines") {
        files.write("/etc/passwd", std::string(500'000, ':') + std::string(500'000, '\n') + "www:*:8:8");
        CHECK(files.find("www") == "8:8");
    }
    SECTION("a file that is too long") {
        files.write("/etc/passwd", std::string((1u << 20) + 1, '#'));
        CHECK(files.find("www").find("corrupt: ") == 0);
    }
    SECTION("a FIFO") {
        REQUIRE(::mkfifo((files.dir.path() / "etc/passwd").c_str(), 0666) == 0);
        CHECK(files.find("www").find("corrupt: ") == 0);
    }
    SECTION("a link to a file with the answer") {
        files.write("/elsewhere", "www:*:0:0");
        std::filesystem::create_symlink("../elsewhere", files.dir.path() / "etc/passwd");
        CHECK(files.find("www") == "corrupt: passes through a symbolic link");
    }
    SECTION("a link to /dev/zero") {
        std::filesystem::create_symlink("/dev/zero", files.dir.path() / "etc/group");
        files.write("/etc/passwd", "www:*:8:8");
        CHECK(files.find("www") == "corrupt: passes through a symbolic link");
    }
    SECTION("/etc itself a link") {
        std::filesystem::remove(files.dir.path() / "etc");
        std::filesystem::create_symlink("/etc", files.dir.path() / "etc");
        CHECK(files.find("root") == "corrupt: passes through a symbolic link");
    }
}
