// upgrade --check and upgrade -n: what there is to do, for many jails at once, and nothing done.

#include "flow/flow.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::package;
using test::PackageSpec;
using test::Shop;

namespace {

void succeed(const Host& host, const std::vector<std::string>& command) {
    const CommandResult result = host.run(command);
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
}

/// "one: upgrade app-2.0; held app-1.0 (reason); unneeded lib-1.0", a line each.
std::string show(const CommandResult& checked) {
    std::string text;
    const auto json = checked.json();
    for (const auto& result : json["results"]) {
        text += result["jail"].get<std::string>() + ":";
        if (result.contains("error"))
            text += " " + result["error"]["cause"].get<std::string>();
        else {
            for (const auto& step : result["steps"])
                text += " " + step["action"].get<std::string>() + " " + step["pkgname"].get<std::string>();
            for (const auto& held : result["held"])
                text += "; held " + held["pkgname"].get<std::string>() + " (" +
                        held["reason"].get<std::string>() + ")";
            for (const auto& pkgname : result["unneeded"])
                text += "; unneeded " + pkgname.get<std::string>();
            for (const auto& pkgname : result["vanished"])
                text += "; vanished " + pkgname.get<std::string>();
        }
        text += "\n";
    }
    return text;
}

} // namespace

TEST_CASE("jails with one image have one answer, those that differ in a hold or a wish their own",
          "[flow][upgrade]") {
    const Shop shop({package("app-1.0", {"lib>=1"}), package("lib-1.0"), package("gone-1.0")});
    const Host& host = shop.host();
    for (const char* jail : {"equal", "held", "like", "other"})
        succeed(host, {"install", "app", "gone", "-j", jail});
    succeed(host, {"install", "app", "gone", "lib", "-j", "wished"}); // lib is wanted for itself
    succeed(host, {"hold", "app", "-j", "held", "--reason", "plugin"});
    succeed(host, {"hold", "app", "-j", "other", "--reason", "tested"});
    shop.offer({package("app-2.0"), package("lib-1.0")});
    succeed(host, {"update"});

    const CommandResult all = host.run({"upgrade", "--all", "--check", "--json"});

    CHECK(all.status == 2);
    CHECK(show(all) == "equal: upgrade app-2.0; unneeded lib-1.0; vanished gone-1.0\n"
                       "held:; held app-1.0 (plugin); vanished gone-1.0\n"
                       "like: upgrade app-2.0; unneeded lib-1.0; vanished gone-1.0\n"
                       "other:; held app-1.0 (tested); vanished gone-1.0\n"
                       "wished: upgrade app-2.0; vanished gone-1.0\n");
    for (const auto& result : all.json()["results"]) {
        const auto alone = host.run({"upgrade", result["jail"].get<std::string>(), "--check", "--json"});
        CHECK(alone.json()["results"][0] == result);
        CHECK(alone.status == (result["steps"].empty() ? 0 : 2));
    }
    for (const char* jail : {"equal", "held", "like"}) // each is told of by name
        CHECK_THAT(all.json()["warnings"].dump(),
                   ContainsSubstring(std::string("jail ") + jail + ": no repository offers gone-1.0"));
    CHECK(show(host.run({"upgrade", "--all", "-n", "--json"})) == show(all));
    CHECK(show(host.run({"upgrade", "nobody", "like", "--check", "--json"})) ==
          "nobody: there is no jail of this name\n"
          "like: upgrade app-2.0; unneeded lib-1.0; vanished gone-1.0\n");
}

TEST_CASE("looking for upgrades leaves nothing behind and waits for nobody", "[flow][upgrade]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    succeed(host, {"install", "app", "-j", "one"});
    succeed(host, {"install", "app", "-j", "two"});
    shop.offer({package("app-2.0")});
    succeed(host, {"update"});
    const std::string trail = host.run({"history", "--lines", "0"}).out;
    const store::Layout layout(host.state());
    const auto busy = base::Lock::try_take(layout.jail_lock("two"), base::LockMode::exclusive, "exec two");
    REQUIRE(busy);
    const std::string before = test::listing(host.state());

    const CommandResult checked = host.run({"upgrade", "--all", "--check"});
    const CommandResult dry = host.run({"upgrade", "--all", "-n"});

    CHECK(checked.status == 2);
    CHECK(checked.out.starts_with("jail one: would\n"));
    CHECK(dry.status == 0);
    CHECK(dry.out == checked.out);
    CHECK(test::listing(host.state()) == before);
    CHECK(host.run({"history", "--lines", "0"}).out == trail);
}

TEST_CASE("a repository that was never read is read before upgrades are looked for", "[flow][upgrade]") {
    const Shop shop({package("app-1.0")});
    const Host& host = shop.host();
    const test::TempDir second;
    succeed(host, {"install", "app", "-j", "web"});
    test::make_repository(second / "All", {package("app-2.0")});
    const std::string demo = "[repository demo]\nurl = file://" + shop.path().string() + "\ntrust = none\n";
    const std::string more = "[repository more]\ntrust = none\nurl = file://";
    host.write_config("repositories.conf", demo + more + (second / "All").string() + "\n");

    const CommandResult dry = host.run({"upgrade", "web", "-n"});
    CHECK(dry.status == 5);
    CHECK(
        test::failure_text(dry) ==
        "pkgjail: upgrade: jail web: index: not every repository has been read yet\nhint: pkgjail update\n");
    CHECK(host.run({"upgrade", "nobody", "--check"}).status == 5);
    CHECK(host.run({"avail", "--json"}).json()["packages"].size() == 1); // by neither of them

    const CommandResult checked = host.run({"upgrade", "web", "--check", "--json"});

    INFO(checked.out << checked.err);
    CHECK(checked.status == 2);
    CHECK(show(checked) == "web: upgrade app-2.0\n");

    host.write_config("repositories.conf", demo + more + (second / "none").string() + "\n");
    const CommandResult unreadable = host.run({"upgrade", "web", "web", "--check", "--json"});
    INFO(unreadable.out);
    CHECK(unreadable.status == 69);
    CHECK(unreadable.json()["results"][0]["error"] == unreadable.json()["results"][1]["error"]);
}
