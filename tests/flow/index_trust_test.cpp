// Signed and pinned indexes: a repository made with `repo index --sign` from end to end, and every way in
// which an index may not be the one that its publisher made. tests/attacks/README.md lists them.
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "flow/flow.hpp"
#include "flow/signing.hpp"
#include "pkgjail/base/digest.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::IndexSignature;
using test::package;
using test::PackageSpec;
using test::Shop;
using test::SigningKey;
using test::write_signature;

namespace {

std::string config_of(const std::string& url, const std::string& lines) {
    return "[repository demo]\nurl = " + url + "\n" + lines;
}

/// A shop whose index is signed by a test's own key, and a host that believes that key.
class SignedShop {
  public:
    explicit SignedShop(const std::vector<PackageSpec>& packages) : shop_(packages) {
        believe(fmt::format("key = {}\n", key_.text()));
        sign({});
    }
    void believe(const std::string& lines) const {
        host().write_config("repositories.conf",
                            config_of("file://" + all().string(), "trust = index-signed\n" + lines));
    }
    void sign(IndexSignature signature, const std::vector<const SigningKey*>& keys) const {
        signature.files = {all() / "pkg_summary.gz"};
        write_signature(all(), signature, keys);
    }
    void sign(const IndexSignature& signature) const { sign(signature, {&key_}); }
    void offer(const std::vector<PackageSpec>& packages, std::uint64_t serial) const {
        shop_.offer(packages);
        IndexSignature signature;
        signature.serial = serial;
        sign(signature);
    }
    /// What the repository says at this moment, to be shown again later.
    std::map<std::string, std::string> index() const {
        std::map<std::string, std::string> files;
        for (const char* const name : {"pkg_summary.gz", "pkg_summary.sig"})
            files[name] = test::read_bytes(all() / name);
        return files;
    }
    void put_back(const std::map<std::string, std::string>& files) const {
        for (const auto& [name, bytes] : files)
            test::write_bytes(all() / name, bytes);
    }
    void update() const {
        const CommandResult result = host().run({"update"});
        INFO(result.err);
        REQUIRE(result.status == 0);
    }
    /// `update` and `install` both refuse, with this cause among their words.
    void check_refused(const std::string& cause) const {
        const CommandResult result = host().run({"update"});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK(result.out.empty());
        CHECK_THAT(result.err, Catch::Matchers::StartsWith(
                                   "pkgjail: update: refresh repository demo: repository demo (file://"));
        CHECK_THAT(result.err, ContainsSubstring(cause));
        CHECK_THAT(result.err, ContainsSubstring("\nhint: "));
    }
    std::string offered() const {
        std::string text;
        const auto json = host().run({"avail", "--json"}).json();
        for (const auto& each : json["packages"])
            text += (text.empty() ? "" : " ") + each["pkgname"].get<std::string>();
        return text;
    }
    const Host& host() const { return shop_.host(); }
    const SigningKey& key() const { return key_; }
    std::filesystem::path all() const { return shop_.path(); }

  private:
    Shop shop_;
    SigningKey key_;
};

nlohmann::json listed(const Host& host) {
    return host.run({"repo", "list", "--json"}).json()["repositories"][0];
}

} // namespace

TEST_CASE("a repository that was made and signed here is installed from, over file and http",
          "[flow][trust][repo]") {
    const test::TempDir place;
    const auto all = place / "All";
    std::filesystem::create_directories(all);
    for (const PackageSpec& spec : {package("web-1.0", {"lib>=1"}), package("lib-1.2")})
        test::write_package(all / (spec.pkgname + ".tgz"), spec);
    const Host publisher;
    REQUIRE(publisher.run({"repo", "key", "new", "ours"}).status == 0);
    const std::string key = test::read_bytes(publisher.etc() / "keys" / "ours.pub");
    const CommandResult indexed =
        publisher.run({"repo", "index", all.string(), "--sign", "--id", "ours", "--expires", "7d", "--json"});
    INFO(indexed.err);
    REQUIRE(indexed.status == 0);
    const std::uint64_t serial = indexed.json()["signature"]["serial"];
    const test::HttpServer server(place.path());

    for (const std::string& url : {"file://" + all.string(), server.url() + "/All"}) {
        INFO(url);
        const Host host;
        host.write_config("repositories.conf",
                          config_of(url, "trust = index-signed\nid = ours\nkey = " + key + "\n"));
        const CommandResult installed = host.run({"install", "web"});
        INFO(installed.err);
        REQUIRE(installed.status == 0);
        CHECK_THAT(installed.err, !ContainsSubstring("authenticated"));

        const std::string proof = fmt::format("index-signed: ours {}, key {}", serial,
                                              indexed.json()["signature"]["keys"][0].get<std::string>());
        const auto repository = listed(host);
        CHECK(repository["trust"] == "index-signed");
        CHECK(repository["serial"] == serial);
        CHECK(repository["proof"] == proof);
        CHECK(repository["problem"] == "");
        const auto lock = nlohmann::json::parse(host.run({"lock", "web"}).out);
        CHECK(lock["packages"][0]["trust"] == proof);
        CHECK_THAT(host.run({"history", "web"}).out, ContainsSubstring("believed: 2 packages, " + proof));
        CHECK(host.run({"history", "web", "--json"}).json()["generations"][0]["trust"][proof].size() == 2);
        CHECK(host.run({"info", "web", "--json"}).json()["package"]["trust"] == "index-signed");
        CHECK_THAT(host.run({"repo", "list"}).out,
                   ContainsSubstring("NAME") && ContainsSubstring(std::to_string(serial)));
    }
}

