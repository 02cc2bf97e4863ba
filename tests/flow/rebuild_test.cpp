// catalog rebuild: what comes back, what is kept aside, and what is refused.
#include <fstream>
#include <map>

#include "flow/lives.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/catalog/repository_trust.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::first_of;
using test::Host;
using test::knowledge;
using test::Lives;
using test::names_in;
using test::remove_catalog;
using test::well;

namespace {

/// The bytes of a catalog, and of what SQLite keeps beside it.
std::map<std::string, std::string> files_of(const std::filesystem::path& catalog) {
    std::map<std::string, std::string> bytes;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
        if (std::filesystem::exists(catalog.string() + suffix))
            bytes[suffix] = test::read_bytes(catalog.string() + suffix);
    return bytes;
}

/// What migration 15 did is undone: the catalog as the version before that left it.
void set_back(const base::HostPath& file) {
    catalog::Database database(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
    database.execute("CREATE TABLE jail_setting (jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,"
                     " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (jail_id, key))"
                     " STRICT, WITHOUT ROWID;"
                     "INSERT INTO jail_setting SELECT jail_id, key, value FROM generation_setting"
                     " JOIN jail USING (jail_id) WHERE number = current_generation;"
                     "DROP TABLE generation_setting; DROP TABLE snapshot_setting; DROP TABLE known_plan;"
                     "PRAGMA user_version = 14");
}

/// The same, with a signed repository that this host knows, and a note on jail web.
void make_older(const base::HostPath& file) {
    {
        catalog::RepositoryTrust trust;
        trust.name = trust.identity = "signed";
        trust.serial = 7;
        catalog::Catalog catalog = catalog::Catalog::open(file);
        catalog::RepositoryTrusts(catalog).remember(trust);
        catalog::Jails jails(catalog);
        jails.set_operation(jails.find("web")->id, "restart");
    }
    set_back(file);
}

/// Of jail web.
std::string known_note(const Host& host) {
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    return catalog::Jails(made).find("web")->operation.value_or("");
}

std::uint64_t known_serial(const Host& host) {
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    const auto trusts = catalog::RepositoryTrusts(made).all();
    return trusts.size() == 1 ? trusts.front().serial : 0;
}

} // namespace

TEST_CASE("a catalog that is gone or damaged is made again from what lies there",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);

    SECTION("gone") {
        remove_catalog(host);
    }
    SECTION("damaged") {
        remove_catalog(host);
        test::write_bytes(host.state() / "catalog.sqlite", std::string(8192, 'x'));
    }
    SECTION("sound") {}
    SECTION("the file of shared memory left over") {
        std::filesystem::remove(host.state() / "catalog.sqlite");
    }

    CHECK(host.run({"catalog", "rebuild", "-n"}).status == 0);
    const CommandResult rebuilt = host.run({"catalog", "rebuild", "--json"});

    INFO(rebuilt.out << rebuilt.err);
    REQUIRE(rebuilt.status == 0);
    CHECK(rebuilt.json()["jails"] == 2);
    CHECK(rebuilt.json()["generations"] == 3);
    CHECK(rebuilt.json()["snapshots"] == 1);
    CHECK(knowledge(host) == known);
    test::check_sound(host);
    CHECK(host.run({"update"}).status == 0);
    CHECK(lives.jail().generations() == "1 2*");
    lives.jail().upgrade("1.2");
    CHECK(lives.jail().generations() == "1 2 3*");
    well(host, {"rollback", "web", "1"});
    well(host, {"restore", "web", "one", "--yes"});
    test::check_sound(host);
}

TEST_CASE("the old catalog is kept aside, whole", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);

    const std::string aside = well(host, {"catalog", "rebuild", "--json"}).json()["aside"];

    REQUIRE_FALSE(aside.empty());
    for (const char* suffix : {"", "-wal", "-shm"})
        if (std::filesystem::exists(aside + suffix)) {
            std::filesystem::remove(host.state().string() + "/catalog.sqlite" + suffix);
            std::filesystem::rename(aside + suffix, host.state().string() + "/catalog.sqlite" + suffix);
        }
    CHECK(knowledge(host) == known);
    CHECK(well(host, {"history", "web", "--json"}).json()["generations"].size() == 2);
}

