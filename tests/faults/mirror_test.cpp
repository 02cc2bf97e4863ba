// A mirror caught while it is being filled, and a cache that rots: told as what it is, and no jail is
// touched.
#include <fstream>

#include "faults/world.hpp"
#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::World;

namespace fs = std::filesystem;

namespace {

void check_untouched(const World& world, const std::string& before) {
    world.well({"gc", "-q"});
    CHECK(world.picture() == before);
    CHECK(world.run({"catalog", "check"}).status == 0);
    CHECK(world.run({"verify"}).status == 0);
}

std::string picture_after_gc(const World& world) {
    world.well({"gc", "-q"});
    return world.picture();
}

} // namespace

TEST_CASE("a half-filled mirror gives no half-made upgrade", "[faults][mirror]") {
    const World world;
    test::furnish(world);
    int status = 0;
    std::string cause;
    std::string before = picture_after_gc(world);

    SECTION("the index is newer than the packages") {
        world.offer(test::edition("1.3"));
        world.well({"update"});
        fs::remove(world.shop() / "web-1.3.tgz");
        before = picture_after_gc(world);
        status = 69;
        cause = "web-1.3";
    }
    SECTION("a package is newer than the index") {
        test::PackageSpec web = test::web_package("1.2");
        web.files.push_back({"share/web/rebuilt", "yes\n"});
        test::write_package(world.shop() / "web-1.2.tgz", web);
        status = 7;
        cause = "web-1.2";
    }
    SECTION("a package is as long as it should be, and another one") {
        const std::string bytes = test::read_bytes(world.shop() / "web-1.2.tgz");
        std::string other = bytes;
        other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
        test::write_bytes(world.shop() / "web-1.2.tgz", other);
        status = 7;
        cause = "web-1.2";
    }
    SECTION("a package is cut short") {
        fs::resize_file(world.shop() / "web-1.2.tgz", fs::file_size(world.shop() / "web-1.2.tgz") / 2);
        status = 7;
        cause = "web-1.2";
    }

    const CommandResult result = world.run({"upgrade", "web"});

    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, ContainsSubstring(cause));
    check_untouched(world, before);
    world.offer(test::edition("1.4"));
    world.well({"update"});
    world.well({"upgrade", "web"}); // once the mirror is whole
}

TEST_CASE("an index that is cut short, empty or gone takes the place of none", "[faults][mirror]") {
    const World world;
    test::furnish(world);
    const std::string before = picture_after_gc(world);
    world.offer(test::edition("1.3"));
    const auto index = world.shop() / "pkg_summary.gz";

    SECTION("cut short") {
        fs::resize_file(index, fs::file_size(index) / 2);
    }
    SECTION("cut short by a byte") {
        fs::resize_file(index, fs::file_size(index) - 1);
    }
    SECTION("empty") {
        fs::resize_file(index, 0);
    }
    SECTION("gone") {
        fs::remove(index);
    }
    SECTION("a page of words") {
        std::ofstream(index) << "<html>try later</html>";
    }

    const CommandResult result = world.run({"update"});

    INFO(result.err);
    CHECK((result.status == 65 || result.status == 69 || result.status == 7));
    CHECK_THAT(result.err, ContainsSubstring("demo"));
    check_untouched(world, before);
}

TEST_CASE("a cache that rots is found out by digests and filled again", "[faults][cache]") {
    const World world;
    test::furnish(world);
    world.well({"install", "more", "-j", "third"});
    world.well({"destroy", "third", "--with-data", "--yes"});
    int rotten = 0;
    for (const auto& entry : fs::recursive_directory_iterator(world.state() / "cache")) {
        if (!entry.is_regular_file() || entry.file_size() < 200)
            continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
        file.put('\x7f');
        file.put('\x01');
        ++rotten;
    }
    REQUIRE(rotten >= 3);

    SECTION("with the repository there") {
        world.well({"install", "web", "more", "-j", "again", "--no-start", "--set", "port=9000"});
    }
    SECTION("with the repository gone") {
        fs::rename(world.shop(), world.beside() / "away");
        const CommandResult result = world.run({"install", "more", "-j", "again"});
        INFO(result.err);
        CHECK(result.status == 69);
        CHECK_THAT(result.err, ContainsSubstring("more-1.0"));
        fs::rename(world.beside() / "away", world.shop());
        world.well({"install", "more", "-j", "again"});
    }
    CHECK(world.run({"verify"}).status == 0);
    CHECK(world.run({"catalog", "check"}).status == 0);
}
