// The databases of accounts that NetBSD's roots have; a script stands for the program that makes them.
#include "support/catch.hpp"

#include <filesystem>
#include <functional>
#include <map>

#include <sys/stat.h>

#include "pkgjail/store/account_databases.hpp"
#include "pkgjail/store/renumber.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

class Databases {
  public:
    Databases() : config(base::Tree::create(dir.path() / "config")) {
        config.make_directories(at("/etc"));
        // What pwd_mkdb -d DIRECTORY DIRECTORY/etc/master.passwd leaves: the databases instead of new ones.
        base::write_file_atomically(dir / "pwd_mkdb",
                                    "#!/bin/sh\n"
                                    "[ \"$1\" = -d ] && [ \"$3\" = \"$2/etc/master.passwd\" ] || exit 9\n"
                                    "[ \"$(stat -c %a \"$2\")\" = 700 ] || exit 8\n"
                                    "grep -q broken \"$3\" && { echo 'line 1: corrupted' >&2; exit 1; }\n"
                                    "sed 's/^/secure /' \"$3\" >\"$2/etc/spwd.db\"\n"
                                    "sed 's/^/insecure /' \"$3\" >\"$2/etc/pwd.db\"\n"
                                    "echo \"$2\" >\"${0%/*}/worked-in\"\n",
                                    0755);
    }
    void write(const char* path, const std::string& text, unsigned mode = 0600) {
        config.write(at(path), text, mode, me());
    }
    void make() { store::make_account_databases(config, dir / "pwd_mkdb"); }

    TempDir dir;
    base::Tree config;
};

const std::string root_entry = "root:*:0:0::0:0:Charlie &:/root:/bin/sh\n";

} // namespace

TEST_CASE("databases are made of what the accounts' file says now", "[store][accounts]") {
    Databases files;
    files.write("/etc/master.passwd", root_entry);
    files.make();
    CHECK(files.config.read(at("/etc/pwd.db")) == "insecure " + root_entry);
    CHECK(files.config.read(at("/etc/spwd.db")) == "secure " + root_entry);
    CHECK(files.config.stat(at("/etc/pwd.db"))->permissions() == 0644);
    CHECK(files.config.stat(at("/etc/spwd.db"))->permissions() == 0600);

    files.write("/etc/master.passwd", "www:*:20000:20000::0:0:Web:/:/sbin/nologin\n");
    files.make();

    CHECK(files.config.read(at("/etc/pwd.db")) == "insecure www:*:20000:20000::0:0:Web:/:/sbin/nologin\n");
    std::string place = base::read_file(files.dir / "worked-in");
    CHECK_FALSE(std::filesystem::exists(place.substr(0, place.size() - 1)));
}

TEST_CASE("entries that the program would refuse are not given to it", "[store][accounts]") {
    const std::string taken = root_entry + "a.b-c_1:$argon2id$x:2147483647:1:class:1:2:x:/:/bin/sh\n";
    const std::string text =
        "# a comment\n\n:*:1:1::0:0::/:\n+:*:0:0::0:0::/:\n-x:*:1:1::0:0::/:\nfew:*:1:1:x:/:/\n"
        "many:*:1:1::0:0::/:/:\nnegative:*:-1:1::0:0::/:\nlarge:*:4294967295:1::0:0::/:\n"
        "word:*:1x:1::0:0::/:\ntime:*:1:1::soon:0::/:\nescape:*:1:1::0:0:\x1b[2J:/:\n"
        "long:*:1:1::0:0:" +
        std::string(1000, 'x') + ":/:\n" + std::string("nul:*:1:1::0:0:\0:/:\n", 20);

    CHECK(store::database_entries(text + taken + "no end") == taken);
    CHECK(store::database_entries("").empty());
}

TEST_CASE("nothing outside is read or written for databases, whatever the jail's root made",
          "[store][accounts]") {
    namespace fs = std::filesystem;
    using Make = std::function<void(const fs::path& config)>;
    const std::map<std::string, Make> all = {
        {"a link in the place of etc",
         [](const auto& top) { fs::create_symlink("../outside", top / "etc"); }},
        {"a link in the place of the file",
         [](const auto& top) {
             fs::create_directory(top / "etc");
             fs::create_symlink("../../outside/master.passwd", top / "etc/master.passwd");
         }},
        {"a FIFO in its place",
         [](const auto& top) {
             fs::create_directory(top / "etc");
             REQUIRE(::mkfifo((top / "etc/master.passwd").c_str(), 0600) == 0);
         }},
        {"a directory in its place",
         [](const auto& top) { fs::create_directories(top / "etc/master.passwd"); }},
        {"nothing", [](const auto&) {}}};
    for (const auto& [what, make] : all) {
        Databases files;
        files.config.remove_all(at("/etc"));
        base::make_directories(files.dir / "outside", 0700);
        base::write_file_atomically(files.dir / "outside/master.passwd", root_entry);
        make(files.dir / "config");

        INFO(what);
        CHECK(outcome_of([&] { files.make(); }) == "done");
        CHECK_FALSE(std::filesystem::exists(files.dir / "worked-in"));
        CHECK_FALSE(std::filesystem::exists(files.dir / "outside/pwd.db"));
    }
    Databases files;
    base::write_file_atomically(files.dir / "outside", "as it was");
    files.write("/etc/master.passwd", root_entry);
    files.config.make_symlink((files.dir / "outside").string(), at("/etc/pwd.db"));
    files.config.make_directories(at("/etc/spwd.db/x"));

    files.make();

    CHECK(base::read_file(files.dir / "outside") == "as it was");
    CHECK(files.config.read(at("/etc/pwd.db")) == "insecure " + root_entry);
    CHECK(files.config.read(at("/etc/spwd.db")) == "secure " + root_entry);
}

TEST_CASE("that the databases cannot be made is said with the program's words", "[store][accounts]") {
    Databases files;
    files.write("/etc/master.passwd", "broken:*:1:1::0:0::/:\n");

    CHECK(outcome_of([&] { files.make(); }) == "other: exit status 1: line 1: corrupted");
    CHECK_FALSE(files.config.exists(at("/etc/pwd.db")));
}
