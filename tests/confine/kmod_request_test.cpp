#include "pkgjail/confine/kmod_request.hpp"

#include <cstdio>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using jail::LimitKind;

namespace {

confine::JailSpec plain() {
    confine::JailSpec spec;
    spec.handle = "pkgjail-1";
    spec.jail = "web";
    return spec;
}

std::string ports_and_addresses(const confine::JailSpec& spec) {
    const auto request = confine::kmod_create(spec, {});
    std::string text;
    for (std::uint32_t i = 0; i < request.nports; ++i)
        text += std::to_string(request.ports[i].first) + "-" + std::to_string(request.ports[i].last) + "/" +
                std::to_string(request.ports[i].protocol) + " ";
    for (std::uint32_t i = 0; i < request.naddresses; ++i) {
        text += request.addresses[i].family == PKGJAIL_FAMILY_INET ? "v4:" : "v6:";
        for (int byte = 0; byte < (request.addresses[i].family == PKGJAIL_FAMILY_INET ? 4 : 16); ++byte) {
            char hex[3];
            std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(request.addresses[i].address[byte]));
            text += hex;
        }
        text += " ";
    }
    return text;
}

std::string reading(LimitKind kind, std::uint64_t wanted, const pkgjail_stat& stat) {
    const auto found = confine::kmod_reading(kind, wanted, stat);
    return (found.effective ? std::to_string(*found.effective) : "-") + " " +
           std::string(jail::enforcement_name(found.enforcement)) + ": " + found.mechanism;
}

} // namespace

TEST_CASE("profiles are the module's presets, and no network takes the Internet away", "[confine][kmod]") {
    auto spec = plain();
    CHECK(confine::kmod_policy(spec) == PKGJAIL_PROFILE_HIGH);
    spec.profile = jail::Profile::medium;
    CHECK(confine::kmod_policy(spec) == PKGJAIL_PROFILE_MEDIUM);
    spec.profile = jail::Profile::low;
    CHECK(confine::kmod_policy(spec) == PKGJAIL_PROFILE_LOW);
    spec.network = jail::NetworkMode::none;
    CHECK(confine::kmod_policy(spec) == (PKGJAIL_PROFILE_LOW & ~PKGJAIL_ALLOW_INET));
}

TEST_CASE("limits become the module's, and core dumps are off unless asked for", "[confine][kmod]") {
    auto spec = plain();
    auto limits = confine::kmod_limits(spec);
    CHECK(limits.memory_bytes == 0);
    CHECK(limits.rlimit_mask == 1u << PKGJAIL_RLIMIT_CORE);
    CHECK(limits.rlimit[PKGJAIL_RLIMIT_CORE] == 0);

    spec.limits.wanted = {{LimitKind::cpu, {150, ""}},       {LimitKind::memory, {1u << 30, ""}},
                          {LimitKind::processes, {64, ""}},  {LimitKind::files, {1024, ""}},
                          {LimitKind::core, {1u << 20, ""}}, {LimitKind::stack, {8u << 20, ""}},
                          {LimitKind::disk, {5, ""}}};
    limits = confine::kmod_limits(spec);
    CHECK(limits.cpu_percent == 150);
    CHECK(limits.memory_bytes == 1u << 30);
    CHECK(limits.processes == 64);
    CHECK(limits.threads == 0);
    CHECK(limits.rlimit[PKGJAIL_RLIMIT_NOFILE] == 1024);
    CHECK(limits.rlimit[PKGJAIL_RLIMIT_CORE] == 1u << 20);
    CHECK(limits.rlimit[PKGJAIL_RLIMIT_STACK] == 8u << 20);
    CHECK(limits.rlimit_mask ==
          (1u << PKGJAIL_RLIMIT_NOFILE | 1u << PKGJAIL_RLIMIT_CORE | 1u << PKGJAIL_RLIMIT_STACK));
}

