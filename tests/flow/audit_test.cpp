// audit: known vulnerabilities, from a list at an address to exit statuses.
#include <fstream>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/metrics_text.hpp"

using namespace pkgjail;
using test::check_fails;
using test::Host;
using test::package;
using test::Shop;

namespace {

/// The text of a list, written so many days ago, with its checksum.
std::string list_of(const std::string& entries, int days_old = 0) {
    const std::int64_t written = base::to_unix(base::wall_now()) - std::int64_t{86'400} * days_old;
    std::string stamp = base::format_time(base::from_unix(written)); // 2026-11-21T23:40:00Z
    std::string day = stamp.substr(0, 10);
    std::replace(day.begin(), day.end(), '-', '/');
    const std::string counted = "#FORMAT 1.1.0\n" + entries;
    return fmt::format("# $NetBSD: pkg-vulnerabilities,v 1.7 {} {} x Exp $\n{}#CHECKSUM SHA512 {}\n", day,
                       stamp.substr(11, 8), counted, base::digest_of(base::DigestAlgorithm::sha512, counted));
}

/// An address of a list, and a host that is told of it.
class Publisher {
  public:
    void publish(const std::string& text) const { test::write_bytes(file(), text); }
    std::filesystem::path file() const { return directory_ / "pkg-vulnerabilities"; }
    std::string url() const { return "file://" + file().string(); }
    void configure(const Host& host, const std::string& more = "") const {
        host.write_config("pkgjail.conf", "[vulnerabilities]\nurl = " + url() + "\n" + more);
    }

  private:
    test::TempDir directory_;
};

const std::string entries = "web<1.1\tdenial-of-service\thttps://example.org/CVE-2026-1001\n"
                            "web<2\tremote-code-execution\thttps://example.org/CVE-2026-10012\n"
                            "lib-[0-9]*\teol\thttps://example.org/eol\n";

/// "web: web-1.0: denial-of-service [3* 2; before]" for each finding that counts.
std::string findings(const nlohmann::json& document) {
    std::string text;
    for (const auto& finding : document["findings"]) {
        if (!finding["counts"])
            continue;
        std::string places;
        for (const auto& number : finding["generations"])
            places += (places.empty() ? "" : " ") + std::to_string(number.get<int>()) +
                      (places.empty() && finding["current"] ? "*" : "");
        for (const auto& name : finding["snapshots"])
            places += "; " + name.get<std::string>();
        text +=
            fmt::format("{}: {}: {} [{}]\n", finding["jail"].get<std::string>(),
                        finding["package"].get<std::string>(), finding["type"].get<std::string>(), places);
    }
    return text;
}

std::string url_for(const char* name) {
    return std::string("file://") + PKGJAIL_TEST_DATA + "/vulnerabilities/" + name;
}

} // namespace

TEST_CASE("audit names package, jail, generation, type and address of each finding", "[flow][audit]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries));
    publisher.configure(host);
    test::record_jail(host, "web", {"lib-2.0", "web-1.0"});
    test::record_jail(host, "well", {"web-2.0"});

    const test::CommandResult result = host.run({"audit", "--fetch"});

    CHECK(result.status == 2);
    CHECK_THAT(result.out, ContainsSubstring("vulnerabilities: new list (3 entries)\n"
                                             "web: lib-2.0: end of life\n"
                                             "    https://example.org/eol\n"
                                             "    generation 1 (current)\n"
                                             "web: web-1.0: denial-of-service\n"
                                             "    https://example.org/CVE-2026-1001\n"
                                             "    generation 1 (current)\n"
                                             "web: web-1.0: remote-code-execution\n"
                                             "    https://example.org/CVE-2026-10012\n"
                                             "    generation 1 (current)\n"
                                             "2 jails, 3 packages: 2 vulnerable\n"));
    CHECK(findings(host.run({"--json", "audit"}).json()) == "web: lib-2.0: eol [1*]\n"
                                                            "web: web-1.0: denial-of-service [1*]\n"
                                                            "web: web-1.0: remote-code-execution [1*]\n");
    CHECK(host.run({"audit", "well"}).status == 0);
    CHECK_THAT(host.run({"audit", "well"}).out, ContainsSubstring("1 jail, 1 package: none vulnerable\n"));
    check_fails(host, {"audit", "nobody"}, 5, host.run({"audit", "nobody"}).err);
    check_fails(host, {"audit", "--all", "web"}, 64,
                "pkgjail: audit: --all: stands beside names of jails\nhint: give one of both\n");
}

TEST_CASE("kept generations and snapshots are audited with what runs, unless only that is asked for",
          "[flow][audit]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries));
    publisher.configure(host);
    const std::string id = test::record_jail(host, "web", {"web-1.0"});
    {
        catalog::Catalog catalog = test::open_catalog(host);
        catalog::Snapshot snapshot;
        snapshot.id = "0123456789abcdef";
        snapshot.jail_id = id;
        snapshot.name = "before";
        snapshot.image_id = test::record_image(catalog, {"web-1.5"});
        snapshot.generation = 1;
        catalog::Snapshots(catalog).add(snapshot);
        catalog::Generation next;
        next.image_id = test::record_image(catalog, {"web-1.5"});
        catalog::Jails(catalog).add_generation(id, next);
        next.image_id = test::record_image(catalog, {"web-2.0"});
        catalog::Jails(catalog).add_generation(id, next);
    }
    REQUIRE(host.run({"audit", "--fetch"}).status == 2);

    const auto all = host.run({"--json", "audit", "web"});
    const auto current = host.run({"--json", "audit", "--current", "--all"});

    CHECK(all.status == 2);
    CHECK(findings(all.json()) == "web: web-1.0: denial-of-service [1]\n"
                                  "web: web-1.0: remote-code-execution [1]\n"
                                  "web: web-1.5: remote-code-execution [2; before]\n");
    CHECK_THAT(host.run({"audit"}).out, ContainsSubstring("    generation 2; snapshot before\n"));
    CHECK(current.status == 0);
    CHECK(findings(current.json()).empty());
}

TEST_CASE("audit knows the current generation where it is not the newest", "[flow][audit]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of("web<2\tdenial-of-service\thttps://example.org/CVE-2026-1001\n"));
    publisher.configure(host);
    const std::string id = test::record_jail(host, "web", {"web-1.0"});
    {
        catalog::Catalog catalog = test::open_catalog(host);
        catalog::Generation next;
        next.image_id = test::record_image(catalog, {"web-1.0", "lib-1.0"});
        catalog::Jails(catalog).add_generation(id, next);
        catalog::Jails(catalog).set_current(id, 1);
    }

    const auto result = host.run({"audit", "--fetch"});
    const auto json = host.run({"--json", "audit"}).json();

    CHECK_THAT(result.out, ContainsSubstring("    generation 2, 1 (current)\n"));
    CHECK(json["findings"][0]["generations"] == nlohmann::json({2, 1}));
    CHECK(json["findings"][0]["current"] == true);
    CHECK(json["findings"][0]["current_generation"] == 1);
}

TEST_CASE("what the operator ignores is told apart, and counts again when its time is over",
          "[flow][audit]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries));
    test::record_jail(host, "web", {"lib-2.0", "web-1.0"});
    const auto audit = [&](const std::string& rules) {
        publisher.configure(host, rules);
        return host.run({"--json", "audit", "--fetch"});
    };

    INFO("an identifier does not mean a longer one");
    CHECK(findings(audit("end-of-life = no\n[ignore cve-2026-1001]\nreason = not reachable\n").json()) ==
          "web: web-1.0: remote-code-execution [1*]\n");
    CHECK(findings(
              audit("end-of-life = no\n[ignore https://example.org/CVE-2026-10012]\nreason = r\n").json()) ==
          "web: web-1.0: denial-of-service [1*]\n");
    CHECK(findings(audit("[ignore https://example.org/CVE]\nreason = r\n").json()).find("denial") !=
          std::string::npos);
    INFO("of other packages only");
    CHECK(findings(audit("[ignore CVE-2026-1001]\nreason = r\npackage = other-[0-9]*\n").json())
              .find("denial") != std::string::npos);
    INFO("both, one of them no longer");
    const auto both =
        audit("end-of-life = no\n[ignore CVE-2026-1001]\nreason = r\nuntil = 2020-01-01\n"
              "[ignore CVE-2026-10012]\nreason = module is off\npackage = web<2\nuntil = 2999-01-01\n");
    CHECK(both.status == 2);
    CHECK(findings(both.json()) == "web: web-1.0: denial-of-service [1*]\n");
    const auto shown = host.run({"audit", "--ignored"}).out;
    CHECK_THAT(shown, ContainsSubstring("    was ignored, until 2020-01-01T00:00:00Z: r\n"));
    CHECK_THAT(shown, ContainsSubstring("    ignored until 2999-01-01T00:00:00Z: module is off\n"));
    CHECK_THAT(shown, ContainsSubstring("1 jail, 2 packages: 1 vulnerable, 1 finding ignored\n"));
    const auto none =
        audit("end-of-life = no\n[ignore CVE-2026-1001]\nreason = r\n[ignore CVE-2026-10012]\nreason = r\n");
    CHECK(none.status == 0);
    CHECK(none.json()["findings"].size() == 2);
    publisher.configure(host, "[ignore X]\nreason = r\npackage = {a\n");
    CHECK(host.run({"audit"}).status == 78);
}

TEST_CASE("a list that is too old is told, and nothing found in it is no all-clear", "[flow][audit]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries, 9));
    publisher.configure(host);
    test::record_jail(host, "web", {"web-1.0"});
    test::record_jail(host, "well", {"web-2.0"});

    const auto all = host.run({"audit", "--fetch"});
    const auto well = host.run({"audit", "well"});

    CHECK(all.status == 2);
    CHECK(well.status == 7);
    CHECK_THAT(
        well.err,
        ContainsSubstring("the list of known vulnerabilities is 9d old; what was found since is not in it"));
    publisher.configure(host, "max-age = 10d\n");
    CHECK(host.run({"audit", "well"}).status == 0);
    CHECK(host.run({"--json", "audit", "well"}).json()["list"]["too_old"] == false);
}

TEST_CASE("an older list than the one that is here is refused, and this one stays",
          "[flow][audit][attack-2.1]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries));
    publisher.configure(host);
    test::record_jail(host, "web", {"web-1.0"});
    REQUIRE(host.run({"audit", "--fetch"}).status == 2);

    publisher.publish(list_of("", 1));
    const auto replayed = host.run({"audit", "--fetch"});
    publisher.publish("#FORMAT 1.1.0\n");
    const auto undated = host.run({"audit", "--fetch"});

    CHECK(replayed.status == 7);
    CHECK_THAT(replayed.err, ContainsSubstring("older than the one that is here"));
    CHECK(undated.status == 7);
    CHECK_THAT(undated.err, ContainsSubstring("does not say when it was written"));
    CHECK(host.run({"--json", "audit"}).json()["list"]["entries"] == 3);
}

TEST_CASE("a damaged, missing or endless list is refused with its cause, and the old one stays",
          "[flow][audit][hostile]") {
    const Host host;
    const Publisher publisher;
    test::record_jail(host, "web", {"web-1.0"});

    check_fails(host, {"audit"}, 78,
                "pkgjail: audit: ETC/pkgjail.conf: names no list of known vulnerabilities\n"
                "hint: add `url = …` to [vulnerabilities]; pkgjail.conf(5) says more\n");
    publisher.configure(host);
    check_fails(
        host, {"audit"}, 5,
        "pkgjail: audit: list of known vulnerabilities: was never fetched\nhint: pkgjail audit --fetch\n");
    CHECK(host.run({"audit", "--fetch"}).status == 69);
    publisher.publish(list_of(entries));
    REQUIRE(host.run({"audit", "--fetch"}).status == 2);

    std::string text = list_of(entries);
    text.replace(text.find("web<1.1"), 7, "web<0.1");
    publisher.publish(text);
    const auto damaged = host.run({"audit", "--fetch"});
    CHECK(damaged.status == 7);
    CHECK_THAT(damaged.err, ContainsSubstring("its SHA512 checksum is not that of its lines"));
    publisher.publish("<html>\n");
    CHECK(host.run({"audit", "--fetch"}).status == 65);
    publisher.publish(test::compress(list_of(entries), test::Compression::gzip).substr(0, 100));
    CHECK(host.run({"audit", "--fetch"}).status == 65);
    CHECK(host.run({"--json", "audit"}).json()["list"]["entries"] == 3);
    INFO("nothing is left in the cache");
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "cache"), {}) == 0);
}

