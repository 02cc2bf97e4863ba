// Recipes on the real kernel with the real programs: each is installed, answers its own protocol, is
// upgraded, has its data in a snapshot and in a clone, and gets them back. The packages are those of
// `demo-repository --recipes`; without them the tests are skipped.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pkgjail/base/fd.hpp"
#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using namespace std::string_literals;
using test::CommandResult;
using test::Host;

namespace {

bool can_run_recipes() {
    if (!test::can_run_jails())
        return false;
    if (!test::demo_repository("2026Q4-recipes").empty())
        return true;
    const char* required = std::getenv("PKGJAIL_REQUIRE_RECIPES");
    if (required != nullptr && std::string(required) == "1")
        FAIL("may not be skipped here: pkgsrc/demo-repository --recipes makes the packages");
    WARN("skipped: pkgsrc/demo-repository --recipes makes the packages");
    return false;
}

/// Sends something to a port of this host and takes what comes until it holds `wanted`, or for five seconds.
std::string talk(int type, int port, const std::string& said, const std::string& wanted) {
    const base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    struct sockaddr_in name {};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name) != 0)
        return "no connection";
    if (::send(fd.get(), said.data(), said.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(said.size()))
        return "not sent";
    std::string answer;
    while (answer.find(wanted) == std::string::npos) {
        struct pollfd waiting = {fd.get(), POLLIN, 0};
        char buffer[4096];
        if (::poll(&waiting, 1, 5000) != 1)
            break;
        const ssize_t count = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (count <= 0)
            break;
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    return answer;
}

/// The address of a name, asked over UDP: its four bytes in hexadecimal; what came when there is none.
std::string dns_address(int port, const std::string& name) {
    std::string question = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;
    std::size_t at = 0;
    while (at < name.size()) {
        const std::size_t dot = std::min(name.find('.', at), name.size());
        question += static_cast<char>(dot - at) + name.substr(at, dot - at);
        at = dot + 1;
    }
    question += "\0\0\x01\0\x01"s;
    const std::string answer = talk(SOCK_DGRAM, port, question, "\x12\x34");
    static const char digits[] = "0123456789abcdef";
    std::string text;
    // The first record: a name of two bytes, type, class, time, length.
    const std::size_t first = question.size() + 12;
    for (const char c : answer.size() >= first + 4 ? answer.substr(first, 4) : answer) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

std::string mqtt(char type, const std::string& body) {
    return std::string{type, static_cast<char>(body.size())} + body;
}
const std::string mqtt_hello = mqtt(0x10, "\0\4MQTT\4\2\0\x3c\0\4test"s);

/// One service through the life that every recipe has to stand. Data are a word, written and read by `put`
/// and `get`; a service without data has neither.
struct Life {
    std::string recipe;
    std::string package;
    std::vector<std::string> set{};
    std::function<void(const Host& host, const std::string& jail, int port)> answers;
    std::function<void(const Host& host, const std::string& jail, int port, const std::string& word)> put{};
    std::function<std::string(const Host& host, const std::string& jail, int port)> get{};
};

void check_done(const CommandResult& result) {
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
}

void live(const Life& life) {
    const Host host(test::demo_repository("2026Q3-recipes"));
    const int port = test::free_port();
    const int other = test::free_port();
    const auto port_setting = [](int number) { return "port=" + std::to_string(number); };
    std::vector<std::string> install = {"install", life.package, "--recipe", life.recipe,
                                        "-j",      "one",        "--set",    port_setting(port)};
    for (const std::string& setting : life.set)
        install.insert(install.end(), {"--set", setting});

    check_done(host.run(install));
    INFO(host.run({"logs", "one"}).out);
    life.answers(host, "one", port);
    if (life.set.empty()) { // the check is of the recipe as it stands, with its own versions
        const CommandResult checked = host.run({"recipe", "check", life.recipe});
        INFO(checked.out << checked.err);
        CHECK(checked.status == 0);
    }
    if (life.put) {
        life.put(host, "one", port, "before");
        CHECK(life.get(host, "one", port) == "before");
    }

    check_done(host.run({"snapshot", "one", "kept"}));
    if (life.put)
        life.put(host, "one", port, "after");
    check_done(host.run({"clone", "one@kept", "two", "--set", port_setting(other)}));
    life.answers(host, "two", other);
    life.answers(host, "one", port);
    if (life.put) {
        CHECK(life.get(host, "two", other) == "before");
        CHECK(life.get(host, "one", port) == "after");
    }
    check_done(host.run({"stop", "two"}));

    use_edition(host, "2026Q4-recipes");
    check_done(host.run({"upgrade", "one"}));
    CHECK(host.run({"status", "one", "--json"}).json()["jails"][0]["generation"] == 2);
    life.answers(host, "one", port);
    if (life.put)
        CHECK(life.get(host, "one", port) == "after");

    check_done(host.run({"rollback", "one"}));
    life.answers(host, "one", port);
    if (!life.put)
        return;
    CHECK(life.get(host, "one", port) == "after");
    check_done(host.run({"restore", "one", "kept", "--yes"}));
    life.answers(host, "one", port);
    CHECK(life.get(host, "one", port) == "before");
}

void answers_http(const Host&, const std::string&, int port) {
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 200);
}

std::string inside(const Host& host, const std::string& jail, const std::string& user,
                   const std::vector<std::string>& command) {
    std::vector<std::string> arguments = {"exec", "--user", user, jail};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const CommandResult result = host.run(arguments);
    return result.status == 0 ? result.out : result.out + result.err;
}

std::string sql_postgresql(const Host& host, const std::string& jail, int port,
                           const std::string& statement) {
    return inside(host, jail, "pgsql",
                  {"psql", "-h", "/tmp", "-p", std::to_string(port), "-d", "postgres", "-qAtc", statement});
}
std::string sql_mariadb(const Host& host, const std::string& jail, const std::string& statement) {
    return inside(host, jail, "mariadb",
                  {"mariadb", "--defaults-file=/usr/pkg/etc/my.cnf", "-N", "-e", statement});
}

} // namespace

