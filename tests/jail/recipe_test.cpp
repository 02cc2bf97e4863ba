#include "pkgjail/jail/recipe.hpp"

#include "jail/show.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::failure;
using test::show;
using test::show_words;
using test::TempDir;
using test::write_text;

namespace {

const std::string web =
    "[recipe]\n"                                                                          // 1
    "summary = HTTP server\n"                                                             // 2
    "package = nginx\n"                                                                   // 3
    "limits = web\n"                                                                      // 4
    "[set]\n"                                                                             // 5
    "port = 8080\n"                                                                       // 6
    "title = Hello\n"                                                                     // 7
    "workers = ${host.cpus}\n"                                                            // 8
    "[service]\n"                                                                         // 9
    "command = ${prefix}/sbin/nginx -t ${title} -c ${prefix}/x.conf -g \"daemon off;\"\n" // 10
    "environment = TITLE=${title}\n"                                                      // 11
    "[network]\n"                                                                         // 12
    "claim = tcp:${port}\n"                                                               // 13
    "[health]\n"                                                                          // 14
    "http = http://127.0.0.1:${port}/\n"                                                  // 15
    "[file ${prefix}/etc/nginx/${jail}.conf]\n"                                           // 16
    "source = nginx/nginx.conf.in\n";                                                     // 17

/// Recipes in a directory of their own, with one source.
struct Shelf {
    TempDir directory;
    Shelf() {
        write_text(directory / "nginx/nginx.conf.in",
                   "workers ${workers};\nlisten ${port};\nlog $uri $${uri};\n");
    }
    Recipe read(const std::string& text, const std::string& name = "nginx") const {
        return parse_recipe(text, name + ".recipe", directory.path());
    }
    std::string wrong(const std::string& text) const {
        return failure([&] { read(text); });
    }
};

RenderContext context_with(const std::map<std::string, std::string>& set) {
    RenderContext context;
    context.jail = "web";
    context.host = {{"name", "box"}, {"memory", "8589934592"}, {"cpus", "4"}};
    context.set = set;
    return context;
}

/// A small recipe with `more` behind it; its first line is 6.
std::string small_and(const std::string& more) {
    return "[recipe]\nsummary = s\npackage = p\n[service]\ncommand = /bin/p\n" + more;
}

} // namespace

TEST_CASE("a recipe rendered with its defaults has nothing left to expand", "[jail][recipe]") {
    const Shelf shelf;

    CHECK(show(render(shelf.read(web), context_with({}))) ==
          "recipe nginx: HTTP server\n"
          "packages <nginx>\n"
          "limits web profile high\n"
          "set port = <8080>\n"
          "set title = <Hello>\n"
          "set workers = <4>\n"
          "service nginx: </usr/pkg/sbin/nginx> <-t> <Hello> <-c> </usr/pkg/x.conf> <-g> <daemon off;>\n"
          "  as root: in /\n"
          "  environment TITLE = <Hello>\n"
          "  stop TERM 10s reload 0\n"
          "  restart on-failure backoff 500ms to 30s budget 5 in 1m\n"
          "network host tcp:8080\n"
          "health http http://127.0.0.1:8080/\n"
          "  grace 10s interval 5s timeout 2s successes 1 failures 3 quiet 4s\n"
          "file /usr/pkg/etc/nginx/web.conf 0644 root:\n"
          "  |workers 4;\n"
          "  |listen 8080;\n"
          "  |log $uri ${uri};\n");
}

TEST_CASE("a value that was set changes claims, probes and files", "[jail][recipe]") {
    const Shelf shelf;

    const RenderedRecipe recipe = render(shelf.read(web), context_with({{"port", "8081"}}));

    CHECK(recipe.claims.at(0).str() == "tcp:8081");
    CHECK(recipe.health.probe.value().target == "http://127.0.0.1:8081/");
    CHECK(recipe.files.at(0).content == "workers 4;\nlisten 8081;\nlog $uri ${uri};\n");
    CHECK(recipe.set.at("port") == "8081");
    CHECK(recipe.set.at("title") == "Hello");
}

