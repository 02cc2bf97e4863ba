// A mirror that is asked while it is being filled: the signature is there already, and the index that it is
// of is not yet; or the index is, and the archive is still the one before, or half of it.
#include <sstream>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/signing.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::IndexSignature;
using test::package;
using test::package_bytes;
using test::PackageSpec;
using test::Signers;
using test::SigningKey;

namespace {

/// Two editions of one repository, the second of them published, and a host that has read the first.
class Mirror {
  public:
    Mirror() {
        publish("1.0", 100);
        host_.write_config("repositories.conf",
                           fmt::format("[repository demo]\nurl = {}/All\ntrust = index-signed\nkey = {}\n",
                                       server_.url(), key_.text()));
        REQUIRE(host_.run({"install", "web", "--no-start"}).status == 0);
        old_index_ = test::read_bytes(index());
        publish("1.1", 101);
        server_.forget_requests();
    }
    std::filesystem::path all() const { return place_ / "All"; }
    std::filesystem::path index() const { return all() / "pkg_summary.gz"; }
    /// Of the first edition.
    std::string old_index() const { return old_index_; }
    void sign(std::uint64_t serial) const {
        IndexSignature signature;
        signature.serial = serial;
        signature.files = {index()};
        write_signature(all(), signature, {&key_});
    }
    test::HttpServer& server() { return server_; }
    const Host& host() const { return host_; }
    /// What was asked for, in order, with the statuses.
    std::string asked() const {
        std::string text;
        for (const auto& request : server_.requests())
            text += fmt::format("{} {}\n", request.path, request.status);
        return text;
    }
    std::string offered() const {
        std::string text;
        const auto json = host_.run({"avail", "--json"}).json();
        for (const auto& each : json["packages"])
            text += (text.empty() ? "" : " ") + each["pkgname"].get<std::string>();
        return text;
    }

  private:
    void publish(const std::string& version, std::uint64_t serial) const {
        test::make_repository(all(), {package("web-" + version)});
        sign(serial);
    }

    test::TempDir place_;
    SigningKey key_;
    Host host_;
    std::string old_index_;
    test::HttpServer server_{place_.path()};
};

/// Of the day of the month, with more behind its metadata than the first bytes of it.
PackageSpec build_of(int day) {
    PackageSpec spec = package("web-1.0");
    spec.build_info = {{"BUILD_DATE", fmt::format("2026-03-{:02} 12:00:00 +0000", day)}};
    std::string content(std::size_t{64} << 10, '\0');
    std::uint32_t state = 1;
    for (char& byte : content) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    spec.files.push_back({"share/web/random", content});
    return spec;
}

/// A repository whose index gives neither size nor digest of the archive, as a host believes it.
class Undigested {
  public:
    explicit Undigested(const std::string& policy) {
        host_.write_config("repositories.conf",
                           fmt::format("[repository demo]\nurl = file://{}\n{}\n", path().string(), policy));
    }
    std::filesystem::path path() const { return place_ / "All"; }
    void promise(const PackageSpec& spec) const {
        std::string index;
        std::istringstream record(test::summary_record(spec, ""));
        for (std::string line; std::getline(record, line);)
            if (!line.starts_with("FILE_SIZE=") && !line.starts_with("FILE_CKSUM="))
                index += line + "\n";
        test::write_bytes(path() / "pkg_summary.gz", test::compress(index, test::Compression::gzip));
        REQUIRE(host_.run({"update"}).status == 0);
    }
    void fill(const std::string& archive) const { test::write_bytes(path() / "web-1.0.tgz", archive); }
    /// As often as it is tried; then the mirror is filled, and no index is asked.
    void check_refused_until(const std::string& whole, int status, const std::string& cause) const {
        for (int i = 0; i < 2; ++i) {
            const CommandResult install = host_.run({"install", "web", "--no-start"});
            INFO(install.err);
            CHECK(install.status == status);
            CHECK_THAT(install.err, ContainsSubstring(cause));
            CHECK_THAT(install.err, ContainsSubstring("\nhint: the repository may be in the middle of an "
                                                      "update") &&
                                        ContainsSubstring("try again later"));
        }
        CHECK(host_.run({"list", "--json"}).json()["jails"].empty());
        fill(whole);
        const CommandResult install = host_.run({"install", "web", "--no-start"});
        INFO(install.err);
        CHECK(install.status == 0);
    }
    const Host& host() const { return host_; }

