// Indexes that nobody has signed: an old copy of one, single packages taken back, and what their dates may
// be. tests/attacks/README.md lists them.
#include <algorithm>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/signing.hpp"
#include "pkgjail/base/clock.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using Catch::Matchers::StartsWith;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;
using test::Signers;

namespace {

PackageSpec built(const std::string& pkgname, const std::string& date) {
    PackageSpec spec = package(pkgname);
    spec.build_info = {{"BUILD_DATE", date}};
    return spec;
}

/// On the day of the month at noon.
PackageSpec built(const std::string& pkgname, int day) {
    return built(pkgname, fmt::format("2026-03-{:02} 12:00:00 +0000", day));
}

std::string offered(const Host& host) {
    std::string text;
    const auto json = host.run({"avail", "--json"}).json();
    for (const auto& each : json["packages"])
        text += (text.empty() ? "" : " ") + each["pkgname"].get<std::string>();
    return text;
}

nlohmann::json listed(const Host& host) {
    return host.run({"repo", "list", "--json"}).json()["repositories"][0];
}

/// A repository whose packages are signed and whose index is not, as a host believes it.
class UnsignedShop {
  public:
    explicit UnsignedShop(const std::vector<PackageSpec>& packages,
                          const std::string& trust = "package-signed")
        : shop_(packages), trust_(trust) {
        ask_at(shop_.path());
    }
    void ask_at(const std::filesystem::path& directory) const {
        host().write_config(
            "repositories.conf",
            fmt::format("[repository demo]\nurl = file://{}\ntrust = {}\n", directory.string(), trust_));
    }
    void offer(const std::vector<PackageSpec>& packages) const { shop_.offer(packages); }
    /// Notes of an update that does its work.
    std::string update(const std::vector<std::string>& options = {}) const {
        std::vector<std::string> command = {"update"};
        command.insert(command.end(), options.begin(), options.end());
        const CommandResult result = host().run(command);
        INFO(result.err);
        REQUIRE(result.status == 0);
        return result.err;
    }
    void check_refused(const std::string& cause) const {
        const CommandResult result = host().run({"update"});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK(result.out.empty());
        CHECK_THAT(result.err,
                   StartsWith("pkgjail: update: refresh repository demo: repository demo (file://"));
        CHECK_THAT(result.err, ContainsSubstring(cause));
        CHECK_THAT(result.err,
                   ContainsSubstring("\nhint: ") && ContainsSubstring("`pkgjail update --allow-older demo`"));
    }
    const Host& host() const { return shop_.host(); }
    std::filesystem::path path() const { return shop_.path(); }

  private:
    Shop shop_;
    std::string trust_;
};

} // namespace

TEST_CASE("an old copy of an index that is not signed is refused, and the newer one stays in use",
          "[flow][trust][attack]") {
    const UnsignedShop shop({built("web-1.0", 1), built("lib-1.0", 2)});
    CHECK(shop.update().empty());
    const std::string old = test::read_bytes(shop.path() / "pkg_summary.gz");
    shop.offer({built("web-1.1", 9), built("lib-1.0", 2)});
    CHECK(shop.update().empty());
    const std::string young = test::read_bytes(shop.path() / "pkg_summary.gz");
    test::write_bytes(shop.path() / "pkg_summary.gz", old);

    const std::string cause = "its index is an old copy, replayed or of a mirror that is behind: its newest "
                              "package was built at 2026-03-02T12:00:00Z, and one built at "
                              "2026-03-09T12:00:00Z was seen before; 1 package is older than before, web-1.0 "
                              "(before web-1.1)";
    shop.check_refused(cause);
    shop.check_refused(cause); // as often as it is shown
    CHECK(offered(shop.host()) == "lib-1.0 web-1.1");

    test::write_bytes(shop.path() / "pkg_summary.gz", young);
    CHECK(shop.update().empty());
    test::write_bytes(shop.path() / "pkg_summary.gz", old);
    CHECK_THAT(shop.update({"--allow-older", "demo"}),
               ContainsSubstring("note: repository demo: an older index is taken, as --allow-older says: its "
                                 "newest package was built at 2026-03-02T12:00:00Z, and one"));
    CHECK(offered(shop.host()) == "lib-1.0 web-1.0");
    CHECK_THAT(shop.host().run({"history"}).out, ContainsSubstring("update --allow-older demo"));
    CHECK(listed(shop.host())["went_back"].empty());
    // From there on as if nothing newer had been.
    shop.offer({built("web-1.0", 1), built("lib-1.0.1", 3)});
    CHECK(shop.update().empty());
}

