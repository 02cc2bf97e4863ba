// recipe list, show, check: reading verbs over the operator's and the installation's recipes.
#include <algorithm>

#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

const char* const good = "[recipe]\n"
                         "summary = a thing\n"
                         "package = thing\n"
                         "[set]\n"
                         "port = 8000\n"
                         "[service]\n"
                         "command = ${prefix}/bin/thing -p ${port}\n"
                         "[network]\n"
                         "claim = tcp:${port}\n"
                         "[health]\n"
                         "tcp = 127.0.0.1:${port}\n";

/// What recipe check says of this text in x.recipe, with the directory left out.
std::string checked(const Host& host, const std::string& text, int status = 2) {
    host.write_config("x.recipe", text);
    const std::string file = (host.etc() / "x.recipe").string();
    const CommandResult result = host.run({"recipe", "check", file});
    INFO(result.err);
    CHECK(result.status == status);
    return test::with_names(host, result.out);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("recipe list tells of every recipe, and of one that cannot be read", "[flow][recipe]") {
    const Host host;
    host.write_config("recipes.d/mine.recipe", good);
    host.write_config("recipes.d/broken.recipe", "[recipe]\n");

    const CommandResult listed = host.run({"recipe", "list", "--json"});

    REQUIRE(listed.status == 0);
    std::string text;
    const nlohmann::json document = listed.json();
    for (const auto& one : document["recipes"])
        for (const char* name : {"mine", "broken", "nginx"})
            if (one["recipe"] == name)
                text += std::string(name) + ": " + one["summary"].get<std::string>() +
                        (one["error"].is_null() ? "" : " (an error)") + "\n";
    CHECK(text == "broken:  (an error)\nmine: a thing\nnginx: HTTP and reverse proxy server\n");
    CHECK_THAT(host.run({"recipe", "list"}).out,
               ContainsSubstring("postgresql     -      PostgreSQL database"));
}

TEST_CASE("a recipe or limit template that nothing reads because of its file's name is told",
          "[flow][recipe]") {
    const Host host;
    host.write_config("recipes.d/Mine.recipe", good);
    host.write_config("limits.d/my web.limits", "[limits]\nmemory = 1G\n");
    host.write_config("recipes.d/.Saved.recipe", good); // nobody's
    const std::string allowed =
        ".recipe, where NAME is a letter a-z or a digit, then letters a-z, digits, \"-\" and \"_\", "
        "at most 63 characters";
    const std::string mine = (host.etc() / "recipes.d/Mine.recipe").string();

    const CommandResult listed = host.run({"recipe", "list"});
    const CommandResult checked_all = host.run({"recipe", "check"});
    const CommandResult doctor = host.run({"doctor"});

    CHECK(listed.status == 0);
    CHECK(listed.err == "pkgjail: note: " + mine + ": found \"Mine.recipe\", allowed: NAME" + allowed +
                            "; nothing reads it\n");
    CHECK(checked_all.status == 2);
    CHECK_THAT(checked_all.out,
               ContainsSubstring(mine + ": found \"Mine.recipe\", allowed: NAME" + allowed +
                                 "\nhint: rename the file; a name that begins with a dot is passed over\n") &&
                   !ContainsSubstring("Mine: good") && !ContainsSubstring("Saved"));
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("Mine.recipe") && ContainsSubstring("my web.limits"));
}

TEST_CASE("recipe show fills in what a jail would have", "[flow][recipe]") {
    const Host host;
    host.write_config("recipes.d/mine.recipe", good);

    const std::string shown = host.run({"recipe", "show", "mine", "--set", "port=8001"}).out;

    CHECK_THAT(shown, ContainsSubstring("  command    /usr/pkg/bin/thing -p 8001\n"));
    CHECK_THAT(shown, ContainsSubstring("claim        tcp:8001\n"));
    CHECK(host.run({"recipe", "show", "mine", "--json"}).json()["claims"][0] == "tcp:8000");
    test::check_fails(host, {"recipe", "show", "mine", "--set", "prot=1"}, 64,
                      "pkgjail: recipe: --set prot: recipe \"mine\" has no such value, allowed: port\n"
                      "hint: did you mean \"port\"?\n");
    CHECK(host.run({"recipe", "show", "nothing"}).status == 5);
    CHECK(host.run({"recipe", "show"}).status == 64);
    CHECK(host.run({"recipe"}).status == 64);
    CHECK(host.run({"recipe", "list", "--set", "a=b"}).status == 64);
}

