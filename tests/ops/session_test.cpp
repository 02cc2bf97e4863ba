// What dead commands left is looked for once a command, however many sessions it has.
#include <filesystem>
#include <memory>

#include "pkgjail/base/lock.hpp"
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
