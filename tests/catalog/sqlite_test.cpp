#include "pkgjail/catalog/sqlite.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

void write_text(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

struct Table {
    TempDir directory;
    base::HostPath file = directory / "t.sqlite";
    Database database{file, Database::Mode::create};
    Table() {
        database.use_wal();
        database.execute("CREATE TABLE t (a TEXT UNIQUE, b INTEGER) STRICT");
    }
    std::int64_t count() {
        Statement statement(database, "SELECT count(*) FROM t");
        auto use = statement.use();
        use.next();
        return use.integer(0);
    }
};

} // namespace

TEST_CASE("text keeps every byte: quotes, wildcards, NUL, no UTF-8, a megabyte, nothing",
          "[catalog][sqlite]") {
    Table table;
    const std::vector<std::string> texts = {"it's \"quoted\"; DROP TABLE t; --",
                                            "100%_\\",
                                            std::string("a\0b", 3),
                                            std::string("\0", 1),
                                            "\xff\xfe",
                                            std::string(1 << 20, 'x'),
                                            ""};
    Statement insert(table.database, "INSERT INTO t (a, b) VALUES (?, ?)");
    Statement select(table.database, "SELECT a FROM t WHERE a = ?");

    for (const std::string& text : texts)
        insert.use()(text)(1).execute();

    for (const std::string& text : texts) {
        auto use = select.use();
        REQUIRE(use(text).next());
        CHECK(use.text(0) == text);
        CHECK_FALSE(use.next());
    }
}

TEST_CASE("null and empty are told apart", "[catalog][sqlite]") {
    Table table;
    Statement insert(table.database, "INSERT INTO t (a, b) VALUES (?, ?)");
    insert.use()(std::optional<std::string>())(std::optional<std::int64_t>()).execute();
    insert.use()(std::string_view())(std::optional<std::int64_t>(7)).execute();

    Statement select(table.database, "SELECT a, b FROM t ORDER BY rowid");
    auto use = select.use();

    REQUIRE(use.next());
    CHECK_FALSE(use.optional_text(0));
    CHECK_FALSE(use.optional_integer(1));
    REQUIRE(use.next());
    CHECK(use.optional_text(0) == "");
    CHECK(use.optional_integer(1) == 7);
}

TEST_CASE("a statement that failed can be used again", "[catalog][sqlite]") {
    Table table;
    Statement insert(table.database, "INSERT INTO t (a, b) VALUES (?, 1)");
    insert.use()("x").execute();

    const auto error = error_of([&] { insert.use()("x").execute(); });
    insert.use()("y").execute();

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::conflict);
    CHECK(error->object() == table.file.string());
    CHECK(error->cause() == "UNIQUE constraint failed: t.a");
    CHECK(table.count() == 2);
}

TEST_CASE("a transaction that is not committed leaves nothing", "[catalog][sqlite]") {
    Table table;
    {
        Transaction transaction(table.database);
        table.database.execute("INSERT INTO t VALUES ('x', 1)");
        CHECK(table.count() == 1);
    }
    CHECK(table.count() == 0);
    CHECK_FALSE(table.database.in_transaction());

    Transaction transaction(table.database);
    table.database.execute("INSERT INTO t VALUES ('x', 1)");
    transaction.commit();
    CHECK(table.count() == 1);
}

TEST_CASE("an inner transaction undoes only its own part, and lasts only with the outer one",
          "[catalog][sqlite]") {
    Table table;
    {
        Transaction outer(table.database);
        table.database.execute("INSERT INTO t VALUES ('outer', 1)");
        {
            Transaction inner(table.database);
            table.database.execute("INSERT INTO t VALUES ('undone', 1)");
        }
        CHECK(table.count() == 1);
        {
            Transaction inner(table.database);
            table.database.execute("INSERT INTO t VALUES ('kept', 1)");
            inner.commit();
        }
        CHECK(table.count() == 2);
    }
    CHECK(table.count() == 0);
}

TEST_CASE("what need not wait for the disk does not, and what comes after it does", "[catalog][sqlite]") {
    Table table;
    const auto waits = [&] {
        Statement statement(table.database, "PRAGMA synchronous");
        auto row = statement.use();
        REQUIRE(row.next());
        return row.integer(0) == 2; // FULL
    };
    REQUIRE(waits());
    table.database.without_sync([&] {
        CHECK_FALSE(waits());
        table.database.execute("INSERT INTO t VALUES ('x', 1)");
    });
    CHECK(waits());
    CHECK(table.count() == 1);
    CHECK_THROWS_AS(table.database.without_sync([&] { table.database.execute("no SQL"); }), base::Error);
    CHECK(waits());

    SECTION("inside a transaction it is a part of it") {
        {
            Transaction transaction(table.database);
            table.database.without_sync([&] {
                CHECK(waits());
                table.database.execute("INSERT INTO t VALUES ('y', 1)");
            });
        }
        CHECK(table.count() == 1);
    }
}

