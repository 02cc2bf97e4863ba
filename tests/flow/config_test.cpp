// config, diff, history: what the operator changed, against image and recipe. Jails without a service.
#include <fstream>

#include <sys/stat.h>

#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace fs = std::filesystem;

namespace {

PackageSpec web(const std::string& version, const std::string& text) {
    PackageSpec spec = package("web-" + version);
    spec.files.push_back({"etc/web/web.conf", text, 0640});
    spec.files.push_back({"etc/web/types", "types of " + version + "\n", 0644});
    spec.files.push_back({"etc/web/same", "same\n", 0644});
    return spec;
}

void write(const fs::path& file, const std::string& text) {
    std::ofstream(file) << text;
}

/// Jail web on web-1.0.
class WebShop : public Shop {
  public:
    WebShop() : Shop({web("1.0", "one\ntwo\nthree\n")}) { run({"install", "web"}); }

    CommandResult run(const std::vector<std::string>& arguments) const {
        CommandResult result = host().run(arguments);
        INFO(result.out << result.err);
        CHECK(result.status == 0);
        return result;
    }
    fs::path config(int generation = 1) const {
        const std::string id = host().run({"status", "web", "--json"}).json()["jails"][0]["id"];
        return host().state() / "jails" / id / "config" / std::to_string(generation) / "usr/pkg/etc/web";
    }
    std::string read(const fs::path& file) const {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    /// Both files are the operator's, and changed by web-2.0 as well.
    CommandResult upgrade_with_conflicts() const {
        write(config() / "web.conf", "one\nmine\nthree\n");
        write(config() / "types", "mine\n");
        offer({web("2.0", "one\ntwo\n3\n")});
        run({"update"});
        return run({"upgrade", "web"});
    }
    std::string open_conflicts() const {
        std::string text;
        const auto status = host().run({"status", "web", "--json"}).json();
        for (const auto& conflict : status["jails"][0]["conflicts"])
            text += conflict["path"].get<std::string>() + ": " + conflict["what"].get<std::string>() + "\n";
        return text;
    }
};

constexpr const char* both = "changed by you and by the new version";

} // namespace

TEST_CASE("config lists what differs from the image, with the difference when asked", "[flow][config]") {
    const WebShop shop;
    CHECK(shop.run({"config", "web"}).out ==
          "jail web: generation 1 has the configuration of image and recipe\n");
    write(shop.config() / "web.conf", "one\n\x1b[2Jtwo\nthree\n");
    write(shop.config() / "own", "mine");
    write(shop.config() / "same", std::string("a\0b\n\n", 5));
    REQUIRE(::chmod((shop.config() / "web.conf").c_str(), 0600) == 0);
    fs::remove(shop.config() / "types");
    const std::string before = test::listing(shop.host().state());

    CHECK(shop.run({"config", "web"}).out ==
          "  A /usr/pkg/etc/web/own  file\n"
          "  M /usr/pkg/etc/web/same  content\n"
          "  R /usr/pkg/etc/web/types  file\n"
          "  M /usr/pkg/etc/web/web.conf  mode: 0640, now 0600; size: 14, now 18\n");
    CHECK(shop.run({"config", "web", "--diff"}).out ==
          "  A /usr/pkg/etc/web/own  file\n"
          "--- /dev/null\n+++ jail/usr/pkg/etc/web/own\n@@ -0,0 +1 @@\n+mine\n\\ No newline at end of file\n"
          "  M /usr/pkg/etc/web/same  content\n"
          "    binary: not shown\n"
          "  R /usr/pkg/etc/web/types  file\n"
          "--- image/usr/pkg/etc/web/types\n+++ /dev/null\n@@ -1 +0,0 @@\n-types of 1.0\n"
          "  M /usr/pkg/etc/web/web.conf  mode: 0640, now 0600; size: 14, now 18\n"
          "--- image/usr/pkg/etc/web/web.conf\n+++ jail/usr/pkg/etc/web/web.conf\n"
          "@@ -1,3 +1,3 @@\n one\n-two\n+\\x1b[2Jtwo\n three\n");
    const auto json = shop.run({"config", "web", "--json"}).json();
    CHECK(json["schema"] == "pkgjail.config/1");
    CHECK(json["open_conflicts"] == 0);
    REQUIRE(json["paths"].size() == 4);
    CHECK(json["paths"][3]["change"] == "changed");
    CHECK(json["paths"][3]["what"][0] == "mode: 0640, now 0600");
    CHECK(test::listing(shop.host().state()) == before);
}

TEST_CASE("conflicts of an upgrade stay in status until each is settled", "[flow][config]") {
    const WebShop shop;
    const CommandResult upgraded = shop.upgrade_with_conflicts();
    const std::string types = "/usr/pkg/etc/web/types", conf = "/usr/pkg/etc/web/web.conf";

    CHECK_THAT(upgraded.err, ContainsSubstring("jail web: " + conf + ": " + both + "; yours is kept"));
    CHECK(shop.open_conflicts() == types + ": " + both + "\n" + conf + ": " + both + "\n");
    CHECK_THAT(shop.run({"status", "web"}).out,
               ContainsSubstring("  conflicts   2 in its configuration: pkgjail config web\n"));
    CHECK_THAT(shop.run({"config", "web", "--diff"}).out,
               ContainsSubstring("! M " + conf + "  size: 10, now 15\n    conflict: " + both + "\n--- image" +
                                 conf + "\n+++ jail" + conf +
                                 "\n@@ -1,3 +1,3 @@\n one\n-two\n-3\n+mine\n+three\n"));

    // A dry run, and a look, change nothing.
    CHECK(shop.run({"config", "web", "-n", "--take", conf}).out ==
          "jail web: would take " + conf + "\njail web: 1 conflict left\n");
    CHECK(shop.read(shop.config(2) / "web.conf") == "one\nmine\nthree\n");

    CHECK(shop.run({"config", "web", "--take", conf}).out ==
          "jail web: took " + conf + "\njail web: 1 conflict left\n");
    CHECK(shop.read(shop.config(2) / "web.conf") == "one\ntwo\n3\n");
    struct stat status {};
    REQUIRE(::stat((shop.config(2) / "web.conf").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(shop.open_conflicts() == types + ": " + both + "\n");
    CHECK(shop.run({"config", "web", "--keep", types}).out == "jail web: kept " + types + "\n");
    CHECK(shop.read(shop.config(2) / "types") == "mine\n");
    CHECK(shop.open_conflicts().empty());
    CHECK(shop.run({"config", "web", "--keep", types, "--take", conf}).out ==
          "jail web: nothing to do for " + conf + "\njail web: nothing to do for " + types + "\n");
    CHECK(shop.run({"config", "web"}).out == "  M /usr/pkg/etc/web/types  size: 13, now 5\n");

    const auto history = shop.run({"history", "web", "--json"}).json()["generations"];
    REQUIRE(history.size() == 2);
    CHECK(history[1]["conflicts"][0]["decision"] == "kept");
    CHECK(history[1]["conflicts"][1]["decision"] == "taken");
    const auto record = nlohmann::json::parse(shop.read(shop.config(2) / "../../../../../../jail.json"));
    REQUIRE(record.at("generations").size() == 2);
    CHECK(record.at("generations")[1].at("conflicts") == history[1]["conflicts"]);
}

TEST_CASE("conflicts belong to their generation, and go over to the next while nobody settles them",
          "[flow][config]") {
    const WebShop shop;
    shop.upgrade_with_conflicts();
    const std::string before = shop.open_conflicts();
    REQUIRE_FALSE(before.empty());

    shop.run({"rollback", "web"});
    CHECK(shop.open_conflicts().empty());
    shop.run({"rollback", "web", "2"});
    CHECK(shop.open_conflicts() == before);

    PackageSpec third = web("3.0", "one\ntwo\n3\n");
    third.files[2].content = "types of 2.0\n";
    shop.offer({third});
    shop.run({"update"});
    shop.run({"config", "web", "--keep", "/usr/pkg/etc/web/types"});
    shop.run({"upgrade", "web"});
    CHECK(shop.open_conflicts() == std::string("/usr/pkg/etc/web/web.conf: ") + both + "\n");
}

TEST_CASE("config refuses paths that are not there, and leaves what is the operator's alone",
          "[flow][config]") {
    const WebShop shop;
    write(shop.config() / "own", "mine");

    check_fails(shop.host(), {"config", "web", "--take", "/usr/pkg/etc/web/owm"}, 5,
                "pkgjail: config: /usr/pkg/etc/web/owm: jail web has no such configuration\n"
                "hint: did you mean \"/usr/pkg/etc/web/own\"?\n");
    check_fails(shop.host(), {"config", "web", "--keep", "/etc/nothing/of/the/kind"}, 5,
                "pkgjail: config: /etc/nothing/of/the/kind: jail web has no such configuration\n"
                "hint: pkgjail config web lists what differs\n");
    check_fails(shop.host(), {"config", "web", "--keep", "/var/db"}, 5,
                "pkgjail: config: /var/db: is no configuration\n"
                "hint: configuration is what lies in /etc and /usr/pkg/etc\n");
    check_fails(shop.host(), {"config", "web", "--take", "/usr/pkg/etc/web/own"}, 6,
                "pkgjail: config: /usr/pkg/etc/web/own: is yours alone: neither the image nor the recipe has "
                "it\nhint: remove it inside the jail if it is not needed\n");
    check_fails(shop.host(), {"config", "web", "--diff", "--keep", "/etc/passwd"}, 64,
                "pkgjail: config: --diff: shows; --take and --keep change\n"
                "hint: look first, then decide in a second command\n");
    check_fails(shop.host(), {"config", "wab"}, 5,
                "pkgjail: config: wab: there is no jail of this name\nhint: did you mean \"web\"?\n");
    check_fails(shop.host(), {"config"}, 64, "pkgjail: config: no jail given\nhint: pkgjail config JAIL\n");
    CHECK(shop.read(shop.config() / "own") == "mine");
}

TEST_CASE("what root in the jail put in the way is replaced or refused, never followed",
          "[flow][config][hostile]") {
    const WebShop shop;
    const fs::path canary = shop.host().etc() / "canary";
    fs::create_directory(canary);
    write(canary / "web.conf", "canary");
    const fs::path conf = shop.config() / "web.conf";
    const std::string path = "/usr/pkg/etc/web/web.conf";

    SECTION("a link in the file's place") {
        fs::remove(conf);
        fs::create_symlink(canary / "web.conf", conf);
        CHECK_THAT(shop.run({"config", "web", "--diff"}).out,
                   ContainsSubstring("M " + path + "  type: file, now a symbolic link\n"));
        shop.run({"config", "web", "--take", path});
        CHECK(shop.read(conf) == "one\ntwo\nthree\n");
        CHECK_FALSE(fs::is_symlink(conf));
    }
    SECTION("a FIFO in the file's place") {
        fs::remove(conf);
        REQUIRE(::mkfifo(conf.c_str(), 0600) == 0);
        CHECK_THAT(shop.run({"config", "web", "--diff"}).out,
                   ContainsSubstring("M " + path + "  type: file, now a FIFO\n"));
        shop.run({"diff", "web"});
        shop.run({"config", "web", "--take", path});
        CHECK(shop.read(conf) == "one\ntwo\nthree\n");
    }
    SECTION("a link in the directory's place") {
        fs::remove_all(conf.parent_path());
        fs::create_directory_symlink(canary, conf.parent_path());
        CHECK_THAT(shop.run({"config", "web"}).out,
                   ContainsSubstring("M /usr/pkg/etc/web  type: directory, now a symbolic link\n"));
        const CommandResult refused = shop.host().run({"config", "web", "--take", path});
        CHECK(refused.status == 65);
        CHECK_THAT(refused.err, ContainsSubstring("passes through a symbolic link"));
    }
    CHECK(shop.read(canary / "web.conf") == "canary");
    CHECK(std::distance(fs::directory_iterator(canary), {}) == 1);
}

TEST_CASE("config killed at any step is finished by saying it again", "[flow][config][crash]") {
    const std::string conf = "/usr/pkg/etc/web/web.conf";
    for (const char* step : {"config.staged", "config.placed", "config.committed", "config.recorded"}) {
        INFO("killed at " << step);
        const WebShop shop;
        shop.upgrade_with_conflicts();
        const CommandResult killed =
            shop.host().run({"config", "web", "--take", conf}, {{"PKGJAIL_STOP_AT", step}});
        REQUIRE(killed.status > 128);

        shop.run({"config", "web", "--take", conf, "--keep", "/usr/pkg/etc/web/types"});

        CHECK(shop.read(shop.config(2) / "web.conf") == "one\ntwo\n3\n");
        CHECK(shop.open_conflicts().empty());
        CHECK(shop.run({"config", "web"}).out == "  M /usr/pkg/etc/web/types  size: 13, now 5\n");
    }
}

TEST_CASE("diff compares generations, and the jail with what it began as", "[flow][diff]") {
    const WebShop shop;
    CHECK(shop.run({"diff", "web", "--check"}).out ==
          "jail web: generation 1 and the jail as it is do not differ\n");
    write(shop.config() / "own", "mine");
    CHECK(shop.run({"diff", "web"}).out == "jail web: generation 1 and the jail as it is\n"
                                           "configuration\n"
                                           "  A /usr/pkg/etc/web/own  file\n");
    CHECK(shop.host().run({"diff", "web", "--check"}).status == 2);
    shop.upgrade_with_conflicts();

    CHECK(shop.run({"diff", "web", "1", "2"}).out == "jail web: generation 1 and generation 2\n"
                                                     "packages\n"
                                                     "  web-1.0 -> web-2.0\n"
                                                     "image\n"
                                                     "  M /usr/pkg/share/web/README  content\n"
                                                     "configuration\n"
                                                     "  M /usr/pkg/etc/web/types  content\n"
                                                     "  M /usr/pkg/etc/web/web.conf  size: 14, now 10\n");
    const auto json = shop.run({"diff", "web", "2", "1", "--json"}).json();
    CHECK(json["from"]["generation"] == 2);
    CHECK(json["to"]["kind"] == "generation");
    CHECK(json["equal"] == false);
    CHECK(json["packages"][0] == "web-2.0 -> web-1.0");
    CHECK(json["data"].is_null());
    CHECK(shop.run({"diff", "web", "2", "2"}).out ==
          "jail web: generation 2 and generation 2 do not differ\n");
    check_fails(shop.host(), {"diff", "web", "7"}, 5,
                "pkgjail: diff: web: has no generation 7\nhint: pkgjail history web\n");
    check_fails(shop.host(), {"diff", "web", "seven"}, 5,
                "pkgjail: diff: seven: jail web has no snapshot of this name\n"
                "hint: pkgjail snapshots web shows the snapshots there are\n");
}

TEST_CASE("a changed image is damage, and data are compared with a snapshot's", "[flow][diff]") {
    const WebShop shop;
    shop.run({"snapshot", "web", "before"});
    const auto status = shop.host().run({"status", "web", "--json"}).json()["jails"][0];
    const fs::path readme =
        shop.host().state() / "images" / status["image"].get<std::string>() / "tree/share/web/README";
    const std::string id = status["id"];
    CHECK(shop.run({"diff", "web", "before"}).out ==
          "jail web: snapshot before and the jail as it is do not differ\n");

    write(readme, "tHIS IS WEB-1.0\n");
    write(shop.host().state() / "jails" / id / "data/var/new\n", "x");

    CHECK(shop.run({"diff", "web", "before"}).out == "jail web: snapshot before and the jail as it is\n"
                                                     "damage: the image on disk is not what was built\n"
                                                     "  M /tree/share/web/README  content\n"
                                                     "data\n"
                                                     "  A /var/new\\x0a  file\n");
    CHECK(shop.host().run({"diff", "web", "before", "--check"}).status == 2);
}

TEST_CASE("history tells what each generation changed", "[flow][history]") {
    const WebShop shop;
    shop.upgrade_with_conflicts();

    const std::string text = shop.run({"history", "web"}).out;
    const auto generations = shop.run({"history", "web", "--json"}).json()["generations"];

    CHECK_THAT(text, ContainsSubstring("upgrade web\n"
                                       "      web-1.0 -> web-2.0\n"
                                       "      not authenticated: 1 package\n"
                                       "      files: "));
    CHECK_THAT(text, ContainsSubstring("\n      configuration: 2 open conflicts\n"));
    CHECK(generations[0]["configuration"].is_null());
    CHECK(generations[1]["configuration"]["kept"] == 0);
    CHECK(generations[1]["files"]["size_bytes"].get<int>() != 0);
    CHECK(generations[1]["conflicts"].size() == 2);
}
