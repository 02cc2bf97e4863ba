// The fuzz target on a bounded, repeatable stream of requests.

#include "fuzz_ioctl.cpp"
#include "support/catch.hpp"

#include <random>

TEST_CASE("no stream of requests breaks a rule of the kernel or leaves anything over", "[kmod][fuzz]") {
    std::minstd_rand random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::uint8_t> input(64 + random() % 8000);
        for (auto& byte : input)
            byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
        for (std::size_t i = 0; i < input.size(); i += 1 + random() % 200)
            input[i] = static_cast<std::uint8_t>(random());
        kmod_test::fuzz_requests(input.data(), input.size());
    }
    SUCCEED("the fake found nothing");
}