TEST_CASE("an old copy is recognised whatever became of the catalog's other facts", "[flow][trust][attack]") {
    const UnsignedShop shop({built("web-1.1", 9)});
    shop.update();
    shop.offer({built("web-1.0", 1)});

    SECTION("the repository was out of the configuration") {
        const test::TempDir other;
        test::make_repository(other / "All", {package("tool-1.0")});
        shop.host().write_config("repositories.conf", "[repository other]\ntrust = none\nurl = file://" +
                                                          (other / "All").string() + "\n");
        shop.update();
        shop.ask_at(shop.path());
    }
    SECTION("the catalog was rebuilt") {
        REQUIRE(shop.host().run({"catalog", "rebuild"}).status == 0);
    }

    shop.check_refused("and one built at 2026-03-09T12:00:00Z was seen before");
    const CommandResult install = shop.host().run({"install", "web"});
    CHECK(install.status == 7);
}

TEST_CASE("another address of a repository begins anew", "[flow][trust]") {
    const UnsignedShop shop({built("web-1.1", 9), built("lib-1.1", 9)});
    shop.update();
    const test::TempDir other;
    test::make_repository(other / "All", {built("web-1.0", 1)});
    shop.ask_at(other / "All");

    CHECK(shop.update().empty());

    CHECK(offered(shop.host()) == "web-1.0");
    CHECK(listed(shop.host())["went_back"].empty());
}

TEST_CASE("packages that go back among newer ones are told, and stay noted until they are newer again",
          "[flow][trust][attack]") {
    const UnsignedShop shop(
        {built("web-1.1", 5), built("lib-1.0", 5), built("tool-3", 5), built("zip-2", 5)});
    shop.update();
    shop.offer({built("web-1.0", 1), built("lib-1.1", 9), built("zip-1", 1)});

    CHECK(shop.update() ==
          "pkgjail: note: repository demo: 2 packages are older than before, the first web-1.0 (before "
          "web-1.1); its owner took newer ones back, or somebody puts old packages among new ones\n");
    CHECK(offered(shop.host()) == "lib-1.1 web-1.0 zip-1");
    CHECK(listed(shop.host())["went_back"] == nlohmann::json::array({"web-1.1", "zip-2"}));
    CHECK_THAT(
        shop.host().run({"repo", "list"}).out,
        ContainsSubstring("demo: 2 packages are offered older than before, when there was web-1.1, zip-2"));
    CHECK_THAT(shop.host().run({"doctor"}).out,
               ContainsSubstring("demo: 2 packages are offered older than before") &&
                   ContainsSubstring("`pkgjail update --allow-older demo` forgets them"));

    // Told once; again when one goes further, or comes back old after it was gone.
    shop.offer({built("web-1.0", 1), built("lib-1.2", 10), built("zip-2.1", 10)});
    CHECK(shop.update().empty());
    CHECK(listed(shop.host())["went_back"] == nlohmann::json::array({"web-1.1"}));
    shop.offer({built("web-0.9", 1), built("lib-1.3", 11), built("tool-2", 1)});
    CHECK_THAT(shop.update(), ContainsSubstring("2 packages are older than before, the first tool-2 (before "
                                                "tool-3)"));
    REQUIRE(shop.host().run({"catalog", "rebuild"}).status == 0);
    CHECK_THAT(shop.update(), ContainsSubstring("2 packages are older than before"));
    CHECK(listed(shop.host())["went_back"] == nlohmann::json::array({"tool-3", "web-1.1"}));
    CHECK(shop.update().empty());

    CHECK(shop.update({"--allow-older", "demo"}).empty());
    CHECK(listed(shop.host())["went_back"].empty());
    shop.offer({built("web-0.9.1", 12), built("lib-1.3", 11), built("tool-2", 1)});
    CHECK(shop.update().empty());
}

