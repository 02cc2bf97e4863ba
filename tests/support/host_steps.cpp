#include "support/host_steps.hpp"

#include <algorithm>
#include <fstream>

#include "support/catch.hpp"

namespace pkgjail::test {

CommandResult well(const Host& host, const std::vector<std::string>& command) {
    CommandResult result = host.run(command);
    INFO(command.front() << ": " << result.out << result.err);
    REQUIRE(result.status == 0);
    return result;
}

std::vector<std::string> steps_of(const Host& host, const std::vector<std::string>& command) {
    const auto file = host.etc() / "steps";
    std::filesystem::remove(file);
    const CommandResult result = host.run(command, {{"PKGJAIL_STEP_LOG", file.string()}});
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    std::vector<std::string> steps;
    std::ifstream lines(file);
    for (std::string step; std::getline(lines, step);)
        if (std::find(steps.begin(), steps.end(), step) == steps.end())
            steps.push_back(step);
    return steps;
}

void check_sound(const Host& host) {
    const CommandResult result = host.run({"catalog", "check"});
    INFO(result.out << result.err);
    CHECK(result.status == 0);
}

void use_edition(const Host& host, const std::string& edition) {
    host.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                               demo_repository(edition).string() + "\ntrust = none\n");
    well(host, {"update"});
}

std::string generations(const Host& host, const std::string& jail) {
    std::string text;
    const nlohmann::json history = well(host, {"history", jail, "--json"}).json();
    for (const auto& generation : history["generations"])
        text += (text.empty() ? "" : " ") + std::to_string(generation["generation"].get<int>()) +
                (generation["current"] == true ? "*" : "");
    return text;
}

std::string url(int port) {
    return "http://127.0.0.1:" + std::to_string(port) + "/";
}

} // namespace pkgjail::test
