// A further jail with packages that an image has already: what is looked at again, and what is not.
#include <future>
#include <thread>

#include "flow/flow.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace {

CommandResult install(const Host& host, const std::string& jail, std::vector<std::string> more = {"web"}) {
    std::vector<std::string> command = {"install", "-j", jail, "--json"};
    command.insert(command.end(), more.begin(), more.end());
    return host.run(command);
}

/// Whether the plan of another jail was taken.
bool plans_as_before(const Host& host, const std::string& jail, std::vector<std::string> more = {"web"}) {
    const std::filesystem::path log = host.etc() / "steps";
    std::filesystem::remove(log);
    std::vector<std::string> command = {"install", "-j", jail};
    command.insert(command.end(), more.begin(), more.end());
    const CommandResult result = host.run(command, {{"PKGJAIL_STEP_LOG", log.string()}});
    INFO(result.err);
    REQUIRE(result.status == 0);
    const std::string steps = test::read_bytes(log);
    REQUIRE(steps.find("install.planned\n") != std::string::npos);
    return steps.find("install.plan_known\n") != std::string::npos;
}

std::string image_of(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0]["image"];
}

/// A list of one entry, and a host that is told of it.
void publish_vulnerable(const Host& host, const test::TempDir& publisher, const std::string& pattern,
                        const std::string& more = "") {
    const std::string counted =
        "#FORMAT 1.1.0\n" + pattern + "\tdenial-of-service\thttps://example.org/CVE-2026-1\n";
    test::write_bytes(publisher / "list", counted + "#CHECKSUM SHA512 " +
                                              base::digest_of(base::DigestAlgorithm::sha512, counted) + "\n");
    host.write_config("pkgjail.conf",
                      "[vulnerabilities]\nurl = file://" + (publisher / "list").string() + "\n" + more);
}

/// Nobody has an archive any more: what is made from now on was made of none.
void lose_archives(const Shop& shop) {
    std::filesystem::remove_all(shop.host().state() / "cache");
    for (const auto& entry : std::filesystem::directory_iterator(shop.path()))
        if (entry.path().extension() == ".tgz")
            std::filesystem::remove(entry.path());
}

/// The first jail of web and lib, and then no archives.
struct OneJail {
    Shop shop{{package("web-1.0", {"lib>=1"}), package("lib-1.2"), package("other-1.0")}};
    const Host& host = shop.host();
    OneJail() {
        const CommandResult first = install(host, "one");
        INFO(first.err);
        REQUIRE(first.status == 0);
    }
};

} // namespace

TEST_CASE("a further jail with the same packages is made without their archives", "[flow][install]") {
    const OneJail made;
    lose_archives(made.shop);

    const CommandResult second = install(made.host, "two");

    INFO(second.err);
    REQUIRE(second.status == 0);
    CHECK(second.json()["image_reused"] == true);
    CHECK(image_of(made.host, "two") == image_of(made.host, "one"));
    CHECK(made.host.run({"verify", "two"}).status == 0);
}

TEST_CASE("a further jail that asks for the same is not planned anew, and says the same", "[flow][install]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-1.2"), package("other-1.0")});
    const auto dry = [&] { return shop.host().run({"-n", "install", "-j", "none", "web", "--json"}).json(); };
    test::well(shop.host(), {"update"});
    const auto dry_before = dry();
    const CommandResult first = install(shop.host(), "one");
    REQUIRE(first.status == 0);

    const CommandResult second = install(shop.host(), "two");

    CHECK(second.json()["steps"] == first.json()["steps"]);
    CHECK(second.json()["download_bytes"] == first.json()["download_bytes"]);
    CHECK(second.json()["steps"].size() == 2);
    CHECK(dry() == dry_before);
    CHECK(shop.host().run({"status", "two", "--json"}).json()["jails"][0]["packages"] ==
          shop.host().run({"status", "one", "--json"}).json()["jails"][0]["packages"]);
    CHECK(plans_as_before(shop.host(), "three"));
    CHECK_FALSE(plans_as_before(shop.host(), "four", {"other"}));
    CHECK_FALSE(plans_as_before(shop.host(), "five", {"web>=1"}));
    CHECK_FALSE(plans_as_before(shop.host(), "six", {"web", "lib"}));
    CHECK_FALSE(plans_as_before(shop.host(), "seven", {"lib", "web"}));
    CHECK(plans_as_before(shop.host(), "eight", {"web", "lib"}));
}

