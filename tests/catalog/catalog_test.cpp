#include "pkgjail/catalog/catalog.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "catalog/fixture.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "support/old_catalog.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

std::string read_text(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

/// Without comments, and with every run of blanks as one: two texts of one meaning become equal.
std::string normalised(const std::string& sql) {
    std::string result;
    for (std::size_t i = 0; i < sql.size(); ++i) {
        if (sql.compare(i, 2, "--") == 0)
            i = std::min(sql.find('\n', i), sql.size() - 1);
        if (static_cast<unsigned char>(sql[i]) <= ' ') {
            if (!result.empty() && result.back() != ' ' && result.back() != '(')
                result += ' ';
        } else {
            if ((sql[i] == ')' || sql[i] == ',') && result.ends_with(' '))
                result.pop_back();
            result += sql[i];
        }
    }
    return result;
}

std::vector<std::string> schema_of(Database& database) {
    Statement statement(
        database, "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY type, name");
    std::vector<std::string> lines;
    auto row = statement.use();
    while (row.next())
        lines.push_back(row.text(0) + " " + row.text(1) + " on " + row.text(2) + ": " +
                        normalised(row.text(3)));
    return lines;
}

} // namespace

TEST_CASE("all migrations on an empty file give exactly db/schema.sql", "[catalog][schema]") {
    TempDir directory;
    Database wanted(directory / "wanted.sqlite", Database::Mode::create);
    const std::string schema = read_text(std::string(PKGJAIL_SOURCE_DIR) + "/db/schema.sql");
    wanted.execute(schema.c_str());

    Catalog made = Catalog::open(directory / "made.sqlite");

    const auto lines = schema_of(wanted);
    CHECK(lines.size() > 20);
    CHECK(schema_of(made.database()) == lines);
}

namespace {

/// Jail web with settings and two generations, of which the second is current; snapshot one.
const std::string old_jail =
    "INSERT INTO image VALUES (1, 'i1', 'key', 'base', '/usr/pkg', 1, 0, 0);"
    "INSERT INTO image_key VALUES ('key', 1);"
    "INSERT INTO jail (jail_id, name, recipe, profile, network, limits_template,"
    " wanted_running, created_at, current_generation) VALUES"
    " ('j1', 'web', 'web', 'high', 'host', '', 0, 1, 2);"
    "INSERT INTO generation VALUES ('j1', 1, 1, 1, '', '', 'done'), ('j1', 2, 1, 1, '', '', 'done');"
    "INSERT INTO jail_setting VALUES ('j1', 'port', '80'), ('j1', 'it''s', '');"
    "INSERT INTO snapshot VALUES ('s1', 'j1', 'one', 1, 1, '', 1, '', 'copy', 0);";

} // namespace

TEST_CASE("the settings of an older catalog are those of every generation and snapshot",
          "[catalog][schema]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    make_old_catalog(file, 14, old_jail);
    const std::map<std::string, std::string> settings = {{"port", "80"}, {"it's", ""}};

    Catalog catalog = Catalog::open(file);

    Jails jails(catalog);
    CHECK(jails.find("web")->settings == settings);
    CHECK(jails.generation("j1", 1)->settings == settings);
    CHECK(jails.generation("j1", 2)->settings == settings);
    CHECK(Snapshots(catalog).find_by_id("s1")->settings == settings);
    CHECK(catalog.check().empty());
}

TEST_CASE("settings that an older catalog has in a note are those of the generation to go back to",
          "[catalog][schema]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    const std::map<std::string, std::string> now = {{"port", "80"}, {"it's", ""}};
    std::map<std::string, std::string> before = {{"port", "70"}, {"tit\"le", "{it's 1} ä"}};
    std::string note = R"(start 1 {"port":"70","tit\"le":"{it''s 1} ä"})";
    std::string left = "start 1";
    SECTION("some") {}
    SECTION("none") {
        before = {};
        note = "start 1 {}";
    }
    SECTION("the same, where it has nothing of them") {
        before = now;
        note = "start 1";
    }
    SECTION("of one that is gone") {
        before = now;
        note = R"(start 7 {"port":"70"})";
        left = "start 7";
    }
    SECTION("cut short") {
        before = now;
        note = R"(start 1 {"port":)";
    }
    SECTION("another note") {
        before = now;
        note = left = R"(restore 1 {"port":"70"})";
    }
    make_old_catalog(file, 14, old_jail + "UPDATE jail SET operation = '" + note + "';");

    Catalog catalog = Catalog::open(file);

    Jails jails(catalog);
    CHECK(jails.find("web")->operation == left);
    CHECK(jails.find("web")->settings == now);
    CHECK(jails.generation("j1", 1)->settings == before);
    CHECK(jails.generation("j1", 2)->settings == now);
    CHECK(catalog.check().empty());
}