TEST_CASE("a value with blanks, quotes and variables stays one word and is taken as it is",
          "[jail][recipe]") {
    const Shelf shelf;
    const std::string value = "a 'b' \"c\" \\ ${port} $(id) # x";

    const RenderedRecipe recipe = render(shelf.read(web), context_with({{"title", value}}));

    CHECK(show_words(recipe.services.at(0).command) ==
          "</usr/pkg/sbin/nginx> <-t> <" + value + "> <-c> </usr/pkg/x.conf> <-g> <daemon off;>");
    CHECK(recipe.services.at(0).environment.at("TITLE") == value);
    CHECK(recipe.set.at("title") == value);
}

TEST_CASE("the prefix moves everything that is named by it", "[jail][recipe]") {
    const Shelf shelf;
    RenderContext context = context_with({});
    context.prefix = "/opt/pkg";

    const RenderedRecipe recipe = render(shelf.read(web), context);

    CHECK(recipe.services.at(0).command.front() == "/opt/pkg/sbin/nginx");
    CHECK(recipe.files.at(0).path.str() == "/opt/pkg/etc/nginx/web.conf");
}

TEST_CASE("setting what a recipe does not have is a usage error with what it has", "[jail][recipe]") {
    const Shelf shelf;
    const Recipe recipe = shelf.read(web);

    CHECK(failure(
              [&] {
                  render(recipe, context_with({{"prot", "1"}}));
              },
              base::ErrorKind::usage) == "--set prot: recipe \"nginx\" has no such value, allowed: port, "
                                         "title, workers\nhint: did you mean \"port\"?");
    CHECK(failure(
              [&] {
                  render(recipe, context_with({{"jail", "x"}}));
              },
              base::ErrorKind::usage) ==
          "--set jail: recipe \"nginx\" has no such value, allowed: port, title, workers");
    CHECK(failure(
              [&] {
                  render(recipe, context_with({{"title", "a\nlisten 22;"}}));
              },
              base::ErrorKind::usage) ==
          "--set title: found \"a\nlisten 22;\", allowed: UTF-8 text without control characters");
    CHECK(failure(
              [&] {
                  render(recipe, context_with({{"title", "\xff"}}));
              },
              base::ErrorKind::usage) ==
          "--set title: found \"\xff\", allowed: UTF-8 text without control characters");
}

TEST_CASE("a set value that does not fit is a usage error at the place where it does not", "[jail][recipe]") {
    const Shelf shelf;

    CHECK(failure(
              [&] {
                  render(shelf.read(web), context_with({{"port", "http"}}));
              },
              base::ErrorKind::usage) ==
          "nginx.recipe:13: claim: found \"tcp:http\" (from \"tcp:${port}\"), allowed: tcp:PORT or udp:PORT, "
          "with an address if it "
          "is to be only that one: tcp:8080, tcp:127.0.0.1:8080, udp:[::1]:53\n"
          "hint: with its own values the recipe is right; look at --set port");
}

TEST_CASE("a variable that a source does not know is named with the source's line", "[jail][recipe]") {
    const Shelf shelf;
    write_text(shelf.directory / "nginx/nginx.conf.in", "one\ntwo ${prot}\n");

    CHECK(shelf.wrong(web) ==
          (shelf.directory / "nginx/nginx.conf.in").string() +
              ":2: found \"${prot}\", allowed: ${host.cpus}, ${host.memory}, ${host.name}, ${jail}, ${port}, "
              "${prefix}, ${title}, ${workers}\nhint: did you mean \"${port}\"?");
}