  private:
    test::TempDir place_;
    Host host_;
};

constexpr const char* one_look = "/All/pkg_summary.sig 200\n/All/pkg_summary.gz 200\n";

} // namespace

TEST_CASE("a signed index that is finished at the second look is taken", "[flow][trust][mirror]") {
    Mirror mirror;
    SECTION("the old index has another length") {
        mirror.server().behave("/All/pkg_summary.gz", {.first_bodies = {mirror.old_index() + "more"}});
    }
    SECTION("the old index has the same length") {
        std::string other = test::read_bytes(mirror.index());
        other[5] = static_cast<char>(other[5] ^ 1); // the time in gzip's header
        mirror.server().behave("/All/pkg_summary.gz", {.first_bodies = {other}});
    }

    const CommandResult update = mirror.host().run({"update"});

    INFO(update.err);
    CHECK(update.status == 0);
    CHECK(update.out == "demo: new index (1 package)\n");
    CHECK(mirror.asked() == std::string(one_look) + one_look);
    CHECK(mirror.offered() == "web-1.1");
}

TEST_CASE("a signature that is finished at the second look is taken as well", "[flow][trust][mirror]") {
    Mirror mirror;
    // The index came first: the signature is still the one of before, of an index that is gone.
    const std::string index = test::read_bytes(mirror.index());
    test::write_bytes(mirror.index(), "an index that nobody sees any more");
    mirror.sign(101);
    const std::string stale = test::read_bytes(mirror.all() / "pkg_summary.sig");
    test::write_bytes(mirror.index(), index);
    mirror.sign(102);
    mirror.server().behave("/All/pkg_summary.sig", {.first_bodies = {stale}});

    const CommandResult update = mirror.host().run({"update"});

    INFO(update.err);
    CHECK(update.status == 0);
    CHECK(mirror.asked() == std::string(one_look) + one_look);
    CHECK(mirror.offered() == "web-1.1");
}

TEST_CASE("a mirror that stays half filled is told as one, and what was there stays",
          "[flow][trust][mirror]") {
    Mirror mirror;
    test::write_bytes(mirror.index(), mirror.old_index());
    std::filesystem::remove(mirror.all() / "web-1.1.tgz");

    const CommandResult update = mirror.host().run({"update"});

    INFO(update.err);
    CHECK(update.status == 7);
    CHECK_THAT(update.err, ContainsSubstring("pkg_summary.gz is not the one that was signed: "));
    CHECK_THAT(update.err, ContainsSubstring("\nhint: the repository may be in the middle of an update, then "
                                             "try again later; else"));
    CHECK(mirror.asked() == std::string(one_look) + one_look);
    CHECK(mirror.offered() == "web-1.0");
    CHECK(mirror.host().run({"verify"}).status == 0);
}

TEST_CASE("a signed index whose package is not there yet is told at the package", "[flow][trust][mirror]") {
    Mirror mirror;
    const std::string archive = test::read_bytes(mirror.all() / "web-1.1.tgz");
    std::filesystem::remove(mirror.all() / "web-1.1.tgz");
    REQUIRE(mirror.host().run({"update"}).status == 0);

    const CommandResult upgrade = mirror.host().run({"upgrade", "web"});

    INFO(upgrade.err);
    CHECK(upgrade.status == 69);
    CHECK_THAT(upgrade.err, ContainsSubstring("web-1.1") && ContainsSubstring("does not have it: "));
    CHECK_THAT(upgrade.err,
               ContainsSubstring("\nhint: the repository may be in the middle of an update; try "));
    test::write_bytes(mirror.all() / "web-1.1.tgz", archive);
    CHECK(mirror.host().run({"upgrade", "web"}).status == 0);
}