TEST_CASE("an older build of one version is a package that went back", "[flow][trust][attack]") {
    const UnsignedShop shop({built("web-1.1", 5), built("lib-1.0", 5)});
    shop.update();
    shop.offer({built("web-1.1", 4), built("lib-1.1", 9)});

    CHECK_THAT(
        shop.update(),
        ContainsSubstring("1 package is older than before, web-1.1 (an earlier build of it); its owner"));
    // Of several versions the best one counts.
    shop.offer({built("web-1.1", 4), built("web-1.0", 1), built("lib-1.1", 9), built("lib-0.1", 1)});
    CHECK(shop.update().empty());
}

TEST_CASE("dates of any form break nothing", "[flow][trust]") {
    const std::string date =
        GENERATE("", "yesterday", "2026-03-09", "2026-03-09 12:00:00", "2026-13-41 99:99:99 +0000",
                 "2026-03-09 12:00:00 +00:0", "-999-03-09 12:00:00 +0000", "0000-01-01 00:00:00 +9999",
                 "9999-12-31 23:59:59 -9999", "2026-03-09 12:00:00 \xff\xff\xff\xff\xff");
    INFO(date);
    const UnsignedShop shop({built("web-1.0", date), built("lib-1.0", date)});
    CHECK(shop.update().empty());
    CHECK(listed(shop.host())["newest_build_at"] == nullptr);

    shop.offer({built("web-1.1", 9), built("lib-1.0", date)});
    CHECK(shop.update().empty());
    CHECK(listed(shop.host())["newest_build_at"] == "2026-03-09T12:00:00Z");
    // An index without any date is no proof of an old copy; it is told.
    shop.offer({built("web-1.2", date), built("lib-1.0", date)});
    CHECK(shop.update() ==
          "pkgjail: note: repository demo: its index no longer says when packages were built, "
          "so an old copy of it will not be recognised\n");
    shop.offer({built("web-1.2", 8)});
    shop.check_refused("and one built at 2026-03-09T12:00:00Z was seen before");
    shop.offer({});
    CHECK(shop.update().empty());
}

TEST_CASE("a date in the future does not make every later index an old one", "[flow][trust]") {
    const UnsignedShop shop({built("web-1.0", "2999-01-01 00:00:00 +0000"), built("lib-1.0", 5)});
    shop.update();
    CHECK_THAT(
        shop.host().run({"repo", "list"}).out,
        ContainsSubstring("demo: its newest package was built at 2999-01-01T00:00:00Z, in the future"));
    shop.offer({built("web-1.1", 6), built("lib-1.0", 5)});

    CHECK(shop.update().empty());

    shop.offer({built("web-1.1", 4), built("lib-1.0", 4)});
    shop.check_refused("and one built at 2026-03-06T12:00:00Z was seen before");
}

TEST_CASE("a date in the future lets no old copy pass", "[flow][trust][attack]") {
    const PackageSpec wrong = built("odd-1.0", "2999-01-01 00:00:00 +0000");
    const UnsignedShop shop({wrong, built("web-1.0", 1)});
    shop.update();
    shop.offer({wrong, built("web-1.1", 9)});
    CHECK(shop.update().empty());
    shop.offer({wrong, built("web-1.0", 1)});

    shop.check_refused(
        "its index is an old copy, replayed or of a mirror that is behind, unless it is this "
        "host's clock that is: its newest package was built at 2999-01-01T00:00:00Z, which is "
        "in the future here, the newest but for such at 2026-03-01T12:00:00Z, and one built at "
        "2026-03-09T12:00:00Z was seen before");
    // To let it pass would be wrong where it is the clock.
    CHECK_THAT(shop.host().run({"update"}).err,
               ContainsSubstring("\nhint: compare this host's clock; if it is right, try again later"));
}

TEST_CASE("a build without a date among others that have one is told", "[flow][trust][attack]") {
    const UnsignedShop shop({built("web-1.0", 5), built("lib-1.0", 5)});
    shop.update();
    shop.offer({built("web-1.0", ""), built("lib-1.1", 9)});

    CHECK_THAT(shop.update(),
               ContainsSubstring("1 package is older than before, web-1.0 (an earlier build of it)"));
    CHECK(listed(shop.host())["went_back"] == nlohmann::json::array({"web-1.0"}));

    // The date of the one before is not forgotten for it.
    shop.offer({built("web-1.0", 4), built("lib-1.1", 9)});
    CHECK(shop.update().empty()); // it was told
    CHECK(listed(shop.host())["went_back"] == nlohmann::json::array({"web-1.0"}));
    shop.offer({built("web-1.0", 5), built("lib-1.1", 9)});
    CHECK(shop.update().empty());
    CHECK(listed(shop.host())["went_back"].empty());
}