TEST_CASE("what is on offer now is what a further jail gets", "[flow][install]") {
    const OneJail made;
    made.shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2"), package("other-1.0")});
    CHECK(plans_as_before(made.host, "two")); // nobody has asked the repository since
    test::well(made.host, {"update"});

    CHECK_FALSE(plans_as_before(made.host, "three"));

    CHECK(made.host.run({"status", "three", "--json"}).out.find("web-1.1") != std::string::npos);
    CHECK(plans_as_before(made.host, "four"));
    CHECK(image_of(made.host, "four") == image_of(made.host, "three"));
}

TEST_CASE("another policy or configuration plans anew", "[flow][install]") {
    const OneJail made;

    SECTION("one more repository") {
        const Shop more({package("more-1.0")});
        made.host.write_config("repositories.conf", "[repository shop]\nurl = file://" +
                                                        made.shop.path().string() +
                                                        "\ntrust = none\n[repository more]\nurl = file://" +
                                                        more.path().string() + "\ntrust = none\n");
        test::well(made.host, {"update"});
        CHECK_FALSE(plans_as_before(made.host, "two"));
    }
    SECTION("another configuration") {
        made.host.write_config("pkgjail.conf", "[packages]\nsetid = keep\n");
        CHECK_FALSE(plans_as_before(made.host, "two"));
    }
    CHECK(plans_as_before(made.host, "three"));
}

TEST_CASE("an index that comes while a known plan waits for its image decides, and is looked at",
          "[flow][install][audit]") {
    const OneJail made;
    const test::TempDir publisher;
    publish_vulnerable(made.host, publisher, "web>1.0", "install = refuse\n");
    REQUIRE(made.host.run({"audit", "--fetch"}).status == 0);
    const store::Layout layout(made.host.state());
    const auto record =
        nlohmann::json::parse(test::read_bytes(layout.image(image_of(made.host, "one")) / "image.json"));
    std::optional<base::Lock> busy(base::Lock::take(layout.image_lock(record["build_key"]),
                                                    base::LockMode::exclusive, "image", "test",
                                                    std::chrono::seconds(1)));
    const std::filesystem::path log = made.host.etc() / "steps";
    auto second = std::async(std::launch::async, [&] {
        return made.host.run({"install", "-j", "two", "web"}, {{"PKGJAIL_STEP_LOG", log.string()}});
    });
    const auto is_planned = [&] {
        return std::filesystem::exists(log) &&
               test::read_bytes(log).find("install.plan_known\ninstall.planned\n") != std::string::npos;
    };
    for (int waited = 0; waited < 3000 && !is_planned(); ++waited)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(is_planned());
    made.shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2")});
    CHECK(made.host.run({"update"}).status == 0);
    busy.reset();

    const CommandResult result = second.get();

    CHECK(result.status == 2);
    CHECK_THAT(result.err, ContainsSubstring("web-1.1: has known vulnerabilities"));
}

TEST_CASE("vulnerabilities that were learned since are told of a plan that is known",
          "[flow][install][audit]") {
    const OneJail made;
    const test::TempDir publisher;
    publish_vulnerable(made.host, publisher, "lib<2");
    REQUIRE(made.host.run({"audit", "--fetch"}).status == 2); // what jail one has

    const CommandResult told = made.host.run({"install", "-j", "two", "web"});
    publish_vulnerable(made.host, publisher, "lib<2", "install = refuse\n");
    const CommandResult refused = made.host.run({"install", "-j", "three", "web"});

    CHECK(told.status == 0);
    CHECK_THAT(told.err, ContainsSubstring("lib-1.2 has a denial-of-service vulnerability"));
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, ContainsSubstring("lib-1.2: has known vulnerabilities"));
}

TEST_CASE("a plan whose image is not on disk is made again with its image", "[flow][install]") {
    const OneJail made;
    const std::string image = image_of(made.host, "one");
    std::filesystem::remove_all(made.host.state() / "images" / image);

    const CommandResult second = install(made.host, "two");

    INFO(second.err);
    REQUIRE(second.status == 0);
    CHECK(second.json()["steps"].size() == 2);
    CHECK(image_of(made.host, "two") == image);
    CHECK(made.host.run({"verify", "two"}).status == 0);
}