TEST_CASE("an index that was seen is not replaced by an older one", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const auto yesterday = shop.index();
    shop.offer({package("web-1.1")}, 101);
    shop.update();
    shop.put_back(yesterday);

    shop.check_refused("its index is an older one: serial 100 of ");
    shop.check_refused("and serial 101 was seen before");

    shop.check_refused("`pkgjail update --allow-older demo`");
    CHECK(shop.offered() == "web-1.1");
    const CommandResult allowed = shop.host().run({"update", "--allow-older", "demo"});
    INFO(allowed.err);
    CHECK(allowed.status == 0);
    CHECK_THAT(allowed.err, ContainsSubstring("note: repository demo: an older index, serial 100, is taken"));
    CHECK(shop.offered() == "web-1.0");
    CHECK_THAT(shop.host().run({"history"}).out, ContainsSubstring("update --allow-older demo"));
}

TEST_CASE("one serial is one index", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    shop.update();
    shop.offer({package("web-6.6")}, 100);

    shop.check_refused("serial 100, which was seen before with another content");
    CHECK(shop.offered() == "web-1.0");
}

TEST_CASE("an index cannot be kept from expiring", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0"), package("tool-1.0"), package("other-1.0")});
    REQUIRE(shop.host().run({"install", "tool", "other", "-j", "box"}).status == 0);
    IndexSignature old;
    old.serial = 101;
    old.made_at = -4000;
    old.expires = -10;
    shop.sign(old);
    shop.check_refused("its index has expired at ");

    IndexSignature brief;
    brief.serial = 102;
    brief.expires = 8;
    shop.offer({package("web-1.0"), package("tool-1.1"), package("other-1.0")}, 101);
    shop.sign(brief);
    shop.update();
    std::this_thread::sleep_for(std::chrono::milliseconds(8100));

    // What was taken while it was good stays and can be worked with; nothing more is taken.
    for (const std::vector<std::string>& command : {std::vector<std::string>{"install", "web"},
                                                    {"install", "tool", "other", "-j", "same-as-box"},
                                                    {"upgrade", "box"},
                                                    {"upgrade", "--all"},
                                                    {"upgrade", "box", "--dry-run"},
                                                    {"install", "web", "--dry-run"}}) {
        INFO(fmt::format("{}", fmt::join(command, " ")));
        const CommandResult late = shop.host().run(command);
        INFO(late.err);
        CHECK(late.status == 7);
        CHECK_THAT(late.err, ContainsSubstring("its index has expired at "));
    }
    CHECK_THAT(listed(shop.host())["problem"].get<std::string>(),
               ContainsSubstring("its index has expired at "));
    CHECK_THAT(shop.host().run({"status", "box", "--json"}).out, ContainsSubstring("\"tool-1.0\""));
    const CommandResult removed = shop.host().run({"remove", "tool", "-j", "box"});
    INFO(removed.err);
    CHECK(removed.status == 0);
}

TEST_CASE("an index that is about to expire is told", "[flow][trust]") {
    const SignedShop shop({package("web-1.0")});
    IndexSignature brief;
    brief.made_at = -86400;
    brief.expires = 600;
    shop.sign(brief);

    const CommandResult result = shop.host().run({"install", "web"});

    INFO(result.err);
    CHECK(result.status == 0);
    CHECK_THAT(result.err, ContainsSubstring("note: repository demo: its index expires in "));
}

