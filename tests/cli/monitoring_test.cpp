// The shipped alerts and dashboard speak of figures that pkgjail gives, by the names that it gives them.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

namespace {

const std::filesystem::path top = PKGJAIL_SOURCE_DIR;

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    REQUIRE(stream);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::set<std::string> metrics_in(const std::string& text) {
    static const std::regex name("pkgjail_[a-z_]+");
    std::set<std::string> names;
    for (std::sregex_iterator each(text.begin(), text.end(), name); each != std::sregex_iterator(); ++each)
        names.insert(each->str());
    return names;
}

std::set<std::string> unknown(const std::set<std::string>& names) {
    std::set<std::string> known;
    for (const auto& entry : std::filesystem::directory_iterator(top / "pkgjail/ops"))
        if (entry.path().filename().string().starts_with("metrics"))
            known.merge(metrics_in(text_of(entry.path())));
    std::set<std::string> result;
    for (const std::string& name : names)
        if (!known.contains(name))
            result.insert(name);
    return result;
}

/// What promtool says to its arguments; empty where it is content, or not there.
std::string promtool(std::vector<std::string> arguments) {
    const auto program = base::find_program("promtool");
    if (!program) {
        WARN("not asked of promtool: there is none (Debian's package prometheus has it)");
        return "";
    }
    base::Command command;
    command.argv = std::move(arguments);
    command.argv.insert(command.argv.begin(), program->string());
    const base::Output output = base::run(command, std::chrono::seconds(60));
    return output.exit.success() ? "" : output.out + output.err;
}

} // namespace

TEST_CASE("the shipped alerts ask for metrics that there are", "[cli][monitoring]") {
    const auto names = metrics_in(text_of(top / "etc/prometheus/pkgjail.rules.yml"));

    CHECK(names.size() > 10);
    CHECK(unknown(names) == std::set<std::string>{});
}

TEST_CASE("the shipped alerts are given when they should be", "[cli][monitoring]") {
    CHECK(promtool({"check", "rules", (top / "etc/prometheus/pkgjail.rules.yml").string()}).empty());
    CHECK(promtool({"test", "rules", (top / "tests/docs/rules_test.yml").string()}).empty());
    CHECK(promtool({"check", "config", (top / "etc/prometheus/scrape.yml").string()}).empty());
}

TEST_CASE("the shipped dashboard is well-formed and asks for metrics that there are", "[cli][monitoring]") {
    const auto dashboard = nlohmann::json::parse(text_of(top / "etc/grafana/pkgjail.json"));
    std::set<std::string> names;
    for (const auto& panel : dashboard.at("panels"))
        for (const auto& target : panel.at("targets"))
            names.merge(metrics_in(target.at("expr").get<std::string>()));

    CHECK(names.size() > 15);
    CHECK(unknown(names) == std::set<std::string>{});
}