TEST_CASE("recipe apache serves HTTP through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    live({"apache", "apache", {}, answers_http});
}

TEST_CASE("recipe lighttpd serves its data through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"lighttpd", "lighttpd", {}, answers_http};
    life.put = [](const Host& host, const std::string& jail, int, const std::string& word) {
        inside(host, jail, "nobody", {"/bin/sh", "-c", "printf " + word + " >/var/www/word.txt"});
    };
    life.get = [](const Host&, const std::string&, int port) {
        return test::http_body("http://127.0.0.1:" + std::to_string(port) + "/word.txt");
    };
    live(life);
}

TEST_CASE("recipe memcached keeps and tells values through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    live({"memcached", "memcached", {}, [](const Host&, const std::string&, int port) {
              CHECK(talk(SOCK_STREAM, port, "set k 0 0 5\r\nhello\r\nget k\r\n", "END\r\n") ==
                    "STORED\r\nVALUE k 0 5\r\nhello\r\nEND\r\n");
          }});
}

TEST_CASE("recipe postgresql makes its cluster once and keeps it through its whole life",
          "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"postgresql", "postgresql15-server", {"version=15"}, {}};
    life.answers = [](const Host& host, const std::string& jail, int port) {
        CHECK(sql_postgresql(host, jail, port, "select 6 * 7") == "42\n");
        // An SSL request, as every client begins with: "N", there is no certificate.
        CHECK(talk(SOCK_STREAM, port, "\0\0\0\x08\x04\xd2\x16\x2f"s, "N") == "N");
    };
    life.put = [](const Host& host, const std::string& jail, int port, const std::string& word) {
        CHECK(sql_postgresql(host, jail, port,
                             "create table if not exists t (w text); delete from t; insert into t values ('" +
                                 word + "')") == "");
    };
    life.get = [](const Host& host, const std::string& jail, int port) {
        const std::string word = sql_postgresql(host, jail, port, "select w from t");
        return word.substr(0, word.find('\n'));
    };
    live(life);
}

