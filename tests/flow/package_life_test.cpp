// hold, unhold, upgrade, lock, install --locked: jails without a service, whose images need no scripts.
#include <chrono>

#include <unistd.h>

#include "flow/flow.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/catalog/sqlite.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace {

void install(const Host& host, const std::vector<std::string>& packages, const std::string& jail) {
    std::vector<std::string> command = {"install"};
    command.insert(command.end(), packages.begin(), packages.end());
    command.insert(command.end(), {"-j", jail});
    const CommandResult result = host.run(command);
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
}

/// "app-1.0 lib-1.2*": the jail's packages, the automatic ones marked.
std::string packages(const Host& host, const std::string& jail) {
    std::string text;
    const auto json = host.run({"status", jail, "--json"}).json();
    for (const auto& each : json["jails"][0]["packages"])
        text += (text.empty() ? "" : " ") + each["pkgname"].get<std::string>() +
                (each["automatic"] == true ? "*" : "");
    return text;
}

nlohmann::json status(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0];
}

std::string record(const Host& host, const std::string& jail) {
    const std::string id = status(host, jail)["id"];
    return test::read_bytes(host.state() / "jails" / id / "jail.json");
}

/// Another index, read at once.
void publish(const Shop& shop, const std::vector<PackageSpec>& packages) {
    shop.offer(packages);
    REQUIRE(shop.host().run({"update"}).status == 0);
}

void damage(const std::filesystem::path& archive) {
    std::string bytes = test::read_bytes(archive);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    test::write_bytes(archive, bytes);
}

PackageSpec with_info(PackageSpec spec, const std::vector<std::pair<std::string, std::string>>& info) {
    spec.build_info = info;
    return spec;
}

} // namespace

