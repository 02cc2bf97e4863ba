// The system-call filter of each profile, as values; oci_spec writes them in the runtime's words.
//
// It is an allow-list. What it does not name fails with ENOSYS, as on a kernel that does not have the call:
// programs and libraries then take their older way, where EPERM would make them give up (glibc's clone3 and
// faccessat2 are the well-known cases), and a call that a later kernel brings is refused without anybody
// having thought of it. What it refuses knowingly fails with EPERM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/jail/profile.hpp"

namespace pkgjail::confine {

/// True when (argument & mask) == value. Masks below 64 bits matter: the kernel takes many arguments as int
/// and throws the upper half of the register away, so a comparison of the whole register can be walked
/// around.
struct ArgumentTest {
    unsigned index = 0;
    std::uint64_t mask = 0;
    std::uint64_t value = 0;
};

/// One rule: these calls, when all tests hold.
struct SyscallRule {
    std::vector<std::string> names;
    int errno_value = 0; ///< 0: allowed; else the call fails with it
    std::vector<ArgumentTest> tests;
    bool pretended = false; ///< the call does nothing and says that it was done
    bool told = false;      ///< whoever listens is told of the call and has it go on
    bool is_allowed() const { return errno_value == 0 && !pretended && !told; }
};

struct SyscallFilter {
    int default_errno = 0;
    std::vector<SyscallRule> rules;
};

/// `one_user`: for a jail in which all users are one. Giving a file away and becoming somebody else are
/// pretended there: there is nobody else, and programs that give up root's rights do not go on where that
/// fails.
SyscallFilter syscall_filter(jail::Profile profile, bool one_user = false);

/// syscall_filter() with what it refuses told instead, for a jail that learns. Calls of which only some
/// arguments are refused are told whole, where they are rare: who listens has verdict(). Of calls in no rule
/// those among `known` are told; but clone3 stays refused, because its flags lie where nobody can see them
/// and libraries go on with clone, of which they can be seen. What nobody knows by name stays refused too.
SyscallFilter learning_filter(jail::Profile profile, bool one_user, const std::vector<std::string>& known);

/// The call with those arguments of it that profiles look at: "unshare(CLONE_NEWUSER)", "socket(AF_VSOCK,
/// type 1, protocol 0)", "keyctl".
std::string describe_call(const std::string& name, const std::vector<std::uint64_t>& arguments);

/// What the kernel would do with one call, for tests and for doctor: 0 allowed, else the errno.
int verdict(const SyscallFilter& filter, const std::string& name,
            const std::vector<std::uint64_t>& arguments = {});

} // namespace pkgjail::confine
