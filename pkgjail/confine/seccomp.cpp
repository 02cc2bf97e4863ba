#include "pkgjail/confine/seccomp.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

namespace pkgjail::confine {
namespace {

// The kernel's numbers, which are the same on every architecture that pkgjail runs on. Written out, because
// this file is compiled (and tested) on NetBSD as well.
constexpr int linux_eperm = 1;
constexpr int linux_enosys = 38;
constexpr int linux_eprotonosupport = 93;
constexpr int linux_esocktnosupport = 94;
constexpr int linux_eafnosupport = 97;
constexpr std::uint64_t low_word = 0xffffffff; // the part of an argument that an int parameter sees

constexpr std::string_view always_allowed = R"(
    accept accept4 access alarm arch_prctl arm_fadvise64_64 arm_sync_file_range bind breakpoint brk cacheflush
    cachestat capget capset chdir chmod chown chown32 clock_getres clock_getres_time64 clock_gettime
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat
    dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
    fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
    ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat
    get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32
    geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid
    getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid
    getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64
    io_setup io_submit ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset
    landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr llistxattr _llseek
    lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack mbind membarrier memfd_create
    memfd_secret mincore mkdir mkdirat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify
    mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal
    msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat _newselect open openat
    openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
    ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64
    pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
    remap_file_pages removexattr rename renameat renameat2 restart_syscall riscv_flush_icache rmdir rseq
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
    sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
    sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64
    sendmmsg sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area
    set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
    setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
    setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown
    sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall splice stat stat64 statfs statfs64 statx
    symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysinfo tee tgkill time timer_create
    timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64
    ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4
    waitid waitpid write writev)";

constexpr std::string_view medium_allows = "fanotify_init fanotify_mark name_to_handle_at";
constexpr std::string_view low_allows = "kcmp migrate_pages modify_ldt move_pages process_madvise";

// Refused in every profile: each of them changes the host, opens a door past the filter, or looks into other
// processes.
constexpr std::string_view never_allowed = R"(
    acct add_key adjtimex bpf chroot clock_adjtime clock_adjtime64 clock_settime clock_settime64
    create_module delete_module finit_module fsconfig fsmount fsopen fspick get_kernel_syms init_module
    ioperm iopl kexec_file_load kexec_load keyctl lookup_dcookie mount mount_setattr move_mount nfsservctl
    open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pivot_root process_vm_readv
    process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key setdomainname sethostname
    setns settimeofday stime swapoff swapon syslog umount umount2 userfaultfd vhangup vm86 vm86old)";

std::vector<std::string> words(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> result;
    for (std::string word; stream >> word;)
        result.push_back(word);
    return result;
}

constexpr std::string_view about_users = R"(
    chown chown32 fchown fchown32 fchownat lchown lchown32 setgid setgid32 setgroups setgroups32 setregid
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32)";

// New namespaces of any kind. clone3 is not on the list at all: its flags are behind a pointer, where no
// filter sees them.
void add_namespace_rules(std::vector<SyscallRule>& rules) {
    constexpr std::uint64_t new_time = 0x00000080;
    // NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
    constexpr std::uint64_t bits[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                      0x10000000, 0x20000000, 0x40000000};
    std::uint64_t all = 0;
    for (const auto bit : bits)
        all |= bit;
    // The low byte of clone's flags is the exit signal, so CLONE_NEWTIME exists for unshare only.
    rules.push_back({{"clone"}, 0, {{0, all, 0}}});
    rules.push_back({{"unshare"}, 0, {{0, all | new_time, 0}}});
    for (const auto bit : bits)
        rules.push_back({{"clone", "unshare"}, linux_eperm, {{0, bit, bit}}});
    rules.push_back({{"unshare"}, linux_eperm, {{0, new_time, new_time}}});
}

