// A jail's resolv.conf over its life: whose it is, when it is written, when it is left alone.
#ifdef __linux__

#include <filesystem>

#include "pkgjail/base/file.hpp"
#include "pkgjail/ops/resolv.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::Host;
namespace fs = std::filesystem;

namespace {

const std::string served = ops::resolv_text({jail::Resolv::From::servers, {"192.0.2.53", "2001:db8::53"}},
                                            "nameserver 192.0.2.53\nnameserver 2001:db8::53\n");

void declare(const Host& host, const std::string& resolv) {
    host.write_config("jails.d/app.jail", "[jail]\nrecipe = app\n" + resolv);
}

fs::path file_of(const Host& host) {
    const auto status = host.run({"status", "app", "--json"}).json()["jails"][0];
    return host.state() / "jails" / status["id"].get<std::string>() / "config" /
           std::to_string(status["generation"].get<int>()) / "etc" / "resolv.conf";
}

} // namespace

TEST_CASE("a jail's resolv.conf is written at each start until the operator changes it",
          "[system][root][resolv]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/app.recipe",
                      "[recipe]\nsummary = a test\npackage = tree\n"
                      "[service]\ncommand = /bin/sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"\n"
                      "stop-timeout = 5s\n[health]\ncommand = /usr/bin/true\n");
    const auto installed = host.run(
        {"install", "tree", "-j", "app", "--recipe", "app", "--resolv", "servers=192.0.2.53,2001:DB8::53"});
    INFO(installed.err);
    REQUIRE(installed.status == 0);

    CHECK(host.run({"exec", "app", "cat", "/etc/resolv.conf"}).out == served);
    const fs::path file = file_of(host);
    const auto time = fs::last_write_time(file);
    REQUIRE(host.run({"restart", "app"}).status == 0);
    CHECK(fs::last_write_time(file) == time);
    CHECK(host.run({"config", "app"}).out.find("written by pkgjail at each start") != std::string::npos);
    CHECK(host.run({"status", "app"})
              .out.find("resolv      servers=192.0.2.53,2001:db8::53: written by "
                        "pkgjail at each") != std::string::npos);

    SECTION("a declaration converges on the host's, by one restart, and then there is nothing to do") {
        declare(host, "resolv = host\n");
        const auto drift = host.run({"apply", "-n"});
        CHECK(drift.status == 2);
        CHECK(drift.out.find("resolv is servers=192.0.2.53,2001:db8::53, declared is host") !=
              std::string::npos);
        const auto applied = host.run({"apply"});
        INFO(applied.err);
        CHECK(applied.status == 0);
        const std::string text = base::read_file(file);
        CHECK(ops::is_our_resolv(text));
        CHECK(text.substr(text.find('\n') + 1) == base::read_file("/etc/resolv.conf"));
        CHECK(host.run({"apply", "-n"}).status == 0);
        CHECK(host.run({"apply", "--export", "app"}).out.find("\nresolv = host\n") != std::string::npos);

        declare(host, "resolv = none\n");
        CHECK(host.run({"apply"}).status == 0);
        CHECK_FALSE(fs::exists(file));
    }
    SECTION("the operator's file stays and is told of, a clone's copy too, until it is removed") {
        base::write_file_atomically(file, served + "search example.org\n", 0640);
        const auto restarted = host.run({"restart", "app"});
        CHECK(restarted.status == 0);
        CHECK(restarted.err.find("its /etc/resolv.conf is not as pkgjail wrote it") != std::string::npos);
        CHECK(base::read_file(file) == served + "search example.org\n");
        CHECK(host.run({"status", "app", "--json"}).json()["jails"][0]["resolv_file"] ==
              "yours, pkgjail leaves it alone");
        CHECK(host.run({"config", "app"}).out.find("yours, pkgjail leaves it alone") != std::string::npos);
        REQUIRE(host.run({"clone", "app", "second"}).status == 0);
        CHECK(host.run({"exec", "second", "cat", "/etc/resolv.conf"}).out == served + "search example.org\n");
        CHECK(host.run({"status", "second", "--json"}).json()["jails"][0]["resolv"] ==
              "servers=192.0.2.53,2001:db8::53");

        fs::remove(file);
        REQUIRE(host.run({"restart", "app"}).status == 0);
        CHECK(base::read_file(file) == served);
    }
    SECTION("a link in its place leads nowhere") {
        const auto outside = host.etc() / "outside";
        base::write_file_atomically(outside, served, 0644);
        fs::remove(file);
        fs::create_symlink(outside, file);
        REQUIRE(host.run({"restart", "app"}).status == 0);
        CHECK(fs::is_symlink(file));
        declare(host, "resolv = none\n");
        CHECK(host.run({"apply"}).status == 0);
        CHECK(fs::is_symlink(file));
        CHECK(base::read_file(outside) == served);
    }
    SECTION("it goes through the records that a lost catalog is made from") {
        fs::remove(host.state() / "catalog.sqlite");
        REQUIRE(host.run({"catalog", "rebuild"}).status == 0);
        CHECK(host.run({"status", "app", "--json"}).json()["jails"][0]["resolv"] ==
              "servers=192.0.2.53,2001:db8::53");
    }
}

#endif
