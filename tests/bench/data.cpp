// What the benches measure with: an index and packages, the same bytes each time.
//
//     bench_data index RECORDS           an index on standard output, of the shape of pkgsrc's
//     bench_data large DIRECTORY         a repository: large-1.0, 1,572 files of 46 MB, and extra-1.0, one of
//     1 kB bench_data many COUNT DIRECTORY    a repository: small1 to smallCOUNT, all of which small1 needs,
//     and extra-1.0 bench_data huge MEBIBYTES DIRECTORY    a repository: huge1 to hugeN of 128 MiB, all of
//     which huge1 needs bench_data mounts CONFIG.JSON      the mounts of an OCI bundle, a line each: "ro
//     SOURCE TARGET" or "rw …"
//
// The index: as many dependencies a record as in a full index of pkgsrc, by the same kinds of patterns, of
// which most name one of a few hundred libraries; texts of the same length. The record "needs300" has 300
// dependencies in all, by several ways each.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/host.hpp"
#include "pkgjail/format/archive_compress.hpp"
#include "support/package_writer.hpp"

namespace {

using pkgjail::test::PackageFile;
using pkgjail::test::PackageSpec;

/// Numbers that are the same with every library: distributions of the standard are not.
class Numbers {
  public:
    explicit Numbers(std::uint32_t seed) : engine_(seed) {}
    unsigned below(unsigned end) { return static_cast<unsigned>(engine_() % end); }
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

