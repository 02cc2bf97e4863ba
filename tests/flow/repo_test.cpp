// repo index, repo key, repo list.
#include <set>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/signing.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

class Archives {
  public:
    explicit Archives(const std::vector<PackageSpec>& packages) {
        std::filesystem::create_directories(path());
        for (const PackageSpec& spec : packages)
            test::write_package(path() / (spec.pkgname + ".tgz"), spec);
    }
    std::filesystem::path path() const { return directory_ / "All"; }
    std::string index(const std::string& name = "pkg_summary.gz") const {
        return test::read_bytes(path() / name);
    }
    std::string text() const { return test::run_script(path(), "gzip -dc pkg_summary.gz"); }

  private:
    test::TempDir directory_;
};

} // namespace

TEST_CASE("an index has the records that pkg_info writes, and the archives' digests", "[flow][repo]") {
    PackageSpec web = package("web-1.0nb2", {"lib>=1", "{a,b}-[0-9]*"});
    web.conflicts = {"otherweb-[0-9]*"};
    web.comment = "Serves = pages";
    web.desc = "Two lines.\n\nAnd a third.\n";
    web.build_info = {{"PROVIDES", "/usr/pkg/lib/libweb.so.1"}, {"LICENSE", "mit"}};
    const Archives archives({web, package("lib-1.2")});
    const Host host;

    const CommandResult result = host.run({"repo", "index", archives.path().string(), "--json"});

    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(result.json()["packages"] == 2);
    CHECK(result.json()["signature"] == nullptr);
    // What tests write for themselves by other code: the same lines, in an order of its own.
    const auto sorted = [](const std::string& text) {
        std::istringstream lines(text);
        std::multiset<std::string> all;
        for (std::string line; std::getline(lines, line);)
            all.insert(line);
        return all;
    };
    const std::string text = archives.text();
    std::string expected;
    for (const PackageSpec& spec : {package("lib-1.2"), web})
        expected += test::summary_record(spec, test::read_bytes(archives.path() / (spec.pkgname + ".tgz")));
    CHECK(sorted(text) == sorted(expected));
    CHECK(text.starts_with("PKGNAME=lib-1.2\n"));
    CHECK(text.find("\n\nPKGNAME=web-1.0nb2\nDEPENDS=lib>=1\nDEPENDS={a,b}-[0-9]*\n"
                    "CONFLICTS=otherweb-[0-9]*\nCOMMENT=Serves = pages\n") != std::string::npos);
    CHECK(test::run_script(archives.path(), "zstd -dc pkg_summary.zst") == text);
}

TEST_CASE("the same archives give the same index, in every form that is there", "[flow][repo]") {
    const Archives archives({package("b-1.0"), package("a-1.0"), package("A-1.0")});
    const Archives others({package("A-1.0"), package("a-1.0"), package("b-1.0")});
    const Host host;
    test::write_bytes(archives.path() / "pkg_summary.bz2", "old");
    test::write_bytes(archives.path() / "pkg_summary", "old");
    REQUIRE(host.run({"repo", "index", archives.path().string()}).status == 0);
    REQUIRE(host.run({"repo", "index", others.path().string()}).status == 0);

    CHECK(archives.index() == others.index());
    CHECK(archives.index("pkg_summary.zst") == others.index("pkg_summary.zst"));
    CHECK(archives.index("pkg_summary") == archives.text());
    CHECK(test::run_script(archives.path(), "bzip2 -dc pkg_summary.bz2") == archives.text());
    CHECK_FALSE(std::filesystem::exists(archives.path() / "pkg_summary.xz"));
    CHECK_FALSE(std::filesystem::exists(archives.path() / "pkg_summary.sig"));
    CHECK(mode_of(archives.path() / "pkg_summary.gz") == 0644);
}