TEST_CASE("archives are looked at where the packages are others or for something else", "[flow][install]") {
    const OneJail made;
    const auto what = GENERATE(std::vector<std::string>{"other"}, std::vector<std::string>{"web", "other"},
                               std::vector<std::string>{"lib"}, std::vector<std::string>{"web", "lib"});
    lose_archives(made.shop);

    const CommandResult second = install(made.host, "two", what);

    INFO(second.err);
    CHECK(second.status == 69);
}

TEST_CASE("a package that was built anew is looked at", "[flow][install]") {
    const OneJail made;
    PackageSpec rebuilt = package("lib-1.2");
    rebuilt.build_info = {{"BUILD_DATE", "2031-01-01 00:00:00 +0000"}};
    made.shop.offer({package("web-1.0", {"lib>=1"}), rebuilt});
    REQUIRE(made.host.run({"update"}).status == 0);

    const CommandResult second = install(made.host, "two");
    REQUIRE(second.status == 0);
    CHECK(image_of(made.host, "two") != image_of(made.host, "one"));
    lose_archives(made.shop);
    const CommandResult third = install(made.host, "three");

    INFO(third.err);
    REQUIRE(third.status == 0);
    CHECK(image_of(made.host, "three") == image_of(made.host, "two"));
}

TEST_CASE("an index that says something else of the same archive is not believed for an image that is there",
          "[flow][install][trust][attack]") {
    struct Lie {
        PackageSpec web;
        std::string told;
    };
    const auto with = [](const char* key, const char* value) {
        PackageSpec web = package("web-1.0", {"lib>=1"});
        web.build_info = {{key, value}};
        return web;
    };
    const Lie lie = GENERATE_COPY(
        Lie{package("web-1.0", {"lib>=1.1"}),
            "web-1.0: needs [lib>=1] according to the archive, but [lib>=1.1] according to the index"},
        Lie{with("MACHINE_ARCH", "vax"), "but vax according to the index"},
        Lie{with("OPSYS", "Plan9"), "but Plan9 according to the index"});
    const OneJail made;
    std::string summary = test::summary_record(lie.web, test::read_bytes(made.shop.path() / "web-1.0.tgz"));
    for (const char* other : {"lib-1.2", "other-1.0"})
        summary += test::summary_record(package(other),
                                        test::read_bytes(made.shop.path() / (std::string(other) + ".tgz")));
    test::write_bytes(made.shop.path() / "pkg_summary.gz", test::compress(summary, test::Compression::gzip));
    REQUIRE(made.host.run({"update"}).status == 0);

    const CommandResult second = made.host.run({"install", "-j", "two", "web"});

    INFO(second.err);
    CHECK(second.status == 7);
    CHECK_THAT(second.err, ContainsSubstring(lie.told));
}

TEST_CASE("without a digest in the index nobody knows whether an archive is still the same",
          "[flow][install]") {
    const Shop shop({package("web-1.0")});
    std::string record =
        test::summary_record(package("web-1.0"), test::read_bytes(shop.path() / "web-1.0.tgz"));
    const std::size_t at = record.find("FILE_CKSUM=");
    record.erase(at, record.find('\n', at) + 1 - at);
    test::write_bytes(shop.path() / "pkg_summary.gz", test::compress(record, test::Compression::gzip));
    REQUIRE(install(shop.host(), "one").status == 0);
    lose_archives(shop);

    CHECK(install(shop.host(), "two").status == 69);
}

TEST_CASE("another configuration makes another image", "[flow][install]") {
    const OneJail made;
    made.host.write_config("pkgjail.conf", "[packages]\nsetid = keep\n");

    const CommandResult second = install(made.host, "two");

    INFO(second.err);
    REQUIRE(second.status == 0);
    CHECK(second.json()["image_reused"] == false);
}

TEST_CASE("a library that the base has lost is told although there is an image", "[flow][install]") {
    const test::TempDir base;
    std::filesystem::create_directories(base.path() / "lib");
    std::filesystem::create_directories(base.path() / "usr");
    test::write_bytes(base.path() / "lib" / "libbase.so.1", "");
    PackageSpec web = package("web-1.0");
    web.build_info = {{"REQUIRES", "/lib/libbase.so.1"}};
    const Shop shop({web});
    shop.host().write_config("pkgjail.conf", "[pkgjail]\nbase = " + base.path().string() + "\n");
    const CommandResult first = install(shop.host(), "one");
    INFO(first.err);
    REQUIRE(first.status == 0);
    std::filesystem::remove(base.path() / "lib" / "libbase.so.1");

    const CommandResult second = shop.host().run({"install", "-j", "two", "web"});

    CHECK(second.status == 8);
    CHECK_THAT(second.err, ContainsSubstring("web-1.0 needs /lib/libbase.so.1"));
}

