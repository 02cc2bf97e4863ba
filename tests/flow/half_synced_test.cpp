// A mirror of a signed repository that is asked while it is being filled: the signature is there already, and
// what it is of is not yet.
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

TEST_CASE("a signed index that is not there yet is no index", "[flow][trust][mirror]") {
    Mirror mirror;
    std::filesystem::remove(mirror.index());

    const CommandResult update = mirror.host().run({"update"});

    INFO(update.err);
    CHECK(update.status == 69);
    CHECK_THAT(update.err, ContainsSubstring("none of the signed indexes is there: pkg_summary.gz: "));
    CHECK(mirror.offered() == "web-1.0");
}