TEST_CASE("recipe mariadb makes its tables once and keeps them through its whole life",
          "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"mariadb", "mariadb-server", {}, {}};
    life.answers = [](const Host& host, const std::string& jail, int port) {
        CHECK(sql_mariadb(host, jail, "select 6 * 7") == "42\n");
        CHECK_THAT(talk(SOCK_STREAM, port, "", "MariaDB"), ContainsSubstring("MariaDB"));
    };
    life.put = [](const Host& host, const std::string& jail, int, const std::string& word) {
        CHECK(sql_mariadb(host, jail,
                          "create database if not exists d; create table if not exists d.t (w text); "
                          "delete from d.t; insert into d.t values ('" +
                              word + "')") == "");
    };
    life.get = [](const Host& host, const std::string& jail, int) {
        const std::string word = sql_mariadb(host, jail, "select w from d.t");
        return word.substr(0, word.find('\n'));
    };
    live(life);
}

TEST_CASE("recipe mosquitto keeps retained messages through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"mosquitto", "mosquitto", {}, {}};
    life.answers = [](const Host&, const std::string&, int port) {
        CHECK(talk(SOCK_STREAM, port, mqtt_hello, "\x20\2\0\0"s) == "\x20\2\0\0"s);
    };
    life.put = [](const Host&, const std::string&, int port, const std::string& word) {
        // Retained, and with an acknowledgement.
        CHECK_THAT(talk(SOCK_STREAM, port, mqtt_hello + mqtt(0x33, "\0\1t\0\1"s + word), "\x40\2\0\1"s),
                   ContainsSubstring("\x40\2\0\1"s));
    };
    life.get = [](const Host&, const std::string&, int port) {
        const std::string answer =
            talk(SOCK_STREAM, port, mqtt_hello + mqtt('\x82', "\0\2\0\1t\0"s), "\0\1t"s);
        const std::size_t at = answer.find("\0\1t"s);
        return at == std::string::npos ? "nothing" : answer.substr(at + 3);
    };
    live(life);
}

TEST_CASE("recipe unbound answers for localhost through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    live({"unbound", "unbound", {}, [](const Host&, const std::string&, int port) {
              CHECK(dns_address(port, "localhost") == "7f000001");
          }});
}

TEST_CASE("recipe nsd answers for a zone of its configuration through its whole life",
          "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    live(
        {"nsd", "nsd", {}, [](const Host& host, const std::string& jail, int port) {
             if (host.run({"exec", jail, "/bin/grep", "-q", "^zone:", "/usr/pkg/etc/nsd/zones.conf"})
                     .status != 0) {
                 check_done(host.run(
                     {"exec", jail, "/bin/sh", "-c",
                      "cd /usr/pkg/etc/nsd && printf 'zone:\\n  name: pkgjail.test\\n  zonefile: z\\n' "
                      ">>zones.conf && printf '$ORIGIN pkgjail.test.\\n$TTL 60\\n@ IN SOA ns root 1 60 60 60 "
                      "60\\n@ IN NS ns\\nns IN A 192.0.2.7\\n' >z"}));
                 check_done(host.run({"restart", jail}));
             }
             CHECK(dns_address(port, "ns.pkgjail.test") == "c0000207");
         }});
}

TEST_CASE("recipe node_exporter tells metrics through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    live({"node_exporter", "node_exporter", {}, [](const Host&, const std::string&, int port) {
              CHECK_THAT(test::http_body("http://127.0.0.1:" + std::to_string(port) + "/metrics"),
                         ContainsSubstring("\nnode_memory_MemTotal_bytes "));
          }});
}

TEST_CASE("recipe prometheus collects and answers through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"prometheus", "prometheus", {}, {}};
    const auto ask = [](int port, const std::string& question) {
        return test::http_body("http://127.0.0.1:" + std::to_string(port) +
                               "/api/v1/query?query=" + question);
    };
    life.answers = [=](const Host&, const std::string&, int port) {
        CHECK_THAT(ask(port, "vector(42)"), ContainsSubstring("\"42\""));
    };
    // Its data are its own; a file among them stands for them.
    life.put = [](const Host& host, const std::string& jail, int, const std::string& word) {
        CHECK(inside(host, jail, "prometheus",
                     {"/bin/sh", "-c", "printf " + word + " >/var/db/prometheus/word"}) == "");
    };
    life.get = [](const Host& host, const std::string& jail, int) {
        return inside(host, jail, "prometheus", {"/bin/cat", "/var/db/prometheus/word"});
    };
    live(life);
}