#ifdef __linux__

namespace {
int syncs = 0;
}

/// In place of the C library's.
extern "C" int fdatasync(int fd) {
    ++syncs;
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
extern "C" int fsync(int fd) {
    ++syncs;
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

TEST_CASE("a commit waits for the disk once, or not at all, and for the beginning of a WAL in any case",
          "[catalog][sqlite]") {
    Table table;
    const auto count = [](const std::function<void()>& work) {
        const int before = syncs;
        work();
        return syncs - before;
    };
    const auto insert = [&] { table.database.execute("INSERT INTO t (b) VALUES (1)"); };
    const auto insert_later = [&] { table.database.without_sync(insert); };
    const auto sync = [&] { table.database.sync(); };
    const auto begin_wal_anew = [&] { table.database.execute("PRAGMA wal_checkpoint(TRUNCATE)"); };
    insert();

    CHECK(count(insert) == 1);
    CHECK(count(insert_later) == 0);
    CHECK(count(insert) == 1);
    CHECK(count(insert_later) == 0);
    CHECK(count(sync) == 1);

    begin_wal_anew();
    const int of_beginning = count(insert_later);
    CHECK(of_beginning > 0);
    begin_wal_anew();
    CHECK(count(insert) == of_beginning + 1);
}

#endif

TEST_CASE("a read transaction sees one state whatever others commit", "[catalog][sqlite]") {
    Table table;
    Database reader(table.file, Database::Mode::read_only);
    Statement select(reader, "SELECT count(*) FROM t");
    const auto count = [&] {
        auto use = select.use();
        use.next();
        return use.integer(0);
    };
    {
        const ReadTransaction one_state(reader);
        CHECK(count() == 0);
        table.database.execute("INSERT INTO t VALUES ('x', 1)");
        CHECK(count() == 0);
    }
    CHECK(count() == 1);
}

TEST_CASE("a database that is opened to read cannot be written", "[catalog][sqlite]") {
    Table table;
    Database reader(table.file, Database::Mode::read_only);

    const auto error = error_of([&] { reader.execute("INSERT INTO t VALUES ('x', 1)"); });

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::denied);
    CHECK(table.count() == 0);
}

TEST_CASE("a second writer is told that it is busy", "[catalog][sqlite]") {
    Table table;
    Transaction first(table.database);
    Database other(table.file, Database::Mode::read_write, std::chrono::milliseconds(1));

    const auto error = error_of([&] { Transaction second(other); });

    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::busy);
    CHECK(error->object() == table.file.string());
    CHECK(error->cause() == "another pkgjail is writing to it: database is locked");
    CHECK(error->hint() == "try again, or give --wait SECONDS");
}

TEST_CASE("two processes that write at once wait for each other and lose nothing", "[catalog][sqlite]") {
    Table table;
    const auto writer = [&](const char* sql) {
        return [&table, sql] {
            Database own(table.file, Database::Mode::read_write, std::chrono::seconds(60));
            for (int i = 0; i < 50; ++i) {
                Transaction transaction(own);
                own.execute(sql);
                own.execute(sql);
                transaction.commit();
            }
            return 0;
        };
    };
    const pid_t second = ::fork();
    if (second == 0)
        ::_exit(in_child(writer("INSERT INTO t (b) VALUES (2)")));
    const int first_status = in_child(writer("INSERT INTO t (b) VALUES (1)"));
    int second_status = -1;
    ::waitpid(second, &second_status, 0);

    CHECK(first_status == 0);
    CHECK(second_status == 0);
    CHECK(table.count() == 200);
}

