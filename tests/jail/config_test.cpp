#include "pkgjail/jail/config.hpp"

#include "jail/show.hpp"
#include "pkgjail/jail/address.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::failure;
using test::show;
using test::TempDir;
using test::write_text;

namespace {

const std::string defaults = "state /var/db/pkgjail prefix /usr/pkg base host runtime <>\n"
                             "setid strip scripts true native script-timeout 2m\n"
                             "log 16M files 4\n"
                             "generations 10 for 30d archives for 90d\n"
                             "proxy <> ca-file <> connect 15s stall 30s total 1h parallel 4 max-index 512M\n";

} // namespace

TEST_CASE("without files there are defaults and no repository", "[jail][config]") {
    const TempDir etc;

    const Config config = load_config(etc.path(), "/shipped");

    CHECK(show(config) == defaults);
    CHECK(config.etc == etc.path());
    CHECK(config.recipe_directories == std::vector<base::HostPath>{etc / "recipes.d", "/shipped/recipes"});
    CHECK(config.limit_directories == std::vector<base::HostPath>{etc / "limits.d", "/shipped/limits.d"});
}

TEST_CASE("every key of pkgjail.conf changes what it names", "[jail][config]") {
    const TempDir etc;
    write_text(etc / "pkgjail.conf", "[network]\n"
                                     "proxy = http://[::1]:3128\n"
                                     "ca-file = /srv/ca.pem\n"
                                     "connect-timeout = 1s\n"
                                     "stall-timeout = 2s\n"
                                     "total-timeout = 3s\n"
                                     "parallel = 5\n"
                                     "max-index = 6M\n"
                                     "[log]\n"
                                     "max-size = 64K\n"
                                     "files = 7\n"
                                     "[generations]\n"
                                     "keep = 3\n"
                                     "keep-for = 0s\n"
                                     "[cache]\n"
                                     "keep-for = 9d\n"
                                     "[packages]\n"
                                     "setid = refuse\n"
                                     "scripts = no\n"
                                     "install-scripts = run\n"
                                     "script-timeout = 8s\n"
                                     "[pkgjail]\n"
                                     "state = /srv/state\n"
                                     "prefix = /opt/pkg\n"
                                     "base = /srv/base\n"
                                     "runtime = /usr/bin/crun\n");

    CHECK(show(load_config(etc.path(), "/shipped")) ==
          "state /srv/state prefix /opt/pkg base /srv/base runtime </usr/bin/crun>\n"
          "setid refuse scripts false run script-timeout 8s\n"
          "log 64K files 7\n"
          "generations 3 for 0s archives for 9d\n"
          "proxy <http://[::1]:3128> ca-file </srv/ca.pem> connect 1s stall 2s total 3s parallel 5 max-index "
          "6M\n");
}

TEST_CASE("a section of pkgjail.conf stands once, and nothing stands before the first", "[jail][config]") {
    const TempDir etc;
    const auto reading = [&](const std::string& text) {
        write_text(etc / "pkgjail.conf", text);
        return failure([&] { load_config(etc.path(), "/shipped"); });
    };
    const std::string file = (etc / "pkgjail.conf").string();

    CHECK(reading("[log]\nfiles = 1\n[network]\n[log]\n") ==
          file + ":4: found [log] a second time, first in line 1, allowed: once");
    CHECK(reading("state = /x\n") == file +
                                         ":1: state: found before the first section, allowed: below one "
                                         "of [pkgjail], [packages], [log], [notify], [generations], [cache], "
                                         "[network], [vulnerabilities], [ignore NAME]");
}

TEST_CASE("repositories are asked by priority, then in the order of the file", "[jail][config]") {
    const TempDir etc;
    write_text(etc / "repositories.conf", "[repository first]\n"
                                          "url = https://example.org/All//\n"
                                          "[repository off]\n"
                                          "url = https://example.com/All\n"
                                          "enabled = no\n"
                                          "[repository second]\n"
                                          "url = http://127.0.0.1:8080/pub\n"
                                          "trust = index-signed\n"
                                          "[repository early]\n"
                                          "url = file:///srv/packages/All/\n"
                                          "trust = none\n"
                                          "priority = 0\n"
                                          "[repository pinned]\n"
                                          "url = https://[2001:db8::1]:8443/All\n"
                                          "trust = pinned\n"
                                          "priority = 1000\n");

    CHECK(show(load_config(etc.path(), "/shipped")) ==
          defaults + "early file:///srv/packages/All none priority 0\n"
                     "first https://example.org/All package-signed priority 10\n"
                     "second http://127.0.0.1:8080/pub index-signed priority 10\n"
                     "pinned https://[2001:db8::1]:8443/All pinned priority 1000\n");
}