TEST_CASE("a list comes over HTTP, compressed, and only when it is another one", "[flow][audit]") {
    const Host host;
    const test::TempDir site;
    test::write_bytes(site / "pkg-vulnerabilities.gz",
                      test::compress(list_of(entries), test::Compression::gzip));
    test::HttpServer server(site.path());
    host.write_config("pkgjail.conf",
                      "[vulnerabilities]\nurl = " + server.url() + "/pkg-vulnerabilities.gz\n");
    host.write_config("repositories.conf", "");

    const auto first = host.run({"--json", "audit", "--fetch"}).json();
    const auto second = host.run({"--json", "audit", "--fetch"}).json();

    CHECK(first["fetched"]["changed"] == true);
    CHECK(first["list"]["entries"] == 3);
    CHECK(second["fetched"]["changed"] == false);
    CHECK(server.requests().back().status == 304);
}

TEST_CASE("with a keyring only what its keys have signed is taken, and each refusal has its own cause",
          "[flow][audit][hostile][attack-2.7]") {
    if (!base::find_program("gpgv")) {
        WARN("not tried: there is no gpgv (Debian's package gpgv)");
        return;
    }
    const Host host;
    const std::string keyring = std::string(PKGJAIL_TEST_DATA) + "/vulnerabilities/keyring.gpg";
    const auto fetch = [&](const std::string& url) {
        host.write_config("pkgjail.conf", "[vulnerabilities]\nmax-age = 36500d\nurl = " + url +
                                              "\nkeyring = " + keyring + "\n");
        return host.run({"--json", "audit", "--fetch"});
    };
    const auto cause = [&](const test::CommandResult& result) {
        CHECK(result.status == 7);
        return result.json()["error"]["cause"].get<std::string>();
    };
    const Publisher publisher;

    CHECK_THAT(cause(fetch(url_for("stranger.asc"))),
               ContainsSubstring("it was signed by a key that is not in the keyring ("));
    CHECK_THAT(cause(fetch(url_for("expired.asc"))),
               ContainsSubstring("it was signed by a key that has expired ("));
    CHECK_THAT(cause(fetch(url_for("revoked.asc"))),
               ContainsSubstring("it was signed by a key that is revoked ("));
    CHECK_THAT(cause(fetch(url_for("lapsed.asc"))), ContainsSubstring("its signature has expired ("));
    CHECK_THAT(cause(fetch(url_for("two.asc"))),
               ContainsSubstring("it was signed by a key that is not in the keyring ("));
    std::string text = test::read_bytes(std::string(PKGJAIL_TEST_DATA) + "/vulnerabilities/publisher.asc");
    std::string changed = text;
    changed.replace(changed.find("web<1.1"), 7, "web<0.1");
    publisher.publish(changed);
    CHECK_THAT(cause(fetch(publisher.url())), ContainsSubstring("its signature does not fit its text ("));
    publisher.publish(list_of(entries));
    CHECK_THAT(cause(fetch(publisher.url())),
               ContainsSubstring("is not signed, and only a signed one is taken"));
    publisher.publish("-----BEGIN PGP SIGNED MESSAGE-----\n\n" + list_of(entries) +
                      "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n");
    CHECK_THAT(cause(fetch(publisher.url())), ContainsSubstring("gpgv finds no good signature ("));
    CHECK_FALSE(std::filesystem::exists(host.state() / "cache" / "x"));

    INFO("what stands around the signed text is not read");
    publisher.publish(text + "evil<9\teol\thttps://example.org/evil\n");
    const auto good = fetch(publisher.url());
    CHECK(good.status == 0);
    CHECK_THAT(good.json()["list"]["signed_by"].get<std::string>(),
               ContainsSubstring("(Publisher <publisher@example.org>)"));
    CHECK(good.json()["list"]["entries"] == 1);

    host.write_config("pkgjail.conf",
                      "[vulnerabilities]\nurl = " + publisher.url() + "\nkeyring = /nowhere\n");
    CHECK(host.run({"audit", "--fetch"}).status == 78);
}

