/* pkgjail-escape: attempts that only Linux has, and the watch for programs that enter. */
#include "pkgjail/confine/escape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* The kernel throws the upper half away where a parameter is an int; a filter must not look at it. */
#define DRESSED 0x500000000ul

static int
profile_is(const char *name)
{
	return strcmp(facts.profile, name) == 0;
}

static void
mount_something(void)
{
	const char *place = path_in(facts.data, "place");

	mkdir(place, 0700);
	if (tried("tmpfs", mount("none", place, "tmpfs", 0, NULL), 0) == 0)
		umount2(place, MNT_DETACH);
	if (tried("proc", mount("none", place, "proc", 0, NULL), 0) == 0)
		umount2(place, MNT_DETACH);
	if (tried("bind", mount("/", place, NULL, MS_BIND, NULL), 0) == 0)
		umount2(place, MNT_DETACH);
	tried("change propagation", mount(NULL, place, NULL, MS_PRIVATE, NULL), 0);
	rmdir(place);
}

static void
mount_anew(void)
{
	const struct {
		uint64_t set, clear, propagation, user;
	} attributes = { 0, 0, 0, 0 };
	long fd;

	if ((fd = tried("fsopen", syscall(SYS_fsopen, "tmpfs", 0), 0)) >= 0)
		close((int)fd);
	if ((fd = tried("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1), 0)) >= 0)
		close((int)fd);
	tried("move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0), 0);
	tried("mount_setattr", syscall(442, AT_FDCWD, "/", 0, &attributes, sizeof(attributes)), 0);
}

static void
unmount(void)
{
	/* No mount point: the kernel says so only to who may unmount. */
	tried("umount2", umount2("/proc/self", 0), 0);
	tried("pivot_root", syscall(SYS_pivot_root, "/proc/self", "/proc/self"), 0);
}

static void
remount(void)
{
	if (tried("image", mount(NULL, facts.image, NULL, MS_REMOUNT | MS_BIND, NULL), 0) == 0)
		mount(NULL, facts.image, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
	tried("root", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	tried("/proc/sys", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
}

static void
file_handles(void)
{
	struct {
		struct file_handle head;
		unsigned char bytes[8];
	} handle;
	const uint32_t top_inode = 2;
	const int fd = open(facts.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(&handle, 0, sizeof(handle));
	handle.head.handle_bytes = 8;
	handle.head.handle_type = 1; /* FILEID_INO32_GEN */
	memcpy(handle.bytes, &top_inode, sizeof(top_inode));
	tried("open_by_handle_at", syscall(SYS_open_by_handle_at, fd, &handle, O_RDONLY), 0);
}

static void
user_namespace(void)
{
	pid_t pid;

	tried("unshare", unshare(CLONE_NEWUSER), 0);
	tried("unshare, dressed", syscall(SYS_unshare, CLONE_NEWUSER | DRESSED), 0);
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	tried("clone", pid, 0);
	{
		struct {
			uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		} arguments = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0 };

		pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
		if (pid == 0)
			_exit(0);
		tried("clone3", pid, 0);
	}
}

static void
other_namespaces(void)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {
		{ "mount", CLONE_NEWNS }, { "pid", CLONE_NEWPID }, { "network", CLONE_NEWNET }, { "uts", CLONE_NEWUTS },
		{ "ipc", CLONE_NEWIPC }, { "cgroup", CLONE_NEWCGROUP }, { "time", 0x80 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		tried(kinds[i].name, unshare(kinds[i].flag), 0);
}

static void
join_namespaces(void)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "uts", "ipc", "user" };
	char path[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		tried(kinds[i], setns(open(path, O_RDONLY | O_CLOEXEC), 0), 0);
	}
}

static int
in_number(const char *name)
{
	return *name != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static void
see_processes(void)
{
	struct stat own, other;
	struct dirent *entry;
	char path[300];
	DIR *directory = opendir("/proc");

	if (directory == NULL || stat("/proc/self/exe", &own) != 0) {
		absent("no /proc");
		return;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (!in_number(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
		/* All that runs here is this program; a process of another program, or one that we may not look at, is
		 * not of this jail. */
		if (stat(path, &other) != 0 ? errno != ENOENT && errno != ESRCH :
					      own.st_dev != other.st_dev || own.st_ino != other.st_ino) {
			snprintf(path, sizeof(path), "process %.20s", entry->d_name);
			observed(path, 1);
		}
	}
	closedir(directory);
	observed("another process", 0);
}

static void
trace(void)
{
	struct {
		void *base;
		size_t length;
	} none = { NULL, 0 };
	const long process = facts.process > 0 ? facts.process : 1;
	long fd;

	tried("ptrace", ptrace(PTRACE_SEIZE, (pid_t)process, NULL, NULL), NO_PROCESS);
	tried("process_vm_readv", syscall(SYS_process_vm_readv, process, &none, 1, &none, 1, 0), NO_PROCESS);
	tried("process_vm_writev", syscall(SYS_process_vm_writev, process, &none, 1, &none, 1, 0), NO_PROCESS);
	if (facts.process > 0) {
		fd = syscall(SYS_pidfd_open, process, 0);
		if (fd < 0 && errno == EINVAL)
			errno = ESRCH;
		tried("pidfd_open", fd, NO_PROCESS);
	}
}

static void
capabilities(void)
{
	/* Each of these would undo a promise of every profile. */
	static const struct {
		const char *name;
		int number;
	} refused[] = {
		{ "DAC_READ_SEARCH", 2 }, { "LINUX_IMMUTABLE", 9 }, { "NET_ADMIN", 12 }, { "SYS_MODULE", 16 },
		{ "SYS_RAWIO", 17 }, { "SYS_CHROOT", 18 }, { "SYS_PTRACE", 19 }, { "SYS_PACCT", 20 }, { "SYS_ADMIN", 21 },
		{ "SYS_BOOT", 22 }, { "SYS_RESOURCE", 24 }, { "SYS_TIME", 25 }, { "SYS_TTY_CONFIG", 26 }, { "MKNOD", 27 },
		{ "AUDIT_CONTROL", 30 }, { "SETFCAP", 31 }, { "MAC_OVERRIDE", 32 }, { "MAC_ADMIN", 33 }, { "SYSLOG", 34 },
		{ "WAKE_ALARM", 35 }, { "PERFMON", 38 }, { "BPF", 39 }, { "CHECKPOINT_RESTORE", 40 },
	};
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct all[2];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		observed(refused[i].name, prctl(PR_CAPBSET_READ, refused[i].number, 0, 0, 0) == 1);
	memset(all, 0xff, sizeof(all));
	tried("capset", syscall(SYS_capset, &head, all), 0);
	observed("no_new_privs is off", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
	observed("no_new_privs can be taken off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void
file_capabilities(void)
{
	const char *path = path_in(facts.data, "capable");
	/* struct vfs_cap_data, revision 2, NET_RAW permitted and effective. */
	const uint32_t value[5] = { 0x02000001, 1u << 13, 0, 0, 0 };

	if (copy_self(path, 0755) != 0) {
		absent("the data cannot be written to");
		return;
	}
	path = path_in(facts.data, "capable");
	tried("security.capability", setxattr(path, "security.capability", value, sizeof(value), 0), 0);
	unlink(path);
}

static void
memory_killer(void)
{
	char text[32];
	const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || facts.killer <= -1000) {
		absent("there is nothing below the host's own");
		return;
	}
	snprintf(text, sizeof(text), "%ld", facts.killer - 1);
	tried("oom_score_adj", write(fd, text, strlen(text)), 0);
}

static void
modules(void)
{
	tried("init_module", syscall(SYS_init_module, NULL, 0, ""), 0);
	tried("finit_module", syscall(SYS_finit_module, -1, "", 0), 0);
	tried("delete_module", syscall(SYS_delete_module, "pkgjail_no_such_module", O_NONBLOCK), 0);
}

static void
replace_kernel(void)
{
	/* More segments than there may be; a magic number that is none. */
	tried("kexec_load", syscall(SYS_kexec_load, 0, 1ul << 20, NULL, 0ul), 0);
#ifdef SYS_kexec_file_load
	tried("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, "", ~0ul), 0);
#endif
	tried("reboot", syscall(SYS_reboot, 1, 2, 3, NULL), 0);
}

static void
set_clock(void)
{
	struct timex change;
	const struct timespec wrong = { 0, -1 };

	memset(&change, 0, sizeof(change));
	change.modes = ADJ_TICK; /* of no length: refused after the right to change it was looked at */
	tried("settimeofday", syscall(SYS_settimeofday, NULL, NULL), 0);
	tried("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong), 0);
	tried("adjtimex", syscall(SYS_adjtimex, &change), 0);
	tried("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &change), 0);
}

static void
accounting(void)
{
	tried("swapon", syscall(SYS_swapon, "/proc/self/no-such-file", 0), 0);
	tried("swapoff", syscall(SYS_swapoff, "/proc/self/no-such-file"), 0);
	tried("acct", syscall(SYS_acct, "/proc/self/no-such-file"), 0);
	tried("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL), 0);
}

static void
watch_kernel(void)
{
	struct perf_event_attr event;
	long fd;

	memset(&event, 0, sizeof(event));
	event.size = sizeof(event);
	event.type = PERF_TYPE_SOFTWARE;
	event.config = PERF_COUNT_SW_TASK_CLOCK;
	event.exclude_kernel = 1;
	if ((fd = tried("bpf", syscall(SYS_bpf, 0, NULL, 0), 0)) >= 0)
		close((int)fd);
	if ((fd = tried("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0), 0)) >= 0)
		close((int)fd);
}

static void
risky_calls(void)
{
	char parameters[256];
	long fd;

	memset(parameters, 0, sizeof(parameters));
	if ((fd = tried("userfaultfd", syscall(SYS_userfaultfd, 1), 0)) >= 0) /* for user memory only */
		close((int)fd);
	if ((fd = tried("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters), 0)) >= 0)
		close((int)fd);
	tried("personality", personality(ADDR_NO_RANDOMIZE), 0);
	tried("TIOCLINUX", ioctl(0, 0x541c, NULL), 0);
	tried("TIOCSTI, dressed", syscall(SYS_ioctl, 0, TIOCSTI | DRESSED, "x"), 0);
#ifdef SYS_iopl
	tried("iopl", syscall(SYS_iopl, 3), 0);
	tried("ioperm", syscall(SYS_ioperm, 0x80, 1, 1), 0);
#endif
}

#ifdef __x86_64__
static void
table_of_32_bits(void)
{
	long result = 20; /* getpid there */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	if (result < 0) {
		errno = (int)-result;
		result = -1;
	}
	tried("getpid", result, 0);
}

static void
table_of_x32(void)
{
	tried("getpid", syscall(39 | 0x40000000), 0);
}
#endif

static void
keyrings(void)
{
	tried("keyctl", syscall(SYS_keyctl, 0, -3, 0), 0);
	tried("add_key", syscall(SYS_add_key, "user", "pkgjail-escape", "x", 1, -1), 0);
	tried("request_key", syscall(SYS_request_key, "user", "pkgjail-escape", NULL, 0), 0);
}

static void
write_settings(void)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/panic",
		"/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
		"/proc/mtrr", "/proc/bus/pci/devices", "/proc/acpi/wakeup", "/proc/timer_stats", "/proc/scsi/scsi",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tried(files[i], open_really(files[i], O_WRONLY), NOT_THERE);
}

static void
write_sysfs(void)
{
	static const char *const files[] = {
		"/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/ksm/run", "/sys/module/kernel/parameters/panic",
		"/sys/kernel/security/lockdown", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs",
		"/sys/class/net/lo/mtu",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tried(files[i], open_really(files[i], O_WRONLY), NOT_THERE);
	tried("/sys", mkdir("/sys/pkgjail-escape", 0700), 0);
	if (access("/sys/fs/cgroup", F_OK) == 0)
		tried("/sys/fs/cgroup", mkdir("/sys/fs/cgroup/pkgjail-escape", 0700), NOT_THERE);
}

/* What is read counts as got only when there is something in it: masked files are empty. */
static void
read_something(const char *path)
{
	char byte[64];
	const int fd = open_really(path, O_RDONLY);
	const ssize_t count = fd < 0 ? -1 : read(fd, byte, sizeof(byte));

	if (fd >= 0 && count == 0)
		errno = EACCES;
	tried(path, count > 0 ? 0 : -1, NOT_THERE);
	if (fd >= 0)
		close(fd);
}

static void
read_kernel(void)
{
	static const char *const files[] = { "/proc/kcore", "/proc/kallsyms", "/proc/keys", "/proc/timer_list",
		"/proc/sched_debug", "/proc/kpageflags", "/proc/vmallocinfo", "/proc/slabinfo", "/proc/modules",
		"/sys/kernel/debug/sched", "/sys/firmware/dmi/tables/DMI", "/sys/kernel/notes" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		read_something(files[i]);
	tried("syslog", syscall(SYS_syslog, 10, NULL, 0), 0);
}

static void
raw_devices(void)
{
	static const char *const files[] = { "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/kvm", "/dev/fuse",
		"/dev/net/tun", "/dev/loop-control", "/dev/loop0", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/vsock",
		"/dev/rtc0", "/dev/mapper/control", "/dev/tty0", "/dev/input/event0", "/dev/uinput" };
	struct dirent *entry;
	struct stat status;
	DIR *directory = opendir("/dev");

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tried(files[i], open_really(files[i], O_RDONLY), NOT_THERE);
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (stat(path_in("/dev", entry->d_name), &status) == 0 && S_ISBLK(status.st_mode))
			observed(entry->d_name, 1);
}

static void
raw_sockets(void)
{
	/* The second is the kernel's old way to the first: of another family, and yet a packet socket. */
	tried("packet", socket(AF_PACKET, SOCK_RAW, 0), NO_PROTOCOL);
	tried("inet, as packet", socket(AF_INET, SOCK_PACKET, 0), NO_PROTOCOL);
	tried("raw TCP", socket(AF_INET, SOCK_RAW, IPPROTO_TCP), NO_PROTOCOL);
	tried("raw IP", socket(AF_INET, SOCK_RAW, IPPROTO_RAW), NO_PROTOCOL);
	tried("raw IPv6", socket(AF_INET6, SOCK_RAW, IPPROTO_UDP), NO_PROTOCOL);
	if (socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0)
		tried("ICMP", -1, NO_PROTOCOL);
	else if (profile_is("low"))
		given("profile low has ICMP, for ping");
	else
		observed("ICMP", 1);
}

static void
other_protocols(void)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {
		{ "vsock", AF_VSOCK, SOCK_STREAM, 0 }, { "kernel crypto", AF_ALG, SOCK_SEQPACKET, 0 },
		{ "bluetooth", 31, SOCK_RAW, 0 }, { "CAN", 29, SOCK_RAW, 1 }, { "XDP", 44, SOCK_RAW, 0 },
		{ "TIPC", 30, SOCK_STREAM, 0 }, { "key management", 15, SOCK_RAW, 2 }, { "RDS", 21, SOCK_SEQPACKET, 0 },
		{ "multipath TCP", AF_INET, SOCK_STREAM, 262 }, { "SMC", AF_INET, SOCK_STREAM, 256 },
		{ "SCTP", AF_INET, SOCK_STREAM, IPPROTO_SCTP }, { "SCTP", AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP },
		{ "DCCP", AF_INET, 6, IPPROTO_DCCP }, { "audit", AF_NETLINK, SOCK_RAW, 9 },
		{ "kernel events", AF_NETLINK, SOCK_RAW, 15 }, { "packet filter", AF_NETLINK, SOCK_RAW, 12 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const int fd = socket(kinds[i].family, kinds[i].type, kinds[i].protocol);

		if (fd >= 0 && kinds[i].family == AF_NETLINK && !profile_is("high")) {
			close(fd); /* to listen; what it may change is tried elsewhere */
			continue;
		}
		tried(kinds[i].name, fd, NO_PROTOCOL);
	}
}

static void
change_network(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} request;
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	struct ifreq interface;
	const int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const int plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* An interface that there is not. */
	memset(&request, 0, sizeof(request));
	request.head.nlmsg_len = sizeof(request);
	request.head.nlmsg_type = RTM_DELLINK;
	request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.link.ifi_index = 0x7ffffff0;
	if (route >= 0 && send(route, &request, sizeof(request), 0) == (ssize_t)sizeof(request) &&
	    recv(route, &answer, sizeof(answer), 0) >= (ssize_t)(sizeof(answer.head) + sizeof(answer.error.error))) {
		errno = -answer.error.error;
		tried("netlink", errno == 0 ? 0 : -1, 0);
	} else {
		tried("netlink", -1, NO_PROTOCOL);
	}
	/* The loopback interface, to be as it is. */
	memset(&interface, 0, sizeof(interface));
	snprintf(interface.ifr_name, sizeof(interface.ifr_name), "lo");
	if (plain >= 0 && ioctl(plain, SIOCGIFFLAGS, &interface) == 0)
		tried("interface flags", ioctl(plain, SIOCSIFFLAGS, &interface), 0);
}

static void
abstract_socket(void)
{
	struct sockaddr_un name;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long result;

	if (facts.socket == NULL || fd < 0) {
		absent("the host listens on none");
		return;
	}
	memset(&name, 0, sizeof(name));
	name.sun_family = AF_UNIX;
	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", facts.socket);
	result = connect(fd, (const struct sockaddr *)&name,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(facts.socket)));
	if (result < 0 && errno == ECONNREFUSED)
		errno = EACCES; /* nobody is seen there: the name is another network's */
	if (result == 0 && profile_is("low")) {
		given("profile low may reach the host's abstract sockets");
		return;
	}
	tried("connect", result, 0);
}

const struct escape_attempt platform_attempts[] = {
	{ "mount a file system", mount_something },
	{ "mount by the newer calls", mount_anew },
	{ "unmount, exchange the root", unmount },
	{ "remount the image writable", remount },
	{ "open files by handle", file_handles },
	{ "a user namespace of its own", user_namespace },
	{ "other namespaces of its own", other_namespaces },
	{ "join namespaces (setns)", join_namespaces },
	{ "see the host's processes", see_processes },
	{ "trace a process outside", trace },
	{ "capabilities beyond the profile", capabilities },
	{ "gain capabilities by a file", file_capabilities },
	{ "outlive the host when memory is short", memory_killer },
	{ "load or unload kernel modules", modules },
	{ "reboot, or another kernel (kexec)", replace_kernel },
	{ "set the clock", set_clock },
	{ "swap, accounting, quotas", accounting },
	{ "bpf and perf_event_open", watch_kernel },
	{ "userfaultfd, io_uring, I/O ports", risky_calls },
#ifdef __x86_64__
	{ "calls of the 32-bit table", table_of_32_bits },
	{ "calls of the x32 table", table_of_x32 },
#endif
	{ "the kernel's keyrings", keyrings },
	{ "write to /proc/sys, sysrq, core_pattern", write_settings },
	{ "write to /sys and control groups", write_sysfs },
	{ "read the kernel's memory and log", read_kernel },
	{ "disks, /dev/mem and other devices", raw_devices },
	{ "raw and packet sockets", raw_sockets },
	{ "sockets of other kinds", other_protocols },
	{ "change the network", change_network },
	{ "the host's abstract sockets", abstract_socket },
	{ NULL, NULL }
};

/* CVE-2019-5736: whoever opens the program of a process that enters can try to write to it later. */
int
watch_entering(void)
{
	enum { most = 32 };
	struct {
		int fd;
		dev_t device;
		ino_t inode;
	} seen[most];
	struct stat own, other;
	struct pollfd end = { 0, POLLIN, 0 };
	int count = 0, entered = 0, last = 1;
	char path[64], byte;

	if (stat("/proc/self/exe", &own) != 0)
		return 1;
	printf("watching\n");
	fflush(stdout);
	for (;;) {
		if (poll(&end, 1, 0) > 0 && read(0, &byte, 1) <= 0)
			break;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		for (int pid = 2; pid < last + 64; pid++) {
			int fd, known = 0;

			snprintf(path, sizeof(path), "/proc/%d/exe", pid);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0) {
				if (errno != ENOENT) {
					entered = 1;
					last = pid > last ? pid : last;
				}
				continue;
			}
			entered = 1;
			last = pid > last ? pid : last;
			if (fstat(fd, &other) != 0)
				known = 1;
			for (int i = 0; i < count; i++)
				known |= seen[i].device == other.st_dev && seen[i].inode == other.st_ino;
			if (known || count == most || (own.st_dev == other.st_dev && own.st_ino == other.st_ino)) {
				close(fd);
				continue;
			}
			seen[count].fd = fd;
			seen[count].device = other.st_dev;
			seen[count++].inode = other.st_ino;
		}
	}
	for (int i = 0; i < count; i++) {
		int fd = -1;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", seen[i].fd);
		for (int patience = 0; patience < 100; patience++) { /* until nobody runs it any more */
			fd = open(path, O_WRONLY | O_CLOEXEC);
			if (fd >= 0 || errno != ETXTBSY)
				break;
			poll(NULL, 0, 20);
		}
		if (fd >= 0 && (fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) == 0) {
			printf("open\tits file, %ld:%ld, can be written to\n", (long)seen[i].device, (long)seen[i].inode);
			return 0;
		}
		if (fd < 0 && errno == ETXTBSY) {
			printf("open\tits file is only busy\n");
			return 0;
		}
	}
	if (count > 0)
		printf("held\ta program was opened, and cannot be written to\n");
	else if (entered)
		printf("held\tno program that entered could be opened\n");
	else
		printf("absent\tnothing was seen entering\n");
	return 0;
}
