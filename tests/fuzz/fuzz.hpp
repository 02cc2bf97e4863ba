// Fuzz targets: functions that take any bytes at all. What they call may refuse with base::Error; it may not
// crash, throw anything else, hang, or break what its header promises. Two programs run them: fuzz_replay
// (this project's compiler; the seeds and a bounded, repeatable stream of changes of them) and fuzz_search
// (clang's libFuzzer with sanitizers; see run).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::fuzz {

struct Target {
    const char* name;
    void (*run)(std::string_view bytes);
    /// Seeds that cannot stand as text in seeds/NAME; nullptr: none.
    std::vector<std::string> (*more_seeds)();
};

const std::vector<Target>& targets();
const Target* find_target(std::string_view name);

/// What stands in tests/fuzz/seeds/NAME, and more_seeds(). Never empty.
std::vector<std::string> seeds_of(const Target& target);

/// Ends the program: the promise was broken.
[[noreturn]] void broken(const std::string& promise);
inline void promise(bool holds, const char* text) {
    if (!holds)
        broken(text);
}

/// Runs what may refuse. True: it did not.
bool accepted(const std::function<void()>& work);
/// How often nothing was refused: none at all would mean that the seeds are of no use.
std::size_t accepted_so_far();

/// The bytes as a file without a name, at its beginning.
base::Fd file_of(std::string_view bytes);

/// Takes bytes apart for targets that need more than one text: a line, or what is left.
std::string_view next_part(std::string_view& bytes);
/// One byte, 0 at the end.
unsigned next_byte(std::string_view& bytes);

// The targets, in files of their own.
void plist(std::string_view bytes);
void summary(std::string_view bytes);
void archive(std::string_view bytes);
std::vector<std::string> archive_seeds();
void answer(std::string_view bytes);
std::vector<std::string> answer_seeds();
void version(std::string_view bytes);
void pattern(std::string_view bytes);
void install_script(std::string_view bytes);
void build_info(std::string_view bytes);
void signed_index(std::string_view bytes);
void rc_script(std::string_view bytes);
void license(std::string_view bytes);
void vulnerabilities(std::string_view bytes);
void install_frame(std::string_view bytes);
void recipe(std::string_view bytes);
void configuration(std::string_view bytes);
void records(std::string_view bytes);
std::vector<std::string> record_seeds();
void control(std::string_view bytes);
void text(std::string_view bytes);
void tree(std::string_view bytes);
std::vector<std::string> tree_seeds();

} // namespace pkgjail::fuzz