  private:
    std::mt19937 engine_;
};

constexpr std::string_view words[] = {"audio",  "client",   "command",  "database", "fast",     "for",
                                      "format", "game",     "high",     "image",    "language", "library",
                                      "line",   "manager",  "module",   "network",  "of",       "parser",
                                      "perl",   "portable", "protocol", "python",   "server",   "simple",
                                      "system", "toolkit",  "utility",  "video",    "web",      "with"};
constexpr std::string_view categories[] = {"archivers", "audio",    "databases", "devel",    "graphics",
                                           "lang",      "mail",     "math",      "misc",     "net",
                                           "print",     "security", "sysutils",  "textproc", "www"};

template <std::size_t Count>
std::string_view one_of(Numbers& numbers, const std::string_view (&list)[Count]) {
    return list[numbers.below(Count)];
}

std::string text(Numbers& numbers, std::size_t length) {
    std::string line;
    while (line.size() < length)
        line.append(one_of(numbers, words)).append(1, ' ');
    line.pop_back();
    return line;
}

/// How many dependencies a record has: of a thousand records of pkgsrc's so many have 0, 1, 2 …
unsigned dependency_count(Numbers& numbers) {
    constexpr unsigned share[] = {70, 62, 193, 138, 125, 93, 83, 51, 34, 25,
                                  19, 16, 13,  13,  9,   7,  7,  4,  5,  3};
    unsigned drawn = numbers.below(1000);
    for (unsigned count = 0; count < std::size(share); ++count) {
        if (drawn < share[count])
            return count;
        drawn -= share[count];
    }
    return 20 + numbers.below(35);
}

struct Name {
    std::string base;
    unsigned major;
    unsigned minor;
};

/// Libraries come first; then a fifth are Python's, Perl's and the like, with their prefix.
Name name_of(unsigned number, unsigned libraries) {
    constexpr std::string_view languages[] = {"py311-", "py312-", "py313-", "p5-", "ruby32-", "lua54-"};
    Name name{{}, 1 + number % 9, number % 17};
    if (number < libraries)
        name.base = fmt::format("lib{}{}", words[number % std::size(words)], number);
    else if (number % 5 == 0)
        name.base = fmt::format("{}{}-{}", languages[number / 5 % std::size(languages)],
                                words[number % std::size(words)], number);
    else
        name.base = fmt::format("{}-{}{}", words[number % std::size(words)],
                                words[number / 7 % std::size(words)], number);
    return name;
}

/// A pattern that the package fulfils, of pkgsrc's kinds as often as they occur there.
std::string pattern_for(Numbers& numbers, const Name& name) {
    const unsigned kind = numbers.below(1000);
    if (kind < 124)
        return name.base + "-[0-9]*";
    if (kind < 147)
        return fmt::format("{}>={}<{}", name.base, name.major, name.major + 1);
    if (kind < 149)
        return fmt::format("{}-{}.{}{{,nb*}}", name.base, name.major, name.minor);
    if (kind < 172)
        return fmt::format("{}-{}.*", name.base, name.major);
    return fmt::format("{}>={}.{}", name.base, name.major, numbers.below(name.minor + 1));
}

std::string record_of(Numbers& numbers, unsigned number, const Name& name,
                      const std::vector<std::string>& depends) {
    const std::string pkgname = fmt::format("{}-{}.{}", name.base, name.major, name.minor);
    const std::string_view category = one_of(numbers, categories);
    std::string record = "PKGNAME=" + pkgname + "\n";
    for (const std::string& pattern : depends)
        record += "DEPENDS=" + pattern + "\n";
    record += fmt::format(
        "COMMENT={}\nSIZE_PKG={}\nBUILD_DATE=2026-10-{:02} {:02}:02:05 +0000\nCATEGORIES={}\n",
        text(numbers, 32), 1000 + numbers.below(4'000'000), 1 + number % 28, number % 24, category);
    if (numbers.below(100) < 93)
        record += fmt::format("HOMEPAGE=https://www.example.org/{}/\n", name.base);
    if (numbers.below(100) < 92)
        record += "LICENSE=modified-bsd\n";
    record +=
        fmt::format("MACHINE_ARCH={}\nOPSYS={}\nOS_VERSION={}\nPKGPATH={}/{}\nPKGTOOLS_VERSION=20091115\n",
                    pkgjail::base::host_machine_arch(), pkgjail::base::host_opsys(),
                    pkgjail::base::host_os_version(), category, name.base);
    if (numbers.below(100) < 12)
        record += "PKG_OPTIONS=inet6 ssl\n";
    for (unsigned provides = numbers.below(100) < 12 ? 3 : 0; provides > 0; --provides)
        record += fmt::format("PROVIDES=/usr/pkg/lib/{}-{}.so.{}\n", name.base, provides, name.major);
    for (unsigned requires_ = numbers.below(100) < 50 ? 3 : 0; requires_ > 0; --requires_)
        record += fmt::format("REQUIRES=/usr/pkg/lib/libc{}.so.6\n", requires_);
    record += fmt::format("FILE_NAME={}.tgz\nFILE_SIZE={}\n", pkgname, 900 + numbers.below(2'000'000));
    for (unsigned lines = 4 + numbers.below(5); lines > 0; --lines)
        record += "DESCRIPTION=" + text(numbers, 60) + "\n";
    record += fmt::format("DESCRIPTION=\nDESCRIPTION=Homepage:\nDESCRIPTION=https://www.example.org/{}/\n\n",
                          name.base);
    return record;
}

/// Numbers that follow `number` in a tree of `count`, so that the first needs all, at few steps.
std::vector<unsigned> below_in_tree(unsigned number, unsigned count) {
    std::vector<unsigned> children;
    for (const unsigned child : {2 * number, 2 * number + 1})
        if (child <= count)
            children.push_back(child);
    return children;
}

void print_index(unsigned records) {
    constexpr unsigned tree = 301; // needs300 and its dependencies
    if (records < 2 * tree)
        throw std::runtime_error(fmt::format("an index has {} records at least", 2 * tree));
    const unsigned others = records - tree;
    const unsigned libraries = std::min(400u, others / 3);
    Numbers numbers(28616);
    std::vector<std::string> records_by_name;
    records_by_name.reserve(records);
    for (unsigned number = 0; number < others; ++number) {
        std::vector<std::string> depends;
        for (unsigned count = number == 0 ? 0 : dependency_count(numbers); count > 0; --count) {
            // Only what came before is needed, so there is no circle; libraries need few others.
            const bool library = number < libraries || numbers.below(10) < 8;
            const unsigned end = library ? std::min(number, libraries) : number;
            if (number < libraries && count > 3)
                continue;
            const unsigned drawn = numbers.below(end);
            // The lower a library's number, the more need it.
            const unsigned needed = library ? drawn * (numbers.below(end) + 1) / end : drawn;
            depends.push_back(pattern_for(numbers, name_of(needed, libraries)));
        }
        records_by_name.push_back(record_of(numbers, number, name_of(number, libraries), depends));
    }
    const auto member = [](unsigned number) {
        return Name{number == 1 ? "needs300" : fmt::format("needed{}", number), 1 + number % 9, number % 17};
    };
    for (unsigned number = 1; number <= tree; ++number) {
        std::vector<std::string> depends;
        for (const unsigned child : below_in_tree(number, tree))
            depends.push_back(pattern_for(numbers, member(child)));
        for (unsigned more = number < tree ? 4 : 0; more > 0; --more)
            depends.push_back(pattern_for(numbers, member(number + 1 + numbers.below(tree - number))));
        records_by_name.push_back(record_of(numbers, number, member(number), depends));
    }
    // An index is made from a directory, by name.
    std::sort(records_by_name.begin(), records_by_name.end());
    for (const std::string& record : records_by_name)
        std::fwrite(record.data(), 1, record.size(), stdout);
}

/// Half of it does not compress, as in programs and pictures; the rest is text.
std::string content(Numbers& numbers, std::size_t size) {
    std::string bytes;
    bytes.reserve(size + 8);
    while (bytes.size() < size / 2) {
        const std::uint32_t word = numbers.word();
        bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    while (bytes.size() < size)
        bytes.append(one_of(numbers, words)).append(1, ' ');
    bytes.resize(size);
    return bytes;
}

/// Writes packages one by one, and their index at the end.
class Repository {
  public:
    explicit Repository(std::filesystem::path directory) : directory_(std::move(directory)) {
        std::filesystem::create_directories(directory_);
    }
    void add(const PackageSpec& spec) {
        namespace format = pkgjail::format;
        const std::string archive =
            format::compress_text(pkgjail::test::package_bytes(spec, pkgjail::test::Compression::none),
                                  format::TextCompression::gzip);
        pkgjail::test::write_bytes(directory_ / (spec.pkgname + ".tgz"), archive);
        index_ += pkgjail::test::summary_record(spec, archive);
    }
    void finish() const {
        namespace format = pkgjail::format;
        pkgjail::test::write_bytes(directory_ / "pkg_summary.gz",
                                   format::compress_text(index_, format::TextCompression::gzip));
    }

  private:
    std::filesystem::path directory_;
    std::string index_;
};

PackageSpec package(std::string name) {
    PackageSpec spec;
    spec.pkgname = std::move(name);
    spec.comment = "A package to measure with";
    spec.desc = "A package to measure with.\n";
    return spec;
}

/// What makes another set of packages of one that is there already.
PackageSpec extra(Numbers& numbers) {
    PackageSpec spec = package("extra-1.0");
    spec.files.push_back({"share/extra", content(numbers, 1000)});
    return spec;
}

void write_large(const std::filesystem::path& directory) {
    constexpr unsigned files = 1572;
    constexpr std::size_t bytes = 46'000'000;
    Numbers numbers(1572);
    // Most files are small and a few have most of the bytes.
    std::vector<std::size_t> sizes;
    std::size_t sum = 0;
    for (unsigned file = 0; file < files; ++file) {
        const std::size_t magnitude = numbers.below(100);
        sizes.push_back(magnitude < 60   ? 200 + numbers.below(8'000)
                        : magnitude < 95 ? 8'000 + numbers.below(56'000)
                                         : 100'000 + numbers.below(900'000));
        sum += sizes.back();
    }
    PackageSpec spec = package("large-1.0");
    for (unsigned file = 0; file < files; ++file) {
        PackageFile entry;
        entry.path = fmt::format("{}/large/{}/part{}/file{}", file % 3 == 0 ? "lib" : "share", file % 7,
                                 file % 29, file);
        entry.content = content(numbers, sizes[file] * bytes / sum);
        entry.mode = file % 50 == 0 ? 0755 : 0644;
        spec.files.push_back(std::move(entry));
    }
    Repository repository(directory);
    repository.add(spec);
    repository.add(extra(numbers));
    repository.finish();
}

void write_many(unsigned count, const std::filesystem::path& directory) {
    Numbers numbers(count);
    Repository repository(directory);
    for (unsigned number = 1; number <= count; ++number) {
        PackageSpec spec = package(fmt::format("small{}-1.{}", number, number % 10));
        for (unsigned file = 0; file < 2 + number % 3; ++file) {
            PackageFile entry;
            entry.path = fmt::format("share/small/{}/{}", number, file);
            entry.content = content(numbers, 100 + numbers.below(3000));
            spec.files.push_back(std::move(entry));
        }
        for (const unsigned child : below_in_tree(number, count))
            spec.depends.push_back(fmt::format("small{}>=1.0", child));
        if (number < count)
            spec.depends.push_back(fmt::format("small{}-[0-9]*", number + 1 + numbers.below(count - number)));
        repository.add(spec);
    }
    repository.add(extra(numbers));
    repository.finish();
}

void write_huge(unsigned mebibytes, const std::filesystem::path& directory) {
    constexpr unsigned each = 128;
    const unsigned count = std::max(1u, mebibytes / each);
    Repository repository(directory);
    for (unsigned number = 1; number <= count; ++number) {
        PackageSpec spec = package(fmt::format("huge{}-1.0", number));
        Numbers numbers(number);
        for (unsigned file = 0; file < each / 16; ++file) {
            PackageFile entry;
            entry.path = fmt::format("share/huge/{}/{}", number, file);
            // One block again and again: making this should not take longer than measuring it.
            const std::string block = content(numbers, 16'384);
            entry.content.reserve(std::size_t{16} << 20);
            while (entry.content.size() < std::size_t{16} << 20)
                entry.content += block;
            spec.files.push_back(std::move(entry));
        }
        for (const unsigned child : below_in_tree(number, count))
            spec.depends.push_back(fmt::format("huge{}>=1.0", child));
        repository.add(spec);
    }
    repository.finish();
}

nlohmann::json bundle_in(const std::filesystem::path& config) {
    std::ifstream file(config);
    return nlohmann::json::parse(file);
}

void print_mounts(const nlohmann::json& bundle) {
    for (const nlohmann::json& mount : bundle.at("mounts")) {
        bool bound = false, read_only = false;
        for (const nlohmann::json& option : mount.value("options", nlohmann::json::array())) {
            bound = bound || option == "bind" || option == "rbind";
            read_only = read_only || option == "ro" || option == "rro";
        }
        if (bound)
            fmt::print("{} {} {}\n", read_only ? "ro" : "rw", mount.at("source").get<std::string>(),
                       mount.at("destination").get<std::string>());
    }
}

void print_command(const nlohmann::json& bundle) {
    for (const std::string word : bundle.at("process").at("args")) {
        std::string quoted;
        for (const char letter : word)
            quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
        fmt::print("'{}' ", quoted);
    }
    fmt::print("\n");
}

unsigned number(const char* text) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > 10'000'000)
        throw std::runtime_error(fmt::format("\"{}\" is no number from 1 to 10000000", text));
    return static_cast<unsigned>(value);
}

} // namespace

int main(int count, char** arguments) {
    const std::string_view what = count > 1 ? arguments[1] : "";
    try {
        if (what == "index" && count == 3)
            print_index(number(arguments[2]));
        else if (what == "large" && count == 3)
            write_large(arguments[2]);
        else if (what == "many" && count == 4)
            write_many(number(arguments[2]), arguments[3]);
        else if (what == "huge" && count == 4)
            write_huge(number(arguments[2]), arguments[3]);
        else if (what == "mounts" && count == 3)
            print_mounts(bundle_in(arguments[2]));
        else if (what == "root" && count == 3)
            fmt::print("{}\n", bundle_in(arguments[2]).at("root").at("path").get<std::string>());
        else if (what == "command" && count == 3)
            print_command(bundle_in(arguments[2]));
        else {
            std::fputs("usage: bench_data index RECORDS | large DIR | many COUNT DIR | huge MEBIBYTES DIR | "
                       "mounts FILE\n",
                       stderr);
            return 64;
        }
        if (std::fflush(stdout) != 0)
            throw std::runtime_error("cannot write");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_data: %s\n", error.what());
        return 1;
    }
    return 0;
}
