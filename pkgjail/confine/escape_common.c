/* pkgjail-escape: attempts that every platform has. */
#include "pkgjail/confine/escape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
descriptors(void)
{
	char name[32];
	const long ceiling = sysconf(_SC_OPEN_MAX);
	/* One is ours: the pipe on which this attempt reports. It is the lowest above standard error. */
	int left = 0;

	for (int fd = 3; fd < ceiling && fd < 65536; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && ++left > 1) {
			snprintf(name, sizeof(name), "descriptor %d", fd);
			observed(name, 1);
		}
	observed("a descriptor above 2", 0);
}

static void
environment(void)
{
	char name[128], quoted[132];

	for (char **variable = environ; *variable != NULL; variable++) {
		const char *list = facts.environment == NULL ? "" : facts.environment;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
		snprintf(quoted, sizeof(quoted), ",%s,", name);
		if (strstr(list, quoted) == NULL)
			observed(name, 1);
	}
	observed("a variable of the host", 0);
}

static void
walk_up(void)
{
	struct stat root, top;

	if (stat("/", &root) != 0 || chdir("/") != 0) {
		absent("the root cannot be looked at");
		return;
	}
	for (int i = 0; i < 64 && chdir("..") == 0; i++)
		continue;
	observed("..", stat(".", &top) != 0 || top.st_dev != root.st_dev || top.st_ino != root.st_ino);
}

static void
change_root(void)
{
	tried("chroot", chroot("/"), 0);
}

static void
make_device(void)
{
	const char *path = path_in(facts.data, "device");
	struct stat null;

	if (stat("/dev/null", &null) != 0) {
		absent("no /dev/null");
		return;
	}
	tried("character device", mknod(path, S_IFCHR | 0600, null.st_rdev), 0);
	unlink(path);
	tried("block device", mknod(path, S_IFBLK | 0600, null.st_rdev), 0);
	unlink(path);
}

static void
use_device(void)
{
	struct stat status;

	/* The host has put it there; the mount must not let it work. */
	if (lstat(path_in(facts.data, "null"), &status) != 0 || !S_ISCHR(status.st_mode)) {
		absent("the host could not put one there");
		return;
	}
	tried("open", open(path_in(facts.data, "null"), O_RDWR | O_CLOEXEC), 0);
}

static void
write_program(const char *directory, const char *file)
{
	tried("new file", open(path_in(directory, "pkgjail-escape-new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
	unlink(path_in(directory, "pkgjail-escape-new"));
	if (file != NULL) {
		const char *path = path_in(directory, file);

		long fd = open(path, O_WRONLY | O_CLOEXEC);

		if (fd < 0 && errno == ETXTBSY) /* somebody runs it, which says nothing of rights */
			fd = access(path, W_OK);
		tried("open for writing", fd, 0);
		tried("change its mode", chmod(path, 0755), 0);
		tried("change its times", utimes(path, NULL), 0);
	}
}

static void
write_image(void)
{
	write_program(facts.image, "pkgjail-escape");
}

static void
write_base(void)
{
	write_program("/bin", "sh");
	write_program("/usr/bin", NULL);
	write_program("/usr/lib", NULL);
}

static void
write_root(void)
{
	tried("new directory", mkdir("/pkgjail-escape-new", 0700), 0);
	rmdir("/pkgjail-escape-new");
}

static void
take_from_image(void)
{
	char from[1024];

	snprintf(from, sizeof(from), "%s/pkgjail-escape", facts.image);
	tried("hard link", link(from, path_in(facts.data, "linked")), OTHER_PLACE);
	unlink(path_in(facts.data, "linked"));
}

static int
gains(const char *path)
{
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0) {
		char *const arguments[] = { strdup("pkgjail-escape"), strdup("gain"), NULL };

		if (setgid(65533) != 0 || setuid(65533) != 0 || getuid() != 65533)
			_exit(8);
		execve(path, arguments, environ);
		_exit(7);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 8)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
set_id(void)
{
	char path[1024];
	int gained;

	/* Where one user is all users, becoming another is no more than a word, and nothing can be gained by it. */
	snprintf(path, sizeof(path), "%s/set-id", facts.data);
	if (copy_self(path, 06755) != 0 || (gained = gains(path)) < 0) {
		absent("no other user to try it as");
		return;
	}
	observed("in the data", gained);
	unlink(path);
	snprintf(path, sizeof(path), "%s/set-id", facts.image);
	if (access(path, F_OK) == 0)
		observed("in the image", gains(path) == 1);
}

/* The number may be one of our own processes' as well: those are children of the first process, which we are. */
static int
is_ours(long process)
{
	return process == getpid() || process == getppid() || getpgid((pid_t)process) == getpgrp();
}

static void
signal_outside(void)
{
	if (facts.process <= 0 || is_ours(facts.process)) {
		absent("no process outside is known");
		return;
	}
	tried("kill", kill((pid_t)facts.process, 0), NO_PROCESS);
	tried("kill its group", kill((pid_t)-facts.process, 0), NO_PROCESS);
	errno = 0;
	tried("its priority", getpriority(PRIO_PROCESS, (id_t)facts.process) == -1 && errno != 0 ? -1 : 0, NO_PROCESS);
}

static void
raise_limits(void)
{
	static const struct {
		const char *name;
		int which;
	} known[] = { { "core", RLIMIT_CORE }, { "open files", RLIMIT_NOFILE } };
	int asked = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct rlimit limit;

		if (getrlimit(known[i].which, &limit) != 0 || limit.rlim_max == RLIM_INFINITY)
			continue;
		asked = 1;
		limit.rlim_max++;
		tried(known[i].name, setrlimit(known[i].which, &limit), 0);
	}
	if (!asked)
		absent("it has no ceilings");
}

static void
shared_memory(void)
{
	struct shmid_ds segment;

	if (facts.segment < 0) {
		absent("the host could not make a segment");
		return;
	}
	errno = 0;
	if (shmctl((int)facts.segment, IPC_STAT, &segment) != 0 && (errno == EINVAL || errno == EIDRM))
		errno = EACCES; /* there is no such segment: it is not seen */
	else if (errno == 0)
		observed("the host's segment", 1);
	tried("segment", -1, 0);
}

static void
host_name(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) != 0)
		return;
	tried("sethostname", sethostname(name, (size_t)strlen(name)), 0);
}