TEST_CASE("a limit of nothing, or beyond the module's numbers, is refused", "[confine][kmod]") {
    for (const auto& [kind, value] : {std::pair(LimitKind::processes, std::uint64_t{0}),
                                      std::pair(LimitKind::processes, std::uint64_t{1'000'001}),
                                      std::pair(LimitKind::cpu, std::uint64_t{102'401}),
                                      std::pair(LimitKind::memory, ~std::uint64_t{0})}) {
        auto spec = plain();
        spec.limits.wanted[kind] = {value, ""};
        CHECK_THROWS_AS(confine::kmod_limits(spec), base::Error);
    }
}

TEST_CASE("claims become ports without overlap, and addresses when each has one", "[confine][kmod]") {
    auto spec = plain();
    CHECK(ports_and_addresses(spec).empty());
    spec.claims = {{"tcp", "127.0.0.1", 8080}, {"tcp", "::1", 8080}, {"udp", "127.0.0.1", 53}};
    CHECK(ports_and_addresses(spec) == "53-53/2 8080-8080/1 v4:7f000001 "
                                       "v6:00000000000000000000000000000001 ");
    spec.claims.push_back({"udp", "", 8080}); // on any address, so the jail has none of its own
    CHECK(ports_and_addresses(spec) == "53-53/2 8080-8080/3 ");
    spec.claims = {{"tcp", "localhost", 80}};
    CHECK_THROWS_AS(ports_and_addresses(spec), base::Error);
}

TEST_CASE("devices are listed by the host's number and by what they are for", "[confine][kmod]") {
    const auto request = confine::kmod_create(
        plain(), {{{"null", 0666, true, true}, 0x202}, {{"log", 0222, false, true}, 0x700}});
    REQUIRE(request.ndevices == 2);
    CHECK(request.devices[0].dev == 0x202);
    CHECK(request.devices[0].access == (PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE));
    CHECK(request.devices[1].type == PKGJAIL_DEV_CHR);
    CHECK(request.devices[1].access == PKGJAIL_DEV_WRITE);
    CHECK(std::string(request.name) == "pkgjail-1");
}

TEST_CASE("readings say what is exact, what is sampled and what there is no hook for", "[confine][kmod]") {
    pkgjail_stat stat{};
    stat.limits.cpu_percent = 50;
    stat.limits.memory_bytes = 1000;
    stat.limits.processes = 10;
    stat.limits.rlimit_mask = 1u << PKGJAIL_RLIMIT_CORE;

    CHECK(reading(LimitKind::cpu, 50, stat) == "50 enforced: pkgjail module, by suspending (10 ms)");
    CHECK(reading(LimitKind::memory, 1000, stat) ==
          "1000 advisory: pkgjail module, sampled: slowed at 90%, killed above");
    CHECK(reading(LimitKind::processes, 10, stat) == "10 enforced: pkgjail module, at each fork");
    CHECK(reading(LimitKind::processes, 9, stat) == "10 unavailable: pkgjail module, at each fork");
    CHECK(reading(LimitKind::core, 0, stat) == "0 enforced: RLIMIT_CORE");
    CHECK(reading(LimitKind::files, 64, stat) == "- unavailable: RLIMIT_NOFILE (not set)");
    CHECK(reading(LimitKind::io_write, 1, stat) ==
          "- unavailable: this kernel has no hook for disk transfer rates");
    CHECK(reading(LimitKind::disk, 1, stat) ==
          "- unavailable: no quota on the file system of the state directory");
    stat.limits.cpu_percent = 0;
    CHECK(reading(LimitKind::cpu, 50, stat) ==
          "- unavailable: pkgjail module, by suspending (10 ms) (not set)");
}

TEST_CASE("a measurement tells what this host can tell", "[confine][kmod]") {
    pkgjail_stat stat{};
    stat.cpu_us = 5;
    stat.memory_bytes = 6;
    stat.memory_peak_bytes = 7;
    stat.processes = 8;
    stat.forks_refused = 9;
    stat.memory_throttles = 2;
    stat.memory_kills = 1;
    stat.cpu_throttles = 3;
    stat.blocks_in = 100;
    const auto usage = confine::kmod_usage(stat, 10);

    CHECK(usage.cpu_usec == 5u);
    CHECK(usage.memory_bytes == 6u);
    CHECK(usage.memory_peak_bytes == 7u);
    CHECK(usage.processes == 8u);
    CHECK(usage.process_limit_hits == 9u);
    CHECK(usage.memory_limit_hits == 3u);
    CHECK(usage.throttled_usec == 30'000u);
    CHECK_FALSE(usage.io_read_bytes); // operations are no bytes
}

TEST_CASE("a private network is refused where there is none, with what to use in its place",
          "[confine][kmod]") {
    auto spec = plain();
    spec.network = jail::NetworkMode::private_;
    try {
        confine::kmod_create(spec, {});
        FAIL("it was taken");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::configuration);
        CHECK(std::string(error.what()) == "web: NetBSD has no network that is one jail's own");
        CHECK(error.hint().starts_with("use network mode host, with claims at an address that only it has"));
    }
}