TEST_CASE("what is no package stops an index, and nothing is written", "[flow][repo]") {
    const Archives archives({package("web-1.0")});
    const Host host;
    const std::string directory = archives.path().string();
    test::write_bytes(archives.path() / "notes.tgz", "no archive");
    const CommandResult bad = host.run({"repo", "index", directory});
    INFO(bad.err);
    CHECK(bad.status == 65);
    CHECK_THAT(bad.err, ContainsSubstring("notes.tgz"));
    std::filesystem::remove(archives.path() / "notes.tgz");
    test::write_package(archives.path() / "again.tgz", package("web-1.0"));

    check_fails(host, {"repo", "index", directory}, 6,
                "pkgjail: repo: DIR: again.tgz and web-1.0.tgz both hold web-1.0\nhint: remove one of them\n",
                {{"DIR", directory}});

    CHECK_FALSE(std::filesystem::exists(archives.path() / "pkg_summary.gz"));
    CHECK(host.run({"repo", "index", "/nowhere"}).status == 5);
    const test::TempDir nothing;
    const CommandResult empty = host.run({"repo", "index", nothing.path().string()});
    CHECK(empty.status == 0);
    CHECK_THAT(empty.err, ContainsSubstring(nothing.path().string() + ": has no packages"));
}

TEST_CASE("a dry run indexes and makes nothing", "[flow][repo]") {
    const Archives archives({package("web-1.0")});
    const Host host;
    const std::string before = test::listing(archives.path());

    CHECK(host.run({"repo", "key", "new", "ours", "-n"}).status == 0);
    CHECK_FALSE(std::filesystem::exists(host.etc() / "keys"));
    CHECK(host.run({"repo", "index", archives.path().string(), "-n"}).status == 0);
    CHECK(test::listing(archives.path()) == before);
}