TEST_CASE("recipe dovecot keeps mail through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    const auto imap = [](int port, const std::string& commands) {
        return talk(SOCK_STREAM, port, "a LOGIN joe secret\r\nb SELECT INBOX\r\n" + commands + "z LOGOUT\r\n",
                    "z OK");
    };
    Life life{"dovecot", "dovecot", {}, {}};
    life.answers = [=](const Host& host, const std::string& jail, int port) {
        CHECK_THAT(talk(SOCK_STREAM, port, "a CAPABILITY\r\n", "a OK"), ContainsSubstring("IMAP4rev1"));
        if (host.run({"exec", jail, "/bin/grep", "-q", "^joe:", "/usr/pkg/etc/dovecot/users"}).status != 0)
            CHECK(inside(host, jail, "root",
                         {"/bin/sh", "-c", "echo 'joe:{PLAIN}secret' >>/usr/pkg/etc/dovecot/users"}) == "");
        CHECK_THAT(imap(port, ""), ContainsSubstring("b OK"));
        CHECK_THAT(talk(SOCK_STREAM, port, "a LOGIN joe wrong\r\n", "a NO"), ContainsSubstring("a NO"));
    };
    life.put = [=](const Host&, const std::string&, int port, const std::string& word) {
        const std::string mail = "Subject: test\r\n\r\n<" + word + ">\r\n";
        CHECK_THAT(imap(port, "c STORE 1:* +FLAGS (\\Deleted)\r\nd EXPUNGE\r\ne APPEND INBOX {" +
                                  std::to_string(mail.size()) + "+}\r\n" + mail + "\r\n"),
                   ContainsSubstring("e OK"));
    };
    life.get = [=](const Host&, const std::string&, int port) {
        const std::string answer = imap(port, "c FETCH * BODY[TEXT]\r\n");
        const std::size_t at = answer.find('<');
        return at == std::string::npos ? answer : answer.substr(at + 1, answer.find('>') - at - 1);
    };
    live(life);
}

TEST_CASE("recipe static-site serves its data through its whole life", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    Life life{"static-site", "nginx", {}, answers_http};
    life.put = [](const Host& host, const std::string& jail, int, const std::string& word) {
        CHECK(inside(host, jail, "root", {"/bin/sh", "-c", "printf " + word + " >/var/www/word.txt"}) == "");
    };
    life.get = [](const Host&, const std::string&, int port) {
        return test::http_body("http://127.0.0.1:" + std::to_string(port) + "/word.txt");
    };
    live(life);
}

TEST_CASE("recipe service runs any program by its command through its whole life",
          "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    const Host host(test::demo_repository("2026Q3-recipes"));
    const int port = test::free_port();
    const int other = test::free_port();
    const auto command = [](int number) {
        return "command=/usr/pkg/bin/node_exporter --web.listen-address=127.0.0.1:" + std::to_string(number);
    };
    const auto claim = [](int number) { return "claim=tcp:127.0.0.1:" + std::to_string(number); };
    const auto answers = [](int number) {
        CHECK_THAT(test::http_body("http://127.0.0.1:" + std::to_string(number) + "/metrics"),
                   ContainsSubstring("\nnode_memory_MemTotal_bytes "));
    };

    check_done(host.run({"install", "node_exporter", "--recipe", "service", "-j", "one", "--set",
                         command(port), "--set", claim(port), "--set", "user=nobody"}));
    answers(port);
    CHECK(inside(host, "one", "root", {"/bin/sh", "-c", "printf kept >/var/db/word"}) == "");
    check_done(host.run({"snapshot", "one", "kept"}));
    check_done(host.run({"clone", "one@kept", "two", "--set", command(other), "--set", claim(other)}));
    answers(other);
    CHECK(inside(host, "two", "root", {"/bin/cat", "/var/db/word"}) == "kept");
    check_done(host.run({"stop", "two"}));
    use_edition(host, "2026Q4-recipes");
    check_done(host.run({"upgrade", "one"}));
    answers(port);
    check_done(host.run({"rollback", "one"}));
    answers(port);
    CHECK(host.run({"status", "one", "--json"}).json()["jails"][0]["state"] == "ready");
    CHECK(host.run({"recipe", "check", "service"}).status == 0);
    // A command that ends is told.
    const CommandResult ends = host.run({"install", "node_exporter", "--recipe", "service", "-j", "three",
                                         "--set", "command=/bin/sh -c 'exit 7'", "--set", "probe=false"});
    CHECK(ends.status == 4);
    CHECK_THAT(ends.err, ContainsSubstring("status 7"));
}

