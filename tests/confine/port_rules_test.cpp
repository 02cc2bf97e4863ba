// The packet filter's table for a private network, and what its names are.
#include "pkgjail/confine/port_rules.hpp"

#include <cstdio>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::PrivateNetwork;

namespace {

PrivateNetwork network(std::vector<jail::PublishedPort> ports, bool nat) {
    return {"10.77.0.2", "10.77.0.1", "10.77.0.0/24", nat, std::move(ports)};
}

std::string rules(const PrivateNetwork& network) {
    return confine::port_rules("pj-x", network);
}

const std::string table = "pkgjail_x";

} // namespace

TEST_CASE("names of interfaces fit the kernel, and a jail's table has the same digits",
          "[confine][network]") {
    const std::string name = confine::interface_name("pkgjail-0123456789abcdef");

    // The same in every version: a jail's end is looked for under the name that it was begun with. IFNAMSIZ
    // with its NUL is 16.
    CHECK(name == "pj-f97d8fa998dc");
    CHECK(name != confine::interface_name("pkgjail-0123456789abcdee"));
    CHECK(confine::table_name(name) == "pkgjail_f97d8fa998dc");
}

TEST_CASE("a network that an older pkgjail made is found under the name that it has", "[confine][network]") {
    const test::TempDir dir;
    const confine::PrivateNetworks networks(dir.path());
    const auto note = [&](const std::string& handle, const std::string& text) {
        base::write_file_atomically(dir / handle, text);
        return networks.interface_of(handle);
    };

    CHECK(note("pkgjail-1", "pj-0123456789ab\nrules\n") == "pj-0123456789ab");
    CHECK(note("pkgjail-2", "") == confine::interface_name("pkgjail-2"));
    CHECK(networks.interface_of("pkgjail-3") == confine::interface_name("pkgjail-3"));
}

TEST_CASE("a network without ports and NAT needs no rules", "[confine][network]") {
    CHECK_FALSE(confine::needs_rules(network({}, false)));
    CHECK(confine::needs_rules(network({}, true)));
    CHECK(confine::needs_rules(network({{"tcp", "", 8080, 80}}, false)));
}

TEST_CASE("published ports are led in from others and from the host, and nothing else is let out",
          "[confine][network]") {
    const std::string ports = "\t\tfib daddr type local tcp dport 8080 dnat to 10.77.0.2:80\n"
                              "\t\tip daddr 192.0.2.1 udp dport 5353 dnat to 10.77.0.2:53\n";
    CHECK(rules(network({{"tcp", "", 8080, 80}, {"udp", "192.0.2.1", 5353, 53}}, false)) ==
          "add table ip " + table + "\ndelete table ip " + table + "\ntable ip " + table +
              " {\n"
              "\tchain guard {\n\t\ttype filter hook prerouting priority -300; policy accept;\n"
              "\t\tiifname \"pj-x\" ip daddr 127.0.0.0/8 drop\n\t}\n"
              "\tchain from_others {\n\t\ttype nat hook prerouting priority -100; policy accept;\n" +
              ports +
              "\t}\n"
              "\tchain from_here {\n\t\ttype nat hook output priority -100; policy accept;\n" +
              ports +
              "\t}\n"
              "\tchain leave {\n\t\ttype nat hook postrouting priority 100; policy accept;\n"
              "\t\toifname \"pj-x\" ip saddr { 127.0.0.0/8, 10.77.0.2 } masquerade\n\t}\n"
              "\tchain keep_in {\n\t\ttype filter hook forward priority 0; policy accept;\n"
              "\t\tiifname \"pj-x\" ip daddr != 10.77.0.0/24 ct state != { established, related } drop\n\t}\n"
              "}\n");
}

TEST_CASE("NAT is for what leaves the pool, and nothing keeps it in", "[confine][network]") {
    CHECK(rules(network({}, true)) ==
          "add table ip " + table + "\ndelete table ip " + table + "\ntable ip " + table +
              " {\n"
              "\tchain leave {\n\t\ttype nat hook postrouting priority 100; policy accept;\n"
              "\t\toifname != \"pj-x\" ip saddr 10.77.0.2 ip daddr != 10.77.0.0/24 masquerade\n\t}\n"
              "}\n");
}

#ifdef __linux__

TEST_CASE("a network that had no rules is taken down without a word to the packet filter",
          "[confine][network]") {
    const std::string handle = "pkgjail-0123456789abcdef";
    const test::TempDir dir;
    const base::HostPath notes = dir / "networks";
    base::make_directories(notes, 0777);
    REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(notes.c_str(), 0777) == 0);
    base::write_file_atomically(notes / handle, confine::interface_name(handle) + "\nno rules\n", 0644);

    // As somebody whom the packet filter does not listen to; where there is none nobody is listened to.
    const pid_t child = ::fork();
    if (child == 0) {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
            ::_exit(2);
        try {
            confine::PrivateNetworks(notes).take_down(handle);
        } catch (const base::Error& error) {
            std::fprintf(stderr, "%s\n", error.what());
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);

    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK_FALSE(confine::PrivateNetworks(notes).is_noted(handle));
}

#endif
