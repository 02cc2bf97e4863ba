// The target that PKGJAIL_FUZZ names, for clang's libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const pkgjail::fuzz::Target* const target = [] {
        const char* name = std::getenv("PKGJAIL_FUZZ");
        const auto* found = pkgjail::fuzz::find_target(name == nullptr ? "" : name);
        if (found == nullptr) {
            std::fprintf(stderr, "PKGJAIL_FUZZ names no target\n");
            std::exit(64);
        }
        return found;
    }();
    target->run({reinterpret_cast<const char*>(data), size});
    return 0;
}
