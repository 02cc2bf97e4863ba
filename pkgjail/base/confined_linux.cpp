#ifdef __linux__

#include "pkgjail/base/confined_linux.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pkgjail::base {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#elif defined(__i386__)
constexpr std::uint32_t architecture = AUDIT_ARCH_I386;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t architecture = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::uint32_t architecture = AUDIT_ARCH_PPC64LE;
#else
constexpr std::uint32_t architecture = 0;
#endif

/// Whatever they are given, they reach nothing but the process itself and the stream that it has.
constexpr int harmless[] = {
    SYS_read,        SYS_write,        SYS_readv,        SYS_writev,
    SYS_close,       SYS_munmap,       SYS_mremap,       SYS_madvise,
    SYS_brk,         SYS_exit,         SYS_exit_group,   SYS_futex,
    SYS_getpid,      SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_gettid,      SYS_getrandom,    SYS_sigaltstack,  SYS_clock_gettime,
    SYS_sched_yield, SYS_lseek,        SYS_ppoll,        SYS_set_robust_list,
    SYS_sendmsg,     SYS_shutdown,     SYS_sendto,       SYS_restart_syscall,
    SYS_recvfrom,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef PKGJAIL_SANITIZED
    SYS_pipe2, // by which they find out whether memory can be read
#ifdef SYS_pipe
    SYS_pipe,
#endif
#endif
};
/// For making work. No new process can come of them but a copy.
constexpr int of_helper[] = {
    SYS_recvmsg,   SYS_prctl, SYS_dup3, SYS_prlimit64,
#ifdef SYS_setrlimit
    SYS_setrlimit,
#endif
#ifdef SYS_dup2
    SYS_dup2,
#endif
#ifdef SYS_seccomp
    SYS_seccomp,
#endif
};

class Program {
  public:
    void load(std::size_t offset) {
        add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
    }
    void allow_if_equal(std::uint32_t value) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
        allow();
    }
    void allow() { add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)); }
    void refuse(int error) {
        add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)));
    }
    /// The call, if none of these bits is in the lower half of its argument.
    void allow_without(int call, unsigned argument, std::uint32_t bits) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 4));
        load(offsetof(struct seccomp_data, args) + argument * sizeof(std::uint64_t) + low_half);
        add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
        refuse(EPERM);
        allow();
    }
    void kill_unless_equal(std::uint32_t value) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
        add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    }
    bool apply() {
        if (size_ > std::size(code_)) {
            errno = E2BIG;
            return false;
        }
        struct sock_fprog program = {static_cast<unsigned short>(size_), code_};
        return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
    }

  private:
    static constexpr std::size_t low_half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    void add(struct sock_filter instruction) {
        if (size_ < std::size(code_))
            code_[size_] = instruction;
        ++size_;
    }
    struct sock_filter code_[192] = {};
    std::size_t size_ = 0;
};

bool read_whole(const char* path, std::string& text) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(file, buffer, sizeof buffer)) > 0)
        text.append(buffer, static_cast<std::size_t>(got));
    ::close(file);
    return got == 0;
}

} // namespace

Given filter_system_calls(CallFilter filter) {
    if (architecture == 0 || ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        return Given::unavailable;
    Program program;
    program.load(offsetof(struct seccomp_data, arch));
    program.kill_unless_equal(architecture);
    program.load(offsetof(struct seccomp_data, nr));
    for (const int call : harmless)
        program.allow_if_equal(static_cast<std::uint32_t>(call));
#ifdef SYS_mmap
    program.allow_without(SYS_mmap, 2, PROT_EXEC);
#endif
#ifdef SYS_mmap2
    program.allow_without(SYS_mmap2, 2, PROT_EXEC);
#endif
    program.allow_without(SYS_mprotect, 2, PROT_EXEC);
    if (filter == CallFilter::helper) {
        for (const int call : of_helper)
            program.allow_if_equal(static_cast<std::uint32_t>(call));
        constexpr std::uint32_t namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                             CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
        program.allow_without(SYS_clone, 0, namespaces);
#ifdef SYS_fork
        program.allow_if_equal(SYS_fork);
#endif
    }
    program.refuse(EPERM);
    if (program.apply())
        return Given::done;
    // EINVAL: a kernel without filters. EPERM and ENOSYS: whoever started us does not let us make them.
    return errno == EINVAL || errno == EPERM || errno == ENOSYS ? Given::unavailable : Given::failed;
}

Given give_up_files_and_ports() {
    constexpr long create_ruleset = 444, restrict_self = 446;
    const long abi = ::syscall(create_ruleset, nullptr, 0, 1u);
    if (abi <= 0)
        return Given::unavailable;
    // A structure that only grows: access to files, to the network, and what is scoped.
    struct Ruleset {
        std::uint64_t files;
        std::uint64_t network;
        std::uint64_t scoped;
    } ruleset = {abi >= 5   ? 0xffffull
                 : abi >= 3 ? 0x7fffull
                 : abi == 2 ? 0x3fffull
                            : 0x1fffull,
                 abi >= 4 ? 0x3ull : 0, abi >= 6 ? 0x3ull : 0};
    const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    const long fd = ::syscall(create_ruleset, &ruleset, size, 0u);
    if (fd < 0)
        return Given::failed;
    const bool done = ::syscall(restrict_self, fd, 0u) == 0;
    const int error = errno;
    ::close(static_cast<int>(fd));
    errno = error;
    return done ? Given::done : Given::failed;
}

bool drop_capabilities() {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {};
    return ::syscall(SYS_capset, &header, none) == 0;
}

bool drop_shared_memory() {
    std::string maps; // "7f0000000000-7f0000001000 rw-s 00000000 fd:01 1234   /path"
    if (!read_whole("/proc/self/maps", maps))
        return false;
    const char* line = maps.c_str();
    while (*line != '\0') {
        char* rest = nullptr;
        const unsigned long begin = std::strtoul(line, &rest, 16);
        if (*rest == '-') {
            const unsigned long end = std::strtoul(rest + 1, &rest, 16);
            if (std::strlen(rest) > 5 && rest[2] == 'w' && rest[4] == 's' && end > begin &&
                ::munmap(reinterpret_cast<void*>(begin), end - begin) != 0)
                return false;
        }
        line = std::strchr(rest, '\n');
        if (line == nullptr)
            break;
        ++line;
    }
    return true;
}

} // namespace pkgjail::base

#endif