TEST_CASE("the header tells that an older pkgjail wrote a catalog", "[catalog]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    CHECK_FALSE(Catalog::is_older(file));
    Catalog::open(file);
    CHECK_FALSE(Catalog::is_older(file));
    const auto set_header = [&](const std::string& pragma) {
        Database(file, Database::Mode::create).execute(("PRAGMA " + pragma).c_str());
    };
    set_header("user_version = " + std::to_string(Catalog::newest_schema() - 1));
    CHECK(Catalog::is_older(file));
    set_header("application_id = 1");
    CHECK_FALSE(Catalog::is_older(file));
    set_header("application_id = 0x706b6a6c");
    set_header("user_version = " + std::to_string(Catalog::newest_schema() + 1));
    CHECK_FALSE(Catalog::is_older(file));
    std::filesystem::resize_file(file, 70);
    CHECK_FALSE(Catalog::is_older(file));
}

TEST_CASE("every table and every column of db/schema.sql has a comment", "[catalog][schema]") {
    std::istringstream schema(read_text(std::string(PKGJAIL_SOURCE_DIR) + "/db/schema.sql"));
    std::vector<std::string> bare;
    std::string previous;
    bool in_table = false;
    for (std::string line; std::getline(schema, line); previous = line) {
        if (line.starts_with("CREATE TABLE")) {
            in_table = true;
            if (!previous.starts_with("--"))
                bare.push_back(line);
        } else if (line.starts_with(")")) {
            in_table = false;
        } else if (in_table && line.size() > 4 && line[4] >= 'a' && line[4] <= 'z') {
            if (line.find("--") == std::string::npos)
                bare.push_back(line);
        }
    }
    CHECK(bare.empty());
}

TEST_CASE("every table is strict", "[catalog][schema]") {
    Fixture fixture;
    Statement statement(fixture.catalog.database(), "SELECT name FROM pragma_table_list WHERE schema = "
                                                    "'main' AND NOT strict AND name NOT LIKE 'sqlite%'");
    auto row = statement.use();
    CHECK_FALSE(row.next());
}

TEST_CASE("a new catalog says whose it is, which schema it has, and is in order", "[catalog]") {
    Fixture fixture;
    Statement owner(fixture.catalog.database(), "PRAGMA application_id");
    auto row = owner.use();
    REQUIRE(row.next());

    CHECK(row.integer(0) == 0x706b6a6c);
    CHECK(fixture.catalog.schema_version() == Catalog::newest_schema());
    CHECK(fixture.catalog.check().empty());
    Statement mode(fixture.catalog.database(), "PRAGMA journal_mode");
    auto journal = mode.use();
    REQUIRE(journal.next());
    CHECK(journal.text(0) == "wal");
}

TEST_CASE("a catalog that is opened again keeps what it holds", "[catalog]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    {
        Catalog first = Catalog::open(file);
        offer(first, "main", 10, {record("nginx-1.0")});
    }

    Catalog again = Catalog::open(file);
    Catalog reader = Catalog::open_read_only(file);

    CHECK(show(Packages(again).by_base("nginx")) == "main/nginx-1.0");
    CHECK(show(Packages(reader).by_base("nginx")) == "main/nginx-1.0");
}