TEST_CASE("every key of a recipe changes what it names", "[jail][recipe]") {
    const Shelf shelf;
    const std::string text = "[recipe]\n"
                             "summary = everything\n"
                             "package = a>=1\n"
                             "package = b-${version}\n"
                             "limits = database\n"
                             "profile = low\n"
                             "requires = redis\n"
                             "requires = ${jail}-log\n"
                             "[set]\n"
                             "version = 2\n"
                             "[service]\n"
                             "command = /bin/a\n"
                             "[service second]\n"
                             "command = /bin/b\n"
                             "user = _b\n"
                             "group = 100\n"
                             "directory = /var/b\n"
                             "environment = A=1\n"
                             "environment = B=x=y z\n"
                             "stop-signal = QUIT\n"
                             "stop-timeout = 1m\n"
                             "reload-signal = HUP\n"
                             "restart = always\n"
                             "restart-backoff = 1s\n"
                             "restart-backoff-max = 2s\n"
                             "restart-budget = 0\n"
                             "restart-window = 3s\n"
                             "[network]\n"
                             "mode = private\n"
                             "claim = udp:53\n"
                             "claim = tcp:127.0.0.1:80\n"
                             "claim = tcp:[0:0::1]:80\n"
                             "[health]\n"
                             "command = /bin/probe '${version} x'\n"
                             "grace = 1s\n"
                             "interval = 2s\n"
                             "timeout = 3s\n"
                             "successes = 4\n"
                             "failures = 5\n"
                             "quiet = 6s\n"
                             "[data]\n"
                             "path = /var/b\n"
                             "path = /srv/b-${version}\n"
                             "pre-snapshot = /bin/freeze '${version} x'\n"
                             "post-snapshot = /bin/thaw\n"
                             "snapshot-timeout = 7s\n"
                             "snapshot-pause = yes\n"
                             "[limits]\n"
                             "memory = 1G\n"
                             "require = enforced\n"
                             "[file /etc/b.conf]\n"
                             "source = nginx/plain\n"
                             "mode = 600\n"
                             "owner = _b\n"
                             "group = wheel\n";
    write_text(shelf.directory / "nginx/plain", "v${version}\n");

    CHECK(show(render(shelf.read(text, "all"), context_with({}))) ==
          "recipe all: everything\n"
          "packages <a>=1> <b-2>\n"
          "limits database profile low\n"
          "limit memory = 1G\n"
          "limit require = enforced\n"
          "set version = <2>\n"
          "service all: </bin/a>\n"
          "  as root: in /\n"
          "  stop TERM 10s reload 0\n"
          "  restart on-failure backoff 500ms to 30s budget 5 in 1m\n"
          "service second: </bin/b>\n"
          "  as _b:100 in /var/b\n"
          "  environment A = <1>\n"
          "  environment B = <x=y z>\n"
          "  stop QUIT 1m reload HUP\n"
          "  restart always backoff 1s to 2s budget 0 in 3s\n"
          "network private udp:53 tcp:127.0.0.1:80 tcp:[::1]:80\n"
          "health command </bin/probe> <2 x>\n"
          "  grace 1s interval 2s timeout 3s successes 4 failures 5 quiet 6s\n"
          "data /var/b\n"
          "data /srv/b-2\n"
          "before a snapshot </bin/freeze> <2 x>\n"
          "after it </bin/thaw>\n"
          "  within 7s, paused\n"
          "requires redis\n"
          "requires web-log\n"
          "file /etc/b.conf 0600 _b:wheel\n"
          "  |v2\n");
}

TEST_CASE("a summary is text and is not expanded", "[jail][recipe]") {
    const Shelf shelf;

    const Recipe recipe = shelf.read("[recipe]\nsummary = for ${you} and $me\npackage = a\n");

    CHECK(render(recipe, context_with({})).summary == "for ${you} and $me");
}

TEST_CASE("a jail without commands for its snapshots is paused, one with them is not unless asked",
          "[jail][recipe]") {
    const Shelf shelf;
    const auto paused = [&](const std::string& text) {
        return render(shelf.read(small_and(text)), context_with({})).snapshot.pause;
    };

    CHECK(paused(""));
    CHECK(paused("[data]\npath = /srv/a\n"));
    CHECK_FALSE(paused("[data]\npre-snapshot = /bin/a\n"));
    CHECK_FALSE(paused("[data]\npre-snapshot = /bin/a\nsnapshot-pause = no\n"));
    CHECK(paused("[data]\npre-snapshot = /bin/a\nsnapshot-pause = yes\n"));
}

TEST_CASE("a longer first wait raises the longest one", "[jail][recipe]") {
    const Shelf shelf;

    const auto recipe = render(shelf.read(small_and("restart-backoff = 1m\n")), context_with({}));

    CHECK(recipe.services.at(0).restart.backoff_max == std::chrono::minutes(1));
}

