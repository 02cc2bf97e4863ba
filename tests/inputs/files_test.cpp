// Every key of every file that an operator writes, with every wrong value. Files, sections and keys come from
// the readers' own tables, as they tell them when they are asked for one that there is not. What each value
// comes to is in tests/data/inputs/files.txt; values that are read must be ones that may be meant.
#include <functional>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "inputs/attempt.hpp"
#include "inputs/expected.hpp"
#include "inputs/values.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/report.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

namespace {

struct Line {
    std::string section; ///< "[health]"
    std::string text;    ///< "interval = 5s"
};

/// A kind of file: a reader, and what is the least that it takes.
struct Kind {
    std::string file;
    std::vector<Line> good;
    std::function<void(const fs::path& directory, const std::string& text)> read;
    /// Sections of which there are several, by the kind that stands first: "file" → "[file /etc/x]".
    std::map<std::string, std::string> named{};
    /// Sections without keys of their own: a key that they take.
    std::map<std::string, std::string> free{};
    /// A command that reads it, and its exit status where it is wrong.
    std::vector<std::string> verb{};
    int status = 78;
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = {
        {"pkgjail.conf",
         {{"[pkgjail]", "prefix = /usr/pkg"}, {"[ignore X]", "reason = a test"}},
         [](const fs::path& directory, const std::string& text) {
             write_bytes(directory / "pkgjail.conf", text);
             jail::load_config(directory, directory);
         },
         {{"ignore", "[ignore X]"}},
         {},
         {"list"}},
        {"repositories.conf",
         {{"[repository main]", "url = https://example.org/All"}},
         [](const fs::path& directory, const std::string& text) {
             write_bytes(directory / "repositories.conf", text);
             jail::load_config(directory, directory);
         },
         {{"repository", "[repository main]"}},
         {},
         {"list"}},
        {"recipes.d/x.recipe",
         {{"[recipe]", "summary = a test"},
          {"[recipe]", "package = test"},
          {"[service]", "command = /usr/pkg/bin/test"},
          {"[file /etc/x]", "source = x.in"},
          {"[prepare]", "path = /var/db/x"},
          {"[prepare]", "command = /usr/pkg/bin/prepare"}},
         [](const fs::path& directory, const std::string& text) {
             jail::parse_recipe(text, directory / "recipes.d" / "x.recipe", directory / "recipes.d");
         },
         {{"file", "[file /etc/x]"}},
         {{"[set]", "port"}},
         {"recipe", "check", "x"},
         2},
        {"limits.d/x.limits",
         {{"[limits]", "memory = 25%"}},
         [](const fs::path& directory, const std::string& text) {
             write_bytes(directory / "limits.d" / "x.limits", text);
             jail::load_limits({directory / "limits.d"}, "x", {8ull << 30, 4});
         },
         {},
         {},
         {"limits", "web", "--limits", "x", "-n"}},
        {"jails.d/x.jail",
         {{"[jail]", "recipe = test"}},
         [](const fs::path& directory, const std::string& text) {
             jail::parse_declaration(text, directory / "jails.d" / "x.jail");
         },
         {},
         {{"[set]", "port"}},
         {"apply", "-n"},
         3},
    };
    return all;
}

/// The good file with one line in its section, in place of the good lines of the same key.
std::string with_line(const Kind& kind, const std::string& section, const std::string& key,
                      const std::string& line) {
    std::string text;
    std::string open;
    bool done = false;
    const auto put = [&] {
        if (open == section && !done) {
            text += line + "\n";
            done = true;
        }
    };
    for (const Line& good : kind.good) {
        if (good.section != open) {
            put();
            open = good.section;
            text += open + "\n";
        }
        if (good.section != section || !good.text.starts_with(key + " "))
            text += good.text + "\n";
    }
    put();
    if (!done)
        text += section + "\n" + line + "\n";
    return text;
}

struct Refusal {
    base::ErrorKind kind;
    std::string object;
    std::string text; ///< as the program prints it
};

std::optional<Refusal> read(const Kind& kind, const fs::path& directory, const std::string& text) {
    try {
        kind.read(directory, text);
    } catch (const base::Error& error) {
        return Refusal{error.kind(), error.object(), cli::error_text("list", error)};
    }
    return std::nullopt;
}

/// The words that a message allows: "…, allowed: a, b".
std::vector<std::string> allowed(const Kind& kind, const fs::path& directory, const std::string& text) {
    const auto refusal = read(kind, directory, text);
    REQUIRE(refusal);
    const std::string mark = ", allowed: ";
    INFO(kind.file << ": " << refusal->text);
    const std::size_t at = refusal->text.find(mark);
    REQUIRE(at != std::string::npos);
    std::vector<std::string> words;
    std::istringstream list(
        refusal->text.substr(at + mark.size(), refusal->text.find('\n', at) - at - mark.size()));
    for (std::string word; std::getline(list >> std::ws, word, ',');)
        words.push_back(word);
    return words;
}

std::vector<std::string> sections_of(const Kind& kind, const fs::path& directory) {
    std::vector<std::string> sections;
    for (std::string word : allowed(kind, directory, "[no-such-section-at-all]\nx = y\n")) {
        if (word.starts_with('['))
            word = word.substr(1, word.find_first_of(" ]") - 1);
        sections.push_back(kind.named.contains(word) ? kind.named.at(word) : "[" + word + "]");
    }
    return sections;
}

std::vector<std::string> keys_of(const Kind& kind, const fs::path& directory, const std::string& section) {
    if (kind.free.contains(section))
        return {kind.free.at(section)};
    if (section == "[limits]") {
        std::vector<std::string> keys;
        for (const jail::LimitKind limit : jail::all_limit_kinds)
            keys.emplace_back(jail::limit_name(limit));
        return keys;
    }
    return allowed(kind, directory, with_line(kind, section, "no-such-key-at-all", "no-such-key-at-all = 1"));
}

/// What every refusal of a file has to be: bad configuration, told with file and line, in plain text.
std::string complaint(const Kind& kind, const Refusal& refusal, const std::string& key) {
    if (refusal.kind != base::ErrorKind::configuration)
        return fmt::format("exit status {}", cli::exit_status(refusal.kind));
    if (refusal.object.find(fs::path(kind.file).filename().string()) == std::string::npos)
        return "the file is not named";
    if (!key.empty() && refusal.text.find(key) == std::string::npos)
        return "neither key nor line is named";
    if (base::printable(refusal.text, true) != refusal.text)
        return "raw characters";
    if (refusal.text.size() > 6'000)
        return fmt::format("{} bytes", refusal.text.size());
    return "";
}

/// What no value of a key can be, but the file as a whole.
const std::vector<WrongValue>& wrong_files() {
    static const std::vector<WrongValue> all = {
        {"NUL", std::string("[pkgjail]\nprefix = /usr\0/pkg\n", 28)},
        {"only NULs", std::string(512, '\0')},
        {"too large", std::string((1u << 20) + 1, '#')},
        {"one long line", "[pkgjail]\nprefix = " + std::string(1'000'000, 'x')},
        {"many sections",
         [] {
             std::string text;
             for (int i = 0; i < 20'000; ++i)
                 text += "[s" + std::to_string(i) + "]\n";
             return text;
         }()},
        {"open header", "[pkgjail\nprefix = /usr/pkg\n"},
        {"header without name", "[]\nprefix = /usr/pkg\n"},
        {"no header", "prefix = /usr/pkg\n"},
        {"no equals sign", "[pkgjail]\nprefix /usr/pkg\n"},
        {"UTF-16", std::string("\xff\xfe[\0p\0]\0", 8)},
        {"byte order mark", "\xef\xbb\xbf[pkgjail]\nprefix = /usr/pkg\n"},
        {"escape sequence in a key", "[pkgjail]\npre\033[31mfix = /usr/pkg\n"},
        {"escape sequence in a header", "[pkg\033[31mjail]\nprefix = /usr/pkg\n"},
        {"JSON", "{\"pkgjail\": {\"prefix\": \"/usr/pkg\"}}\n"},
        {"a program", "#!/bin/sh\nrm -rf /\n"},
    };
    return all;
}

} // namespace

TEST_CASE("every key of every file answers every wrong value with file, line and key, or has a use for it",
          "[inputs][files]") {
    Expected expected("files.txt");

    for (const Kind& kind : kinds()) {
        const TempDir directory;
        for (const char* below : {"recipes.d", "limits.d", "jails.d"})
            fs::create_directory(directory / below);
        write_bytes(directory / "recipes.d" / "x.in", "some text\n");
        INFO("the good file must be good: " << kind.file);
        const auto good = read(kind, directory.path(), [&] {
            std::string text;
            std::string open;
            for (const Line& line : kind.good) {
                text += line.section == open ? "" : line.section + "\n";
                open = line.section;
                text += line.text + "\n";
            }
            return text;
        }());
        CHECK((good ? good->text : "") == "");
        for (const std::string& section : sections_of(kind, directory.path()))
            for (const std::string& key : keys_of(kind, directory.path(), section))
                for (const WrongValue& value : wrong_values()) {
                    const auto refusal = read(kind, directory.path(),
                                              with_line(kind, section, key, key + " = " + value.bytes));
                    count_input();
                    const std::string place = kind.file + " " + section + " " + key;
                    INFO(place << " = " << shown(value.bytes) << "\n" << (refusal ? refusal->text : ""));
                    if (refusal)
                        CHECK(complaint(kind, *refusal, value.name == "line end" ? "" : key) == "");
                    expected.saw(place, value.name, refusal ? "refused" : "read");
                }
    }
    expected.compare();
}

TEST_CASE("a file that is no configuration is told by every command that reads it, and nothing is changed",
          "[inputs][files]") {
    const Target target;
    const std::string before = target.digest_but_audit_trail();

    for (const Kind& kind : kinds())
        for (const WrongValue& wrong : wrong_files()) {
            write_bytes(target.etc() / kind.file, wrong.bytes);
            for (const bool json : {false, true}) {
                std::vector<std::string> words = kind.verb;
                if (json)
                    words.insert(words.begin(), "--json");
                const CommandResult result = target.run(words);
                count_input();
                INFO(kind.file << ": " << wrong.name << ": " << result.status << "\n"
                               << result.out.substr(0, 500) << result.err.substr(0, 500));
                CHECK(complaint(result, kind.verb.front(), json) == "");
                CHECK(result.status == kind.status);
                CHECK((result.err + result.out).find(fs::path(kind.file).filename().string()) !=
                      std::string::npos);
            }
            if (kind.file.find('/') == std::string::npos)
                target.restore();
            else
                fs::remove(target.etc() / kind.file);
        }
    CHECK(difference(before, target.digest_but_audit_trail()) == "");
}
