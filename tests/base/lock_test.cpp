#include "support/catch.hpp"

#include <chrono>
#include <thread>

#include <sys/stat.h>

#include "base/in_child.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail::base;
using namespace std::chrono_literals;
using pkgjail::test::StayingChild;
using pkgjail::test::TempDir;

namespace {

bool is_free(const HostPath& file, LockMode mode) {
    return Lock::try_take(file, mode, "try").has_value();
}

auto holding(const HostPath& file, LockMode mode, const char* purpose) {
    return [=] { return Lock::take(file, mode, "jail web", purpose, 0ms); };
}

} // namespace

TEST_CASE("an exclusive lock keeps every other process out", "[base][lock]") {
    TempDir dir;
    StayingChild holder(holding(dir / "lock", LockMode::exclusive, "upgrade nginx"));
    REQUIRE(holder.is_ready());

    CHECK_FALSE(is_free(dir / "lock", LockMode::exclusive));
    CHECK_FALSE(is_free(dir / "lock", LockMode::shared));
}

TEST_CASE("shared locks stand beside each other and keep an exclusive one out", "[base][lock]") {
    TempDir dir;
    StayingChild holder(holding(dir / "lock", LockMode::shared, "list"));
    REQUIRE(holder.is_ready());

    CHECK(is_free(dir / "lock", LockMode::shared));
    CHECK_FALSE(is_free(dir / "lock", LockMode::exclusive));
}

TEST_CASE("a lock dies with its holder", "[base][lock]") {
    TempDir dir;
    StayingChild holder(holding(dir / "lock", LockMode::exclusive, "upgrade nginx"));
    REQUIRE(holder.is_ready());

    holder.end();

    CHECK(is_free(dir / "lock", LockMode::exclusive));
}

TEST_CASE("two locks of one process compete like those of two", "[base][lock]") {
    TempDir dir;
    Lock first = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "first", 0ms);

    CHECK_FALSE(is_free(dir / "lock", LockMode::shared));
    { Lock gone = std::move(first); }
    CHECK(is_free(dir / "lock", LockMode::exclusive));
}

TEST_CASE("who finds it busy learns what is busy, who holds it and why", "[base][lock]") {
    TempDir dir;
    StayingChild holder(holding(dir / "lock", LockMode::exclusive, "upgrade nginx"));
    REQUIRE(holder.is_ready());

    try {
        Lock::take(dir / "lock", LockMode::shared, "jail web", "list", 0ms);
        FAIL("the lock was given twice");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::busy);
        CHECK(std::string(error.what()) ==
              "jail web: held by process " + std::to_string(holder.pid()) + ": upgrade nginx");
    }
}

TEST_CASE("a holder that died or only shares is not named from an old line", "[base][lock]") {
    TempDir dir;
    {
        StayingChild dead(holding(dir / "lock", LockMode::exclusive, "upgrade nginx"));
        REQUIRE(dead.is_ready());
    }
    REQUIRE_THAT(read_file(dir / "lock"), ContainsSubstring("upgrade nginx"));
    StayingChild sharer(holding(dir / "lock", LockMode::shared, "list"));
    REQUIRE(sharer.is_ready());

    CHECK_THROWS_WITH(Lock::take(dir / "lock", LockMode::exclusive, "jail web", "remove", 0ms),
                      "jail web: held by another process");
}

TEST_CASE("a purpose with control characters is written harmlessly", "[base][lock]") {
    TempDir dir;
    Lock lock = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "a\nb\x1b[2J", 0ms);

    CHECK_THROWS_WITH(Lock::take(dir / "lock", LockMode::shared, "jail web", "x", 0ms),
                      ContainsSubstring(": a\\x0ab\\x1b[2J"));
}

TEST_CASE("a lock given back leaves no line behind", "[base][lock]") {
    TempDir dir;
    { Lock lock = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "upgrade", 0ms); }

    CHECK(read_file(dir / "lock").empty());
}

TEST_CASE("a downgraded lock lets sharers in and exclusive ones not", "[base][lock]") {
    TempDir dir;
    Lock lock = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "upgrade", 0ms);

    lock.downgrade();
    lock.downgrade();

    CHECK(is_free(dir / "lock", LockMode::shared));
    CHECK_FALSE(is_free(dir / "lock", LockMode::exclusive));
}

TEST_CASE("who is patient gets the lock when it is given back", "[base][lock]") {
    TempDir dir;
    StayingChild holder(holding(dir / "lock", LockMode::exclusive, "upgrade nginx"));
    REQUIRE(holder.is_ready());

    std::thread ender([&] {
        std::this_thread::sleep_for(100ms);
        holder.end();
    });
    CHECK_NOTHROW(Lock::take(dir / "lock", LockMode::exclusive, "jail web", "list", 60s));
    ender.join();
}

TEST_CASE("a lock on a file that was removed and made again is a lock on the new file", "[base][lock]") {
    TempDir dir;
    Lock old = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "destroy", 0ms);
    std::filesystem::remove(dir / "lock");
    Lock fresh = Lock::take(dir / "lock", LockMode::exclusive, "jail web", "install", 0ms);

    CHECK_FALSE(is_free(dir / "lock", LockMode::exclusive));
    { Lock gone = std::move(fresh); }
    CHECK(is_free(dir / "lock", LockMode::exclusive));
}

TEST_CASE("a symbolic link in the place of a lock file is refused", "[base][lock]") {
    TempDir dir;
    write_file_atomically(dir / "canary", "canary");
    std::filesystem::create_symlink(dir / "canary", dir / "lock");

    CHECK_THROWS_AS(Lock::try_take(dir / "lock", LockMode::exclusive, "x"), Error);
    CHECK_THROWS_AS(Lock::try_take(dir / "lock", LockMode::shared, "x"), Error);
    CHECK(read_file(dir / "canary") == "canary");
}
