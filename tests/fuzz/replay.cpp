// fuzz_replay [--list | --seeds TARGET DIRECTORY | TARGET FILE…]: every target's seeds and changes of them,
// the same ones each time; or the seeds written out for another program; or the bytes of files, to see what
// they do.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "fuzz/fuzz.hpp"
#include "support/package_writer.hpp"

namespace {

using namespace pkgjail;

/// Marsaglia's xorshift: repeatable everywhere.
class Random {
  public:
    std::uint64_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(next() % bound); }

  private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15;
};

/// One to four changes: a bit, a byte, a piece taken out, twice, or from another seed, an end cut off.
std::string changed(std::string bytes, const std::string& other, Random& random) {
    for (std::size_t changes = 1 + random.below(4); changes > 0; --changes) {
        const std::size_t at = random.below(bytes.size() + 1);
        const std::size_t length = random.below(1 + std::min<std::size_t>(bytes.size() - at, 64));
        switch (random.below(7)) {
        case 0:
            if (at < bytes.size())
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
            break;
        case 1:
            if (at < bytes.size())
                bytes[at] = "\0\n =@/.%\xff-{}[]\"'0129"[random.below(20)];
            break;
        case 2:
            bytes.insert(at, 1, static_cast<char>(random.below(256)));
            break;
        case 3:
            bytes.erase(at, length);
            break;
        case 4:
            bytes.insert(at, bytes.substr(at, length));
            break;
        case 5: {
            const std::size_t from = random.below(other.size() + 1);
            bytes.insert(at, other.substr(from, random.below(65)));
            break;
        }
        default:
            bytes.resize(at);
        }
    }
    return bytes;
}

/// Bounded by a count, and by a time that only a slow machine or a sanitizer comes to.
std::size_t replay(const fuzz::Target& target, std::size_t most) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    const std::vector<std::string> seeds = fuzz::seeds_of(target);
    const std::size_t before = fuzz::accepted_so_far();
    for (const std::string& seed : seeds)
        target.run(seed);
    if (fuzz::accepted_so_far() == before)
        fuzz::broken(std::string(target.name) + ": one of the seeds at least is accepted");
    Random random;
    std::size_t count = 0;
    for (; count < most && std::chrono::steady_clock::now() < end; ++count)
        target.run(changed(seeds[random.below(seeds.size())], seeds[random.below(seeds.size())], random));
    return seeds.size() + count;
}

int write_seeds(const fuzz::Target& target, const std::filesystem::path& directory) {
    std::size_t number = 0;
    for (const std::string& seed : fuzz::seeds_of(target))
        test::write_bytes(directory / ("seed-" + std::to_string(number++)), seed);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 1) {
        std::size_t all = 0;
        for (const fuzz::Target& target : fuzz::targets()) {
            const std::size_t before = fuzz::accepted_so_far();
            const std::size_t count = replay(target, std::strcmp(target.name, "tree") == 0 ? 500 : 5000);
            std::printf("%-16s %6zu inputs, %6zu accepted\n", target.name, count,
                        fuzz::accepted_so_far() - before);
            std::fflush(stdout);
            all += count;
        }
        std::printf("%zu inputs, none of them broke a promise\nnumbers: fuzz executions %zu\n", all, all);
        return 0;
    }
    if (std::strcmp(argv[1], "--list") == 0) {
        for (const fuzz::Target& target : fuzz::targets())
            std::printf("%s\n", target.name);
        return 0;
    }
    const bool seeds = std::strcmp(argv[1], "--seeds") == 0;
    const fuzz::Target* target = fuzz::find_target(seeds ? (argc > 2 ? argv[2] : "") : argv[1]);
    if (target == nullptr || (seeds && argc != 4)) {
        std::fprintf(stderr,
                     "usage: fuzz_replay [--list | --seeds TARGET DIRECTORY | TARGET FILE…]\ntargets:");
        for (const fuzz::Target& known : fuzz::targets())
            std::fprintf(stderr, " %s", known.name);
        std::fprintf(stderr, "\n");
        return 64;
    }
    if (seeds)
        return write_seeds(*target, argv[3]);
    for (int i = 2; i < argc; ++i)
        target->run(test::read_bytes(argv[i]));
    return 0;
}