TEST_CASE("what a rebuild puts aside is byte for byte what it found", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string file = (host.state() / "catalog.sqlite").string();
    const std::string known = knowledge(host);
    // Its frames are in the WAL alone, and its jail.json is a step behind.
    REQUIRE(host.run({"limits", "other", "processes=9"}, {{"PKGJAIL_STOP_AT", "limits.committed"}}).status ==
            128 + 9);
    REQUIRE(std::filesystem::file_size(file + "-wal") > 0);
    SECTION("sound") {}
    SECTION("without the file of shared memory") {
        std::filesystem::remove(file + "-shm");
    }
    SECTION("damaged in the WAL") {
        std::fstream bytes(file + "-wal", std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(0);
        bytes << std::string(64, '\xff');
    }
    SECTION("no database at all") {
        test::write_bytes(file, std::string(8192, 'x'));
    }
    SECTION("with a copy that a killed one has left") {
        REQUIRE(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.copied"}}).status == 128 + 9);
        REQUIRE(names_in(host.state()).find("new-catalog-copy.sqlite") != std::string::npos);
    }
    const auto found = files_of(file);

    well(host, {"-n", "catalog", "rebuild"});
    CHECK(files_of(file) == found);
    const std::string aside = well(host, {"catalog", "rebuild", "--json"}).json()["aside"];

    CHECK(files_of(aside) == found);
    CHECK(names_in(host.state()).find("new-") == std::string::npos);
    CHECK(knowledge(host) == known);
}

TEST_CASE("a catalog that another program writes to is not put aside", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const base::HostPath file = host.state() / "catalog.sqlite";
    {
        catalog::Database other(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
        SECTION("a transaction") {
            other.execute("BEGIN IMMEDIATE");
        }
        SECTION("alone") {
            other.execute("PRAGMA locking_mode = EXCLUSIVE");
            other.execute("BEGIN EXCLUSIVE");
        }
        SECTION("without a WAL") {
            other.execute("PRAGMA journal_mode = DELETE");
            other.execute("BEGIN IMMEDIATE");
        }

        const CommandResult refused = host.run({"catalog", "rebuild"});

        INFO(refused.err);
        CHECK(refused.status == 75);
        CHECK_THAT(refused.err, ContainsSubstring("catalog.sqlite: another program is writing to it"));
        CHECK(names_in(host.state()).find("catalog.sqlite.") == std::string::npos);
    }
    well(host, {"catalog", "rebuild"});
}

TEST_CASE("what a rebuild would lose is refused, and nothing is changed", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto jail = lives.jail().jail_directory();
    std::string told;

    SECTION("a jail without its record") {
        std::filesystem::remove(jail / "jail.json");
        told = jail.filename().string();
    }
    SECTION("a jail with a record that is none") {
        std::ofstream(jail / "jail.json") << "{\"schema\": \"pkgjail.jail/1\"}";
        told = "jail.json: cannot be understood";
    }
    SECTION("an image with another manifest") {
        std::ofstream(first_of(host.state() / "images") + "/manifest", std::ios::app)
            << "d 0755 0 0 0 - - /tree/added\n";
        told = "images/";
    }
    SECTION("a snapshot of no jail") {
        std::filesystem::create_directory(host.state() / "snapshots/0123456789abcdef");
        told = "snapshots/0123456789abcdef";
    }
    SECTION("a jail without data") {
        std::filesystem::remove_all(jail / "data");
        told = "its data are not there";
    }
    remove_catalog(host);
    const std::string before = test::listing(host.state() / "jails") + test::listing(host.state() / "images");

    const CommandResult result = host.run({"catalog", "rebuild"});

    INFO(result.out << result.err);
    CHECK(result.status == 65);
    CHECK_THAT(result.err, ContainsSubstring(told));
    CHECK_THAT(result.err, ContainsSubstring("hint: "));
    CHECK(test::listing(host.state() / "jails") + test::listing(host.state() / "images") == before);
    CHECK_FALSE(std::filesystem::exists(host.state() / "catalog.sqlite"));
}

TEST_CASE("a configuration that cannot be looked at is not taken for one that is gone",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto config = lives.jail().jail_directory() / "config";
    std::filesystem::rename(config, host.state() / "aside");
    std::filesystem::create_symlink("config", config); // the kernel gives up, as on a failing disk

    const CommandResult result = host.run({"catalog", "rebuild"});

    CHECK(result.status == 1);
    CHECK_THAT(result.err, ContainsSubstring("symbolic links"));
    std::filesystem::remove(config);
    std::filesystem::rename(host.state() / "aside", config);
    CHECK(well(host, {"catalog", "rebuild", "--json"}).json()["generations"] == 3);
}

TEST_CASE("a damaged file of an image hinders no rebuild, which names it", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);
    std::string image; // the first one with a program
    for (const auto& one : std::filesystem::directory_iterator(host.state() / "images"))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(one.path() / "tree"))
            if (image.empty() && entry.is_regular_file() && entry.path().parent_path().filename() == "sbin") {
                std::filesystem::permissions(entry.path(), std::filesystem::perms(0755));
                std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary) << 'X';
                image = one.path().string();
            }
    REQUIRE(host.run({"verify"}).status == 2);
    remove_catalog(host);
    const std::string told =
        "image " + std::filesystem::path(image).filename().string().substr(0, 12) + " is damaged: /tree/";

    const CommandResult would = well(host, {"-n", "catalog", "rebuild"});
    const CommandResult rebuilt = well(host, {"catalog", "rebuild"});

    CHECK_THAT(would.out + would.err, ContainsSubstring(told));
    CHECK_THAT(rebuilt.out + rebuilt.err, ContainsSubstring(told));
    CHECK(knowledge(host) == known);
    CHECK(host.run({"verify"}).status == 2);
}