// Every ioctl but these, told by their lower 16 bits, which are type and number: TIOCSTI (types into the
// terminal that the caller sits at), TIOCLINUX (the same by pasting), and those by which files get away from
// the quota that counts them: FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR (a file's project, and whether new files
// have it), and those of btrfs that make a subvolume. There is no "not equal under a mask", so the rules name
// what may differ: of each beginning, from the upper bit down, that a refused one has and the other half of
// which none has, that half.
void add_ioctl_rules(std::vector<SyscallRule>& rules) {
    constexpr std::uint64_t refused[] = {0x5412, 0x541c, 0x6602, 0x5820, 0x9401, 0x940e, 0x9417, 0x9418};
    constexpr std::uint64_t type_and_number = 0xffff;
    std::set<std::pair<std::uint64_t, std::uint64_t>> allowed; // mask and value
    for (const std::uint64_t request : refused)
        for (unsigned bit = 0; bit < 16; ++bit) {
            const std::uint64_t mask = type_and_number & ~((std::uint64_t{1} << bit) - 1);
            const std::uint64_t other = (request & mask) ^ (std::uint64_t{1} << bit);
            if (std::none_of(std::begin(refused), std::end(refused),
                             [&](std::uint64_t one) { return (one & mask) == other; }))
                allowed.emplace(mask, other);
        }
    for (const auto& [mask, value] : allowed)
        rules.push_back({{"ioctl"}, 0, {{1, mask, value}}});
    for (const std::uint64_t request : refused)
        rules.push_back({{"ioctl"}, linux_eperm, {{1, type_and_number, request}}});
}

// TCP, UDP with its light form, and ping's own datagrams; nothing else that has ports, because Landlock holds
// TCP alone to them. Multipath TCP falls back to TCP with any peer. Raw sockets are for ICMP, in profile low:
// the capability that it has for ping would open the old SOCK_PACKET as well, which is a packet socket
// although its family is inet.
void add_internet_rules(std::vector<SyscallRule>& rules, const ArgumentTest& is_family,
                        jail::Profile profile) {
    constexpr std::uint64_t type_mask = 0xf, stream = 1, datagram = 2, raw = 3;
    constexpr std::uint64_t unset = 0, icmp = 1, tcp = 6, udp = 17, icmp6 = 58, sctp = 132, udp_lite = 136,
                            multipath_tcp = 262;
    const auto rule = [&](int errno_value, std::uint64_t type, std::uint64_t protocol) {
        rules.push_back(
            {{"socket"}, errno_value, {is_family, {1, type_mask, type}, {2, low_word, protocol}}});
    };
    for (const auto protocol : {unset, tcp})
        rule(0, stream, protocol);
    for (const auto protocol : {multipath_tcp, sctp})
        rule(linux_eprotonosupport, stream, protocol);
    for (const auto protocol : {unset, icmp, udp, icmp6, udp_lite})
        rule(0, datagram, protocol);
    for (const auto protocol : {icmp, icmp6})
        rule(profile == jail::Profile::low ? 0 : linux_eperm, raw, protocol);
    for (std::uint64_t type = 0; type <= type_mask; ++type)
        if (type != stream && type != datagram && type != raw)
            rules.push_back({{"socket"}, linux_esocktnosupport, {is_family, {1, type_mask, type}}});
}

void add_socket_rules(std::vector<SyscallRule>& rules, jail::Profile profile) {
    constexpr std::uint64_t unix_family = 1, inet = 2, inet6 = 10, netlink = 16, last_known = 46;
    constexpr std::uint64_t netlink_route = 0;
    for (std::uint64_t family = 0; family <= last_known; ++family) {
        const ArgumentTest is_family{0, low_word, family};
        if (family == unix_family) {
            rules.push_back({{"socket", "socketpair"}, 0, {is_family}});
            continue;
        }
        rules.push_back({{"socketpair"}, linux_eafnosupport, {is_family}});
        if (family == netlink && profile == jail::Profile::high)
            rules.push_back({{"socket"}, 0, {is_family, {2, low_word, netlink_route}}});
        else if (family == netlink)
            rules.push_back({{"socket"}, 0, {is_family}});
        else if (family == inet || family == inet6)
            add_internet_rules(rules, is_family, profile);
        else
            rules.push_back({{"socket"}, linux_eafnosupport, {is_family}});
    }
}

