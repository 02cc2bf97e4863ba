#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "pkgjail/base/worker.hpp"

using pkgjail::base::Worker;

TEST_CASE("a worker does what it is given in order, with a thread and without", "[base][worker]") {
    const bool with_thread = GENERATE(false, true);
    std::string done;
    Worker worker(with_thread);
    for (int i = 0; i < 2000; ++i)
        worker.give([&done, i] { done += std::to_string(i) + " "; });
    worker.wait();

    std::string expected;
    for (int i = 0; i < 2000; ++i)
        expected += std::to_string(i) + " ";
    CHECK(done == expected);
    CHECK(worker.has_thread() == with_thread);
}

TEST_CASE("what a job touched is its owner's when so few are left", "[base][worker]") {
    constexpr std::size_t count = 3;
    std::vector<int> slots(count); // each is written by the worker and read by the owner in turn
    Worker worker(true);
    int sum = 0;
    for (int i = 0; i < 3000; ++i) {
        int& slot = slots[static_cast<std::size_t>(i) % count];
        worker.wait(count - 1);
        sum += slot;
        slot = 0;
        worker.give([&slot] { slot = 1; });
    }
    worker.wait();
    for (const int slot : slots)
        sum += slot;

    CHECK(sum == 3000);
}

TEST_CASE("after a job that failed no other is done, and the failure is told each time", "[base][worker]") {
    const bool with_thread = GENERATE(false, true);
    std::atomic<int> after = 0;
    Worker worker(with_thread);
    worker.give([] { throw std::runtime_error("no space left"); });
    for (int i = 0; i < 10; ++i)
        worker.give([&after] { ++after; });

    CHECK_THROWS_WITH(worker.wait(), "no space left");
    CHECK_THROWS_WITH(worker.wait(), "no space left");
    CHECK(after == 0);
}

TEST_CASE("a worker that is not waited for ends what it began, and begins no more", "[base][worker]") {
    std::atomic<bool> begun = false, leaving = false, ended = false, late = false;
    {
        Worker worker(true);
        worker.give([&] {
            begun = true;
            begun.notify_one();
            leaving.wait(false);
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
            ended = true;
        });
        begun.wait(false);
        worker.give([&late] { late = true; });
        leaving = true;
        leaving.notify_one();
    }

    CHECK(ended);
    CHECK_FALSE(late);
}
