#include "flow/keeping.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pkgjail::test {

namespace {

PackageSpec library() {
    PackageSpec spec = package("lib-1.0");
    // Much larger than what a package database or a directory takes.
    spec.files.push_back({"lib/libbig.so", std::string(3'000'000, 'l')});
    return spec;
}

PackageSpec web(const std::string& version) {
    PackageSpec spec = package("web-" + version, {"lib>=1"});
    spec.files.push_back({"sbin/web", std::string(100'000, 'w') + version});
    return spec;
}

} // namespace

KeptJail::KeptJail() : shop_({library(), web("1.0"), package("extra-1.0")}) {
    well(host(), {"update"});
    well(host(), {"install", "web"});
}

void KeptJail::offer(const std::string& version) const {
    shop_.offer({library(), web(version), package("extra-1.0")});
    well(host(), {"update"});
}

void KeptJail::upgrade(const std::string& version) const {
    offer(version);
    well(host(), {"upgrade", "web"});
}

void KeptJail::keep(unsigned number, const std::string& span) const {
    host().write_config("pkgjail.conf",
                        fmt::format("[generations]\nkeep = {}\nkeep-for = {}\n", number, span));
}

std::string KeptJail::generations(const std::string& jail) const {
    return test::generations(host(), jail);
}

std::filesystem::path KeptJail::jail_directory(const std::string& jail) const {
    const nlohmann::json status = well(host(), {"status", jail, "--json"}).json();
    return host().state() / "jails" / status["jails"][0]["id"].get<std::string>();
}

std::string names_in(const std::filesystem::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        names.insert(entry.path().filename().string());
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

std::uint64_t du_bytes(const std::filesystem::path& directory) {
    base::Command command;
    command.argv = {base::find_program("du").value_or("/usr/bin/du").string(), "-s", "-k",
                    directory.string()};
    command.environment = {"LC_ALL=C"};
    const base::Output output = base::run(command, std::chrono::seconds(60));
    INFO(output.err);
    REQUIRE(output.exit.success());
    return std::stoull(output.out) * 1024;
}

} // namespace pkgjail::test