TEST_CASE("a rebuild waits for nobody who is at work", "[flow][catalog][rebuild]") {
    const Lives lives;
    const store::Layout layout(lives.host().state());
    const auto held = base::Lock::try_take(layout.store_lock(), base::LockMode::shared, "install");
    REQUIRE(held);

    CHECK(lives.host().run({"catalog", "rebuild"}).status == 75);
}

TEST_CASE("a rebuild killed or failing at any step can be run again", "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const std::string known = knowledge(host);
    const std::vector<std::string> steps = test::steps_of(host, {"catalog", "rebuild"});
    REQUIRE(steps.size() >= 4);

    for (const std::string& step : steps)
        for (const char* variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
            INFO(variable << " " << step);
            CHECK(host.run({"catalog", "rebuild"}, {{variable, step}}).status ==
                  (std::string(variable) == "PKGJAIL_STOP_AT" ? 128 + 9 : 1));
            // Either the catalog is whole, or a changing command refuses to work without it.
            const CommandResult next = host.run({"update"});
            CHECK((next.status == 0 || next.status == 65));
            well(host, {"catalog", "rebuild"});
            CHECK(knowledge(host) == known);
            test::check_sound(host);
        }
}

TEST_CASE("a rebuild that was cut before it had looked at what it made costs no jail",
          "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto precious = lives.jail().jail_directory() / "data/var/precious";
    std::ofstream(precious) << "kept";
    const std::string known = knowledge(host);
    remove_catalog(host);
    const auto cut = [&](const char* variable, const char* step) {
        return host.run({"catalog", "rebuild"}, {{variable, step}}).status;
    };

    CHECK(cut("PKGJAIL_STOP_AT", "rebuild.committed") == 128 + 9);
    CHECK(cut("PKGJAIL_FAIL_AT", "rebuild.committed") == 1);
    CHECK(cut("PKGJAIL_STOP_AT", "rebuild.committed") == 128 + 9);
    CHECK(host.run({"update"}).status == 65);
    well(host, {"catalog", "rebuild"});

    CHECK(knowledge(host) == known);
    CHECK(std::filesystem::exists(precious));
    test::check_sound(host);
}