TEST_CASE("two repositories of one name are refused", "[jail][config]") {
    CHECK(
        failure([] {
            parse_repositories(
                "[repository a]\nurl = https://example.org/1\n[repository a]\nurl = https://example.org/2\n",
                "r");
        }) == "r:3: found [repository a] a second time, first in line 1, allowed: once");
}

TEST_CASE("no message repeats a password", "[jail][config]") {
    for (const std::string url :
         {"https://me:hunter2@example.org/All", "ftp://me:hunter2@example.org",
          "https://me:hunter2@example.org/All x", "https://me:hunt/er2@example.org/",
          "me:hunter2@example.org", "https://me:hunter2@example.org?x", "http://hunter2@"}) {
        const std::string message =
            failure([&] { parse_repositories("[repository a]\nurl = " + url + "\n", "repositories.conf"); });
        INFO(message);
        CHECK(message.find("hunt") == std::string::npos);
        CHECK(message.starts_with("repositories.conf:2: url: found an address with \"@\" in it"));
    }
}

TEST_CASE("an at sign in the path of a good address is no password", "[jail][config]") {
    CHECK(show(parse_repositories("[repository a]\nurl = https://example.org/@all\n", "r").at(0)) ==
          "a https://example.org/@all package-signed priority 10\n");
}

TEST_CASE("trust is found by the word that is shown for it", "[jail][config]") {
    for (const Trust trust : {Trust::index_signed, Trust::package_signed, Trust::pinned, Trust::none})
        CHECK(find_trust(trust_name(trust)) == trust);
    CHECK_FALSE(find_trust("signed").has_value());
}

TEST_CASE("the prefix is a place of its own", "[jail][config]") {
    for (const char* path :
         {"/usr/pkg", "/opt/pkg", "/usr/local", "/pkg", "/opt/local/pkg", "/usr/pkg/2026"}) {
        INFO(path);
        CHECK(is_possible_prefix(base::RootPath::parse(path)));
    }
    for (const char* path : {"/", "/usr", "/opt", "/bin", "/usr/bin/x", "/lib64", "/usr/lib", "/usr/lib32/x",
                             "/usr/libexec", "/usr/share", "/etc", "/etc/pkg", "/var/pkg", "/home/pkg",
                             "/root", "/dev", "/proc/1", "/sys", "/tmp"}) {
        INFO(path);
        CHECK_FALSE(is_possible_prefix(base::RootPath::parse(path)));
    }
}

TEST_CASE("an address is a number in its canonical spelling", "[jail][address]") {
    CHECK(parse_ip_address("127.0.0.1") == "127.0.0.1");
    CHECK(parse_ip_address("0:0:0:0:0:0:0:1") == "::1");
    CHECK(parse_ip_address("2001:DB8::") == "2001:db8::");
    for (const char* text :
         {"", "localhost", "127.1", "256.0.0.1", "0x7f.0.0.1", "[::1]", "::1%lo", "1.2.3.4 "}) {
        INFO(text);
        CHECK_FALSE(parse_ip_address(text).has_value());
    }
    CHECK(parse_port("1") == 1);
    CHECK(parse_port("65535") == 65535);
    for (const char* text : {"", "0", "080", "65536", "-1", "+1", "80 ", "http"})
        CHECK_FALSE(parse_port(text).has_value());
}

TEST_CASE("a probe's address has a number and a port", "[jail][address]") {
    const auto shown = [](std::string_view url) -> std::string {
        const auto target = parse_http_target(url);
        return target ? fmt::format("{} {} {}", target->endpoint.host, target->endpoint.port, target->path)
                      : "none";
    };
    CHECK(shown("http://127.0.0.1:8080/") == "127.0.0.1 8080 /");
    CHECK(shown("http://127.0.0.1") == "127.0.0.1 80 /");
    CHECK(shown("http://[::1]:81/a/b?c=d") == "::1 81 /a/b?c=d");
    CHECK(shown("http://localhost/x") == "localhost 80 /x");
    for (const char* url :
         {"", "http://", "https://127.0.0.1/", "http://::1/", "http://[::1/", "http://[127.0.0.1]/",
          "http://[localhost]/", "http://127.0.0.1:/", "http://127.0.0.1:x/", "http://a@127.0.0.1/",
          "http://127.0.0.1/a b", "http://127.0.0.1/#x", "http://127.0.0.1?x", "http://example.org/"}) {
        INFO(url);
        CHECK(shown(url) == "none");
    }
    CHECK_FALSE(parse_endpoint("127.0.0.1").has_value());
    CHECK_FALSE(parse_endpoint("::1:80").has_value());
    CHECK_FALSE(parse_endpoint("[::1]80").has_value());
    CHECK(parse_endpoint("[::1]:80").value().host == "::1");
}
