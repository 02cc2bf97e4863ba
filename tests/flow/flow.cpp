#include "flow/flow.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pkgjail::test {

namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

} // namespace

PackageSpec package(const std::string& pkgname, const std::vector<std::string>& depends) {
    PackageSpec spec;
    spec.pkgname = pkgname;
    spec.depends = depends;
    spec.comment = "Package " + pkgname.substr(0, pkgname.rfind('-'));
    spec.files = {
        {"share/" + pkgname.substr(0, pkgname.rfind('-')) + "/README", "this is " + pkgname + "\n"}};
    return spec;
}

std::string listing(const std::filesystem::path& directory) {
    std::set<std::string> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (entry.path().string().ends_with(".sqlite-shm"))
            continue;
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) != 0)
            throw std::runtime_error("lstat " + entry.path().string());
        lines.insert(fmt::format("{} {:o} {} {}.{:09}\n", entry.path().lexically_relative(directory).string(),
                                 status.st_mode, status.st_size, status.st_mtim.tv_sec,
                                 status.st_mtim.tv_nsec));
    }
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

std::string with_names(const Host& host, std::string text, const std::map<std::string, std::string>& names) {
    for (const auto& [name, value] : names)
        replace_all(text, value, name);
    replace_all(text, host.state().string(), "STATE");
    replace_all(text, host.etc().string(), "ETC");
    return text;
}

std::string failure_text(const CommandResult& result) {
    std::string text;
    std::istringstream lines(result.err);
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with("pkgjail: note: "))
            text += line + "\n";
    return text;
}

void check_fails(const Host& host, const std::vector<std::string>& arguments, int status,
                 const std::string& text, const std::map<std::string, std::string>& names) {
    INFO(fmt::format("pkgjail {}", fmt::join(arguments, " ")));
    const CommandResult plain = host.run(arguments);
    CHECK(with_names(host, failure_text(plain), names) == text);
    CHECK(plain.status == status);
    CHECK(plain.out.empty());

    std::vector<std::string> with_json = {"--json"};
    with_json.insert(with_json.end(), arguments.begin(), arguments.end());
    const CommandResult json = host.run(with_json);
    CHECK(json.status == status);
    REQUIRE(nlohmann::json::accept(json.out));
    const nlohmann::json error = json.json().value("error", nlohmann::json());
    CHECK(json.json()["schema"] == "pkgjail.error/1");
    CHECK(error.value("exit_status", 0) == status);
    CHECK_FALSE(error.value("cause", "").empty());
}

CommandResult run_in_shell(const Host& host, const std::string& script) {
    const std::string program = pkgjail_program();
    base::Command shell;
    shell.argv = {"/bin/bash", "-c",
                  fmt::format("set -o pipefail; pkgjail() {{ {} --state {} --config {} \"$@\"; }}; {}",
                              program, host.state().string(), host.etc().string(), script)};
    shell.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "PKGJAIL=" + program,
                         "ETC=" + host.etc().string(), "STATE=" + host.state().string()};
    const base::Output output = base::run(shell, std::chrono::seconds(180));
    return {output.exit.signalled ? 128 + output.exit.value : output.exit.value, output.out, output.err};
}

} // namespace pkgjail::test