TEST_CASE("the signature of one repository is not that of another", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    shop.update();
    IndexSignature other;
    other.repository = "testing";
    other.serial = 500;
    shop.sign(other);

    shop.check_refused("the signed index is that of repository testing, before it was that of ours");
    shop.believe(fmt::format("key = {}\nid = stable\n", shop.key().text()));
    shop.check_refused("the signed index is that of repository testing, wanted is stable");
    shop.believe(fmt::format("key = {}\nid = testing\n", shop.key().text()));
    shop.update();
}

TEST_CASE("an index beside the signature of another index is not taken", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const std::string signature = test::read_bytes(shop.all() / "pkg_summary.sig");

    SECTION("of another size") {
        shop.offer({package("web-1.0"), package("evil-6.6")}, 100);
    }
    SECTION("of the same size") {
        std::string bytes = test::read_bytes(shop.all() / "pkg_summary.gz");
        bytes[5] = static_cast<char>(bytes[5] ^ 1); // the time in gzip's header: it still unpacks
        test::write_bytes(shop.all() / "pkg_summary.gz", bytes);
    }
    test::write_bytes(shop.all() / "pkg_summary.sig", signature);

    shop.check_refused("pkg_summary.gz is not the one that was signed: ");
}

TEST_CASE("an index that the signature does not name is not even looked at", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    std::string evil = test::summary_record(package("evil-6.6"), "bytes");
    test::write_bytes(shop.all() / "pkg_summary.zst", test::compress(evil, test::Compression::zstd));

    shop.update();

    CHECK(shop.offered() == "web-1.0");
}

TEST_CASE("an index without a signature is refused, and more so when it had one", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const std::string good = test::read_bytes(shop.all() / "pkg_summary.sig");
    std::filesystem::remove(shop.all() / "pkg_summary.sig");
    shop.check_refused(
        "its index is not signed: it has no pkg_summary.sig, which trust = index-signed needs");
    test::write_bytes(shop.all() / "pkg_summary.sig", "");
    shop.check_refused("its signature pkg_summary.sig is empty");
    test::write_bytes(shop.all() / "pkg_summary.sig", good.substr(0, good.find("signature: ")));
    shop.check_refused("pkg_summary.sig holds no signature");
    test::write_bytes(shop.all() / "pkg_summary.sig", "<html>404</html>\n");
    shop.check_refused("its signature cannot be read: pkg_summary.sig line 1: ");

    test::write_bytes(shop.all() / "pkg_summary.sig", good);
    shop.update();
    std::filesystem::remove(shop.all() / "pkg_summary.sig");
    shop.check_refused("its signature pkg_summary.sig is gone; it had one with serial 100 of ");
}

TEST_CASE("giving signatures up is the operator's to say, and is told", "[flow][trust]") {
    const SignedShop shop({package("web-1.0")});
    shop.update();
    shop.host().write_config("repositories.conf",
                             config_of("file://" + shop.all().string(), "trust = none\n"));

    const CommandResult result = shop.host().run({"install", "web"});

    INFO(result.err);
    CHECK(result.status == 0);
    CHECK_THAT(result.err, ContainsSubstring("packages are not authenticated (trust = none)"));
    CHECK_THAT(result.err, ContainsSubstring("it was signed before, and its signatures are not looked at"));
}

TEST_CASE("only the keys that are configured count", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const SigningKey stranger;
    shop.sign({}, {&stranger});

    shop.check_refused(fmt::format("its index is signed by key {}, which is none of those configured ({})",
                                   stranger.id(), shop.key().id()));
    shop.sign({}, {&stranger, &shop.key()}); // a new key beside the old one: either will do
    shop.update();
    shop.believe(fmt::format("key = {}\n", stranger.text()));
    const CommandResult other = shop.host().run({"install", "web"});
    INFO(other.err);
    CHECK(other.status == 7);
    CHECK_THAT(other.err, ContainsSubstring("which is no longer configured"));
    shop.update();
    CHECK(shop.host().run({"install", "web"}).status == 0);
}

TEST_CASE("a key may stand in a file, and a file without one is told", "[flow][trust]") {
    const SignedShop shop({package("web-1.0")});
    const auto file = shop.host().etc() / "ours.pub";
    test::write_bytes(file, shop.key().text() + " our packages\n");
    shop.believe("key = " + file.string() + "\n");
    shop.update();

    test::write_bytes(file, "nothing\n");
    check_fails(
        shop.host(), {"repo", "key", "list"}, 78,
        "pkgjail: repo: [repository demo] key: ETC/ours.pub: is no public key, allowed: ed25519: and 44 "
        "characters of base64\nhint: pkgjail repo key list shows your own\n");
    shop.believe("");
    shop.check_refused("no key is configured that its signature could be compared with");
}

