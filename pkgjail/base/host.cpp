#include "pkgjail/base/host.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/utsname.h>
#include <unistd.h>
#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#endif

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

struct utsname host_names() {
    struct utsname names {};
    if (::uname(&names) < 0)
        throw system_error(errno, "host", "uname");
    return names;
}

std::uint64_t host_number(int which, const char* name) {
    errno = 0;
    long value = ::sysconf(which);
    if (value <= 0)
        throw Error(ErrorKind::system, "host", std::string("sysconf does not tell ") + name);
    return static_cast<std::uint64_t>(value);
}

} // namespace

std::string host_opsys() {
    return host_names().sysname;
}

std::string host_os_version() {
    std::string release = host_names().release;
#ifdef __linux__
    release.resize(std::min(release.find_first_not_of("0123456789."), release.size()));
#endif
    return release;
}

std::string host_machine_arch() {
#ifdef __NetBSD__
    // uname's machine is the port ("evbarm"); packages are made for the processor ("aarch64").
    char name[64] = {};
    std::size_t size = sizeof name - 1;
    const int query[2] = {CTL_HW, HW_MACHINE_ARCH};
    if (::sysctl(query, 2, name, &size, nullptr, 0) != 0)
        throw system_error(errno, "host", "sysctl hw.machine_arch");
    return name;
#else
    std::string machine = host_names().machine;
    if (machine == "amd64")
        return "x86_64";
    if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86"))
        return "i386";
    if (machine == "arm64")
        return "aarch64";
    if (machine.starts_with("armv7"))
        return "earmv7hf";
    if (machine.starts_with("armv6"))
        return "earmv6hf";
    if (machine == "ppc64le")
        return "powerpc64le";
    if (machine == "ppc64")
        return "powerpc64";
    return machine;
#endif
}

std::string host_name() {
    return host_names().nodename;
}

std::uint64_t host_memory_bytes() {
    return host_number(_SC_PHYS_PAGES, "the number of memory pages") *
           host_number(_SC_PAGESIZE, "the page size");
}

unsigned host_cpus() {
    return static_cast<unsigned>(host_number(_SC_NPROCESSORS_ONLN, "the number of processors"));
}

} // namespace pkgjail::base
