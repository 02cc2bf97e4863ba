// Names that an operator gives without a key: those of sections, such as [service NAME], and of the files
// that make up a directory, such as recipes.d. What each wrong name comes to is in tests/data/inputs, in
// sections.txt and file-names.txt.
#include <functional>

#include <fmt/format.h>

#include "inputs/attempt.hpp"
#include "inputs/expected.hpp"
#include "inputs/values.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/report.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

namespace {

/// A file whose sections may have names, with a right one around each.
struct NamedSections {
    std::string file;
    std::string head;                        ///< what the file needs besides
    std::map<std::string, std::string> body; ///< by the section's kind
    std::function<void(const fs::path& directory, const std::string& text)> read;
};

void read_configuration(const fs::path& directory, const std::string& file, const std::string& text) {
    write_bytes(directory / file, text);
    jail::load_config(directory, directory);
}

const std::vector<NamedSections>& named_sections() {
    static const std::vector<NamedSections> all = {
        {"pkgjail.conf",
         "[pkgjail]\nprefix = /usr/pkg\n",
         {{"ignore", "reason = a test\n"}},
         [](const fs::path& directory, const std::string& text) {
             read_configuration(directory, "pkgjail.conf", text);
         }},
        {"repositories.conf",
         "[repository main]\nurl = https://example.org/All\n",
         {{"repository", "url = https://example.org/other\n"}},
         [](const fs::path& directory, const std::string& text) {
             read_configuration(directory, "repositories.conf", text);
         }},
        {"recipes.d/x.recipe",
         "[recipe]\nsummary = a test\npackage = test\n[service first]\ncommand = /usr/pkg/bin/test\n",
         {{"service", "command = /usr/pkg/bin/test\n"},
          {"health", "tcp = 127.0.0.1:80\n"},
          {"file", "source = x.in\n"}},
         [](const fs::path& directory, const std::string& text) {
             jail::parse_recipe(text, directory / "recipes.d" / "x.recipe", directory / "recipes.d");
         }},
        {"jails.d/x.jail",
         "[jail]\nrecipe = test\n",
         {},
         [](const fs::path& directory, const std::string& text) {
             jail::parse_declaration(text, directory / "jails.d" / "x.jail");
         }},
    };
    return all;
}

/// "": it was read.
std::string refusal(const NamedSections& named, const fs::path& directory, const std::string& text) {
    try {
        named.read(directory, text);
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::configuration);
        return cli::error_text("list", error);
    }
    return "";
}

/// A name that a directory can have an entry of.
bool can_be_file(const std::string& name) {
    return !name.empty() && name.size() <= 200 && name.find('/') == std::string::npos;
}

struct Directory {
    std::string name;
    std::string suffix;
    std::string text;
    /// Commands that read it; NAME is put in the place of "NAME".
    std::vector<std::vector<std::string>> commands;
};

const std::vector<Directory>& directories() {
    static const std::vector<Directory> all = {
        {"recipes.d",
         ".recipe",
         "[recipe]\nsummary = a test\npackage = web\n[service]\ncommand = /usr/pkg/bin/test\n",
         {{"recipe", "list"},
          {"recipe", "show", "--", "NAME"},
          {"recipe", "check", "--", "NAME"},
          {"recipe", "check"}}},
        {"limits.d",
         ".limits",
         "[limits]\nmemory = 25%\n",
         {{"-n", "limits", "web", "--limits", "NAME"}, {"doctor"}}},
        {"jails.d",
         ".jail",
         "[jail]\nrecipe = web\n",
         {{"-n", "apply"}, {"-n", "apply", "--", "NAME"}, {"doctor"}}},
    };
    return all;
}

} // namespace

TEST_CASE("every section that has a name answers every wrong name with file and line, or has a use for it",
          "[inputs][names]") {
    Expected expected("sections.txt");

    for (const NamedSections& named : named_sections()) {
        const TempDir directory;
        for (const char* below : {"recipes.d", "jails.d"})
            fs::create_directory(directory / below);
        write_bytes(directory / "recipes.d" / "x.in", "some text\n");
        INFO(named.file);
        REQUIRE(refusal(named, directory.path(), named.head) == "");
        // The reader tells which sections have names: each of them has to be tried.
        const std::string sections = refusal(named, directory.path(), "[no-such-section-at-all]\nx = y\n");
        std::size_t with_name = 0;
        for (std::size_t at = 0; (at = sections.find(" NAME]", at)) != std::string::npos; ++at)
            ++with_name;
        INFO(sections);
        CHECK(with_name == named.body.size());
        for (const auto& [kind, body] : named.body)
            for (const WrongValue& value : wrong_values()) {
                const std::string text = fmt::format("{}[{} {}]\n{}", named.head, kind, value.bytes, body);
                const std::string refused = refusal(named, directory.path(), text);
                count_input();
                INFO("[" << kind << " " << shown(value.bytes) << "]\n" << refused);
                if (!refused.empty()) {
                    CHECK(refused.find(fs::path(named.file).filename().string() + ":") != std::string::npos);
                    CHECK(base::printable(refused, true) == refused);
                    CHECK(refused.size() < 6'000);
                }
                expected.saw(fmt::format("{} [{} NAME]", named.file, kind), value.name,
                             refused.empty() ? "read" : "refused");
            }
    }
    expected.compare();
}

TEST_CASE("a file with a wrong name in a directory of recipes, limits or jails is told, or is what it says",
          "[inputs][names]") {
    const Target target;
    Expected expected("file-names.txt");
    const std::string before = target.digest_but_audit_trail();

    for (const Directory& directory : directories()) {
        fs::create_directories(target.etc() / directory.name);
        for (const WrongValue& value : wrong_values()) {
            if (!can_be_file(value.bytes))
                continue;
            const fs::path file = target.etc() / directory.name / (value.bytes + directory.suffix);
            write_bytes(file, directory.text);
            for (std::vector<std::string> words : directory.commands)
                for (const bool json : {false, true}) {
                    std::string place = directory.name;
                    for (std::string& word : words) {
                        place += " " + word;
                        if (word == "NAME")
                            word = value.bytes;
                    }
                    const std::string verb = words.front() == "-n" ? words[1] : words.front();
                    if (json)
                        words.insert(words.begin(), "--json");
                    const CommandResult result = target.run(words);
                    count_input();
                    INFO(place << ": " << shown(value.bytes) << ": " << result.status << "\n"
                               << result.out.substr(0, 1500) << result.err.substr(0, 1500));
                    CHECK(complaint(result, verb, json) == "");
                    if (!json)
                        expected.saw(place, value.name, std::to_string(result.status));
                }
            fs::remove(file);
        }
    }
    CHECK(difference(before, target.digest_but_audit_trail()) == "");
    expected.compare();
}
