/* pkgjail-escape: attempts that only NetBSD has. */
#include "pkgjail/confine/escape.h"

#include <sys/param.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ktrace.h>
#include <sys/module.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <unistd.h>

/* Kernels look at rights before they fetch what a bad pointer points to. */
static void *const nowhere = (void *)(intptr_t)-4096;

static void
mount_something(void)
{
	tried("mount", mount("no-such-type", facts.data, 0, nowhere, 0), 0);
	tried("remount", mount("null", facts.image, MNT_UPDATE, nowhere, 0), 0);
	tried("unmount", unmount(facts.data, 0), 0);
}

static void
see_processes(void)
{
	int name[6] = { CTL_KERN, KERN_PROC2, KERN_PROC_ALL, 0, (int)sizeof(struct kinfo_proc2), 0 };
	size_t size = 0;
	struct kinfo_proc2 *found;

	if (facts.process <= 0 || sysctl(name, 6, NULL, &size, NULL, 0) != 0) {
		tried("kern.proc", -1, 0);
		return;
	}
	size += 64 * sizeof(*found);
	found = malloc(size);
	name[5] = (int)(size / sizeof(*found));
	if (found == NULL || sysctl(name, 6, found, &size, NULL, 0) != 0) {
		tried("kern.proc", -1, 0);
		return;
	}
	for (size_t i = 0; i < size / sizeof(*found); i++)
		if (found[i].p_pid == facts.process)
			observed("the process outside", 1);
	observed("the process outside", 0);
	free(found);
}

static void
trace(void)
{
	if (facts.process <= 0) {
		absent("no process outside is known");
		return;
	}
	tried("ptrace", ptrace(PT_ATTACH, (pid_t)facts.process, NULL, 0), NO_PROCESS);
	tried("ktrace", ktrace(path_in(facts.data, "no-such-file"), KTROP_CLEAR, KTRFAC_SYSCALL, (pid_t)facts.process),
	    NO_PROCESS);
}

static void
modules(void)
{
	tried("load", modctl(MODCTL_LOAD, nowhere), 0);
	tried("unload", modctl(MODCTL_UNLOAD, nowhere), 0);
}

static void
set_clock(void)
{
	tried("adjtime", adjtime(nowhere, NULL), 0);
}

static void
swap_space(void)
{
	tried("swapctl", swapctl(SWAP_ON, nowhere, 0), 0);
}

static void
write_settings(void)
{
	char name[256] = "";
	size_t size = sizeof(name) - 1;
	int level = 0;
	size_t level_size = sizeof(level);

	if (sysctlbyname("kern.domainname", name, &size, NULL, 0) == 0)
		tried("kern.domainname", sysctlbyname("kern.domainname", NULL, NULL, name, size), 0);
	if (sysctlbyname("kern.securelevel", &level, &level_size, NULL, 0) == 0)
		tried("kern.securelevel", sysctlbyname("kern.securelevel", NULL, NULL, &level, sizeof(level)), 0);
}

static void
raw_devices(void)
{
	static const char *const files[] = { "/dev/mem", "/dev/kmem", "/dev/wd0d", "/dev/rwd0d", "/dev/sd0d", "/dev/rsd0d",
		"/dev/ld0d", "/dev/rld0d", "/dev/bpf", "/dev/tap", "/dev/vnd0d", "/dev/pkgjail", "/dev/drvctl", "/dev/io" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tried(files[i], open_really(files[i], O_RDONLY), NOT_THERE);
}

static void
raw_sockets(void)
{
	tried("raw TCP", socket(AF_INET, SOCK_RAW, IPPROTO_TCP), NO_PROTOCOL);
	tried("raw IP", socket(AF_INET, SOCK_RAW, IPPROTO_RAW), NO_PROTOCOL);
	tried("raw IPv6", socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), NO_PROTOCOL);
}

static void
change_network(void)
{
	struct rt_msghdr message;
	struct ifreq interface;
	const int route = socket(AF_ROUTE, SOCK_RAW, 0);
	const int plain = socket(AF_INET, SOCK_DGRAM, 0);

	/* A route to nothing at all. */
	memset(&message, 0, sizeof(message));
	message.rtm_msglen = sizeof(message);
	message.rtm_version = RTM_VERSION;
	message.rtm_type = RTM_DELETE;
	tried("route", route < 0 ? -1 : (long)write(route, &message, sizeof(message)), NO_PROTOCOL);
	memset(&interface, 0, sizeof(interface));
	snprintf(interface.ifr_name, sizeof(interface.ifr_name), "lo0");
	if (plain >= 0 && ioctl(plain, SIOCGIFFLAGS, &interface) == 0)
		tried("interface flags", ioctl(plain, SIOCSIFFLAGS, &interface), 0);
}

const struct escape_attempt platform_attempts[] = {
	{ "mount a file system, or unmount", mount_something },
	{ "see the host's processes", see_processes },
	{ "trace a process outside", trace },
	{ "load or unload kernel modules", modules },
	{ "set the clock", set_clock },
	{ "swap", swap_space },
	{ "write the kernel's settings", write_settings },
	{ "disks, /dev/mem and other devices", raw_devices },
	{ "raw sockets", raw_sockets },
	{ "change the network", change_network },
	{ NULL, NULL }
};

/* Nothing of the host's enters with its own program: there is no /proc inside, and a running program cannot be written. */
int
watch_entering(void)
{
	struct pollfd end = { 0, POLLIN, 0 };
	char byte;

	printf("watching\n");
	fflush(stdout);
	while (poll(&end, 1, -1) <= 0 || read(0, &byte, 1) > 0)
		continue;
	printf("absent\tthere is no /proc inside in which a program could be opened\n");
	return 0;
}
