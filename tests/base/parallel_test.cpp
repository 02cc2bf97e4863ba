#include "support/catch.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "pkgjail/base/parallel.hpp"

using pkgjail::base::in_parallel;

TEST_CASE("shared work is done once for each number", "[base][parallel]") {
    std::vector<std::atomic<int>> done(1000);

    in_parallel(done.size(), [&](std::size_t i) { ++done[i]; });

    int once = 0;
    for (const std::atomic<int>& count : done)
        once += count == 1 ? 1 : 0;
    CHECK(once == 1000);
    CHECK_NOTHROW(in_parallel(0, [](std::size_t) { throw std::runtime_error("there is nothing to do"); }));
}

TEST_CASE("shared work stops at the first failure and hands it on", "[base][parallel]") {
    std::atomic<std::size_t> begun{0};

    CHECK_THROWS_WITH(in_parallel(1'000'000,
                                  [&](std::size_t) {
                                      ++begun;
                                      throw std::runtime_error("no space left");
                                  }),
                      "no space left");
    CHECK(begun <= 64);
}