TEST_CASE("a good signature does not excuse a bad one", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const SigningKey second;
    shop.believe(fmt::format("key = {}\nkey = {}\n", shop.key().text(), second.text()));
    shop.sign({}, {&shop.key(), &second});
    std::string text = test::read_bytes(shop.all() / "pkg_summary.sig");
    const std::size_t at = text.rfind(' ') + 1;
    text[at] = text[at] == 'A' ? 'B' : 'A';
    test::write_bytes(shop.all() / "pkg_summary.sig", text);

    shop.check_refused(fmt::format("the signature by key {} is not over this index", second.id()));
}

TEST_CASE("any change of the signed text is seen", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    std::string text = test::read_bytes(shop.all() / "pkg_summary.sig");
    text.replace(text.find("serial: 100"), 11, "serial: 999");
    test::write_bytes(shop.all() / "pkg_summary.sig", text);

    shop.check_refused(fmt::format("the signature by key {} is not over this index: one of them was changed",
                                   shop.key().id()));
}

TEST_CASE("a key that was revoked here counts no more, at once", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    shop.update();
    REQUIRE(shop.host().run({"repo", "key", "revoke", shop.key().id(), "--reason", "stolen"}).status == 0);

    const CommandResult result = shop.host().run({"install", "web"});
    INFO(result.err);
    CHECK(result.status == 7);
    CHECK_THAT(result.err, ContainsSubstring("which was revoked since"));
    shop.check_refused(fmt::format("its index is signed by key {}, which was revoked", shop.key().id()));
}

TEST_CASE("a publisher takes a key back by a signed index, for ever", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const SigningKey fresh;
    shop.believe(fmt::format("key = {}\nkey = {}\n", shop.key().text(), fresh.text()));
    shop.update();
    IndexSignature taken_back;
    taken_back.serial = 101;
    taken_back.revoked = {shop.key().id()};
    shop.sign(taken_back, {&fresh});
    shop.update();
    IndexSignature thief;
    thief.serial = 102;
    shop.sign(thief);

    shop.check_refused(fmt::format("its index is signed by key {}, which was revoked", shop.key().id()));
    CHECK(listed(shop.host())["revoked_keys"] == nlohmann::json::array({shop.key().id()}));
    IndexSignature next;
    next.serial = 103;
    shop.sign(next, {&fresh});
    shop.update();
    thief.serial = 104;
    shop.sign(thief);
    shop.check_refused("which was revoked");

    // A rebuilt catalog has it from the old one, also where a first attempt was cut.
    for (const char* const step : {"rebuild.filled", "rebuild.moved", "rebuild.aside", "rebuild.placed"}) {
        INFO(step);
        CHECK(shop.host().run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        if (std::string(step) != "rebuild.placed") // and a second one as well
            CHECK(shop.host().run({"catalog", "rebuild"}, {{"PKGJAIL_FAIL_AT", "rebuild.filled"}}).status ==
                  1);
        REQUIRE(shop.host().run({"catalog", "rebuild"}).status == 0);
        shop.check_refused("which was revoked");
    }
    shop.check_refused("which was revoked");
    thief.serial = 1;
    shop.sign(thief, {&fresh});
    shop.check_refused("older");
}

TEST_CASE("an index from the future is refused with both clocks", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    IndexSignature future;
    future.made_at = 3600;
    shop.sign(future);
    shop.check_refused("its index was made in the future: at ");

    future.made_at = 300; // clocks differ a little
    shop.sign(future);
    shop.update();
}

TEST_CASE("a signed index has to name the digest of what is taken by it", "[flow][trust][attack]") {
    const SignedShop shop({package("web-1.0")});
    const std::string record =
        test::summary_record(package("web-1.0"), test::read_bytes(shop.all() / "web-1.0.tgz"));
    const std::size_t at = record.find("FILE_CKSUM=");
    const std::size_t end = record.find('\n', at) + 1;
    struct Case {
        std::string line, cause;
    };
    for (const Case& one :
         {Case{"", "has no digest (FILE_CKSUM) for it, and trust = index-signed goes by SHA-512 or SHA-256"},
          Case{"FILE_CKSUM=SHA1 " + std::string(40, 'a') + "\n", "has only a digest by sha1 for it"}}) {
        static std::uint64_t serial = 200;
        test::write_bytes(
            shop.all() / "pkg_summary.gz",
            test::compress(record.substr(0, at) + one.line + record.substr(end), test::Compression::gzip));
        IndexSignature signature;
        signature.serial = ++serial;
        shop.sign(signature);
        shop.update();
        const CommandResult result = shop.host().run({"install", "web"});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err, ContainsSubstring("pkgjail: install: web-1.0: the index of repository demo"));
        CHECK_THAT(result.err, ContainsSubstring(one.cause));
    }
}

