#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <sys/mman.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "support/package_writer.hpp"

namespace pkgjail::fuzz {

const std::vector<Target>& targets() {
    static const std::vector<Target> table = {
        {"plist", plist, nullptr},
        {"summary", summary, nullptr},
        {"archive", archive, archive_seeds},
        {"answer", answer, answer_seeds},
        {"version", version, nullptr},
        {"pattern", pattern, nullptr},
        {"install_script", install_script, nullptr},
        {"build_info", build_info, nullptr},
        {"signed_index", signed_index, nullptr},
        {"rc_script", rc_script, nullptr},
        {"license", license, nullptr},
        {"vulnerabilities", vulnerabilities, nullptr},
        {"install_frame", install_frame, nullptr},
        {"recipe", recipe, nullptr},
        {"configuration", configuration, nullptr},
        {"records", records, record_seeds},
        {"control", control, nullptr},
        {"text", text, nullptr},
        {"tree", tree, tree_seeds},
    };
    return table;
}

const Target* find_target(std::string_view name) {
    for (const Target& target : targets())
        if (name == target.name)
            return &target;
    return nullptr;
}

std::vector<std::string> seeds_of(const Target& target) {
    std::vector<std::filesystem::path> files;
    const std::filesystem::path directory = std::filesystem::path(PKGJAIL_FUZZ_SEEDS) / target.name;
    if (std::filesystem::exists(directory))
        for (const auto& entry : std::filesystem::directory_iterator(directory))
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> seeds;
    for (const auto& file : files)
        seeds.push_back(test::read_bytes(file));
    if (target.more_seeds != nullptr)
        for (std::string& seed : target.more_seeds())
            seeds.push_back(std::move(seed));
    if (seeds.empty())
        broken(std::string("there are no seeds for ") + target.name);
    return seeds;
}

void broken(const std::string& promise) {
    std::fprintf(stderr, "broken: %s\n", promise.c_str());
    std::abort();
}

namespace {
std::size_t acceptances = 0;
}

std::size_t accepted_so_far() {
    return acceptances;
}

bool accepted(const std::function<void()>& work) {
    try {
        work();
        ++acceptances;
        return true;
    } catch (const base::Error& error) {
        promise(!std::string(error.what()).empty(), "a refusal says why");
        return false;
    }
}

base::Fd file_of(std::string_view bytes) {
    base::Fd fd(::memfd_create("fuzz", MFD_CLOEXEC));
    for (std::string_view rest = bytes; !rest.empty();) {
        const ssize_t count = ::write(fd.get(), rest.data(), rest.size());
        if (count <= 0)
            broken("a file in memory can be written");
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    ::lseek(fd.get(), 0, SEEK_SET);
    return fd;
}

std::string_view next_part(std::string_view& bytes) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view part = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    return part;
}

unsigned next_byte(std::string_view& bytes) {
    if (bytes.empty())
        return 0;
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    return byte;
}

} // namespace pkgjail::fuzz