TEST_CASE("a list that was taken unchecked is asked for again once a keyring is configured",
          "[flow][audit][hostile]") {
    if (!base::find_program("gpgv")) {
        WARN("not tried: there is no gpgv (Debian's package gpgv)");
        return;
    }
    const Host host;
    const std::string config = "[vulnerabilities]\nmax-age = 36500d\nurl = " + url_for("stranger.asc") + "\n";
    host.write_config("pkgjail.conf", config);
    REQUIRE(host.run({"audit", "--fetch"}).status == 0);

    host.write_config("pkgjail.conf",
                      config + "keyring = " + PKGJAIL_TEST_DATA + "/vulnerabilities/keyring.gpg\n");

    CHECK(host.run({"audit", "--fetch"}).status == 7);
}

TEST_CASE("update fetches the list too, and tells of its failure beside the repositories'", "[flow][audit]") {
    const Shop shop({package("web-1.0")});
    const Publisher publisher;
    publisher.publish(list_of(entries));
    publisher.configure(shop.host());

    const auto well = shop.host().run({"update"});
    publisher.publish("<html>\n");
    const auto ill = shop.host().run({"update"});
    const auto dry = shop.host().run({"-n", "update"});

    CHECK(well.status == 0);
    CHECK_THAT(well.out, ContainsSubstring("vulnerabilities: new list (3 entries)\n"));
    CHECK(ill.status == 3);
    CHECK_THAT(ill.err, ContainsSubstring("before #FORMAT"));
    CHECK_THAT(dry.out, ContainsSubstring("vulnerabilities: would be asked for at file://"));
}

