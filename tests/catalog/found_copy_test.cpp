// A copy of a catalog as it was found, while another program comes to write to it.
#include "pkgjail/catalog/found_copy.hpp"

#include <chrono>
#include <filesystem>
#include <functional>

#include "base/in_child.hpp"
#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace std::chrono_literals;

namespace {

/// Large enough to take a while.
struct Found {
    test::TempDir directory;
    base::HostPath file = directory / "found.sqlite";
    base::HostPath copy = directory / "copy.sqlite";

    Found() {
        Database database(file, Database::Mode::create);
        database.use_wal();
        database.execute("CREATE TABLE t (what TEXT)");
        database.execute("INSERT INTO t VALUES (zeroblob(67108864))");
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    /// In another process: once the copy has been begun, as locks of the own one do not count.
    std::function<Database()> writer(const char* sql) const {
        return [this, sql] {
            Database database(file, Database::Mode::read_write);
            // Whoever copies may have failed before.
            const auto deadline = std::chrono::steady_clock::now() + 30s;
            while (!std::filesystem::exists(copy) && std::chrono::steady_clock::now() < deadline)
                continue;
            database.execute(sql);
            return database;
        };
    }
};

} // namespace

TEST_CASE("what another program writes while a catalog is copied is in the copy", "[catalog][found]") {
    // Only the copy of the main file has it: it was written after the first pages had been copied.
    for (int round = 0;; ++round) {
        REQUIRE(round < 20);
        const Found found;
        const base::HostPath done = found.directory / "done";
        const pid_t child = ::fork();
        if (child == 0) {
            const Database database = found.writer("INSERT INTO t VALUES ('late');"
                                                   "PRAGMA wal_checkpoint(TRUNCATE)")();
            std::filesystem::create_directory(done);
            ::_exit(0);
        }

        CHECK(copy_as_found(found.file, found.copy, 30s) == 0);

        const bool in_time = std::filesystem::exists(done);
        ::waitpid(child, nullptr, 0);
        if (!in_time)
            continue; // it was slower than the copy
        Database database(found.copy, Database::Mode::read_only);
        Statement statement(database, "SELECT count(*) FROM t WHERE what = 'late'");
        auto row = statement.use();
        REQUIRE(row.next());
        CHECK(row.integer(0) == 1);
        break;
    }
}

TEST_CASE("a catalog that another program has come to write to while it was copied is busy",
          "[catalog][found]") {
    for (int round = 0;; ++round) {
        REQUIRE(round < 20);
        const Found found;
        base::Pipe over = base::make_pipe();
        const pid_t child = ::fork();
        if (child == 0) {
            over.write_end.reset();
            const Database database = found.writer("BEGIN IMMEDIATE")();
            char byte = 0;
            ::_exit(::read(over.read_end.get(), &byte, 1) == 0 ? 0 : 1); // until it has been refused
        }
        over.read_end.reset();
        std::string refused;
        try {
            copy_as_found(found.file, found.copy, 1s);
        } catch (const base::Error& error) {
            refused = error.what();
        }
        const bool is_left = std::filesystem::exists(found.copy);
        over.write_end.reset();
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
        if (refused.empty())
            continue; // it was slower than the copy
        CHECK_THAT(refused, ContainsSubstring("another program is writing to it"));
        CHECK_FALSE(is_left);
        CHECK(copy_as_found(found.file, found.copy) == 0);
        break;
    }
}
