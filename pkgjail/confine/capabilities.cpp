// What no profile keeps, and why the list is the allowed ones: SYS_ADMIN, SYS_CHROOT, MKNOD, SYS_MODULE,
// SYS_PTRACE, SYS_TIME, NET_ADMIN, DAC_READ_SEARCH (open_by_handle_at) and SYS_RESOURCE each would undo a
// promise that every profile makes.
#include "pkgjail/confine/capabilities.hpp"

namespace pkgjail::confine {

std::vector<std::string> capabilities_of(jail::Profile profile) {
    const bool medium = profile != jail::Profile::high;
    const bool low = profile == jail::Profile::low;
    // What a daemon started by root needs to open its port, give its files away and become another user.
    // FSETID belongs to it: without it a package's script that installs a set-group-id file loses the bit and
    // hears nothing of it.
    std::vector<std::string> names = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                                      "CAP_KILL",  "CAP_SETGID",       "CAP_SETUID"};
    if (medium)
        names.push_back("CAP_SETPCAP"); // daemons that give up capabilities by themselves
    names.push_back("CAP_NET_BIND_SERVICE");
    if (low) {
        names.push_back("CAP_NET_RAW");  // ping
        names.push_back("CAP_IPC_LOCK"); // locking memory beyond RLIMIT_MEMLOCK
        names.push_back("CAP_SYS_NICE");
        names.push_back("CAP_AUDIT_WRITE"); // login and sshd
    }
    return names;
}

} // namespace pkgjail::confine
