// What dead commands left is looked for once a command, however many sessions it has; and what becomes of
// their entries in the audit trail.
#include <chrono>
#include <filesystem>
#include <memory>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/ops/acts.hpp"
#include "pkgjail/ops/session.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;

namespace {

class Quiet final : public ops::Reporter {
  public:
    void doing(std::string_view) override {}
    void progress(std::string_view, std::uint64_t, std::uint64_t) override {}
    void warn(std::string_view text) override { warnings += std::string(text) + "\n"; }
    void message(std::string_view, std::string_view) override {}
    bool confirm(std::string_view) override { return true; }

    std::string warnings;
};

struct Command {
    test::TempDir directory;
    Quiet reporter;
    ops::Context context{{}, store::Layout(directory / "state"), reporter, {}, {}, false, "test"};

    void session() const { ops::Session(context, "test", "").finish(); }
    std::filesystem::path left_over() const {
        std::filesystem::path path = context.layout.image_staging("left");
        std::filesystem::create_directories(path);
        return path;
    }
};

} // namespace

TEST_CASE("a command sweeps in its first session and not again", "[ops][session]") {
    const Command command;
    command.context.layout.create();
    const auto first = command.left_over();
    command.session();
    CHECK_FALSE(std::filesystem::exists(first));

    const auto second = command.left_over();
    command.session();
    CHECK(std::filesystem::exists(second));
}

TEST_CASE("a command that could not sweep beside another one does so later", "[ops][session]") {
    const Command command;
    command.context.layout.create();
    const auto left = command.left_over();
    {
        const auto other = base::Lock::try_take(command.context.layout.store_lock(), base::LockMode::shared,
                                                "another command");
        REQUIRE(other);
        command.session();
        CHECK(std::filesystem::exists(left));
    }
    command.session();
    CHECK_FALSE(std::filesystem::exists(left));
    CHECK_THAT(command.reporter.warnings, ContainsSubstring("removed what an interrupted command left: "));
}

TEST_CASE("no session waits for the lock of a jail that it has itself", "[ops][session]") {
    Command command;
    command.context.patience = std::chrono::seconds(3);
    ops::Session session(command.context, "test", "");
    ops::JailLock first = session.lock_jail("web");
    const ops::JailLock second = session.try_lock_jail("db");
    REQUIRE(second);

    for (const char* name : {"web", "db"}) {
        CHECK_THROWS_WITH(session.lock_jail(name), ContainsSubstring("this command is at work on it itself"));
        CHECK_FALSE(session.try_lock_jail(name));
    }

    first.reset();
    CHECK(session.lock_jail("web"));
    session.finish();
}

TEST_CASE("why an act failed is put into the catalog that it stands in, and into no other",
          "[ops][session]") {
    const Command command;
    { const ops::Session failed(command.context, "test", "web"); }
    ops::explain_failed_acts(command.context, "a good reason", 4);
    const std::filesystem::path catalog = command.context.layout.catalog();
    const auto outcome = [&] { return ops::acts(command.context, "web", 9).front().outcome; };
    REQUIRE(outcome() == "failed");

    SECTION("there it is") {
        ops::record_failed_acts(command.context);
        CHECK(outcome() == "a good reason");
        CHECK(ops::acts(command.context, "web", 9).front().exit_status == 4);
    }
    SECTION("somebody may be about to put another one in its place") {
        {
            const auto alone = base::Lock::try_take(command.context.layout.store_lock(),
                                                    base::LockMode::exclusive, "catalog rebuild");
            REQUIRE(alone);
            ops::record_failed_acts(command.context);
        }
        CHECK(outcome() == "failed");
    }
    SECTION("it is gone") {
        std::filesystem::remove(catalog);
        ops::record_failed_acts(command.context);
        CHECK_FALSE(std::filesystem::exists(catalog));
    }
    SECTION("it is empty") {
        std::filesystem::resize_file(catalog, 0);
        ops::record_failed_acts(command.context);
        CHECK(std::filesystem::file_size(catalog) == 0);
    }
}

TEST_CASE("the last change of a command and the end of its entry are there together, or not at all",
          "[ops][session]") {
    const Command command;
    const auto outcome = [&] { return ops::acts(command.context, "", 1).front().outcome; };
    {
        ops::Session session(command.context, "test", "web");
        REQUIRE(outcome().empty());
        session.finish_with([&] { CHECK(session.catalog().database().in_transaction()); });
        CHECK(outcome() == "done");
    }
    CHECK(outcome() == "done");

    {
        ops::Session session(command.context, "test", "web");
        const auto change = [&] {
            session.catalog().database().execute("DELETE FROM action");
            throw base::Error(base::ErrorKind::conflict, "web", "is in the way");
        };
        CHECK_THROWS_AS(session.finish_with(change), base::Error);
        CHECK(ops::acts(command.context, "", 9).size() == 2);
    }
    CHECK(outcome() == "failed");
}