TEST_CASE("an index that was taken without proof is not used once proof is asked for", "[flow][trust]") {
    const SignedShop shop({package("web-1.0")});
    const std::string proved = test::read_bytes(shop.host().etc() / "repositories.conf");
    shop.host().write_config("repositories.conf",
                             config_of("file://" + shop.all().string(), "trust = none\n"));
    shop.update();
    shop.host().write_config("repositories.conf", proved);
    std::filesystem::remove(shop.all() / "pkg_summary.sig");

    const CommandResult result = shop.host().run({"install", "web"});

    INFO(result.err);
    CHECK(result.status == 7);
    CHECK_THAT(result.err, ContainsSubstring("its index is not signed"));
    shop.sign({});
    CHECK(shop.host().run({"install", "web"}).status == 0);
}

TEST_CASE("what a package says of itself must be what a signed index says", "[flow][trust][attack]") {
    PackageSpec built = package("web-1.0");
    built.build_info = {{"MACHINE_ARCH", "vax"}};
    const SignedShop shop({built});
    test::write_bytes(
        shop.all() / "pkg_summary.gz",
        test::compress(test::summary_record(package("web-1.0"), test::read_bytes(shop.all() / "web-1.0.tgz")),
                       test::Compression::gzip));
    IndexSignature signature;
    signature.serial = 101;
    shop.sign(signature);

    const CommandResult result = shop.host().run({"install", "web"});

    INFO(result.err);
    CHECK(result.status == 7);
    CHECK_THAT(result.err,
               ContainsSubstring("web-1.0: is for architecture vax according to the archive, but "));
}

TEST_CASE("a pinned index is taken and no other", "[flow][trust][attack]") {
    const Shop shop({package("web-1.0")});
    const std::string sha256 = base::sha256(test::read_bytes(shop.path() / "pkg_summary.gz"));
    const auto pin = [&](const std::string& lines) {
        shop.host().write_config("repositories.conf",
                                 config_of("file://" + shop.path().string(), "trust = pinned\n" + lines));
    };
    pin("pin = sha256:" + std::string(64, '0') + "\npin = sha256:" + sha256 + "\n");
    REQUIRE(shop.host().run({"install", "web"}).status == 0);
    CHECK_THAT(shop.host().run({"history", "web"}).out,
               ContainsSubstring("believed: 1 package, pinned: index sha256:" + sha256));

    shop.offer({package("web-1.1"), package("tool-1.0")});
    CHECK(shop.host().run({"update"}).out == "demo: nothing new (1 package)\n");
    const std::string now = base::sha256(test::read_bytes(shop.path() / "pkg_summary.gz"));
    // A second pin, while the old one stands: the new index is what it is there for.
    pin("pin = sha256:" + sha256 + "\npin = sha256:" + now + "\n");
    CHECK(shop.host().run({"update"}).out == "demo: new index (2 packages)\n");
    CHECK(shop.host().run({"update"}).out == "demo: nothing new (2 packages)\n");
    pin("pin = sha256:" + std::string(64, '1') + "\n");
    for (const char* const verb : {"update", "install"}) {
        const CommandResult result =
            shop.host().run(std::string(verb) == "update" ? std::vector<std::string>{"update"}
                                                          : std::vector<std::string>{"install", "tool"});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err,
                   ContainsSubstring("its index is not the pinned one: found pkg_summary.gz sha256:" + now +
                                     ", pinned is sha256:" + std::string(64, '1')));
    }
    pin("pin = sha256:" + now + "\n");
    CHECK(shop.host().run({"install", "tool"}).status == 0);
}

TEST_CASE("without a pin a pinned repository gives packages to a lock file only", "[flow][trust]") {
    const Shop shop({package("web-1.0")});
    REQUIRE(shop.host().run({"install", "web"}).status == 0);
    const std::string lock = (shop.host().etc() / "web.lock").string();
    REQUIRE(shop.host().run({"lock", "web", lock}).status == 0);
    const Host host;
    host.write_config("repositories.conf", config_of("file://" + shop.path().string(), "trust = pinned\n"));

    const CommandResult plain = host.run({"install", "web"});
    INFO(plain.err);
    CHECK(plain.status == 7);
    CHECK_THAT(plain.err,
               ContainsSubstring("no digest is pinned, so its packages can be installed by a lock"));
    const CommandResult locked = host.run({"install", "--locked", lock});
    INFO(locked.err);
    CHECK(locked.status == 0);
    CHECK_THAT(host.run({"history", "web"}).out, ContainsSubstring("believed: 1 package, pinned: lock file"));
}
