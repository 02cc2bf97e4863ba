#include "support/catch.hpp"

#include <sys/utsname.h>

#include "pkgjail/base/host.hpp"

using namespace pkgjail::base;

TEST_CASE("the host is described in the words of packages", "[base][host]") {
    struct utsname names {};
    REQUIRE(::uname(&names) >= 0);

    CHECK(host_opsys() == names.sysname);
    CHECK(std::string(names.release).starts_with(host_os_version()));
    CHECK(host_machine_arch() != "amd64");
    CHECK_FALSE(host_machine_arch().empty());
    CHECK(host_name() == names.nodename);
}

TEST_CASE("a Linux kernel's version is what stands before its local suffix", "[base][host]") {
    if (host_opsys() == "Linux")
        CHECK(host_os_version().find_first_not_of("0123456789.") == std::string::npos);
    CHECK_FALSE(host_os_version().empty());
}

TEST_CASE("the host has memory and processors", "[base][host]") {
    CHECK(host_memory_bytes() > (16u << 20));
    CHECK(host_cpus() >= 1);
}