TEST_CASE("recipe check names file, line and key of what would not work", "[flow][recipe]") {
    const test::Shop shop({test::package("thing-1.0"), test::package("other-1.0")});
    const Host& host = shop.host();
    REQUIRE(host.run({"update"}).status == 0);

    CHECK(checked(host, good, 0) == "x: good\nx: programs were not looked for: no image has thing\n");
    CHECK(checked(host, replaced(good, "package = thing", "package = thinq")) ==
          "ETC/x.recipe:3: package: found \"thinq\", which no repository has\n"
          "hint: did you mean \"thing\"?\n"
          "x: programs were not looked for: no image has thinq\n");
    CHECK_THAT(checked(host, replaced(good, "claim = tcp:${port}", "claim = tcp:8001")),
               ContainsSubstring("ETC/x.recipe:11: tcp: found port 8000, which is not claimed\n") &&
                   ContainsSubstring("ETC/x.recipe:5: port: found a port that is not claimed\n") &&
                   ContainsSubstring("ETC/x.recipe:9: claim: found port 8001, which neither a command nor a "
                                     "file of the recipe mentions\n"));
    CHECK_THAT(checked(host, replaced(good, "port = 8000\n", "port = 8000\nunused = 1\n")),
               ContainsSubstring("ETC/x.recipe:6: unused: found a value that nothing uses\n"));
    CHECK_THAT(checked(host, replaced(good, "package = thing\n", "package = thing\nlimits = none\n")),
               ContainsSubstring("ETC/x.recipe:4: limits: found \"none\", allowed: build, cache,"));
    CHECK(checked(host, replaced(good, "-p ${port}", "-p ${prot}")) ==
          "ETC/x.recipe:7: command: found \"${prot}\", allowed: ${host.cpus}, ${host.memory}, ${host.name}, "
          "${jail}, ${port}, ${prefix}\nhint: did you mean \"${port}\"?\n");
    CHECK_THAT(checked(host, std::string(good) + "[data]\npath = var/db\n"),
               ContainsSubstring("ETC/x.recipe:13: path: found \"var/db\", allowed: an absolute path"));
    CHECK(host.run({"recipe", "check", "no-such"}).status == 5);
    CHECK(host.run({"recipe", "check", "/no/such.recipe"}).status != 0);
    const auto json = host.run({"recipe", "check", (host.etc() / "x.recipe").string(), "--json"}).json();
    CHECK(json["recipes"][0]["findings"].size() == 1);
}

TEST_CASE("every shipped recipe passes recipe check as far as it can be looked into", "[flow][recipe]") {
    const Host host;
    const CommandResult result = host.run({"recipe", "check"});
    INFO(result.out);
    CHECK(result.status == 0);
    CHECK_THAT(result.out, ContainsSubstring("nginx: good\n") && ContainsSubstring("service: good\n"));
}

TEST_CASE("every shipped recipe asks for packages by the names that pkgsrc gives them", "[flow][recipe]") {
    // As pkgsrc had them for NetBSD 10 in 2026.
    std::vector<test::PackageSpec> packages;
    for (const char* const pkgname :
         {"apache-2.4.66", "dovecot-2.3.21.1", "gitea-1.23.8nb5", "haproxy-3.3.1", "lighttpd-1.4.82nb1",
          "mariadb-client-10.11.14", "mariadb-server-10.11.14", "memcached-1.6.39", "mosquitto-2.0.22",
          "nginx-1.22.1nb2", "node_exporter-1.10.2nb1", "nsd-4.13.0", "php83-fpm-8.3.29nb12",
          "postfix-3.10.7", "postgresql16-client-16.11", "postgresql16-server-16.11", "prometheus-2.55.1nb8",
          "redis-7.0.15nb1", "unbound-1.24.2"})
        packages.push_back(test::package(pkgname));
    const test::Shop shop(packages);
    REQUIRE(shop.host().run({"update"}).status == 0);

    const CommandResult result = shop.host().run({"recipe", "check"});

    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK_THAT(result.out + result.err, !ContainsSubstring("packages were not looked for"));
    for (const char* const name : {"gitea", "postfix", "postgresql", "php-fpm"})
        CHECK_THAT(result.out, ContainsSubstring(std::string(name) + ": good\n"));
    shop.offer({test::package("gitea-1.23.8nb5")});
    REQUIRE(shop.host().run({"update"}).status == 0);
    CHECK_THAT(shop.host().run({"recipe", "check", "postfix"}).out, !ContainsSubstring("good"));
}

TEST_CASE("a package without a recipe but with an rc.d script is told of, and makes one", "[flow][recipe]") {
    test::PackageSpec thing = test::package("thing-1.0");
    thing.files.push_back({"share/examples/rc.d/thing",
                           "#!/bin/sh\n. /etc/rc.subr\nname=thing\n"
                           "command=/usr/pkg/sbin/${name}\n"
                           "command_args=\"-c /usr/pkg/etc/thing.conf 'a b' &\"\n"
                           "thing_user=thing\nsig_reload=USR2\n"
                           "run_rc_command \"$1\"\n"});
    const test::Shop shop({thing, test::package("plain-1.0")});
    const Host& host = shop.host();

    const CommandResult installed = host.run({"install", "thing"});

    INFO(installed.err);
    REQUIRE(installed.status == 0);
    CHECK_THAT(installed.err,
               ContainsSubstring("thing-1.0 has no recipe, so jail thing runs nothing; its rc.d script would "
                                 "start /usr/pkg/sbin/thing as thing: `pkgjail recipe show --from-package "
                                 "thing >"));
    const CommandResult made = host.run({"recipe", "show", "--from-package", "thing"});
    CHECK(made.status == 0);
    CHECK_THAT(made.out, ContainsSubstring("\ncommand = ${prefix}/sbin/thing -c ${prefix}/etc/thing.conf "
                                           "\"a b\"\nuser = thing\n") &&
                             ContainsSubstring("\nreload-signal = USR2\n") &&
                             ContainsSubstring("thing-1.0, /usr/pkg/share/examples/rc.d/thing"));
    host.write_config("recipes.d/thing.recipe", made.out);
    const CommandResult checked = host.run({"recipe", "check", "thing"});
    // The test's package has neither the program nor the user.
    CHECK_THAT(checked.out, ContainsSubstring("found user \"thing\", which no package of the recipe makes") &&
                                ContainsSubstring("found the program /usr/pkg/sbin/thing, which no package"));
    CHECK(host.run({"recipe", "show", "thing"}).status == 0);
    CHECK_THAT(host.run({"install", "plain"}).err, !ContainsSubstring("rc.d"));
    CHECK(host.run({"recipe", "show", "--from-package", "plain"}).status == 5);
    CHECK(host.run({"recipe", "show", "--from-package", "nowhere"}).status == 5);
}