TEST_CASE("the WAL of the old catalog is not read into a rebuilt one", "[flow][catalog][rebuild][crash]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto wal = host.state() / "catalog.sqlite-wal";
    const std::string known = knowledge(host);
    for (const char* const variable : {"PKGJAIL_STOP_AT", "PKGJAIL_FAIL_AT"}) {
        INFO(variable);
        // Its frames are in the WAL alone.
        REQUIRE(
            host.run({"limits", "other", "processes=9"}, {{"PKGJAIL_STOP_AT", "limits.committed"}}).status ==
            128 + 9);
        REQUIRE(std::filesystem::file_size(wal) > 0);
        CHECK(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.moved"}}).status == 128 + 9);
        REQUIRE(std::filesystem::exists(wal));

        CHECK(host.run({"catalog", "rebuild"}, {{variable, "rebuild.continued"}}).status != 0);

        CHECK((!std::filesystem::exists(wal) || std::filesystem::file_size(wal) == 0));
        well(host, {"catalog", "rebuild"});
        test::check_sound(host);
        well(host, {"limits", "other", "processes=7"});
        CHECK(knowledge(host) == known);
    }
}

TEST_CASE("a rebuild after a restore that was cut loses no data", "[flow][catalog][rebuild][crash]") {
    const std::vector<std::string> restore = {"restore", "web", "one", "--yes"};
    std::vector<std::vector<std::string>> cuts; // where the restore dies, and where who undoes it
    {
        const Lives lives;
        for (const std::string& step : test::steps_of(lives.host(), restore))
            if (step.starts_with("restore."))
                cuts.push_back({step});
    }
    REQUIRE(cuts.size() >= 8);
    for (const char* step : {"snapshot.trashed", "restore.undone"})
        for (const char* before : {"restore.aside_made", "restore.data_aside", "restore.data_placed"})
            cuts.push_back({before, step});

    for (const bool is_lost : {false, true})
        for (const std::vector<std::string>& cut : cuts) {
            INFO(cut.back() << " after " << cut.front() << (is_lost ? ", catalog lost" : ""));
            const Lives lives;
            const Host& host = lives.host();
            std::ofstream(lives.jail().jail_directory() / "data/var/precious") << "kept";
            REQUIRE(host.run(restore, {{"PKGJAIL_STOP_AT", cut.front()}}).status == 128 + 9);
            if (cut.size() > 1)
                REQUIRE(host.run({"gc"}, {{"PKGJAIL_STOP_AT", cut.back()}}).status == 128 + 9);
            if (is_lost)
                remove_catalog(host);

            well(host, {"-n", "catalog", "rebuild"});
            well(host, {"catalog", "rebuild"});

            well(host, {"gc"});
            test::check_sound(host);
            // What the jail had is its own again, or a snapshot of its own.
            const auto precious = lives.jail().jail_directory() / "data/var/precious";
            const std::string name = well(host, {"snapshots", "web", "--json"}).json()["snapshots"].dump();
            if (!std::filesystem::exists(precious)) {
                const std::size_t begin = name.find("before-restore-");
                REQUIRE(begin != std::string::npos);
                CHECK((is_lost || cut.front() == "restore.committed"));
                well(host, {"restore", "web", name.substr(begin, name.find('"', begin) - begin), "--yes"});
            }
            CHECK(test::read_bytes(precious) == "kept");
            CHECK(name.find("\"one\"") != std::string::npos);
            test::check_sound(host);
        }
}

TEST_CASE("a snapshot that has lost its data is not taken for what a cut restore left",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    well(host, {"restore", "web", "one", "--yes"});
    const std::string aside =
        well(host, {"snapshots", "web", "--json"}).json()["snapshots"].back()["id"].get<std::string>();
    REQUIRE(std::filesystem::remove_all(host.state() / "snapshots" / aside / "data") > 0);
    SECTION("after the restore") {}
    SECTION("also when the jail has gone back") {
        well(host, {"rollback", "web", "2"});
    }

    const CommandResult refused = host.run({"catalog", "rebuild"});

    INFO(refused.err);
    CHECK(refused.status == 65);
    CHECK_THAT(refused.err, ContainsSubstring(aside));
    CHECK_THAT(refused.err, ContainsSubstring("is not whole"));
}

TEST_CASE("a catalog of another schema is no damaged one, and a rebuild says so",
          "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto version = [&](int number) {
        catalog::Database database(host.state() / "catalog.sqlite", catalog::Database::Mode::read_write,
                                   std::chrono::seconds(5));
        database.execute(("PRAGMA user_version = " + std::to_string(number)).c_str());
    };
    version(9999);
    const CommandResult refused = host.run({"catalog", "rebuild"});
    INFO(refused.err);
    CHECK(refused.status == 78);
    CHECK(names_in(host.state()).find("catalog.sqlite.") == std::string::npos); // nothing was put aside
}

TEST_CASE("a catalog of an older schema is rebuilt, damaged or not", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const base::HostPath file = host.state() / "catalog.sqlite";
    const std::string known = knowledge(host);
    make_older(file);
    SECTION("sound, and -n changes nothing") {
        const auto before = files_of(file);
        CHECK(well(host, {"-n", "catalog", "rebuild", "--json"}).json()["jails"] == 2);
        CHECK(files_of(file) == before);
        CHECK(names_in(host.state()).find("new-") == std::string::npos);
    }
    SECTION("damaged where it is to be changed") {
        std::int64_t page = 0, size = 0;
        {
            catalog::Database database(file, catalog::Database::Mode::read_write, std::chrono::seconds(5));
            const auto number = [&](const char* sql) {
                catalog::Statement statement(database, sql);
                auto row = statement.use();
                return row.next() ? row.integer(0) : 0;
            };
            page = number("SELECT rootpage FROM sqlite_schema WHERE name = 'jail_setting'");
            size = number("PRAGMA page_size");
        }
        REQUIRE(page > 1);
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp((page - 1) * size);
        bytes << std::string(static_cast<std::size_t>(size), '\xff');
    }

    const auto found = files_of(file);

    const CommandResult rebuilt = well(host, {"catalog", "rebuild", "--json"});

    CHECK(rebuilt.err.find("taken back") == std::string::npos);
    CHECK(files_of(rebuilt.json()["aside"].get<std::string>()) == found);
    CHECK(rebuilt.err.find("forgotten") == std::string::npos);
    CHECK(known_note(host) == "restart");
    CHECK(known_serial(host) == 7);
    CHECK(knowledge(host) == known);
    test::check_sound(host);
}