TEST_CASE("a clock that is behind is named where a true index looks old by it", "[flow][trust]") {
    const std::int64_t now = base::to_unix(base::wall_now());
    const auto date = [&](int days) {
        return base::format_time(base::from_unix(now + std::int64_t{days} * 86400)).substr(0, 10) +
               " 12:00:00 +0000";
    };
    const UnsignedShop shop({built("web-1.0", date(-5)), built("lib-1.0", date(-6))});
    shop.update();
    shop.offer({built("web-1.1", date(12)), built("lib-1.0", date(-6))});

    shop.check_refused("unless it is this host's clock that is: its newest package was built at " +
                       date(12).substr(0, 10));
    CHECK_THAT(shop.host().run({"update"}).err, ContainsSubstring("\nhint: compare this host's clock; "));
    // Without such a date the clock is not blamed.
    shop.offer({built("lib-1.0", date(-6))});
    shop.check_refused("a mirror that is behind: its newest package was built at " + date(-6).substr(0, 10));
    CHECK_THAT(shop.host().run({"update"}).err, !ContainsSubstring("clock"));
}

TEST_CASE("an older index is taken of the named repositories only", "[flow][trust][attack]") {
    const Shop shop({built("web-1.1", 9)});
    const test::TempDir place;
    const auto offer_other = [&](const std::string& pkgname, int day) {
        std::filesystem::remove_all(place / "All");
        test::make_repository(place / "All", {built(pkgname, day)});
    };
    offer_other("lib-1.1", 9);
    shop.host().write_config("repositories.conf",
                             fmt::format("[repository demo]\nurl = file://{}\ntrust = package-signed\n"
                                         "[repository other]\nurl = file://{}\ntrust = package-signed\n",
                                         shop.path().string(), (place / "All").string()));
    REQUIRE(shop.host().run({"update"}).status == 0);
    shop.offer({built("web-1.0", 1)});
    offer_other("lib-1.0", 1);

    const CommandResult one = shop.host().run({"update", "--allow-older", "demo"});

    INFO(one.err);
    CHECK(one.status == 3);
    CHECK_THAT(one.err,
               ContainsSubstring("repository demo: an older index is taken, as --allow-older says") &&
                   ContainsSubstring("repository other (file://") && ContainsSubstring("was seen before") &&
                   ContainsSubstring("`pkgjail update --allow-older other`"));
    CHECK(offered(shop.host()) == "lib-1.1 web-1.0");
    const CommandResult again = shop.host().run({"update"});
    CHECK(again.status == 3);
    CHECK_THAT(again.err, ContainsSubstring("repository other (file://") &&
                              ContainsSubstring("and one built at 2026-03-09T12:00:00Z was seen before"));
    const CommandResult both = shop.host().run({"update", "--allow-older", "demo", "--allow-older", "other"});
    INFO(both.err);
    CHECK(both.status == 0);
    CHECK(offered(shop.host()) == "lib-1.0 web-1.0");
}

TEST_CASE("update --allow-older asks for names of repositories", "[flow][trust]") {
    const UnsignedShop shop({built("web-1.1", 9)});

    for (const char* dry_run : {"--quiet", "--dry-run"}) {
        const CommandResult unknown = shop.host().run({"update", dry_run, "--allow-older", "dem"});
        CHECK(unknown.status == 5);
        CHECK(unknown.err == "pkgjail: update: dem: no repository of this name is configured\n"
                             "hint: did you mean \"demo\"?\n");
    }
    CHECK(shop.host().run({"update", "--allow-older"}).status == 64);
    CHECK(shop.host().run({"avail"}).status != 0); // nothing was asked
}

TEST_CASE("with trust = none an old copy is taken, and told", "[flow][trust]") {
    const UnsignedShop shop({built("web-1.1", 9), built("lib-1.0", 2)}, "none");
    CHECK(shop.update().empty());
    shop.offer({built("web-1.0", 1), built("lib-1.0", 2)});

    CHECK_THAT(shop.update(),
               ContainsSubstring("note: repository demo: an older index is taken, as trust = none does: its "
                                 "newest package was built at 2026-03-02T12:00:00Z, and one built at "
                                 "2026-03-09T12:00:00Z was seen before; 1 package is older"));
    CHECK(offered(shop.host()) == "lib-1.0 web-1.0");
    shop.offer({built("web-0.9", 3), built("lib-1.0", 2)});
    CHECK_THAT(shop.update(), ContainsSubstring("1 package is older than before, web-0.9 (before web-1.0)"));
    shop.offer({built("web-0.9", 3)});
    CHECK(shop.update().empty());
}

