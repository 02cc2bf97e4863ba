// Limits as processes feel them, and changed under a service that runs.
#include <fstream>
#include <thread>

#include "pkgjail/base/clock.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/pkgjail_command.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace {

nlohmann::json limit(const Host& host, const std::string& name) {
    const auto all = host.run({"limits", "nginx", "--json"}).json();
    for (const auto& one : all["limits"])
        if (one["limit"] == name)
            return one;
    return {};
}

} // namespace

TEST_CASE("limits of a running jail change at once and stay", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const int port = test::free_port();
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(port), "--limit", "memory=300M"})
                .status == 0);
    const auto before = host.run({"status", "nginx", "--json"}).json()["jails"][0];
    CHECK(limit(host, "memory")["effective"] == 300u << 20);
    CHECK(limit(host, "memory")["source"] == "operator");
    CHECK(limit(host, "cpu")["source"] == "template web");

    CommandResult changed = host.run({"limits", "nginx", "memory=128M", "cpu=20%", "processes=12", "--json"});
    INFO(changed.out << changed.err);
    REQUIRE(changed.status == 0);
    CHECK(changed.json()["changed"] == true);
    CHECK(
        host.run({"limits", "nginx", "memory=128M", "cpu=20%", "processes=12", "--json"}).json()["changed"] ==
        false);
    for (const auto& [name, value] :
         std::map<std::string, std::uint64_t>{{"memory", 128u << 20}, {"cpu", 20}, {"processes", 12}}) {
        INFO(name);
        CHECK(limit(host, name)["effective"] == value);
        CHECK(limit(host, name)["enforcement"] == "enforced");
    }
    CHECK(host.run({"status", "nginx", "--json"}).json()["jails"][0]["pid"] == before["pid"]);

    // What is refused changes nothing.
    CHECK(host.run({"limits", "nginx", "memory=1M", "cpu=30%"}).status == 77);
    CHECK(limit(host, "memory")["effective"] == 128u << 20);
    CHECK(limit(host, "cpu")["effective"] == 20);

    REQUIRE(host.run({"restart", "nginx"}).status == 0);
    CHECK(limit(host, "memory")["effective"] == 128u << 20);
    REQUIRE(host.run({"limits", "nginx", "memory=default"}).status == 0);
    CHECK(limit(host, "memory")["source"] == "template web");
}

TEST_CASE("a spinner gets its share of the processor and no more", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(test::free_port())}).status == 0);
    REQUIRE(host.run({"limits", "nginx", "cpu=30%"}).status == 0);
    const auto cpu = [&] {
        return host.run({"status", "nginx", "--json"}).json()["jails"][0]["usage"]["cpu_usec"].get<double>();
    };

    const double begin_usec = cpu();
    const auto begin = base::steady_now();
    host.run({"exec", "nginx", "timeout", "5", "sh", "-c", "while :; do :; done"});
    const double used = cpu() - begin_usec;
    const double passed = std::chrono::duration<double, std::micro>(base::steady_now() - begin).count();

    INFO(used << " of " << passed);
    CHECK(used <= passed * 0.33 + 100'000); // a period more, and the command's own start
    CHECK(used > 0);
}

TEST_CASE("a service that meets its process limit has it in its log", "[system][root][limits]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    REQUIRE(host.run({"install", "nginx", "--set", "port=" + std::to_string(test::free_port())}).status == 0);
    REQUIRE(host.run({"limits", "nginx", "processes=10"}).status == 0);

    host.run({"exec", "nginx", "timeout", "2", "sh", "-c", "while :; do sleep 1 & done"});

    bool told = false;
    for (int tries = 0; tries < 300 && !told; ++tries) {
        told = host.run({"logs", "nginx"}).out.find("limit processes was met") != std::string::npos;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    CHECK(told);
    CHECK(limit(host, "processes")["hits"].get<std::uint64_t>() > 0);
}