TEST_CASE("health has one probe", "[jail][recipe]") {
    const Shelf shelf;

    CHECK(shelf.wrong(small_and("[health]\ntcp = 127.0.0.1:1\nhttp = http://127.0.0.1/\n")) ==
          "nginx.recipe:7: tcp: found a second probe beside \"http\", allowed: one of http, tcp, unix, "
          "command");
    const auto unix_probe =
        render(shelf.read(small_and("[health]\nunix = /run/${jail}.sock\n")), context_with({}));
    CHECK(unix_probe.health.probe.value().target == "/run/web.sock");
    CHECK_FALSE(
        render(shelf.read(small_and("[health]\ngrace = 1s\n")), context_with({})).health.probe.has_value());
}

TEST_CASE("what may stand once is refused the second time", "[jail][recipe]") {
    const Shelf shelf;
    const auto after_name = [&](const std::string& more) {
        const std::string text = shelf.wrong(small_and(more));
        return text.substr(text.find(':') + 1);
    };
    CHECK(after_name("user = a\nuser = b\n") ==
          "7: user: found a second time, first in line 6, allowed: once");
    CHECK(after_name("[data]\n[data]\n") == "7: found [data] a second time, first in line 6, allowed: once");
    CHECK(after_name("[service]\n") == "6: found [service] a second time, first in line 4, allowed: once");
    CHECK(after_name("[data]\npath = /srv/a\npath = /srv/a\n") ==
          "8: path: found \"/srv/a\", allowed: each path once");
    CHECK(after_name("[network]\nclaim = tcp:1\nclaim = udp:1\nclaim = tcp:1\n") ==
          "9: claim: found \"tcp:1\", allowed: each claim once");
    CHECK(after_name("environment = A=1\nenvironment = A=2\n") ==
          "7: environment: found \"A=2\", allowed: each name once");
    CHECK(after_name("[set]\na = x\n[file /etc/${a}]\nsource = nginx/nginx.conf.in\n[file /etc/x]\n"
                     "source = nginx/nginx.conf.in\n")
              .find("allowed: ${a}") != std::string::npos);
    write_text(shelf.directory / "plain", "");
    CHECK(after_name("[set]\na = x\n[file /etc/${a}]\nsource = plain\n[file /etc/x]\nsource = plain\n") ==
          "10: found the file /etc/x a second time, allowed: once");
}

TEST_CASE("a jail without a network claims no port", "[jail][recipe]") {
    const Shelf shelf;

    CHECK(shelf.wrong(small_and("[network]\nclaim = tcp:80\nmode = none\n")) ==
          "nginx.recipe:7: claim: found \"tcp:80\", allowed: no claim with mode = none");
}

TEST_CASE("each of several services has its own health", "[jail][recipe]") {
    const Shelf shelf;
    const std::string two = "[recipe]\nsummary = s\npackage = web\n[health worker]\ntcp = 127.0.0.1:2\n"
                            "on-failure = restart\n[service web]\ncommand = /bin/web\n[service worker]\n"
                            "command = /bin/worker\n";

    const auto recipe = render(shelf.read(two + "[health]\ntcp = 127.0.0.1:1\n"), context_with({}));

    REQUIRE(recipe.services.size() == 2);
    CHECK(recipe.services[0].name == "web");
    CHECK(recipe.services[0].health.probe.value().target == "127.0.0.1:1");
    CHECK(recipe.health.probe.value().target == "127.0.0.1:1");
    CHECK(recipe.services[1].health.probe.value().target == "127.0.0.1:2");
    CHECK(recipe.services[1].health.on_failure == jail::Health::OnFailure::restart);
    CHECK(shelf.wrong(two + "[health other]\ntcp = 127.0.0.1:1\n") ==
          "nginx.recipe:11: found [health other], allowed: [health NAME], where NAME is a service: web, "
          "worker");
    CHECK(shelf.wrong(two + "[health]\ntcp = 127.0.0.1:1\n[health web]\ntcp = 127.0.0.1:1\n") ==
          "nginx.recipe:13: found a second [health] for service web, allowed: one");
}