TEST_CASE("repo list and doctor tell how old an index is that does not say when it ends",
          "[flow][trust][repo]") {
    const UnsignedShop shop({built("web-1.0", "2020-02-03 04:05:06 +0100"), built("lib-1.0", "nonsense")});
    shop.update();

    CHECK(listed(shop.host())["newest_build_at"] == "2020-02-03T03:05:06Z");
    CHECK_THAT(shop.host().run({"metrics"}).out,
               ContainsSubstring(
                   "\npkgjail_repository_newest_build_timestamp_seconds{repository=\"demo\"} 1580699106\n"));
    CHECK_THAT(shop.host().run({"repo", "list"}).out,
               ContainsSubstring("demo: its newest package was built at 2020-02-03T03:05:06Z, "));
    CHECK_THAT(shop.host().run({"doctor"}).out,
               ContainsSubstring("demo: its newest package was built at 2020-02-03T03:05:06Z, ") &&
                   ContainsSubstring("is it still filled?"));
}

TEST_CASE("an index with a package of yesterday is not asked whether it is still filled",
          "[flow][trust][repo]") {
    const std::string yesterday = base::format_time(base::wall_now() - std::chrono::hours(24)).substr(0, 10);
    const UnsignedShop shop({built("web-1.0", yesterday + " 04:05:06 +0000")});
    shop.update();

    const std::string said = shop.host().run({"doctor"}).out;

    CHECK_THAT(said,
               ContainsSubstring("demo: its newest package was built at " + yesterday + "T04:05:06Z, "));
    CHECK(said.find("is it still filled?") == std::string::npos);
}

TEST_CASE("an index with a package of tomorrow is noted, because a clock is wrong", "[flow][trust][repo]") {
    const auto soon = base::wall_now() + std::chrono::hours(12);
    std::string date = base::format_time(soon); // 2026-11-23T05:00:00Z
    const UnsignedShop shop({built("web-1.0", date.substr(0, 10) + " " + date.substr(11, 8) + " +0000")});
    shop.update();

    const auto findings = shop.host().run({"doctor", "--json"}).json()["findings"];

    const auto found = std::find_if(findings.begin(), findings.end(), [&](const auto& finding) {
        return finding["text"] == "demo: its newest package was built at " + date + ", in the future";
    });
    REQUIRE(found != findings.end());
    CHECK((*found)["verdict"] == "note");
    CHECK((*found)["hint"] == "this host's clock, or that index, is wrong");
}

TEST_CASE("an index cannot make an older build of one version look newer", "[flow][trust][x509][attack]") {
    const Signers signers(Signers::Kind::x509);
    const Shop shop({package("web-1.0")});
    shop.host().write_config("repositories.conf",
                             fmt::format("[repository demo]\nurl = file://{}\ncertificates = {}\n",
                                         shop.path().string(), signers.file("trusted.pem").string()));
    const std::string plain = test::package_bytes(built("web-1.0", 2));
    const std::string archive = signers.sign("web-1.0", plain, "good").bytes();
    test::write_bytes(shop.path() / "web-1.0.tgz", archive);
    const auto promise = [&](int day) {
        test::write_bytes(
            shop.path() / "pkg_summary.gz",
            test::compress(test::summary_record(built("web-1.0", day), archive), test::Compression::gzip));
        REQUIRE(shop.host().run({"update"}).status == 0);
        return shop.host().run({"install", "web", "--no-start"});
    };

    const CommandResult lied = promise(5);
    INFO(lied.err);
    CHECK(lied.status == 7);
    CHECK_THAT(lied.err, ContainsSubstring("web-1.0: was built at 2026-03-02 12:00:00 +0000 according to the "
                                           "archive, but 2026-03-05 12:00:00 +0000 according to the index"));
    CHECK(shop.host().run({"list", "--json"}).json()["jails"].empty());
}