TEST_CASE("two processes that make the catalog at once both get it", "[catalog]") {
    for (int round = 0; round < 5; ++round) {
        TempDir directory;
        const auto file = directory / "catalog.sqlite";
        const auto open = [&] {
            return Catalog::open(file, std::chrono::seconds(60)).check().empty() ? 0 : 1;
        };
        const pid_t second = ::fork();
        if (second == 0)
            ::_exit(in_child(open));
        const int first_status = in_child(open);
        int second_status = -1;
        ::waitpid(second, &second_status, 0);

        CHECK(first_status == 0);
        CHECK(second_status == 0);
    }
}

TEST_CASE("where there is no catalog yet, reading says so and makes none", "[catalog]") {
    TempDir directory;
    const auto missing = error_of([&] { Catalog::open_read_only(directory / "catalog.sqlite"); });
    REQUIRE(missing);
    CHECK(missing->kind() == ErrorKind::not_found);
    CHECK(std::filesystem::is_empty(directory.path()));

    std::ofstream(directory / "empty.sqlite");
    const auto empty = error_of([&] { Catalog::open_read_only(directory / "empty.sqlite"); });
    REQUIRE(empty);
    CHECK(empty->kind() == ErrorKind::not_found);
    CHECK(empty->cause() == "there is no catalog yet");
}

TEST_CASE("a newer schema is refused by readers and writers, an older one by readers", "[catalog]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    Catalog::open(file).database().execute("PRAGMA user_version = 9999");
    const std::string text = "written by a newer pkgjail (schema 9999, this one knows " +
                             std::to_string(Catalog::newest_schema()) + ")";

    for (const auto& open : {Catalog::open, Catalog::open_read_only}) {
        const auto error = error_of([&] { open(file, default_patience); });
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::configuration);
        CHECK(error->object() == file.string());
        CHECK(error->cause() == text);
    }
}

TEST_CASE("another program's database is refused and stays as it was", "[catalog]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    const bool with_id = GENERATE(true, false);
    {
        Database other(file, Database::Mode::create);
        other.execute("CREATE TABLE theirs (a)");
        if (with_id)
            other.execute("PRAGMA application_id = 1");
    }
    const std::string before = read_text(file);

    for (const auto& open : {Catalog::open, Catalog::open_read_only}) {
        const auto error = error_of([&] { open(file, default_patience); });
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::corrupt);
        CHECK(error->cause() == std::string("not a catalog of pkgjail (an SQLite file with application id ") +
                                    (with_id ? "0x00000001)" : "0x00000000)"));
    }
    CHECK(read_text(file) == before);
}

TEST_CASE("check finds a damaged file", "[catalog]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    {
        Catalog catalog = Catalog::open(file);
        std::vector<format::SummaryRecord> records;
        for (int i = 0; i < 500; ++i)
            records.push_back(record("package" + std::to_string(i) + "-1.0", std::string(200, 'c')));
        offer(catalog, "main", 10, records);
        catalog.database().execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    REQUIRE(Catalog::open(file).check().empty());
    {
        // The last pages hold packages, not the schema.
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file) - 3 * 4096));
        bytes << std::string(4096, '\xa5');
    }

    CHECK_FALSE(Catalog::open(file).check().empty());
}

TEST_CASE("check finds counts that are wrong and references to nothing", "[catalog]") {
    Fixture fixture;
    offer(fixture.catalog, "main", 10, {record("nginx-1.0")});
    Images(fixture.catalog).add(image("i1"), {{file_entry("/tree/bin/a", "aa", 10)}});
    REQUIRE(fixture.catalog.check().empty());
    Database& database = fixture.catalog.database();

    database.execute("UPDATE repository SET packages = 7");
    database.execute("UPDATE image SET file_count = 2, size_bytes = 11");
    database.execute("DELETE FROM image_key");
    database.execute("PRAGMA foreign_keys = OFF");
    database.execute("INSERT INTO jail_limit VALUES ('none', 'a', 'b')");

    CHECK(fixture.catalog.check() ==
          std::vector<std::string>{"a row of jail_limit refers to a missing row of jail",
                                   "image i1: 2 files are recorded, its manifest has 1",
                                   "image i1: 11 bytes are recorded, its manifest has 10",
                                   "image i1: has no build key",
                                   "repository main: 7 packages are recorded, its index has 1"});
}