// FIFOs, sockets and plain files may be made; devices may not.
void add_node_rules(std::vector<SyscallRule>& rules) {
    constexpr std::uint64_t type_mask = 0170000, fifo = 0010000, character = 0020000, block = 0060000,
                            regular = 0100000, socket = 0140000;
    for (const auto& [name, argument] : {std::pair{"mknod", 1u}, std::pair{"mknodat", 2u}}) {
        for (const std::uint64_t type : {std::uint64_t{0}, fifo, regular, socket})
            rules.push_back({{name}, 0, {{argument, type_mask, type}}});
        for (const std::uint64_t type : {character, block})
            rules.push_back({{name}, linux_eperm, {{argument, type_mask, type}}});
    }
}

} // namespace

SyscallFilter syscall_filter(jail::Profile profile, bool one_user) {
    SyscallFilter filter;
    filter.default_errno = linux_enosys;
    auto allowed = words(always_allowed);
    auto refused = words(never_allowed);
    const auto sort_in = [&](std::string_view names, bool allow) {
        auto& list = allow ? allowed : refused;
        for (auto& name : words(names))
            list.push_back(std::move(name));
    };
    sort_in(medium_allows, profile != jail::Profile::high);
    sort_in(low_allows, profile == jail::Profile::low);
    if (one_user) {
        const auto pretended = words(about_users);
        std::erase_if(allowed, [&](const std::string& name) {
            return std::find(pretended.begin(), pretended.end(), name) != pretended.end();
        });
        filter.rules.push_back({pretended, 0, {}, true});
    }
    std::sort(allowed.begin(), allowed.end());
    std::sort(refused.begin(), refused.end());
    filter.rules.push_back({std::move(allowed), 0, {}});
    filter.rules.push_back({std::move(refused), linux_eperm, {}});
    add_namespace_rules(filter.rules);
    add_ioctl_rules(filter.rules);
    add_socket_rules(filter.rules, profile);
    add_node_rules(filter.rules);
    // Plain Linux, and asking (all ones). Others switch off address randomisation or mmap's lower bound.
    for (const std::uint64_t persona : {std::uint64_t{0}, low_word})
        filter.rules.push_back({{"personality"}, 0, {{0, low_word, persona}}});
    return filter;
}

SyscallFilter learning_filter(jail::Profile profile, bool one_user, const std::vector<std::string>& known) {
    SyscallFilter filter = syscall_filter(profile, one_user);
    // Frequent calls keep their rules. Those of clone and ioctl leave no argument out.
    const std::set<std::string> frequent{"clone", "ioctl"};
    std::set<std::string> named{"clone3"}, whole;
    for (auto& rule : filter.rules) {
        named.insert(rule.names.begin(), rule.names.end());
        if (rule.tests.empty()) {
            rule.told = rule.told || rule.errno_value != 0;
            continue;
        }
        for (const auto& name : rule.names)
            if (!frequent.contains(name))
                whole.insert(name);
        std::erase_if(rule.names, [&](const std::string& name) { return !frequent.contains(name); });
        rule.told = rule.errno_value != 0;
    }
    std::erase_if(filter.rules, [](const SyscallRule& rule) { return rule.names.empty(); });
    for (const auto& name : known)
        if (!named.contains(name))
            whole.insert(name);
    filter.rules.push_back({{whole.begin(), whole.end()}, 0, {}, false, true});
    return filter;
}

int verdict(const SyscallFilter& filter, const std::string& name,
            const std::vector<std::uint64_t>& arguments) {
    int result = filter.default_errno;
    for (const auto& rule : filter.rules) {
        if (std::find(rule.names.begin(), rule.names.end(), name) == rule.names.end())
            continue;
        const bool holds = std::all_of(rule.tests.begin(), rule.tests.end(), [&](const ArgumentTest& test) {
            const std::uint64_t argument = test.index < arguments.size() ? arguments[test.index] : 0;
            return (argument & test.mask) == test.value;
        });
        if (!holds)
            continue;
        // The rules of one call never contradict each other (tests/confine proves it), so the first that
        // holds decides.
        result = rule.errno_value;
        break;
    }
    return result;
}

} // namespace pkgjail::confine
