// import --from sailor: a ship becomes a jail.
#include <filesystem>

#include "flow/foreign_root.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Chroot;
using test::CommandResult;
using test::package;
using test::write_below;
namespace fs = std::filesystem;

TEST_CASE("a recipe that is not here is not taken for a package of a ship's", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir directory;
    write_below(directory / "site.conf", "shipname=site\npackages=web\n");

    const CommandResult result = chroot.host().run(
        {"import", "--from", "sailor", (directory / "site.conf").string(), "--recipe", "web-typo"});

    CHECK(result.status == 5);
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: import: web-typo: "));
    CHECK_THAT(result.err, !ContainsSubstring("--replace"));
}

TEST_CASE("a ship of sailor's becomes a jail, and what it asked for besides is told", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir directory;
    write_below(directory / "site.conf", "services=\"web\"\nshipname=site\npackages=\"web other\"\n"
                                         "shippath=\"${HOME}/ships/site\"\nrw_mounts=\"/srv/www\"\n"
                                         "run_at_start=\"touch " +
                                             (directory / "ran").string() + "\"\ntouch " +
                                             (directory / "ran").string() + "\n");

    const CommandResult result = chroot.host().run(
        {"import", "--from", "sailor", (directory / "site.conf").string(), "--no-start", "--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(result.json()["jail"] == "site");
    CHECK(result.json()["recipe"] == "web");
    CHECK(result.json()["left"].size() == 4);
    CHECK_THAT(result.json()["left"][1]["remedy"].get<std::string>(),
               ContainsSubstring("pkgjail volume attach JAIL /srv/www:/srv/www:rw"));
    CHECK(!fs::exists(directory / "ran"));
    CHECK_THAT(chroot.host().run({"list"}).out, ContainsSubstring("site"));
    CHECK(chroot.host().run({"import", "--from", "sailor", (directory / "absent").string()}).status == 5);
}

TEST_CASE("a name in a ship never becomes a file of the current directory", "[flow][migrate]") {
    const Chroot chroot;
    test::TempDir ship;
    test::write_bytes(ship / "evil.tgz", test::package_bytes(package("evil-1.0")));
    write_below(ship / "site.conf", "shipname=site\npackages=evil.tgz\n");

    const CommandResult result =
        test::run_in_shell(chroot.host(), "cd " + ship.path().string() +
                                              " && pkgjail import --no-start --from sailor site.conf");

    CHECK(result.status == 5);
    CHECK_THAT(result.err, ContainsSubstring("evil.tgz"));
    CHECK(chroot.host().run({"list", "--json"}).json()["jails"].empty());
}
