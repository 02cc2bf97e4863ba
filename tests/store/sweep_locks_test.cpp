#include "pkgjail/store/sweep_locks.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "support/catch.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using namespace std::chrono_literals;
using base::Lock;
using base::LockMode;

TEST_CASE("lock files of what is no more are removed, but not those that are used or held",
          "[store][sweep]") {
    StoreFixture at_work;
    const auto file = [&](const char* name) { return at_work.layout.locks() / name; };
    for (const char* name : {"jail-gone", "jail-there", "image-aa", "store"})
        Lock::take(file(name), LockMode::exclusive, name, "test", 0ms);
    const Lock exclusive = Lock::take(file("jail-new"), LockMode::exclusive, "new", "test", 0ms);
    const Lock shared = Lock::take(file("image-new"), LockMode::shared, "new", "test", 0ms);

    const store::Swept swept = store::sweep_locks(at_work.layout, {"jail-there"});

    CHECK(at_work.left_in(at_work.layout.locks()) == "image-new\njail-new\njail-there\nstore\n");
    CHECK(swept.removed.empty());
    CHECK(swept.failed.empty());
    CHECK_FALSE(Lock::try_take(file("jail-new"), LockMode::exclusive, "test"));
}

TEST_CASE("two never have one lock, though its file is removed again and again", "[store][sweep]") {
    StoreFixture at_work;
    const auto file = at_work.layout.locks() / "jail-busy";
    std::atomic<int> holders = 0;
    std::atomic<bool> together = false;
    std::atomic<int> taken = 0;
    std::atomic<bool> over = false;
    std::vector<std::thread> takers;
    for (int i = 0; i < 3; ++i)
        takers.emplace_back([&] {
            while (!over) {
                const auto lock = Lock::try_take(file, LockMode::exclusive, "test");
                if (!lock)
                    continue;
                if (++holders > 1)
                    together = true;
                ++taken;
                std::this_thread::yield();
                --holders;
            }
        });

    for (int round = 0; round < 2000 || taken < 100; ++round)
        store::sweep_locks(at_work.layout, {});
    over = true;
    for (std::thread& taker : takers)
        taker.join();

    CHECK_FALSE(together);
}
