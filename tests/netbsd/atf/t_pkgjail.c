/*
 * The loaded module as processes meet it: what a jail refuses to root inside,
 * and that its limits hold.  Each case makes its own jail and takes it down.
 */

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pkgjail_ioctl.h"

#define	REQUEST(type, name)						\
	struct type name;						\
	memset(&name, 0, sizeof(name));					\
	name.header.version = PKGJAIL_ABI;				\
	name.header.size = sizeof(name)

static int control = -1;
static struct pkgjail_ref jail;

static void
open_control(void)
{
	REQUEST(pkgjail_version, version);

	control = open(PKGJAIL_DEVICE, O_RDWR | O_CLOEXEC);
	if (control == -1)
		atf_tc_skip("%s: %s", PKGJAIL_DEVICE, strerror(errno));
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_VERSION, &version));
	if (version.abi != PKGJAIL_ABI)
		atf_tc_skip("the module has ABI %u, the test %u",
		    (unsigned)version.abi, (unsigned)PKGJAIL_ABI);
}

static void
create(const struct pkgjail_limits *limits)
{
	REQUEST(pkgjail_create, req);

	ATF_REQUIRE_EQ(0, mkdir("root", 0755));
	snprintf(req.name, sizeof(req.name), "t%d", (int)getpid());
	req.root = open("root", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(req.root != -1);
	if (limits != NULL)
		req.limits = *limits;
	req.policy = PKGJAIL_PROFILE_HIGH;
	req.nports = 1;
	req.ports[0].first = req.ports[0].last = 18080;
	req.ports[0].protocol = PKGJAIL_PROTO_TCP;
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_CREATE, &req));
	close(req.root);
	jail = req.ref;
}

static struct pkgjail_stat
stat_jail(void)
{
	REQUEST(pkgjail_statreq, req);

	req.stat.ref = jail;
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_STAT, &req));
	return req.stat;
}

static void
take_down(void)
{
	REQUEST(pkgjail_signal, end);
	REQUEST(pkgjail_destroy, destroy);
	int i;

	end.ref = destroy.ref = jail;
	end.signo = SIGKILL;
	end.flags = PKGJAIL_SIGNAL_END;
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_SIGNAL, &end));
	for (i = 0; i < 500 && stat_jail().processes != 0; i++)
		usleep(10000);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	ATF_CHECK_EQ(0, ioctl(control, PKGJAIL_IOC_DESTROY, &destroy));
}

/* In a child: goes in, or tells the error. */
static int
enter(void)
{
	REQUEST(pkgjail_enter, req);

	if (setsid() == -1 || chroot("root") == -1 || chdir("/") == -1)
		return -1;
	req.ref = jail;
	req.keep = 7;
	return ioctl(control, PKGJAIL_IOC_ENTER, &req) == 0 ? 0 : errno;
}

/* Runs a function in a child inside; its result is the number of what failed. */
static int
inside(int (*function)(void))
{
	int status;
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		_exit(enter() != 0 ? 255 : function());
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int failures;

static void
refused(const char *what, long result, int wanted)
{

	if (result != -1 || errno != wanted) {
		dprintf(2, "%s: %ld, errno %d, wanted %d\n", what, result,
		    errno, wanted);
		failures++;
	}
}

static int
bind_port(int port)
{
	struct sockaddr_in sin;
	int error, s;

	s = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof(sin));
	sin.sin_len = sizeof(sin);
	sin.sin_family = AF_INET;
	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	error = bind(s, (struct sockaddr *)&sin, sizeof(sin));
	close(s);
	return error;
}

static int
try_to_get_out(void)
{
	char name[] = "evil";
	int mib[] = { CTL_KERN, KERN_HOSTNAME };

	refused("kill", kill(1, 0), EPERM);
	refused("kill all", kill(-1, 0), ESRCH);
	refused("ptrace", ptrace(PT_ATTACH, 1, NULL, 0), ESRCH);
	refused("chroot", chroot("/"), EPERM);
	refused("mknod", mknod("/mem", S_IFCHR | 0600, makedev(2, 0)), EPERM);
	refused("mount", mount("tmpfs", "/", 0, name, sizeof(name)), EPERM);
	refused("sysctl", sysctl(mib, 2, NULL, NULL, name, 4), EPERM);
	refused("raw socket", socket(AF_INET, SOCK_RAW, 1), EPERM);
	refused("another port", bind_port(18081), EACCES);
	refused("nice", setpriority(PRIO_PROCESS, 0, -5), EACCES);
	if (bind_port(18080) != 0 || bind_port(0) != 0)
		failures++;
	if (setuid(1000) != 0)
		failures++;
	refused("kill as a user", kill(1, 0), EPERM);
	return failures;
}

