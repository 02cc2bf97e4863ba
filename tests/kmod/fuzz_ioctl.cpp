// The control interface under arbitrary requests: a byte picks the request, the rest is its data. Built with
// clang as a libFuzzer target (fuzz_kmod); fuzz_test.cpp runs the same function on a bounded, repeatable
// stream.
//
// The data is the attacker's; only the version and the size are put right three times out of four, because
// otherwise nothing gets past the first check.

#include "../../kmod/pkgjail_ioctl.h"
#include "fake/world.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace kmod_test {

namespace {

constexpr std::array<unsigned long, 13> requests{
    PKGJAIL_IOC_VERSION, PKGJAIL_IOC_CREATE,  PKGJAIL_IOC_SETLIMITS, PKGJAIL_IOC_SETPOLICY,
    PKGJAIL_IOC_ENTER,   PKGJAIL_IOC_LIST,    PKGJAIL_IOC_STAT,      PKGJAIL_IOC_SIGNAL,
    PKGJAIL_IOC_PAUSE,   PKGJAIL_IOC_DESTROY, PKGJAIL_IOC_GETID,     PKGJAIL_IOC_WAIT,
    PKGJAIL_IOC_MEMBERS};

std::size_t size_of(unsigned long number) {
    return number >> 16 & 0x1fff;
}

// Makes references likely to hit: generation right, id small.
void aim(unsigned long number, std::vector<std::uint8_t>& data, std::uint32_t generation) {
    const std::uint32_t header[2]{PKGJAIL_ABI, static_cast<std::uint32_t>(size_of(number))};
    std::memcpy(data.data(), header, sizeof header);
    const std::size_t at = number == PKGJAIL_IOC_STAT ? 16 : 8;
    if (number == PKGJAIL_IOC_CREATE || number == PKGJAIL_IOC_LIST)
        return;
    const std::uint32_t ref[2]{data[at] % 8U, generation};
    std::memcpy(data.data() + at, ref, sizeof ref);
}

std::uint32_t generation_of(int control) {
    pkgjail_version version{};
    version.header.size = sizeof version;
    return world_ioctl(control, PKGJAIL_IOC_VERSION, &version) == 0 ? version.generation : 0;
}

// Everything is taken down through the interface too.
void take_down(int control, std::uint32_t generation) {
    for (int tries = 0; tries < 20; ++tries) {
        std::vector<pkgjail_stat> jails(64);
        pkgjail_list list{};
        list.header = {PKGJAIL_ABI, sizeof list};
        list.buffer = reinterpret_cast<std::uintptr_t>(jails.data());
        list.capacity = 64;
        if (world_ioctl(control, PKGJAIL_IOC_LIST, &list) != 0)
            std::abort();
        if (list.count == 0)
            return;
        for (std::uint32_t i = 0; i < std::min(list.count, 64U); ++i) {
            pkgjail_destroy destroy{};
            destroy.header = {PKGJAIL_ABI, sizeof destroy};
            destroy.ref = {jails[i].ref.id, generation};
            world_ioctl(control, PKGJAIL_IOC_DESTROY, &destroy);
        }
    }
    std::fprintf(stderr, "jails cannot be destroyed\n");
    std::abort();
}

} // namespace

// One world, as many requests as the input holds. What may not happen: the fake stops the program at a broken
// rule.
void fuzz_requests(const std::uint8_t* input, std::size_t size) {
    world_begin(2);
    if (world_load() != 0)
        std::abort();
    int control = -1, root = -1;
    if (world_open_device(&control) != 0)
        std::abort();
    vnode* directory = world_mkdir(world_root());
    world_open(directory, &root); // descriptor 1: a root that CREATE can name
    const std::uint32_t generation = generation_of(control);
    std::vector<pkgjail_stat> scratch(PKGJAIL_MAX_JAILS);

    while (size >= 4) {
        const unsigned long number = requests[input[0] % requests.size()];
        const unsigned how = input[1];
        const std::size_t length = std::min<std::size_t>(size - 4, (input[2] | input[3] << 8) % 1600U);
        std::vector<std::uint8_t> data(8192); // as large as any number can ask for
        std::copy_n(input + 4, std::min(length, size_of(number)), data.begin());
        input += 4 + length;
        size -= 4 + length;
        if (how % 4 != 0)
            aim(number, data, generation);
        if (number == PKGJAIL_IOC_CREATE && how % 8 != 1) {
            data[16] = static_cast<std::uint8_t>('a' + data[16] % 26);
            std::fill(data.begin() + 17, data.begin() + 80, std::uint8_t{0});
            const std::int32_t fd = root;
            std::memcpy(data.data() + 80, &fd, sizeof fd);
        }
        if (number == PKGJAIL_IOC_WAIT)
            std::memset(data.data() + 17, 0, 3); // not for hours
        if (number == PKGJAIL_IOC_LIST || number == PKGJAIL_IOC_MEMBERS) {
            // The only address that a request carries: none, one that faults, or ours; any other is this
            // program's memory.
            const std::uint64_t addresses[4]{0, ~std::uint64_t{0} - 4096,
                                             reinterpret_cast<std::uintptr_t>(scratch.data()),
                                             reinterpret_cast<std::uintptr_t>(scratch.data())};
            std::memcpy(data.data() + (number == PKGJAIL_IOC_LIST ? 8 : 16), &addresses[how / 4 % 4], 8);
        }
        if (how % 16 == 5)
            world_fault_after(1 + how / 16 % 3);
        const bool bent = how % 32 == 7 && number != PKGJAIL_IOC_LIST && number != PKGJAIL_IOC_MEMBERS;
        world_ioctl(control, bent ? number ^ (1UL << how / 8 % 30) : number, data.data());
        world_fault_after(0);
    }
    take_down(control, generation);
    world_close(root);
    world_close(control);
    world_rmdir(directory);
    if (world_unload() != 0)
        std::abort();
    world_end();
}

} // namespace kmod_test

#ifdef PKGJAIL_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kmod_test::fuzz_requests(data, size);
    return 0;
}
#endif