TEST_CASE("a held package is left alone by upgrade, which says so", "[flow][hold]") {
    const Shop shop({package("app-1.0"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app", "tool"}, "web");
    const CommandResult held =
        host.run({"hold", "app", "-j", "web", "--reason", "plugin not ported", "--until", "2099-01-15"});
    CHECK(held.out == "jail web: app is held: plugin not ported, until 2099-01-15T00:00:00Z\n");
    publish(shop, {package("app-2.0"), package("tool-2.0")});

    const CommandResult checked = host.run({"upgrade", "web", "--check"});
    const CommandResult result = host.run({"upgrade", "web"});

    INFO(result.out << result.err);
    CHECK(checked.status == 2);
    CHECK(result.status == 0);
    const std::string told = "jail web: app-1.0 stays, app-2.0 is on offer: app is held: plugin not ported, "
                             "until 2099-01-15T00:00:00Z\n";
    CHECK_THAT(checked.out, ContainsSubstring(told));
    CHECK_THAT(result.out, ContainsSubstring(told));
    CHECK(packages(host, "web") == "app-1.0 tool-2.0");
    CHECK(host.run({"upgrade", "web", "--check"}).status == 0); // there is nothing else to do
    const auto json = host.run({"upgrade", "web", "--json"}).json()["results"][0]["held"];
    CHECK(json.dump() == R"([{"ended":false,"offered":"app-2.0","package":"app","pkgname":"app-1.0",)"
                         R"("reason":"plugin not ported","until":"2099-01-15T00:00:00Z"}])");

    REQUIRE(host.run({"unhold", "app", "-j", "web"}).out == "jail web: nothing is held\n");
    REQUIRE(host.run({"upgrade", "web"}).status == 0);
    CHECK(packages(host, "web") == "app-2.0 tool-2.0");
}

TEST_CASE("a hold stands in the catalog, in jail.json and in what is shown", "[flow][hold]") {
    const Shop shop({package("app-1.0", {"lib>=1"}), package("lib-1.2")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string before = record(host, "web");

    REQUIRE(host.run({"hold", "app", "-j", "web", "-n"}).out ==
            "jail web: would then have\njail web: app is held\n");
    CHECK(record(host, "web") == before);
    REQUIRE(host.run({"hold", "app-1.0", "lib", "-j", "web", "--reason", "why not"}).status == 0);

    CHECK(host.run({"hold", "app", "lib", "-j", "web", "--reason", "why not"})
              .out.starts_with("jail web: nothing to do\n"));
    CHECK_THAT(host.run({"status", "web"}).out, ContainsSubstring("app is held: why not\n"));
    CHECK(host.run({"list", "--json"}).json()["jails"][0]["holds"].size() == 2);
    CHECK(status(host, "web")["holds"][1]["package"] == "lib");
    const auto kept = nlohmann::json::parse(record(host, "web"));
    CHECK(kept["holds"].dump() == R"([{"package":"app","reason":"why not","until":null},)"
                                  R"({"package":"lib","reason":"why not","until":null}])");
    CHECK(host.run({"verify", "web"}).status == 0);

    REQUIRE(host.run({"clone", "web", "two"}).status == 0);
    CHECK(status(host, "two")["holds"].size() == 2);
    REQUIRE(host.run({"unhold", "app", "lib", "-j", "web"}).status == 0);
    CHECK(host.run({"unhold", "app", "-j", "web"}).out == "jail web: nothing to do\n");
    CHECK(status(host, "web")["holds"].empty());
    CHECK(nlohmann::json::parse(record(host, "web"))["holds"].empty());
    CHECK(status(host, "two")["holds"].size() == 2);
}

TEST_CASE("what a hold stands against is refused, with its reason", "[flow][hold]") {
    const Shop shop({package("app-1.0", {"lib>=1"}), package("lib-1.2"), package("new-1.0", {"lib>=2"}),
                     package("lib-2.0"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app", "tool", "lib<2"}, "web");
    REQUIRE(packages(host, "web") == "lib-1.2 app-1.0 tool-1.0");
    REQUIRE(host.run({"hold", "lib", "tool", "-j", "web", "--reason", "tested"}).status == 0);

    check_fails(host, {"install", "new", "-j", "web"}, 8,
                "pkgjail: install: new: new-1.0 needs lib>=2, but lib-1.2 is held (wanted by: new-1.0 ← "
                "request); the hold on lib: tested\n"
                "hint: pkgjail unhold lib -j web\n");
    check_fails(host, {"remove", "tool", "-j", "web"}, 6,
                "pkgjail: remove: tool-1.0: is held: tested\n"
                "hint: pkgjail unhold tool -j web\n");
    CHECK(packages(host, "web") == "lib-1.2 app-1.0 tool-1.0");
}

TEST_CASE("a hold that has ended holds no more, and that is said", "[flow][hold]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string soon =
        base::format_time(base::wall_now() + std::chrono::seconds(2)); // no earlier one is taken
    REQUIRE(host.run({"hold", "app", "-j", "web", "--until", soon}).status == 0);
    publish(shop, {package("app-2.0")});
    while (status(host, "web")["holds"][0]["ended"] == false)
        ::usleep(100'000);

    const CommandResult result = host.run({"upgrade", "web"});

    INFO(result.out << result.err);
    CHECK(packages(host, "web") == "app-2.0");
    CHECK_THAT(result.err, ContainsSubstring("jail web: the hold on app has ended (until " + soon +
                                             "); pkgjail unhold app -j web forgets it\n"));
    CHECK_THAT(host.run({"status", "web"}).out,
               ContainsSubstring("app is held no more, the hold has ended: until " + soon));
}

TEST_CASE("wrong holds are refused", "[flow][hold]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");

    check_fails(host, {"hold", "app", "-j", "web", "--until", "tomorrow"}, 64,
                "pkgjail: hold: --until: found \"tomorrow\", allowed: a day such as 2027-01-15, or a time "
                "such as 2027-01-15T06:00:00Z\n");
    check_fails(host, {"hold", "app", "-j", "web", "--until", "2001-01-15"}, 64,
                "pkgjail: hold: 2001-01-15T00:00:00Z: a hold cannot end in the past\n"
                "hint: pkgjail unhold releases one\n");
    check_fails(host, {"hold", "apq", "-j", "web"}, 5,
                "pkgjail: hold: apq: is not installed in jail web\nhint: did you mean \"app\"?\n");
    check_fails(host, {"unhold", "tool", "-j", "web"}, 5,
                "pkgjail: unhold: tool: is not installed in jail web\n"
                "hint: pkgjail status web --json lists its packages\n");
    check_fails(host, {"hold", "app"}, 64, "pkgjail: hold: no jail given\nhint: pkgjail hold PKG… -j JAIL\n");
    check_fails(host, {"unhold", "-j", "web"}, 64,
                "pkgjail: unhold: no package given\nhint: pkgjail unhold PKG… -j JAIL\n");
}

TEST_CASE("of two jails the one whose archive is damaged stays, the other is upgraded", "[flow][upgrade]") {
    const Shop shop({package("app-1.0"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "one");
    install(host, {"tool"}, "two");
    publish(shop, {package("app-2.0"), package("tool-2.0")});
    std::string cause;
    SECTION("damaged") {
        damage(shop.path() / "app-2.0.tgz");
        cause = "the archive has sha512";
    }
    SECTION("missing") {
        std::filesystem::remove(shop.path() / "app-2.0.tgz");
        cause = "does not have it";
    }

    const CommandResult result = host.run({"upgrade", "--all"});

    INFO(result.out << result.err);
    CHECK(result.status == 3);
    CHECK_THAT(result.err, ContainsSubstring("pkgjail: upgrade: jail one: app-2.0: "));
    CHECK_THAT(result.err, ContainsSubstring(cause));
    CHECK(packages(host, "one") == "app-1.0");
    CHECK(status(host, "one")["generation"] == 1);
    CHECK(packages(host, "two") == "tool-2.0");
    CHECK(host.run({"verify"}).status == 0);

    publish(shop, {package("app-2.0"), package("tool-2.0")});
    CHECK(host.run({"upgrade", "one", "two"}).status == 0);
    CHECK(packages(host, "one") == "app-2.0");
}

TEST_CASE("with several jails nothing is changed before all archives were fetched", "[flow][upgrade]") {
    const Shop shop({package("app-1.0"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "one");
    install(host, {"tool"}, "two");
    publish(shop, {package("app-2.0"), package("tool-2.0")});
    const std::filesystem::path steps = host.etc() / "steps";

    REQUIRE(host.run({"upgrade", "--all"}, {{"PKGJAIL_STEP_LOG", steps.string()}}).status == 0);

    const std::string log = test::read_bytes(steps);
    const std::size_t first = log.find("install.archives_checked");
    const std::size_t second = log.find("install.archives_checked", first + 1);
    REQUIRE(second != std::string::npos);
    CHECK(second < log.find("switch.noted"));
}

TEST_CASE("an unknown jail does not keep the others from being upgraded", "[flow][upgrade]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    publish(shop, {package("app-2.0")});

    const CommandResult result = host.run({"upgrade", "wec", "web"});

    CHECK(result.status == 3);
    CHECK_THAT(result.err, ContainsSubstring("wec: there is no jail of this name"));
    CHECK(packages(host, "web") == "app-2.0");
    CHECK(host.run({"upgrade", "wec"}).status == 5);
}

TEST_CASE("a package that no repository offers any more is kept, with a warning", "[flow][upgrade]") {
    const Shop shop({package("app-1.0"), package("gone-1.0", {"lib>=1"}), package("lib-1.0")});
    const Host& host = shop.host();
    install(host, {"app", "gone"}, "web");
    const std::string files = host.run({"files", "gone", "-j", "web"}).out;
    std::filesystem::remove(shop.path() / "gone-1.0.tgz");
    publish(shop, {package("app-2.0"), package("lib-1.0")});

    SECTION("from the cache") {
        const CommandResult result = host.run({"upgrade", "web", "--json"});

        INFO(result.out << result.err);
        CHECK(result.status == 0);
        CHECK(packages(host, "web") == "app-2.0 lib-1.0* gone-1.0");
        CHECK(result.json()["results"][0]["vanished"].dump() == R"(["gone-1.0"])");
        CHECK(result.json()["warnings"].dump().find(
                  "jail web: no repository offers gone-1.0 any more; it is kept as it is") !=
              std::string::npos);
    }
    SECTION("from the image, where the cache has lost it") {
        std::filesystem::remove_all(host.state() / "cache");
        const CommandResult result = host.run({"upgrade", "web"});

        INFO(result.out << result.err);
        CHECK(result.status == 0);
        CHECK_THAT(result.err,
                   ContainsSubstring("note: gone-1.0: its repository offers it no more and the "
                                     "cache has lost its archive; it is packed again from image "));
        CHECK(packages(host, "web") == "app-2.0 lib-1.0* gone-1.0");
        CHECK(host.run({"files", "gone", "-j", "web"}).out == files);
        CHECK(host.run({"verify"}).status == 0);
        // Now it has an archive again.
        CHECK_THAT(host.run({"remove", "app", "-j", "web"}).err, !ContainsSubstring("packed again"));
        CHECK(packages(host, "web") == "lib-1.0* gone-1.0");
    }
    SECTION("and not from a damaged image: the jail stays as it is") {
        std::filesystem::remove_all(host.state() / "cache");
        const std::string image = status(host, "web")["image"];
        test::write_bytes(host.state() / "images" / image / "tree/share/gone/README", "THIS is gone-1.0\n");
        const CommandResult result = host.run({"upgrade", "web"});

        INFO(result.out << result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err, ContainsSubstring("share/gone/README"));
        CHECK(status(host, "web")["generation"] == 1);
    }
}

TEST_CASE("what an imported image says of its packages gets into no other jail", "[flow][upgrade][import]") {
    if (::geteuid() != 0)
        return; // who is not root imports nothing
    const Shop shop({package("app-1.0"), package("gone-1.0")});
    const Host& host = shop.host();
    install(host, {"app", "gone"}, "web");
    PackageSpec other = package("gone-1.0");
    other.files.front().content = "a stranger's\n";
    const Shop stranger({other});
    install(stranger.host(), {"gone"}, "evil");
    // The stranger's host says that it is the other one's archive, and older.
    std::string claimed;
    const auto lock = nlohmann::json::parse(host.run({"lock", "web"}).out);
    for (const auto& each : lock["packages"])
        if (each["pkgname"] == "gone-1.0")
            claimed = each["sha256"];
    REQUIRE(!claimed.empty());
    {
        catalog::Database database(stranger.host().state() / "catalog.sqlite",
                                   catalog::Database::Mode::read_write, std::chrono::seconds(5));
        database.execute(("UPDATE image_package SET archive_sha256 = '" + claimed + "'").c_str());
        database.execute("UPDATE image SET created_at = 1000000001");
    }
    const std::string archive = (host.etc() / "evil.tar").string();
    REQUIRE(stranger.host().run({"export", "evil", archive}).status == 0);
    const CommandResult imported = host.run({"import", archive, "evil", "--no-start"});
    INFO(imported.err);
    REQUIRE(imported.status == 0);
    std::filesystem::remove(shop.path() / "gone-1.0.tgz");
    publish(shop, {package("app-2.0")});
    std::filesystem::remove_all(host.state() / "cache");

    const CommandResult result = host.run({"upgrade", "web"});

    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK_THAT(result.err, ContainsSubstring("it is packed again from image "));
    const std::string image = status(host, "web")["image"];
    CHECK(test::read_bytes(host.state() / "images" / image / "tree" / other.files.front().path) ==
          package("gone-1.0").files.front().content);
}

TEST_CASE("an unchanged package is taken from its own archive, not from a newer build of the same name",
          "[flow][upgrade]") {
    const Shop shop({package("app-1.0"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app", "tool"}, "web");
    const std::string lock = host.run({"lock", "web"}).out;
    publish(shop, {with_info(package("app-1.0"), {{"BUILD_DATE", "2031-01-01 00:00:00 +0000"}}),
                   package("tool-1.0")});

    REQUIRE(host.run({"remove", "tool", "-j", "web"}).status == 0);

    const auto before = nlohmann::json::parse(lock);
    const auto after = nlohmann::json::parse(host.run({"lock", "web"}).out);
    CHECK(after["packages"][0] == before["packages"][0]);
}

TEST_CASE("a renamed package takes the place of the old one, in the wishes too", "[flow][upgrade]") {
    const Shop shop({package("old-1.0")});
    const Host& host = shop.host();
    install(host, {"old"}, "web");
    publish(shop, {with_info(package("new-2.0"), {{"SUPERSEDES", "old-[0-9]*"}})});

    const CommandResult result = host.run({"upgrade", "web"});

    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK(packages(host, "web") == "new-2.0");
    CHECK(host.run({"why", "web", "new"}).out == "new-2.0 is in jail web\n"
                                                 "  because it was asked for: new\n");
}

TEST_CASE("a package set that lacks a shared library is refused before anything is switched",
          "[flow][upgrade][libraries]") {
    const auto lib = [](const std::string& pkgname, const std::string& library) {
        PackageSpec spec = package(pkgname);
        spec.files.push_back({library, "library\n"});
        spec.build_info = {{"PROVIDES", "/usr/pkg/" + library}};
        return spec;
    };
    const auto app = [](const std::string& pkgname, const std::string& library) {
        PackageSpec spec = package(pkgname, {"liba>=1"});
        spec.build_info = {{"REQUIRES", library}};
        return spec;
    };
    const Shop shop({app("app-1.0", "/usr/pkg/lib/liba.so.1"), lib("liba-1.0", "lib/liba.so.1")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");

    SECTION("a library of another package") {
        publish(shop, {app("app-1.0", "/usr/pkg/lib/liba.so.1"), lib("liba-2.0", "lib/liba.so.2")});
    }
    SECTION("a library of the system") {
        publish(shop, {app("app-2.0", "/usr/lib/libnonesuch.so.7"), lib("liba-1.0", "lib/liba.so.1")});
    }
    const CommandResult result = host.run({"upgrade", "web"});

    INFO(result.out << result.err);
    CHECK(result.status == 8);
    CHECK_THAT(result.err,
               ContainsSubstring("which no package of the set brings and the base does not have"));
    CHECK(packages(host, "web") == "liba-1.0* app-1.0");
    CHECK(status(host, "web")["generation"] == 1);
}

TEST_CASE("libraries are found in the packing list and in the base as well", "[flow][libraries]") {
    PackageSpec unsaid = package("liba-1.0");
    unsaid.files.push_back({"lib/liba.so.1", "library\n"});
    // Built on a machine that has its C library elsewhere.
    const PackageSpec app =
        with_info(package("app-1.0", {"liba>=1"}),
                  {{"REQUIRES", "/usr/pkg/lib/liba.so.1"}, {"REQUIRES", "/elsewhere/libc.so.6"}});
    const Shop shop({app, unsaid});
    bool has_libc6 = false;
    for (const char* place : {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6",
                              "/lib/aarch64-linux-gnu/libc.so.6"})
        has_libc6 = has_libc6 || std::filesystem::exists(place);

    const CommandResult result = shop.host().run({"install", "app"});

    INFO(result.out << result.err);
    CHECK(result.status == (has_libc6 ? 0 : 8));
}

TEST_CASE("a lock makes the same image again, on another host too", "[flow][lock]") {
    const Shop shop({package("app-1.0", {"lib>=1"}), package("lib-1.2"), package("tool-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string file = (host.etc() / "web.lock").string();
    const std::string image = status(host, "web")["image"];

    REQUIRE(host.run({"lock", "web", file}).out == file + ": 2 packages of jail web\n");

    CHECK(host.run({"lock", "web"}).out == test::read_bytes(file));
    CHECK(host.run({"lock", "web", "--json"}).json()["scripts"] == true);
    const auto lock = nlohmann::json::parse(test::read_bytes(file));
    CHECK(lock["schema"] == "pkgjail.lock/1");
    CHECK(lock["image"] == image);
    CHECK(lock["wishes"].dump() == R"(["app"])");
    CHECK(lock["packages"][0]["pkgname"] == "lib-1.2");
    CHECK(lock["packages"][0]["automatic"] == true);
    CHECK(lock["packages"][0]["sha256"].get<std::string>().size() == 64);

    shop.offer({package("app-1.0", {"lib>=1"}), package("lib-1.2"), package("lib-9.0"), package("tool-1.0")});
    const Host other(shop.path());
    const CommandResult result = other.run({"install", "--locked", file});
    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK(packages(other, "web") == "lib-1.2* app-1.0");
    CHECK(status(other, "web")["image"] == image);
    // The same but for by what packages are believed: there it was nothing, here it is the lock.
    std::string again = other.run({"lock", "web"}).out;
    const std::string by_lock = "\"pinned: lock file\"";
    for (std::size_t at = again.find(by_lock); at != std::string::npos; at = again.find(by_lock))
        again.replace(at, by_lock.size(), "\"none\"");
    CHECK(again == test::read_bytes(file));

    CHECK(other.run({"install", "--locked", file}).out ==
          "jail web: nothing to do, generation 1 has it all\n");
    REQUIRE(other.run({"install", "tool", "-j", "web"}).status == 0);
    REQUIRE(other.run({"install", "--locked", file}).status == 0);
    CHECK(status(other, "web")["image"] == image);
    CHECK(status(other, "web")["generation"] == 3);
    CHECK(other.run({"install", "--locked", file, "-j", "two"}).status == 0);
    CHECK(status(other, "two")["image"] == image);
}

TEST_CASE("a lock that cannot be kept to is refused, naming what differs", "[flow][lock]") {
    const Shop shop({package("app-1.0", {"lib>=1"}), package("lib-1.2")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string file = (host.etc() / "web.lock").string();
    REQUIRE(host.run({"lock", "web", file}).status == 0);
    const Host other(shop.path());

    SECTION("an archive that is another one") {
        auto rebuilt = package("lib-1.2");
        rebuilt.files.push_back({"share/lib/more", "more\n"});
        shop.offer({package("app-1.0", {"lib>=1"}), rebuilt});
        const CommandResult result = other.run({"install", "--locked", file});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err, ContainsSubstring("lib-1.2: the repository has SHA-256 "));
        CHECK_THAT(result.err, ContainsSubstring(", locked is "));
        // The host that has the archive still can.
        REQUIRE(host.run({"update"}).status == 0);
        CHECK(host.run({"install", "--locked", file, "-j", "two"}).status == 0);
    }
    SECTION("a package that is gone") {
        shop.offer({package("lib-1.2")});
        const CommandResult result = other.run({"install", "--locked", file});
        INFO(result.err);
        CHECK(result.status == 7);
        CHECK_THAT(result.err,
                   ContainsSubstring("app-1.0: no repository offers it, and the cache does not have it"));
    }
    SECTION("another prefix") {
        other.write_config("pkgjail.conf", "[pkgjail]\nprefix = /opt/pkg\n");
        const CommandResult result = other.run({"install", "--locked", file});
        INFO(result.err);
        CHECK(result.status == 78);
        CHECK_THAT(result.err, ContainsSubstring("prefix is /usr/pkg in the lock, /opt/pkg here"));
    }
    SECTION("a held package") {
        REQUIRE(host.run({"hold", "lib", "-j", "web"}).status == 0);
        auto text = test::read_bytes(file);
        auto json = nlohmann::ordered_json::parse(text);
        json["packages"][0]["pkgname"] = "lib-1.3";
        test::write_bytes(file, json.dump());
        const CommandResult result = host.run({"install", "--locked", file});
        INFO(result.err);
        CHECK(result.status == 6);
        CHECK_THAT(result.err, ContainsSubstring("lib-1.2: is held"));
    }
    if (!std::filesystem::exists(other.state() / "jails"))
        return;
    CHECK(other.run({"list", "--json"}).json()["jails"].empty());
}

TEST_CASE("what is no lock file is told", "[flow][lock]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    install(host, {"app"}, "web");
    const std::string file = (host.etc() / "web.lock").string();
    const std::map<std::string, std::string> names = {{"FILE", file}};

    check_fails(host, {"install", "--locked", file}, 5, "pkgjail: install: FILE: there is no such file\n",
                names);
    test::write_bytes(file, "app-1.0\n");
    check_fails(host, {"install", "--locked", file}, 65,
                "pkgjail: install: FILE: is no lock file: no JSON document\n"
                "hint: pkgjail lock writes such files\n",
                names);
    const auto lock = nlohmann::ordered_json::parse(host.run({"lock", "web"}).out);
    const auto refused = [&](const std::string& key, const nlohmann::ordered_json& value,
                             const std::string& cause) {
        auto changed = lock;
        changed[key] = value;
        test::write_bytes(file, changed.dump());
        const CommandResult result = host.run({"install", "--locked", file});
        INFO(result.err);
        CHECK(result.status == 65);
        CHECK_THAT(result.err, ContainsSubstring(cause));
    };
    refused("schema", "pkgjail.lock/2", "schema: found \"pkgjail.lock/2\", allowed: pkgjail.lock/1");
    refused("packages", nlohmann::ordered_json::array(), "packages: there are none");
    refused(
        "packages",
        {{{"pkgname", "app"}, {"sha256", std::string(64, 'a')}, {"automatic", false}, {"repository", ""}}},
        "found \"app\", allowed: a name with a version");
    refused("packages",
            {{{"pkgname", "app-1"}, {"sha256", "../../x"}, {"automatic", false}, {"repository", ""}}},
            "sha256: of app-1: allowed: 64 hexadecimal digits");
    refused("jail", "../x", "jail: ../x: no valid jail name");
    refused("users", {{"evil", -1}}, "users: of evil: allowed: a number above 0");
    refused("wishes", {"{a,b"}, "wishes: ");
    check_fails(host, {"install", "app", "--locked", file}, 64,
                "pkgjail: install: --locked: packages and recipe are the lock's, no others are taken\n"
                "hint: pkgjail install --locked FILE [-j JAIL]\n");
    check_fails(host, {"lock"}, 64, "pkgjail: lock: no jail given\nhint: pkgjail lock JAIL [FILE]\n");
    check_fails(host, {"lock", "none"}, 5,
                "pkgjail: lock: none: there is no jail of this name\n"
                "hint: pkgjail list shows the jails there are\n");
}

TEST_CASE("a file of the operator is taken although the cache has it rotten", "[flow][install]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    const std::string archive = (shop.path() / "app-1.0.tgz").string();
    install(host, {archive}, "web");
    std::size_t damaged = 0;
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "cache"))
        if (entry.path().filename().string().starts_with("sha256-")) {
            damage(entry.path());
            ++damaged;
        }
    REQUIRE(damaged == 1);
    REQUIRE(host.run({"destroy", "web", "--with-data", "--yes"}).status == 0);

    install(host, {archive}, "second");

    CHECK(host.run({"verify"}).status == 0);
}