TEST_CASE("an archive that the index gives no digest of is refused until it is the promised build",
          "[flow][trust][mirror]") {
    const Undigested mirror("trust = none");
    std::filesystem::create_directories(mirror.path());
    mirror.promise(build_of(5));

    mirror.fill(package_bytes(build_of(2)));
    mirror.check_refused_until(
        package_bytes(build_of(5)), 7,
        "web-1.0: was built at 2026-03-02 12:00:00 +0000 according to the archive, but "
        "2026-03-05 12:00:00 +0000 according to the index");

    CHECK_THAT(mirror.host().run({"list", "--json"}).out, ContainsSubstring("\"web\""));
}

TEST_CASE("a signed archive that the index gives no digest of is refused until it is the promised build",
          "[flow][trust][x509][mirror]") {
    const Signers signers(Signers::Kind::x509);
    const Undigested mirror("certificates = " + signers.file("trusted.pem").string());
    std::filesystem::create_directories(mirror.path());
    const auto signed_build = [&](int day) {
        return signers.sign("web-1.0", package_bytes(build_of(day)), "good").bytes();
    };
    mirror.promise(build_of(5));

    mirror.fill(signed_build(2));
    mirror.check_refused_until(signed_build(5), 7, "web-1.0: was built at 2026-03-02 12:00:00 +0000");
}

TEST_CASE("an archive that the index gives no digest of is refused until it is whole",
          "[flow][trust][mirror]") {
    const Undigested mirror("trust = none");
    std::filesystem::create_directories(mirror.path());
    mirror.promise(build_of(5));
    const std::string whole = package_bytes(build_of(5));

    SECTION("cut before its metadata end") {
        mirror.fill(whole.substr(0, 100));
        mirror.check_refused_until(whole, 65, "install: check web-1.0: ");
    }
    SECTION("cut behind its metadata") {
        mirror.fill(whole.substr(0, whole.size() - 1000));
        mirror.check_refused_until(whole, 65, "install: unpack web-1.0: ");
    }
}

TEST_CASE("an archive by a lock file that the index gives no digest of is asked for again",
          "[flow][trust][mirror][lock]") {
    const Undigested mirror("trust = none");
    std::filesystem::create_directories(mirror.path());
    mirror.fill(package_bytes(build_of(5)));
    mirror.promise(build_of(5));
    REQUIRE(mirror.host().run({"install", "web", "--no-start"}).status == 0);
    const test::TempDir place;
    test::write_bytes(place / "web.lock", mirror.host().run({"lock", "web"}).out);
    const Undigested other("trust = none");
    std::filesystem::create_directories(other.path());
    other.fill(package_bytes(build_of(2)));
    other.promise(build_of(5));
    const std::vector<std::string> install = {"install", "--locked", (place / "web.lock").string(),
                                              "--jail",  "web",      "--no-start"};
    const CommandResult refused = other.host().run(install);
    INFO(refused.err);
    CHECK(refused.status == 7);
    CHECK_THAT(refused.err, ContainsSubstring("locked is "));

    other.fill(package_bytes(build_of(5)));

    const CommandResult taken = other.host().run(install);
    INFO(taken.err);
    CHECK(taken.status == 0);
}

TEST_CASE("a signed index that is not there yet is no index", "[flow][trust][mirror]") {
    Mirror mirror;
    std::filesystem::remove(mirror.index());

    const CommandResult update = mirror.host().run({"update"});

    INFO(update.err);
    CHECK(update.status == 69);
    CHECK_THAT(update.err, ContainsSubstring("none of the signed indexes is there: pkg_summary.gz: "));
    CHECK(mirror.offered() == "web-1.0");
}