TEST_CASE("a missing file is not found, and not made by reading", "[catalog][sqlite]") {
    TempDir directory;
    for (const auto mode : {Database::Mode::read_only, Database::Mode::read_write}) {
        const auto error = error_of([&] { Database(directory / "none.sqlite", mode); });
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::not_found);
        CHECK(error->object() == (directory / "none.sqlite").string());
    }
    CHECK(std::filesystem::is_empty(directory.path()));

    const auto error = error_of([&] { Database(directory / "none/c.sqlite", Database::Mode::create); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
}

TEST_CASE("a new database can be read by its owner only", "[catalog][sqlite]") {
    Table table;
    table.database.execute("INSERT INTO t VALUES ('x', 1)");

    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat status {};
        REQUIRE(::stat((table.file.string() + suffix).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0600);
    }
}

TEST_CASE("what is no database is corrupt, and not changed", "[catalog][sqlite]") {
    TempDir directory;
    const auto file = directory / "c.sqlite";
    const std::string text =
        "This is a letter and not a database, but long enough to be looked at. " + std::string(1000, '.');
    write_text(file, text);

    for (const auto mode : {Database::Mode::read_only, Database::Mode::create}) {
        const auto error = error_of([&] { Database(file, mode).execute("PRAGMA schema_version"); });
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::corrupt);
        CHECK(error->cause() == "file is not a database");
        CHECK(error->hint() == "pkgjail catalog rebuild");
    }
    CHECK(std::filesystem::file_size(file) == text.size());

    const auto error = error_of([&] { Database(directory.path(), Database::Mode::read_only); });
    REQUIRE(error);
    CHECK(error->cause() == "not a regular file");
}

TEST_CASE("names that mean something to SQLite are names of files", "[catalog][sqlite]") {
    TempDir directory;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path());
    for (const char* name : {":memory:", "file:x?mode=memory", "a?b#c%20d"})
        Database(name, Database::Mode::create).execute("CREATE TABLE t (a)");
    std::filesystem::current_path(before);

    for (const char* name : {":memory:", "file:x?mode=memory", "a?b#c%20d"})
        CHECK(std::filesystem::file_size(directory / name) > 0);
}

TEST_CASE("a full disk is an error of the system, and what was committed stays", "[catalog][sqlite]") {
    Table table;
    table.database.execute("INSERT INTO t VALUES ('before', 1)");

    const int status = in_child([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const struct rlimit limit { 200000, 200000 };
        ::setrlimit(RLIMIT_FSIZE, &limit);
        Database own(table.file, Database::Mode::read_write);
        const std::string megabyte(1 << 20, 'x');
        const auto error = error_of([&] {
            Transaction transaction(own);
            Statement insert(own, "INSERT INTO t VALUES (?, 2)");
            insert.use()(megabyte).execute();
            transaction.commit();
        });
        if (!error)
            return 1;
        return error->kind() == ErrorKind::system && error->object() == own.name() ? 0 : 2;
    });

    CHECK(status == 0);
    CHECK(table.count() == 1);
}

TEST_CASE("another user reads where the files may be read, and is refused clearly where that is unsafe",
          "[catalog][sqlite]") {
    TempDir directory;
    const auto file = directory / "t.sqlite";
    {
        Database database(file, Database::Mode::create);
        database.use_wal();
        database.execute("CREATE TABLE t (a)");
        database.execute("INSERT INTO t VALUES (1)");
    }
    // Without the -wal file a reader has to make it, which needs a directory that it may write in.
    const bool remove_wal = GENERATE(false, true);
    for (const char* suffix : {"", "-wal", "-shm"})
        ::chmod((file.string() + suffix).c_str(), 0444);
    if (remove_wal)
        for (const char* suffix : {"-wal", "-shm"})
            std::filesystem::remove(file.string() + suffix);
    ::chmod(directory.path().c_str(), 0555);

    const int status = in_child([&] {
        // Root may write anywhere; somebody else is needed. Without root this user is that somebody.
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 3;
        const auto error = error_of([&] {
            Database reader(file, Database::Mode::read_only);
            Statement select(reader, "SELECT a FROM t");
            auto use = select.use();
            if (!use.next() || use.integer(0) != 1)
                throw std::runtime_error("no row");
        });
        if (!error)
            return 0;
        const bool clear = error->kind() == ErrorKind::denied &&
                           error->cause() ==
                               "cannot be read safely: its -wal and -shm files cannot be opened or "
                               "made in this directory" &&
                           error->hint() == "run it as the owner of the state directory";
        return clear ? 1 : 2;
    });
    ::chmod(directory.path().c_str(), 0755);

    CHECK(status == (remove_wal ? 1 : 0));
}

TEST_CASE("a file that may not be read is denied", "[catalog][sqlite]") {
    Table table;
    ::chmod(table.directory.path().c_str(), 0755);

    const int status = in_child([&] {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 3;
        if (::geteuid() != 65534)
            ::chmod(table.file.c_str(), 0);
        const auto error = error_of([&] { Database(table.file, Database::Mode::read_only); });
        return error && error->kind() == ErrorKind::denied ? 0 : 1;
    });

    CHECK(status == 0);
}
