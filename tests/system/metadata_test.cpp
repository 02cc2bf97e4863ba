// What belongs to a jail's files beside their content, through snapshot, restore and clone, on each kind of
// file system.
#include "pkgjail/base/file.hpp"
#include "support/everything.hpp"
#include "support/loop_mount.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

std::filesystem::path jail_directory(const Host& host, const std::string& jail) {
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "jails"))
        if (nlohmann::json::parse(base::read_file(entry.path() / "jail.json"))["name"] == jail)
            return entry.path();
    return {};
}

} // namespace

TEST_CASE("snapshot, restore and clone keep everything that belongs to a file",
          "[system][snapshot][clone][metadata][root]") {
    if (!test::can_run_jails())
        return;
    const auto [type, method] = GENERATE(
        table<std::string, std::string>({{"btrfs", "subvolume"}, {"xfs", "reflink"}, {"ext4", "copy"}}));
    INFO(type);
    const auto mounted = test::LoopMount::make(type, 400);
    if (!mounted)
        return;
    const Host host(test::demo_repository("2026Q3"), mounted->top() / "state");
    const CommandResult installed = host.run({"install", "tree", "-j", "one"});
    INFO(installed.out << installed.err);
    REQUIRE(installed.status == 0);
    const auto one = jail_directory(host, "one");
    test::fill_with_everything(one / "data");
    test::fill_with_everything(one / "config/1/etc/private");
    const std::string data = test::everything(one / "data");
    const std::string config = test::everything(one / "config/1");

    const CommandResult made = host.run({"snapshot", "one", "good", "--json"});

    INFO(made.out << made.err);
    REQUIRE(made.status == 0);
    CHECK(made.json()["method"] == method);
    const auto frozen = host.state() / "snapshots" / std::string(made.json()["id"]);
    CHECK(test::everything(frozen / "data") == data);
    CHECK(test::everything(frozen / "config") == config);
    std::filesystem::remove_all(one / "data/var/db");
    std::filesystem::remove(one / "config/1/etc/private/var/link");
    REQUIRE(host.run({"restore", "one", "good", "--yes"}).status == 0);
    CHECK(test::everything(one / "data") == data);
    CHECK(test::everything(one / "config/2") == config);
    for (const char* source : {"one", "one@good"}) {
        INFO(source);
        REQUIRE(host.run({"clone", source, "two"}).status == 0);
        CHECK(test::everything(jail_directory(host, "two") / "data") == data);
        CHECK(test::everything(jail_directory(host, "two") / "config/1") == config);
        REQUIRE(host.run({"destroy", "two", "--with-data", "--yes"}).status == 0);
    }
}