ATF_TC(confined);
ATF_TC_HEAD(confined, tc)
{
	atf_tc_set_md_var(tc, "descr", "root inside does not get out");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(confined, tc)
{
	open_control();
	create(NULL);
	ATF_CHECK_EQ(0, inside(try_to_get_out));
	take_down();
}

static int
nothing(void)
{

	return 0;
}

ATF_TC(descriptors);
ATF_TC_HEAD(descriptors, tc)
{
	atf_tc_set_md_var(tc, "descr", "an open directory keeps a process out");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(descriptors, tc)
{
	int fd;

	open_control();
	create(NULL);
	fd = open("/", O_RDONLY);
	ATF_CHECK_EQ(255, inside(nothing));
	close(fd);
	ATF_CHECK_EQ(0, inside(nothing));
	take_down();
}

static int
fork_a_dozen(void)
{
	int i, made = 0;

	for (i = 0; i < 12; i++) {
		switch (fork()) {
		case 0:
			sleep(5);
			_exit(0);
		case -1:
			if (errno != EAGAIN)
				return 200;
			break;
		default:
			made++;
		}
	}
	return made;
}

ATF_TC(processes);
ATF_TC_HEAD(processes, tc)
{
	atf_tc_set_md_var(tc, "descr", "the number of processes is exact");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(processes, tc)
{
	struct pkgjail_limits limits = { .processes = 5 };

	open_control();
	create(&limits);
	ATF_CHECK_EQ(4, inside(fork_a_dozen));
	ATF_CHECK_EQ(5, stat_jail().processes_peak);
	ATF_CHECK_EQ(8, stat_jail().forks_refused);
	take_down();
}

ATF_TC(cpu);
ATF_TC_HEAD(cpu, tc)
{
	atf_tc_set_md_var(tc, "descr", "a CPU share of a quarter holds");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(cpu, tc)
{
	struct pkgjail_limits limits = { .cpu_percent = 25 };
	volatile unsigned long spins = 0;
	uint64_t before, used;
	int i;

	open_control();
	create(&limits);
	for (i = 0; i < 2; i++) {
		if (fork() == 0) {
			if (enter() != 0)
				_exit(1);
			for (;;)
				spins++;
		}
	}
	sleep(1);
	before = stat_jail().cpu_us;
	sleep(4);
	used = stat_jail().cpu_us - before;
	/* Generous: the test may share its machine. */
	ATF_CHECK_MSG(used > 600000 && used < 1400000, "used %ju us of 4 s",
	    (uintmax_t)used);
	take_down();
}

static int
sleep_a_while(void)
{

	sleep(5);
	return 0;
}

ATF_TC(members);
ATF_TC_HEAD(members, tc)
{
	atf_tc_set_md_var(tc, "descr", "the processes inside are told");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(members, tc)
{
	REQUEST(pkgjail_members, req);
	int32_t pids[4];
	pid_t pid;

	open_control();
	create(NULL);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		_exit(enter() != 0 ? 255 : sleep_a_while());
	usleep(500000);
	req.ref = jail;
	req.buffer = (uint64_t)(uintptr_t)pids;
	req.capacity = 4;
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_MEMBERS, &req));
	ATF_CHECK_EQ(1, req.count);
	ATF_CHECK_EQ(pid, pids[0]);
	take_down();
}

static int
refused_network(void)
{

	refused("inet", socket(AF_INET, SOCK_STREAM, 0), EPERM);
	refused("inet6", socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
	if (socket(AF_LOCAL, SOCK_STREAM, 0) == -1)
		failures++;
	return failures;
}

ATF_TC(no_network);
ATF_TC_HEAD(no_network, tc)
{
	atf_tc_set_md_var(tc, "descr", "a jail without network has none");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(no_network, tc)
{
	REQUEST(pkgjail_setpolicy, req);

	open_control();
	create(NULL);
	req.ref = jail;
	req.policy = PKGJAIL_PROFILE_LOW & ~PKGJAIL_ALLOW_INET;
	ATF_REQUIRE_EQ(0, ioctl(control, PKGJAIL_IOC_SETPOLICY, &req));
	ATF_CHECK_EQ(0, inside(refused_network));
	take_down();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, confined);
	ATF_TP_ADD_TC(tp, descriptors);
	ATF_TP_ADD_TC(tp, processes);
	ATF_TP_ADD_TC(tp, cpu);
	ATF_TP_ADD_TC(tp, members);
	ATF_TP_ADD_TC(tp, no_network);
	return atf_no_error();
}