TEST_CASE("a rebuild that was cut before an upgrade of pkgjail forgets nothing", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    make_older(host.state() / "catalog.sqlite");
    well(host, {"catalog", "rebuild"});
    REQUIRE(host.run({"catalog", "rebuild"}, {{"PKGJAIL_STOP_AT", "rebuild.aside"}}).status == 128 + 9);
    const base::HostPath staging = store::Layout(host.state()).catalog_staging();
    set_back(staging);

    CHECK(well(host, {"catalog", "rebuild"}).err.find("forgotten") == std::string::npos);

    CHECK(known_serial(host) == 7);
    CHECK(known_note(host) == "restart");
    test::check_sound(host);
}

TEST_CASE("damage of one part of the old catalog takes no other part along", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    catalog::RepositoryTrust trust;
    trust.name = trust.identity = "signed";
    trust.serial = 7;
    catalog::RepositoryMemory memory;
    memory.name = "unsigned";
    memory.url = "file:///All";
    memory.newest_build = 1'700'000'000;
    {
        catalog::Catalog catalog = catalog::Catalog::open(host.state() / "catalog.sqlite");
        catalog::RepositoryTrusts(catalog).remember(trust);
        catalog::RepositoryMemories(catalog).remember(memory);
        catalog::Jails jails(catalog);
        jails.set_operation(jails.find("other")->id, "restart");
    }
    struct Part {
        const char* damage;
        const char* note;
        const char* left;
    };
    const Part part = GENERATE(
        Part{"SELECT 1", "", "signed unsigned restart"},
        Part{"DROP TABLE repository_missed",
             "how new unsigned indexes were, so that the next update takes an old copy as well",
             "signed restart"},
        Part{"DROP TABLE repository_trust",
             "which signed indexes and keys were taken back, so that the next update takes any that is "
             "signed now",
             "unsigned restart"},
        Part{"ALTER TABLE jail RENAME COLUMN operation TO lost", "what a killed command had not finished",
             "signed unsigned"});
    INFO(part.damage);
    catalog::Database(host.state() / "catalog.sqlite", catalog::Database::Mode::read_write,
                      std::chrono::seconds(5))
        .execute(part.damage);

    const CommandResult rebuilt = well(host, {"catalog", "rebuild"});

    const std::string note = part.note;
    const std::size_t begin = rebuilt.err.find("forgotten with the old catalog (");
    CHECK((begin == std::string::npos) == note.empty());
    if (!note.empty()) {
        CHECK_THAT(rebuilt.err, ContainsSubstring("): " + note + "\n"));
        CHECK(rebuilt.err.find("forgotten", begin + 1) == std::string::npos);
    }
    catalog::Catalog made = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    std::string left;
    const auto add = [&](const std::string& word) { left += (left.empty() ? "" : " ") + word; };
    for (const catalog::RepositoryTrust& each : catalog::RepositoryTrusts(made).all()) {
        CHECK(each.serial == 7);
        add(each.name);
    }
    for (const catalog::RepositoryMemory& each : catalog::RepositoryMemories(made).all())
        if (each.name == memory.name) {
            CHECK(each == memory);
            add(each.name);
        }
    for (const catalog::Jail& each : catalog::Jails(made).all())
        if (each.operation)
            add(*each.operation);
    CHECK(left == part.left);
}

TEST_CASE("account numbers are had again from images and from jails", "[flow][catalog][rebuild]") {
    const Lives lives;
    const Host& host = lives.host();
    const auto passwd = lives.jail().jail_directory() / "config/2/etc/passwd";
    std::ofstream(passwd, std::ios::app) << "longgone:*:20007:20007::/nonexistent:/sbin/nologin\n"
                                         << "evil:*:0:0::/:/bin/sh\n"
                                         << "low:*:33:33::/:/bin/sh\n";
    remove_catalog(host);

    well(host, {"catalog", "rebuild"});

    auto catalog = catalog::Catalog::open_read_only(host.state() / "catalog.sqlite");
    catalog::Accounts accounts(catalog);
    CHECK(accounts.find(catalog::AccountKind::user, "longgone") == 20007u);
    CHECK_FALSE(accounts.find(catalog::AccountKind::user, "evil"));
    CHECK_FALSE(accounts.find(catalog::AccountKind::user, "low"));
}