TEST_CASE("install and upgrade tell of vulnerable packages that they bring, or refuse them",
          "[flow][audit][install]") {
    const Shop shop({package("web-1.0", {"lib>=1"}), package("lib-2.0")});
    const Publisher publisher;
    publisher.publish(list_of(entries));
    const auto install = [&](const std::string& word) {
        publisher.configure(shop.host(), "install = " + word + "\n");
        REQUIRE(shop.host().run({"update"}).status == 0);
        return shop.host().run({"-n", "install", "web"});
    };

    const auto warned = install("warn");
    const auto refused = install("refuse");
    const auto silent = install("no");

    CHECK(warned.status == 0);
    CHECK_THAT(warned.err,
               ContainsSubstring("lib-2.0 has reached its end of life, see https://example.org/eol\n"));
    CHECK_THAT(warned.err, ContainsSubstring("web-1.0 has a denial-of-service vulnerability, see "
                                             "https://example.org/CVE-2026-1001\n"));
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, ContainsSubstring("lib-2.0: has known vulnerabilities, and pkgjail.conf says"));
    CHECK(silent.status == 0);
    CHECK(silent.err.find("vulnerab") == std::string::npos);
}

TEST_CASE("a list that was never fetched keeps packages out where vulnerable ones are to be refused",
          "[flow][audit][install]") {
    const Shop shop({package("web-1.0")});
    const Host& host = shop.host();
    const Publisher publisher;
    const auto install = [&](const std::string& config) {
        host.write_config("pkgjail.conf", config);
        return host.run({"install", "web"});
    };
    const std::string url = "[vulnerabilities]\nurl = " + publisher.url() + "\n";

    const auto refused = install(url + "install = refuse\n");
    CHECK(refused.status == 5);
    CHECK_THAT(refused.err, ContainsSubstring("list of known vulnerabilities: was never fetched, and "
                                              "pkgjail.conf says [vulnerabilities] install = refuse\n"
                                              "hint: pkgjail audit --fetch\n"));
    const auto nowhere = install("[vulnerabilities]\ninstall = refuse\n");
    CHECK(nowhere.status == 78);
    CHECK_THAT(nowhere.err, ContainsSubstring("names no list of known vulnerabilities"));
    CHECK(host.run({"list", "--json"}).json()["jails"].empty());

    const auto warned = install(url);
    CHECK(warned.status == 0);
    CHECK_THAT(warned.err, ContainsSubstring("was never fetched, so none is known of new packages"));
    const auto again = install(url + "install = refuse\n");
    CHECK(again.status == 0); // it brings none
    shop.offer({package("web-1.1")});
    publisher.configure(host, "install = refuse\n");
    publisher.publish(list_of(""));
    REQUIRE(host.run({"update"}).status == 0);
    const auto upgraded = host.run({"upgrade", "web"});
    INFO(upgraded.err);
    CHECK(upgraded.status == 0);
}

