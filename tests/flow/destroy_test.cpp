// destroy and rename, cut at every step, and what cut commands leave of jails.
#include <fstream>

#include "flow/keeping.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::KeptJail;
using test::names_in;
using test::well;

TEST_CASE("destroy killed or failing at any step can be run again", "[flow][destroy][crash]") {
    for (const bool with_data : {true, false}) {
        std::vector<std::string> destroy = {"destroy", "web", "--yes"};
        if (with_data)
            destroy.push_back("--with-data");
        std::vector<std::string> steps;
        {
            const KeptJail jail;
            steps = test::steps_of(jail.host(), destroy);
            REQUIRE(steps.size() >= 4);
        }
        for (const std::string& step : steps)
            for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
                INFO(variable << " " << step << (with_data ? " with data" : ""));
                const KeptJail jail;
                const Host& host = jail.host();
                well(host, {"install", "extra", "-j", "other"});
                const auto directory = jail.jail_directory();
                std::ofstream(directory / "data/var/precious") << "kept";
                CHECK(host.run(destroy, {{variable, step}}).status != 0);

                const CommandResult again = host.run(destroy);

                INFO(again.out << again.err);
                CHECK((again.status == 0 || again.status == 5)); // 5: it was forgotten already
                well(host, {"update"});
                CHECK(host.run({"status", "web"}).status == 5);
                CHECK(std::filesystem::exists(directory / "data/var/precious") != with_data);
                CHECK(std::filesystem::exists(directory) != with_data);
                well(host, {"gc"});
                CHECK(names_in(host.state() / "run").find(directory.filename().string()) ==
                      std::string::npos);
                CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "images"),
                                    std::filesystem::directory_iterator()) == 1);
                CHECK(host.run({"status", "other"}).status == 0);
                test::check_sound(host);
            }
    }
}

TEST_CASE("what a command had made ready and not placed goes, and nothing that only looks like it",
          "[flow][catalog][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    well(host, {"volume", "create", "files"});
    const auto volume = std::filesystem::directory_iterator(host.state() / "volumes")->path();
    const auto config = directory / "config/1";
    for (const char* const name : {".pkgjail/new", ".pkgjail/old"})
        std::filesystem::create_directories(config / name);
    const std::vector<std::filesystem::path> ours = {config / ".pkgjail/new/x",
                                                     directory / ".pkgjail-0123",
                                                     volume / ".pkgjail-0123",
                                                     host.state() / "new-catalog.sqlite",
                                                     host.state() / "new-catalog.sqlite-wal",
                                                     host.state() / "new-catalog-copy.sqlite",
                                                     host.state() / "new-catalog-copy.sqlite-wal"};
    const std::vector<std::filesystem::path> others = {
        config / ".pkgjail/old/entry", // maybe the only copy
        config / "etc/.pkgjail-0123", directory / "data/.pkgjail-0123", volume / "data/.pkgjail-0123"};
    for (const auto& paths : {ours, others})
        for (const auto& path : paths)
            std::ofstream(path) << "x";

    well(host, {"update"});

    for (const auto& path : ours) {
        INFO(path);
        CHECK_FALSE(std::filesystem::exists(path));
    }
    for (const auto& path : others) {
        INFO(path);
        CHECK(std::filesystem::exists(path));
    }
}

TEST_CASE("a jail whose files are gone is not taken for one that was destroyed", "[flow][destroy][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    well(host, {"snapshot", "web", "one"});
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().filename() != "data")
            std::filesystem::remove_all(entry.path());

    well(host, {"update"});

    CHECK(host.run({"snapshots", "web"}).out.find("one") != std::string::npos);
    CHECK(std::distance(std::filesystem::directory_iterator(host.state() / "snapshots"),
                        std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("a destroy that was cut before its commit is finished by the next command, with the data kept",
          "[flow][destroy][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto directory = jail.jail_directory();
    std::ofstream(directory / "data/var/precious") << "kept";
    REQUIRE(host.run({"destroy", "web", "--yes"}, {{"PKGJAIL_STOP_AT", "destroy.emptied"}}).status ==
            128 + 9);

    const CommandResult next = well(host, {"update"});

    CHECK_THAT(next.err, ContainsSubstring("jail web: its interrupted destroy is done"));
    CHECK(host.run({"status", "web"}).status == 5);
    CHECK(std::filesystem::exists(directory / "data/var/precious"));
    well(host, {"gc"});
    test::check_sound(host);
}

TEST_CASE("rename killed or failing at any step has the one name or the other", "[flow][rename][crash]") {
    const KeptJail jail;
    const Host& host = jail.host();
    std::ofstream(host.state() / "log/web.log") << "words\n";
    const std::vector<std::string> steps = test::steps_of(host, {"rename", "web", "site"});
    REQUIRE(steps.size() >= 3);
    well(host, {"rename", "site", "web"});

    for (const std::string& step : steps)
        for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
            INFO(variable << " " << step);
            CHECK(host.run({"rename", "web", "site"}, {{variable, step}}).status != 0);
            well(host, {"update"});
            const bool renamed = host.run({"status", "site"}).status == 0;
            CHECK(host.run({"status", renamed ? "web" : "site"}).status == 5);
            CHECK(std::filesystem::exists(host.state() / "log" / (renamed ? "site.log" : "web.log")));
            if (renamed)
                well(host, {"rename", "site", "web"});
            test::check_sound(host);
        }
}

TEST_CASE(
    "a rename writes the recipe's files with the name in them in each generation, and keeps an edited one",
    "[flow][rename]") {
    const test::Shop shop({test::package("web-1.0"), test::package("extra-1.0")});
    const Host& host = shop.host();
    const std::string recipe = "[recipe]\nsummary = a test\npackage = web\n[service]\ncommand = /bin/true\n"
                               "[data]\npath = /srv/www\n";
    const auto files = [](const std::vector<std::string>& paths) {
        std::string text;
        for (const std::string& path : paths)
            text += "[file " + path + "]\nsource = name.in\n";
        return text;
    };
    host.write_config("recipes.d/name.in", "name = ${jail}\n");
    well(host, {"update"});
    // So there is none of them outside of the configuration.
    for (const char* path : {"/var/www/index.html", "/srv/www/index.html"}) {
        host.write_config("recipes.d/web.recipe", recipe + files({path}));
        CHECK(host.run({"install", "web", "--no-start"}).status == 78);
    }
    host.write_config("recipes.d/web.recipe", recipe + files({"/etc/a.conf", "${prefix}/etc/b.conf"}));
    well(host, {"install", "web", "--no-start"});
    well(host, {"install", "extra", "-j", "web"});
    const auto jail = std::filesystem::directory_iterator(host.state() / "jails")->path();
    const auto text = [&](const std::string& path) { return test::read_bytes(jail / "config" / path); };
    test::write_bytes(jail / "config/2/etc/a.conf", "edited = web\n");

    const auto told = well(host, {"rename", "web", "site", "--json"}).json();

    CHECK(told["written"].dump() == R"(["/etc/a.conf","/usr/pkg/etc/b.conf"])");
    CHECK(told["edited"].dump() == R"(["/etc/a.conf"])");
    CHECK(text("1/etc/a.conf") == "name = site\n");
    CHECK(text("2/etc/a.conf") == "edited = web\n");
    CHECK(text("1/usr/pkg/etc/b.conf") == "name = site\n");
    CHECK(text("2/usr/pkg/etc/b.conf") == "name = site\n");
    test::check_sound(host);
}