static int
bind_to(int family, int type, int protocol, long port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	const int fd = socket(family, type, protocol);
	int result = -1;

	if (fd < 0)
		return -1;
	memset(&v4, 0, sizeof(v4));
	v4.sin_family = AF_INET;
	v4.sin_port = htons((in_port_t)port);
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(&v6, 0, sizeof(v6));
	v6.sin6_family = AF_INET6;
	v6.sin6_port = htons((in_port_t)port);
	v6.sin6_addr = in6addr_loopback;
	if (family == AF_INET)
		result = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	else
		result = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	if (result == 0)
		close(fd);
	return result;
}

static void
tcp_port(void)
{
	if (!facts.shared_network || facts.port == 0) {
		absent("the jail shares no network with the host");
		return;
	}
	tried("IPv4", bind_to(AF_INET, SOCK_STREAM, 0, facts.port), 0);
	errno = 0;
	if (bind_to(AF_INET6, SOCK_STREAM, 0, facts.port) < 0 && errno == EADDRNOTAVAIL)
		return; /* this host has no IPv6 */
	tried("IPv6", errno == 0 ? 0 : -1, NO_PROTOCOL);
}

static void
udp_port(void)
{
	if (!facts.shared_network || facts.port == 0) {
		absent("the jail shares no network with the host");
		return;
	}
	if (bind_to(AF_INET, SOCK_DGRAM, 0, facts.port) == 0)
		given("UDP ports are not held to claims on this platform");
	else
		tried("IPv4", -1, 0);
}

static void
type_into_terminal(void)
{
#ifdef TIOCSTI
	const int master = posix_openpt(O_RDWR | O_NOCTTY);
	int terminal;

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
		absent("no terminal can be made");
		return;
	}
	setsid();
	terminal = open(ptsname(master), O_RDWR);
	if (terminal < 0) {
		absent("no terminal can be opened");
		return;
	}
#ifdef TIOCSCTTY
	ioctl(terminal, TIOCSCTTY, 0);
#endif
	errno = 0;
	if (ioctl(terminal, TIOCSTI, "x") < 0 && errno == EIO)
		errno = EPERM; /* the kernel has it switched off */
	tried("TIOCSTI", errno == 0 ? 0 : -1, 0);
#else
	absent("this platform has no TIOCSTI");
#endif
}

const struct escape_attempt common_attempts[] = {
	{ "leave the root by ..", walk_up },
	{ "change the root again (chroot)", change_root },
	{ "make a device", make_device },
	{ "use a device in the data", use_device },
	{ "write into the image", write_image },
	{ "write into the base", write_base },
	{ "write beside them, into the root", write_root },
	{ "link files out of the image", take_from_image },
	{ "gain privileges by a set-id program", set_id },
	{ "descriptors left open by the host", descriptors },
	{ "variables of the host's environment", environment },
	{ "signal a process outside", signal_outside },
	{ "raise its own ceilings (rlimits)", raise_limits },
	{ "see the host's shared memory", shared_memory },
	{ "change the host name", host_name },
	{ "type into a terminal (TIOCSTI)", type_into_terminal },
	{ "bind a TCP port without a claim", tcp_port },
	{ "bind a UDP port without a claim", udp_port },
	{ NULL, NULL }
};