TEST_CASE("a host without a word on vulnerabilities is not told that it has no list",
          "[flow][audit][install]") {
    const Shop shop({package("web-1.0")});

    const auto installed = shop.host().run({"install", "web"});

    CHECK(installed.status == 0);
    CHECK(installed.err.find("vulnerab") == std::string::npos);
}

TEST_CASE("list, status, metrics and doctor count vulnerable packages when there is a list",
          "[flow][audit][metrics]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of(entries));
    publisher.configure(host, "[ignore https://example.org/eol]\nreason = r\n");
    test::record_jail(host, "web", {"lib-2.0", "web-1.0"});
    CHECK(host.run({"--json", "list"}).json()["jails"][0]["vulnerable_packages"].is_null());
    CHECK_FALSE(
        test::read_metrics(host.run({"metrics"}).out).samples.contains("pkgjail_vulnerable_packages"));

    REQUIRE(host.run({"audit", "--fetch"}).status == 2);

    CHECK(host.run({"--json", "list"}).json()["jails"][0]["vulnerable_packages"] == 1);
    CHECK(host.run({"--json", "status"}).json()["jails"][0]["vulnerable_packages"] == 1);
    CHECK_THAT(host.run({"status"}).out, ContainsSubstring("  vulnerable  1 package: pkgjail audit web\n"));
    CHECK_THAT(host.run({"doctor"}).out, ContainsSubstring("3 known ones in the list"));
    const auto metrics = test::read_metrics(host.run({"metrics"}).out);
    CHECK(metrics.faults.empty());
    CHECK(metrics.samples.at("pkgjail_jail_packages_vulnerable{jail=\"web\"}") == 1);
    CHECK(metrics.samples.at("pkgjail_vulnerable_packages") == 1);
    CHECK(metrics.samples.at("pkgjail_vulnerability_list_entries") == 3);
    CHECK(metrics.samples.contains("pkgjail_vulnerability_list_written_timestamp_seconds"));
}

TEST_CASE("foreign text of the list cannot steer a terminal", "[flow][audit][attack-8.1]") {
    const Host host;
    const Publisher publisher;
    publisher.publish(list_of("web<9\t\x1b[2Jdos\thttps://example.org/\x1b]52;c;eA==\x07\xe2\x80\xae\n"));
    publisher.configure(host);
    test::record_jail(host, "web", {"web-1.0"});

    const auto plain = host.run({"audit", "--fetch"});
    const auto json = host.run({"--json", "audit"});

    CHECK(plain.status == 2);
    CHECK(plain.out.find('\x1b') == std::string::npos);
    CHECK(plain.out.find("\xe2\x80\xae") == std::string::npos);
    CHECK(json.out.find('\x1b') == std::string::npos);
}
