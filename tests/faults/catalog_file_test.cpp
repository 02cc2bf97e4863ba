// The catalog's file held by others, damaged page by page, cut short, without its companions: each is told as
// what it is, nothing is lost by it, and the remedy that the message names is one.
#include <fstream>

#include <fmt/format.h>

#include "faults/world.hpp"
#include "pkgjail/catalog/sqlite.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::World;

namespace fs = std::filesystem;

namespace {

fs::path catalog_of(const World& world) {
    return world.state() / "catalog.sqlite";
}

void remove_companions(const World& world) {
    for (const char* suffix : {"-wal", "-shm"})
        fs::remove(catalog_of(world).string() + suffix);
}

/// A furnished world whose catalog is one file, kept as "whole".
void prepare(const World& world) {
    test::furnish(world);
    {
        catalog::Database database(catalog_of(world), catalog::Database::Mode::create,
                                   std::chrono::seconds(5));
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    remove_companions(world);
    world.keep("whole");
}

void flip(const fs::path& file, std::uint64_t at, std::size_t count) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(count, '\0');
    stream.seekg(static_cast<std::streamoff>(at));
    stream.read(bytes.data(), static_cast<std::streamsize>(count));
    for (char& byte : bytes)
        byte = static_cast<char>(byte ^ 0x5a);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.write(bytes.data(), static_cast<std::streamsize>(count));
}

std::string jails(const World& world) {
    std::string text;
    const auto document = world.well({"list", "--json"}).json();
    for (const auto& jail : document["jails"])
        text += jail.at("jail").get<std::string>() + " ";
    return text;
}

void check_remedy(const World& world) {
    world.well({"catalog", "rebuild"});
    CHECK(jails(world) == "other web ");
    CHECK(world.run({"catalog", "check"}).status == 0);
    CHECK(world.run({"verify"}).status == 0);
}

} // namespace

TEST_CASE("a catalog that another process writes to, or has alone, is busy", "[faults][catalog]") {
    const World world;
    test::furnish(world);
    catalog::Database holder(catalog_of(world), catalog::Database::Mode::create, std::chrono::seconds(5));

    SECTION("who writes keeps writers waiting, and no readers") {
        const catalog::Transaction writing(holder);
        CHECK(world.run({"list"}).status == 0);
        CHECK(world.run({"status"}).status == 0);
    }
    SECTION("longer than anybody waits") {
        const catalog::Transaction writing(holder);
        const CommandResult result = world.run({"hold", "web", "-j", "web"});
        INFO(result.err);
        CHECK(result.status == 75);
        CHECK_THAT(result.err, ContainsSubstring("catalog.sqlite: another pkgjail is writing to it: "));
        CHECK_THAT(result.err, ContainsSubstring("hint: try again"));
    }
    SECTION("alone, as whoever writes on a disk with little room has it, it keeps readers waiting as well") {
        holder.execute("PRAGMA locking_mode = EXCLUSIVE");
        holder.execute("BEGIN EXCLUSIVE");
        for (const std::vector<std::string>& verb :
             {std::vector<std::string>{"list"}, {"hold", "web", "-j", "web"}}) {
            const CommandResult result = world.run(verb);
            INFO(verb.front() << ": " << result.err);
            CHECK(result.status == 75);
            CHECK_THAT(result.err, ContainsSubstring("catalog.sqlite: another pkgjail is writing to it: "));
        }
        holder.execute("ROLLBACK");
        holder.execute("PRAGMA locking_mode = NORMAL");
        holder.execute("SELECT count(*) FROM jail"); // which lets go
    }
    CHECK(world.run({"hold", "web", "-j", "web"}).status == 0);
    CHECK(world.run({"catalog", "check"}).status == 0);
}

TEST_CASE("a catalog with any page damaged is told as damaged, loses no jail, and is made again",
          "[faults][catalog]") {
    const World world;
    prepare(world);
    const std::uint64_t page = 4096;
    const std::uint64_t pages = fs::file_size(catalog_of(world)) / page;
    REQUIRE(pages > 20);

    for (std::uint64_t number = 0; number < pages; number += std::max<std::uint64_t>(1, pages / 16)) {
        // The page's own header, and its cells.
        for (const std::uint64_t within : {std::uint64_t{number == 0 ? 100U : 0U}, page - 200}) {
            INFO("page " << number << " at " << within);
            world.set_back("whole");
            flip(catalog_of(world), number * page + within, within == page - 200 ? 150 : 12);

            const CommandResult check = world.run({"catalog", "check"});
            const CommandResult change = world.run({"hold", "web", "-j", "web"});

            INFO(check.out << check.err << change.err);
            CHECK((check.status == 2 || check.status == 65 || check.status == 0)); // 0: a free page
            CHECK((change.status == 65 || change.status == 0 || change.status == 5 || change.status == 6 ||
                   change.status == 78));
            if (change.status == 65)
                CHECK_THAT(change.err, ContainsSubstring("catalog rebuild"));
            CHECK(change.err.find("defect of pkgjail") == std::string::npos);
            if (check.status != 0)
                check_remedy(world);
        }
    }
}

TEST_CASE("a catalog that was cut short is told as damaged, and is made again", "[faults][catalog]") {
    const World world;
    prepare(world);
    const auto size = fs::file_size(catalog_of(world));
    for (const std::uint64_t length : {std::uint64_t{50}, std::uint64_t{100}, std::uint64_t{4096},
                                       std::uint64_t{size / 2}, std::uint64_t{size - 4096}}) {
        INFO(length << " bytes of " << size);
        world.set_back("whole");
        fs::resize_file(catalog_of(world), length);

        const CommandResult change = world.run({"hold", "web", "-j", "web"});

        INFO(change.err);
        CHECK(change.status == 65);
        CHECK_THAT(change.err, ContainsSubstring("hint: pkgjail catalog rebuild"));
        check_remedy(world);
    }
}

TEST_CASE("an empty catalog, and a WAL without its database, cost no jail", "[faults][catalog]") {
    const World world;
    test::furnish(world);
    {
        // A commit that is in the WAL only.
        catalog::Database database(catalog_of(world), catalog::Database::Mode::create,
                                   std::chrono::seconds(5));
        database.execute("PRAGMA wal_autocheckpoint = 0");
        world.well({"unhold", "lib", "-j", "web"});
    }
    const std::string before = test::World::names(world.state() / "jails");
    std::string what;
    SECTION("empty") {
        remove_companions(world);
        fs::resize_file(catalog_of(world), 0);
    }
    SECTION("empty, with a WAL of the old one") {
        fs::resize_file(catalog_of(world), 0);
    }
    SECTION("gone, with the WAL of the old one") {
        fs::remove(catalog_of(world));
    }
    SECTION("gone") {
        fs::remove(catalog_of(world));
        remove_companions(world);
    }

    for (int time = 0; time < 2; ++time) {
        const CommandResult change = world.run({"update"});
        INFO(change.err);
        CHECK(change.status == 65);
        CHECK_THAT(change.err, ContainsSubstring("catalog rebuild"));
        CHECK(test::World::names(world.state() / "jails") == before);
    }
    check_remedy(world);
    CHECK(test::World::names(world.state() / "jails") == before);
}