TEST_CASE("a key is for its owner alone and is never written over", "[flow][repo][key]") {
    const Host host;
    const CommandResult made = host.run({"repo", "key", "new", "ours"});
    INFO(made.err);
    REQUIRE(made.status == 0);
    const std::string secret = test::read_bytes(host.etc() / "keys" / "ours.key");
    const std::string open = test::read_bytes(host.etc() / "keys" / "ours.pub");

    CHECK(mode_of(host.etc() / "keys") == 0700);
    CHECK(mode_of(host.etc() / "keys" / "ours.key") == 0600);
    CHECK(secret.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    CHECK(open.starts_with("ed25519:"));
    CHECK(open.ends_with("= ours\n"));
    CHECK_THAT(made.out, ContainsSubstring("key = " + open.substr(0, open.find(' '))));
    CHECK(made.out.find("PRIVATE") == std::string::npos);
    // openssl reads it as what it is.
    CHECK_THAT(test::run_script(host.etc(), "openssl pkey -in keys/ours.key -noout -text"),
               ContainsSubstring("ED25519"));
    check_fails(host, {"repo", "key", "new", "ours"}, 6,
                "pkgjail: repo: ETC/keys/ours.key: exists already, and a key is never written over\n"
                "hint: take another name, or move the old key away\n");
    std::filesystem::remove(host.etc() / "keys" / "ours.key");
    CHECK(host.run({"repo", "key", "new", "ours"}).status == 6); // the public half alone is there
    CHECK(test::read_bytes(host.etc() / "keys" / "ours.pub") == open);
    CHECK(host.run({"repo", "key", "new", "../ours"}).status == 64);
    // The secret half alone is what a command leaves that was cut: the same one finishes it.
    const CommandResult cut =
        host.run({"repo", "key", "new", "cut"}, {{"PKGJAIL_STOP_AT", "key.secret_written"}});
    CHECK(cut.status == 128 + 9);
    const std::string half = test::read_bytes(host.etc() / "keys" / "cut.key");
    CHECK(host.run({"repo", "key", "new", "cut"}).status == 0);
    CHECK(test::read_bytes(host.etc() / "keys" / "cut.key") == half);
    CHECK(test::run_script(host.etc(),
                           "openssl pkey -in keys/cut.key -pubout -outform DER | tail -c 32 | base64") ==
          test::run_script(host.etc(), "sed 's/^ed25519://; s/ cut$//' keys/cut.pub"));
    std::filesystem::create_symlink("/nowhere", host.etc() / "keys" / "link.key");
    CHECK(host.run({"repo", "key", "new", "link"}).status == 6);
}

TEST_CASE("keys are listed with whom they are believed by", "[flow][repo][key]") {
    const Host host;
    const test::SigningKey foreign;
    REQUIRE(host.run({"repo", "key", "new", "ours"}).status == 0);
    std::string open = test::read_bytes(host.etc() / "keys" / "ours.pub");
    open = open.substr(0, open.find(' '));
    host.write_config("repositories.conf", "[repository a]\nurl = file:///a\ntrust = index-signed\nkey = " +
                                               open + "\nkey = " + foreign.text() + "\n");

    const auto keys = host.run({"repo", "key", "list", "--json"}).json()["keys"];

    REQUIRE(keys.size() == 2);
    CHECK(keys[0]["name"] == "ours");
    CHECK(keys[0]["secret"] == true);
    CHECK(keys[0]["public_key"] == open);
    CHECK(keys[0]["repositories"] == nlohmann::json::array({"a"}));
    CHECK(keys[1]["name"] == "");
    CHECK(keys[1]["secret"] == false);
    CHECK(keys[1]["id"] == foreign.id());
    CHECK(host.run({"repo", "key", "list"}).out ==
          fmt::format("{}  ours, to sign with\n  {}\n  believed for a\n{}  (of repositories.conf)\n  {}\n"
                      "  believed for a\n",
                      keys[0]["id"].get<std::string>(), open, foreign.id(), foreign.text()));
}

TEST_CASE("a revoked key is told, and signs no more", "[flow][repo][key]") {
    const Archives archives({package("web-1.0")});
    const Host host;
    for (const char* const name : {"old", "new"})
        REQUIRE(host.run({"repo", "key", "new", name}).status == 0);
    const std::string directory = archives.path().string();
    REQUIRE(host.run({"repo", "index", directory, "--sign"}).status == 0);
    const CommandResult revoked =
        host.run({"repo", "key", "revoke", "old", "--reason", "laptop stolen", "--json"});
    INFO(revoked.err);
    REQUIRE(revoked.status == 0);
    const std::string id = revoked.json()["id"];

    CHECK(revoked.json()["changed"] == true);
    CHECK(host.run({"repo", "key", "revoke", id, "--json"}).json()["changed"] == false);
    CHECK_THAT(host.run({"repo", "key", "list"}).out, ContainsSubstring(": laptop stolen\n"));
    const std::string file = (host.etc() / "keys" / "old.key").string();
    check_fails(host, {"repo", "index", directory, "--sign", "--key", file}, 7,
                "pkgjail: repo: ETC/keys/old.key: key " + id + " was revoked\nhint: sign with another key\n");
    const CommandResult again = host.run({"repo", "index", directory, "--sign", "--json"});
    INFO(again.err);
    CHECK(again.json()["signature"]["keys"].size() == 1);
    CHECK(again.json()["signature"]["revoked_keys"] == nlohmann::json::array({id}));
    check_fails(host, {"repo", "key", "revoke", "nobody"}, 5,
                "pkgjail: repo: nobody: there is no such key in ETC/keys\n"
                "hint: pkgjail repo key list shows names and ids\n");
}

TEST_CASE("a secret key that others may read is not used", "[flow][repo][key]") {
    const Archives archives({package("web-1.0")});
    const Host host;
    REQUIRE(host.run({"repo", "key", "new", "ours"}).status == 0);
    std::filesystem::permissions(host.etc() / "keys" / "ours.key", std::filesystem::perms(0640));

    check_fails(
        host, {"repo", "index", archives.path().string(), "--sign"}, 77,
        "pkgjail: repo: ETC/keys/ours.key: a secret key that others than its owner may use (mode 0640)\n"
        "hint: chmod 600 ETC/keys/ours.key; if others had it, make a new key and revoke this one\n");
    const Host other;
    check_fails(other, {"repo", "index", archives.path().string(), "--sign"}, 5,
                "pkgjail: repo: ETC/keys: there is no key to sign with\n"
                "hint: pkgjail repo key new NAME makes one\n");
}

TEST_CASE("identity and serial go on from index to index", "[flow][repo]") {
    const Archives archives({package("web-1.0")});
    const Host host;
    const std::string directory = archives.path().string();
    REQUIRE(host.run({"repo", "key", "new", "ours"}).status == 0);
    const auto sign = [&](const std::vector<std::string>& more) {
        std::vector<std::string> command = {"repo", "index", directory, "--sign", "--json"};
        command.insert(command.end(), more.begin(), more.end());
        const CommandResult result = host.run(command);
        INFO(result.err);
        REQUIRE(result.status == 0);
        return result.json()["signature"];
    };

    const auto first = sign({});
    const auto second = sign({});
    const auto renamed = sign({"--id", "ours.2026", "--expires", "2h"});

    CHECK(first["id"].get<std::string>().size() == 16);
    CHECK(second["id"] == first["id"]);
    CHECK(second["serial"].get<std::uint64_t>() > first["serial"].get<std::uint64_t>());
    CHECK(renamed["id"] == "ours.2026");
    CHECK(renamed["serial"].get<std::uint64_t>() > second["serial"].get<std::uint64_t>());
    check_fails(host, {"repo", "index", directory}, 6,
                "pkgjail: repo: DIR: its index is signed (pkg_summary.sig), and a new one would not be\n"
                "hint: add --sign; to give signing up, remove the signature first\n",
                {{"DIR", directory}});
}

TEST_CASE("repo says what it takes", "[flow][repo]") {
    const Host host;
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"repo"}, "list, index, key is needed\nhint: pkgjail repo list\n"},
        {{"repo", "sign"}, "found \"sign\", allowed: list, index, key\nhint: pkgjail repo list\n"},
        {{"repo", "list", "x"}, "repo list: takes no more than that\nhint: pkgjail repo list\n"},
        {{"repo", "list", "--sign"}, "--sign: is not for repo list\nhint: pkgjail help repo\n"},
        {{"repo", "index"}, "repo index: something is missing\nhint: pkgjail repo index DIR [--sign]\n"},
        {{"repo", "index", "/x", "--id", "ours"},
         "--id: is for --sign\nhint: pkgjail repo index DIR --sign\n"},
        {{"repo", "index", "/x", "--sign", "--expires", "30"},
         "--expires: found \"30\", allowed: a time from 1m to 3660d\n"},
        {{"repo", "key"}, "repo key: new, list, revoke is needed\nhint: pkgjail repo key list\n"},
        {{"repo", "key", "make"},
         "repo key: found \"make\", allowed: new, list, revoke\nhint: pkgjail repo key list\n"},
        {{"repo", "key", "new"}, "repo key new: something is missing\nhint: pkgjail repo key new NAME\n"},
        {{"repo", "key", "revoke"},
         "repo key revoke: something is missing\nhint: pkgjail repo key revoke NAME|ID\n"},
    };
    for (const auto& [command, text] : cases)
        check_fails(host, command, 64, "pkgjail: repo: " + text);
}

TEST_CASE("repo list tells policy, serial, expiry and the last refresh, and fetches nothing",
          "[flow][repo]") {
    const Shop shop({package("web-1.0")});
    CHECK(shop.host().run({"repo", "list"}).out == "NAME  TRUST  PACKAGES  SERIAL  EXPIRES  REFRESHED\n"
                                                   "demo  none   -         -       -        -\n");
    CHECK_FALSE(std::filesystem::exists(shop.host().state()));
    REQUIRE(shop.host().run({"update"}).status == 0);
    const auto json = shop.host().run({"repo", "list", "--json"}).json();
    CHECK(json["schema"] == "pkgjail.repo/1");
    CHECK(json["repositories"][0]["packages"] == 1);
    CHECK(json["repositories"][0]["serial"] == nullptr);
    CHECK(json["repositories"][0]["problem"] == "");
    shop.host().write_config("repositories.conf",
                             "[repository demo]\nurl = file://" + shop.path().string() + "\n");
    CHECK_THAT(
        shop.host().run({"repo", "list"}).out,
        ContainsSubstring("\ndemo: its packages must be signed (trust = package-signed), and neither"));
    CHECK(Host().run({"repo", "list"}).out == "no repository is configured\n");
}