TEST_CASE("a recipe may have no service, but then nothing can be healthy", "[jail][recipe]") {
    const Shelf shelf;
    const std::string tools = "[recipe]\nsummary = tools\npackage = jq\n";

    CHECK(render(shelf.read(tools), context_with({})).services.empty());
    CHECK(shelf.wrong(tools + "[health]\ntcp = 127.0.0.1:1\n") ==
          "nginx.recipe:4: found [health] without a service, allowed: with a [service]");
}

TEST_CASE("what a recipe must have is asked for", "[jail][recipe]") {
    const Shelf shelf;

    CHECK(shelf.wrong("") == "nginx.recipe: found no section [recipe]");
    CHECK(shelf.wrong("[recipe]\npackage = a\n") == "nginx.recipe:1: found no key \"summary\" in [recipe]");
    CHECK(shelf.wrong("[recipe]\nsummary = a\n") ==
          "nginx.recipe:1: package: found none, allowed: one pattern or more, such as nginx or nginx>=1.26");
    CHECK(shelf.wrong("[recipe]\nsummary = a\npackage = a\n[service]\ncomand = /bin/a\n") ==
          "nginx.recipe:4: found no key \"command\" in [service]\nhint: line 5 has \"comand\"");
    CHECK(
        shelf.wrong("summary = a\n[recipe]\n")
            .starts_with(
                "nginx.recipe:1: summary: found before the first section, allowed: below one of [recipe], "));
    CHECK(failure([&] { shelf.read(web, "Ng inx"); }, base::ErrorKind::usage)
              .starts_with("Ng inx: no valid recipe name"));
}

TEST_CASE("a jail cannot require itself", "[jail][recipe]") {
    const Shelf shelf;
    const Recipe recipe = shelf.read("[recipe]\nsummary = a\npackage = a\nrequires = web\n");

    CHECK(failure([&] { render(recipe, context_with({})); }) ==
          "nginx.recipe:4: requires: found \"web\", allowed: another jail than this one");
}

TEST_CASE("the operator's recipes come before the installation's", "[jail][recipe]") {
    const TempDir mine;
    const TempDir theirs;
    write_text(theirs / "redis.recipe", "[recipe]\nsummary = theirs\npackage = redis\n");
    write_text(theirs / "tools.recipe", "[recipe]\nsummary = tools\npackage = jq\n");
    write_text(mine / "redis.recipe",
               "[recipe]\nsummary = mine\npackage = redis\n[file /etc/r]\nsource = r.in\n");
    write_text(mine / "r.in", "mine\n");
    write_text(mine / "notes.txt", "not a recipe\n");
    const std::vector<base::HostPath> directories = {mine / "missing", mine.path(), theirs.path()};

    CHECK(load_recipe(directories, "redis").summary == "mine");
    CHECK(load_recipe(directories, "redis").files.at(0).content == "mine\n");
    CHECK(load_recipe(directories, "tools").summary == "tools");
    CHECK(list_recipes(directories) == std::vector<std::string>{"redis", "tools"});
    CHECK(failure([&] { load_recipe(directories, "rdeis"); }, base::ErrorKind::not_found) ==
          "rdeis: no such recipe, there are: redis, tools\nhint: did you mean \"redis\"?");
    CHECK(failure([&] { load_recipe(directories, "../redis"); }, base::ErrorKind::usage)
              .starts_with("../redis: no valid recipe name, allowed: "));
}

TEST_CASE("a claim is read as it is shown", "[jail][recipe]") {
    for (const char* text : {"tcp:80", "udp:65535", "tcp:127.0.0.1:8080", "udp:[2001:db8::1]:53"})
        CHECK(parse_port_claim(text, {"x"}).str() == text);
    CHECK(parse_port_claim("tcp:[0::1]:80", {"x"}) == PortClaim{"tcp", "::1", 80});
    CHECK(failure([] {
              parse_port_claim("tcp", {"command line"});
          }).starts_with("command line: found \"tcp\", allowed: tcp:PORT"));
}