TEST_CASE("recipe haproxy forwards to a site of recipe static-site", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    const Host host(test::demo_repository("2026Q3-recipes"));
    const int site = test::free_port();
    check_done(host.run({"install", "nginx", "--recipe", "static-site", "-j", "site", "--set",
                         "port=" + std::to_string(site)}));
    CHECK(test::http_body("http://127.0.0.1:" + std::to_string(site) + "/") == "<h1>site</h1>\n");
    const int port = test::free_port();

    check_done(host.run({"install", "haproxy", "--set", "port=" + std::to_string(port), "--set",
                         "backend=127.0.0.1:" + std::to_string(site)}));

    const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/";
    CHECK(test::http_body(url) == "<h1>site</h1>\n");
    use_edition(host, "2026Q4-recipes");
    check_done(host.run({"upgrade", "haproxy"}));
    CHECK(test::http_body(url) == "<h1>site</h1>\n");
    check_done(host.run({"stop", "site"}));
    CHECK(test::http_status(url) == 503);
    CHECK(host.run({"status", "haproxy", "--json"}).json()["jails"][0]["state"] == "ready");
    check_done(host.run({"rollback", "haproxy"}));
    check_done(host.run({"start", "site"}));
    CHECK(test::http_body(url) == "<h1>site</h1>\n");
    CHECK(host.run({"recipe", "check", "haproxy", "static-site"}).status == 0);
}

TEST_CASE("the example of three jails answers through web, program and database", "[system][recipes][root]") {
    if (!can_run_recipes())
        return;
    const Host host(test::demo_repository("2026Q3-recipes"));
    const int web = test::free_port();
    const int app = test::free_port();
    const int db = test::free_port();
    const std::filesystem::path example = PKGJAIL_SOURCE_DIR "/examples/three-jails";
    std::filesystem::copy(example, host.etc(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    // Other ports, and the versions that there are.
    const auto adapted = [&](const std::string& name) {
        std::ifstream file(example / name);
        std::string text{std::istreambuf_iterator<char>(file), {}};
        for (const auto& [from, to] : {std::pair<std::string, std::string>{"8080", std::to_string(web)},
                                       {"9000", std::to_string(app)},
                                       {"5432", std::to_string(db)},
                                       {"version = 16", "version = 15"},
                                       {"version = 83", "version = 82"},
                                       {"php83", "php82"}})
            for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
                text.replace(at, from.size(), to);
        return text;
    };
    for (const char* jail : {"db", "app", "web"})
        host.write_config("jails.d/" + std::string(jail) + ".jail",
                          adapted("jails.d/" + std::string(jail) + ".jail"));

    CHECK(host.run({"apply", "--dry-run"}).status == 2);
    check_done(host.run({"apply"}));
    CHECK(host.run({"apply", "--dry-run"}).status == 0);
    CHECK(inside(host, "db", "pgsql",
                 {"psql", "-q", "-h", "/tmp", "-p", std::to_string(db), "-d", "postgres", "-c",
                  "create role shop login password 'change me'", "-c", "create database shop owner shop"}) ==
          "");
    const std::string url = "http://127.0.0.1:" + std::to_string(web) + "/";
    CHECK(test::http_body(url) == "app\n"); // the page that the recipe begins with
    check_done(host.run({"exec", "app", "/bin/sh", "-c",
                         "mkdir -p /usr/pkg/etc/php.d && echo extension=/usr/pkg/lib/php/20220829/pgsql.so "
                         ">/usr/pkg/etc/php.d/pgsql.ini && cat >/var/www/index.php <<'THE END'\n" +
                             adapted("index.php") + "THE END\n"}));
    check_done(host.run({"restart", "app"}));

    CHECK(test::http_body(url) == "visit 1\n");
    CHECK(test::http_body(url) == "visit 2\n");
    check_done(host.run({"restart", "db"}));
    CHECK(test::http_body(url) == "visit 3\n");
    CHECK(host.run({"recipe", "check", "php-site"}).status == 0);
}
