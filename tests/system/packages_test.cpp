// Packages of real jails: a damaged archive beside a sound one, and a lock made again elsewhere.
#include <fstream>

#include "support/host_steps.hpp"
#include "support/temp_dir.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

nlohmann::json status_of(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0];
}

int install(const Host& host, const std::string& package, std::vector<std::string> more = {}) {
    const int port = test::free_port();
    std::vector<std::string> command = {"install", package, "--set", "port=" + std::to_string(port)};
    command.insert(command.end(), more.begin(), more.end());
    const CommandResult result = host.run(command);
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    return port;
}

bool has_package(const Host& host, const std::string& jail, const std::string& pkgname) {
    const nlohmann::json status = status_of(host, jail);
    for (const auto& package : status["packages"])
        if (package["pkgname"] == pkgname)
            return true;
    return false;
}

} // namespace

TEST_CASE("of two services the one whose archive is damaged goes on as it was, the other is upgraded",
          "[system][root][packages]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = install(host, "nginx");
    install(host, "redis");
    const test::TempDir directory;
    std::filesystem::copy(test::demo_repository("2026Q4"), directory / "All");
    const std::filesystem::path archive = directory / "All/nginx-1.22.1nb1.tgz";
    REQUIRE(std::filesystem::exists(archive));
    {
        std::fstream file(archive, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(archive) / 2));
        file << "damage";
    }
    host.write_config("repositories.conf",
                      "[repository demo]\nurl = file://" + (directory / "All").string() + "\ntrust = none\n");
    REQUIRE(host.run({"update"}).status == 0);
    const nlohmann::json before = status_of(host, "nginx");

    const CommandResult result = host.run({"upgrade", "--all"});

    INFO(result.out << result.err);
    CHECK(result.status == 3);
    CHECK_THAT(result.err, ContainsSubstring("nginx-1.22.1nb1"));
    CHECK(status_of(host, "nginx")["pid"] == before["pid"]);
    CHECK(status_of(host, "nginx")["generation"] == 1);
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(has_package(host, "redis", "redis-7.0.15nb1"));
    CHECK(status_of(host, "redis")["state"] == "ready");
    CHECK(host.run({"verify"}).status == 0);
}

TEST_CASE("a locked service is the same image on another host, and runs", "[system][root][packages]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    install(host, "nginx");
    const std::string file = (host.etc() / "nginx.lock").string();
    REQUIRE(host.run({"lock", "nginx", file}).status == 0);
    const nlohmann::json before = status_of(host, "nginx");

    const Host other(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    const CommandResult result =
        other.run({"install", "--locked", file, "-j", "web", "--set", "port=" + std::to_string(port)});

    INFO(result.out << result.err);
    CHECK(result.status == 0);
    CHECK(status_of(other, "web")["image"] == before["image"]);
    CHECK(status_of(other, "web")["recipe"] == "nginx");
    CHECK(test::http_status(test::url(port)) == 200);
    CHECK(other.run({"verify"}).status == 0);

    other.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                                test::demo_repository("2026Q4").string() +
                                                "\ntrust = none\n");
    REQUIRE(other.run({"update"}).status == 0);
    REQUIRE(other.run({"upgrade", "web"}).status == 0);
    CHECK(status_of(other, "web")["image"] != before["image"]);
    CHECK(other.run({"install", "--locked", file, "-j", "web"}).status == 0); // from the cache
    CHECK(status_of(other, "web")["image"] == before["image"]);
    CHECK(test::http_status(test::url(port)) == 200);
}
