// Everything that is installed with pkgjail is good: the examples in etc/, every limit template, every
// recipe.
#include <algorithm>

#include "jail/show.hpp"
#include "pkgjail/jail/name.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::read_text;
using test::show;
using test::TempDir;
using test::write_text;

namespace {

const std::filesystem::path source = PKGJAIL_SOURCE_DIR;
constexpr HostTerms host{8ull << 30, 4};

/// The text with its examples taken as they stand: "# key = value" and "# [section]" become lines of their
/// own.
std::string with_examples(const std::filesystem::path& file) {
    std::istringstream lines(read_text(file));
    std::string text;
    for (std::string line; std::getline(lines, line);) {
        const std::string content = line.starts_with("# ") ? line.substr(2) : "";
        const std::size_t equals = content.find(" = ");
        const bool is_key = equals != std::string::npos && content.find(' ') == equals;
        text += (is_key || (content.starts_with('[') && content.ends_with(']')) ? content : line) + "\n";
    }
    return text;
}

} // namespace

TEST_CASE("the shipped configuration is the defaults, with and without its examples", "[jail][shipped]") {
    const TempDir nothing;
    const TempDir etc;
    const std::string defaults = show(load_config(nothing.path(), "/shipped"));
    const std::string text = with_examples(source / "etc/pkgjail.conf");
    write_text(etc / "pkgjail.conf", text);

    CHECK(show(load_config(source / "etc", "/shipped")) == defaults);
    CHECK(show(load_config(etc.path(), "/shipped")) == defaults);
    for (const char* key : {"state", "prefix", "base", "runtime", "setid", "scripts", "install-scripts",
                            "script-timeout", "max-size", "files", "keep", "keep-for", "proxy", "ca-file",
                            "connect-timeout", "stall-timeout", "total-timeout", "parallel", "max-index"}) {
        INFO(key);
        CHECK(text.find(std::string("\n") + key + " = ") != std::string::npos);
    }
}

TEST_CASE("the shipped repositories are an example that can be taken as it stands", "[jail][shipped]") {
    const std::string text = read_text(source / "etc/repositories.conf");
    CHECK(parse_repositories(text, "repositories.conf").empty());

    const auto repositories =
        parse_repositories(with_examples(source / "etc/repositories.conf"), "repositories.conf");

    CHECK(repositories.size() == 2);
    CHECK(show(repositories.at(0)) ==
          "main https://cdn.NetBSD.org/pub/pkgsrc/packages/NetBSD/x86_64/10.0/All package-signed priority "
          "10\n");
    CHECK(show(repositories.at(1)) == "ours https://packages.example.org/All index-signed priority 10\n");
    CHECK(repositories.at(1).keys.size() == 1);
}

TEST_CASE("every shipped limit template gives these limits on a host of 8G and four CPUs",
          "[jail][shipped]") {
    const std::vector<base::HostPath> directories = {source / "etc/limits.d"};
    std::string text;
    for (const std::string& name : list_limits(directories))
        text += "[" + name + "]\n" + show(load_limits(directories, name, host));

    test::check_golden("shipped-limits.txt", text);
}

TEST_CASE("every shipped recipe renders, with limits that exist", "[jail][shipped]") {
    const std::vector<base::HostPath> directories = {source / "recipes"};
    const std::vector<base::HostPath> limits = {source / "etc/limits.d"};
    std::string text;
    for (const std::string& name : list_recipes(directories)) {
        INFO(name);
        const Recipe recipe = load_recipe(directories, name);
        RenderContext context;
        context.jail = name + "-1";
        context.host = {{"name", "box"}, {"memory", "8589934592"}, {"cpus", "4"}};
        const RenderedRecipe rendered = render(recipe, context);
        CHECK_NOTHROW(load_limits(limits, rendered.limits, host));
        // What belongs to one place must follow the prefix.
        context.prefix = "/opt/pkg";
        CHECK(show(render(recipe, context)).find("/usr/pkg") == std::string::npos);
        text += show(rendered) + "\n";
    }
    test::check_golden("shipped-recipes.txt", text);
}

TEST_CASE("every file among the recipes is a recipe or belongs to one", "[jail][shipped]") {
    const std::vector<std::string> names = list_recipes({source / "recipes"});
    std::vector<std::string> sources;
    for (const std::string& name : names) {
        sources.push_back((source / "recipes" / (name + ".recipe")).string());
        for (const RecipeFile& file : load_recipe({source / "recipes"}, name).files)
            sources.push_back(file.source.string());
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(source / "recipes")) {
        INFO(entry.path().string());
        if (entry.is_regular_file())
            CHECK(std::count(sources.begin(), sources.end(), entry.path().string()) > 0);
    }
}
