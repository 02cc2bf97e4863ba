// Does what a sanitizer is to find, for tests/sanitize/run, which makes sure that it would: probe
// overflow|heap|leak|race, and probe confined overflow|heap in a process that may open nothing.
#include <climits>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/fd.hpp"

namespace {

const char* what = "";
int shared = 0;
void* volatile kept = nullptr;

void do_it() {
    volatile int one = 1;
    volatile int sum = INT_MAX;
    const auto is = [](const char* name) { return std::strcmp(what, name) == 0; };
    if (is("overflow"))
        sum = sum + one;
    if (is("heap")) {
        kept = std::malloc(8);
        one = static_cast<const volatile char*>(kept)[8 * one];
    }
    if (is("leak")) {
        kept = std::malloc(8);
        kept = nullptr;
    }
    if (is("race")) {
        std::thread other([] { ++shared; });
        ++shared;
        other.join();
    }
}

} // namespace

int main(int argc, char** argv) {
    what = argv[argc - 1];
    if (argc == 2) {
        do_it();
        return 0;
    }
    const pkgjail::base::Fd stream = pkgjail::base::start_confined([](int) { do_it(); });
    char byte = 0;
    return ::read(stream.get(), &byte, 1) == 0 ? 0 : 1;
}