TEST_CASE("an image goes although repositories still promise it", "[flow][install]") {
    const OneJail made;
    REQUIRE(made.host.run({"destroy", "one", "--yes"}).status == 0);
    REQUIRE(made.host.run({"gc", "--yes"}).status == 0);
    REQUIRE(std::filesystem::is_empty(made.host.state() / "images"));

    const CommandResult again = install(made.host, "two");

    INFO(again.err);
    REQUIRE(again.status == 0);
    CHECK(again.json()["image_reused"] == false);
    CHECK(made.host.run({"catalog", "check"}).status == 0);
}

TEST_CASE("a file of the operator is taken, whatever a repository promises under its name",
          "[flow][install]") {
    const OneJail made;
    const test::TempDir elsewhere;
    PackageSpec mine = package("web-1.0", {"lib>=1"});
    mine.comment = "Made here";
    const auto file = elsewhere.path() / "web-1.0.tgz";
    test::write_package(file, mine);

    const CommandResult second = install(made.host, "two", {file.string()});

    INFO(second.err);
    REQUIRE(second.status == 0);
    CHECK(image_of(made.host, "two") != image_of(made.host, "one"));
}

TEST_CASE("a further jail is upgraded to an image that is there without archives", "[flow][upgrade]") {
    const OneJail made;
    REQUIRE(install(made.host, "two").status == 0);
    REQUIRE(install(made.host, "two", {"other"}).status == 0);
    REQUIRE(install(made.host, "one", {"other"}).status == 0);
    CHECK(image_of(made.host, "two") == image_of(made.host, "one"));
    made.shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2"), package("other-1.0")});
    test::well(made.host, {"update"});
    test::well(made.host, {"upgrade", "one"});
    lose_archives(made.shop);

    test::well(made.host, {"upgrade", "two"});

    CHECK(image_of(made.host, "two") == image_of(made.host, "one"));
    CHECK(made.host.run({"verify", "two"}).status == 0);
}

TEST_CASE("of jails with the same packages archives are looked at once", "[flow][upgrade]") {
    const OneJail made;
    for (const char* jail : {"two", "three"})
        REQUIRE(install(made.host, jail).status == 0);
    made.shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2"), package("other-1.0")});
    test::well(made.host, {"update"});
    const std::filesystem::path log = made.host.etc() / "steps";

    const CommandResult result = made.host.run({"upgrade", "--all"}, {{"PKGJAIL_STEP_LOG", log.string()}});

    INFO(result.err);
    CHECK(result.status == 0);
    std::size_t looked = 0;
    const std::string steps = test::read_bytes(log), step = "install.archives_checked\n";
    for (std::size_t at = 0; (at = steps.find(step, at)) != std::string::npos; at += step.size())
        ++looked;
    CHECK(looked == 2); // before anything is changed, and for the image
    CHECK(image_of(made.host, "three") == image_of(made.host, "one"));
}

TEST_CASE("a jail with another build of a package that stays gets an image of its own", "[flow][upgrade]") {
    const OneJail made;
    PackageSpec anew = package("lib-1.2");
    anew.files.front().content = "built anew\n";
    made.shop.offer({package("web-1.0", {"lib>=1"}), anew, package("other-1.0")});
    test::well(made.host, {"update"});
    REQUIRE(install(made.host, "two").status == 0);
    made.shop.offer({package("web-1.1", {"lib>=1"}), anew, package("other-1.0")});
    test::well(made.host, {"update"});
    for (const char* jail : {"one", "two"})
        test::well(made.host, {"upgrade", jail});

    const auto lib = [&](const char* jail) {
        return test::read_bytes(made.host.state() / "images" / image_of(made.host, jail) / "tree" /
                                anew.files.front().path);
    };
    CHECK(lib("one") == "this is lib-1.2\n");
    CHECK(lib("two") == "built anew\n");
}
