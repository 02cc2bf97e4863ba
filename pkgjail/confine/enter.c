/*
 * pkgjail-enter: becomes another program, held to some TCP ports by Landlock. Linux only; linked statically,
 * because it also runs inside jails, from a sealed copy in memory and on whatever libraries are there.
 *
 *     pkgjail-enter [-k FD,FD...] [-c FD]... [-r FD] [-a] [-b PORT,PORT...] [-t PORT | [-w] -- PROGRAM ARG...]
 *
 *     -k  moves these descriptors to 3, 4, ... and marks none of them close-on-exec
 *     -c  marks a descriptor close-on-exec
 *     -r  tells there what failed, as struct enter_failure; nothing is told when PROGRAM runs
 *     -a  with the -b that follows: from here on abstract sockets can only be reached where their maker came from here
 *     -b  from here on only these TCP ports can be bound; 0 is a port that the kernel chooses
 *     -t  runs nothing, but tries to bind PORT: exits 0 when the kernel refuses that, 1 when it does not
 *     -w  PROGRAM becomes a child instead, and this process stays; see hold.h
 *
 * A PROGRAM without a slash is looked for in PATH, and nothing is ever given to a shell. Everything that it
 * may become is decided by who calls it; it has no powers of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pkgjail/confine/enter_failure.h"
#include "pkgjail/confine/hold.h"

/* Of linux/landlock.h, whose older editions have no ports. */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE 445
#define NR_RESTRICT_SELF 446
#define RULE_NET_PORT 2
#define ACCESS_NET_BIND_TCP 1ull
#define SCOPE_ABSTRACT_SOCKET 1ull

struct ruleset_attribute {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped; /* older kernels take the attribute without it */
};
struct net_port_attribute {
	uint64_t allowed_access;
	uint64_t port;
};

extern char **environ;

static int report = -1;
static uint64_t scopes;

static _Noreturn void
fail(enum enter_stage stage)
{
	const struct enter_failure failure = { stage, errno };

	if (report >= 0 && write(report, &failure, sizeof(failure)) != (ssize_t)sizeof(failure))
		_exit(126);
	_exit(127);
}

static long
number(const char *text, char **end)
{
	const long value = strtol(text, end, 10);

	if (*end == text || value < 0 || value > 65535) {
		errno = EINVAL;
		fail(ENTER_USAGE);
	}
	return value;
}

static void
keep(const char *list)
{
	int high[8], count = 0;
	char *end;

	/* First all of them out of the way, so that none is overwritten before it is moved. */
	for (;; list = end + 1) {
		const int fd = fcntl((int)number(list, &end), F_DUPFD_CLOEXEC, 64);

		if (fd < 0 || count == 8)
			fail(ENTER_DESCRIPTORS);
		high[count++] = fd;
		if (*end != ',')
			break;
	}
	for (int i = 0; i < count; i++)
		if (dup2(high[i], 3 + i) < 0)
			fail(ENTER_DESCRIPTORS);
}

static void
close_on_exec(int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		fail(ENTER_DESCRIPTORS);
}

static void
hold_to_ports(const char *list)
{
	const struct ruleset_attribute attribute = { 0, ACCESS_NET_BIND_TCP, scopes };
	struct net_port_attribute rule = { ACCESS_NET_BIND_TCP, 0 };
	const int ruleset = (int)syscall(NR_CREATE_RULESET, &attribute,
	    scopes != 0 ? sizeof(attribute) : offsetof(struct ruleset_attribute, scoped), 0);
	char *end;

	if (ruleset < 0)
		fail(ENTER_HOLD);
	for (;; list = end + 1) {
		rule.port = (uint64_t)number(list, &end);
		if (syscall(NR_ADD_RULE, ruleset, RULE_NET_PORT, &rule, 0) != 0)
			fail(ENTER_HOLD);
		if (*end != ',')
			break;
	}
	/* Without privilege the kernel wants it promised first that none will be gained by a set-id program. */
	if (syscall(NR_RESTRICT_SELF, ruleset, 0) != 0 &&
	    (errno != EPERM || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		syscall(NR_RESTRICT_SELF, ruleset, 0) != 0))
		fail(ENTER_HOLD);
	close(ruleset);
}

static int
try_to_bind(uint16_t port)
{
	struct sockaddr_in name;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_port = htons(port);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0 && errno == EACCES ? 0 : 1;
}

static _Noreturn void
become(char **argv)
{
	const char *path = getenv("PATH");
	char file[4096];
	int first_error = ENOENT;

	if (strchr(argv[0], '/') != NULL || path == NULL) {
		execve(argv[0], argv, environ);
		fail(ENTER_EXEC);
	}
	while (*path != '\0') {
		const size_t length = strcspn(path, ":");

		if (length > 0 && snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, argv[0]) <
				      (int)sizeof(file)) {
			execve(file, argv, environ);
			if (errno != ENOENT && errno != ENOTDIR)
				first_error = errno;
		}
		path += length;
		if (*path == ':')
			path++;
	}
	errno = first_error;
	fail(ENTER_EXEC);
}

static _Noreturn void
stay_with(char **argv)
{
	pid_t child;

	hold_prepare();
	child = fork();
	if (child < 0)
		fail(ENTER_EXEC);
	if (child == 0) {
		signal(HOLD_SIGNAL, SIG_DFL);
		become(argv);
	}
	for (int fd = 3; fd < 16; fd++)
		close(fd); /* the end of these tells that PROGRAM runs */
	_exit(hold_jail(child));
}

int
main(int argc, char **argv)
{
	char *end;
	int option, stay = 0;

	opterr = 0; /* standard error is the service's */

	while ((option = getopt(argc, argv, "+k:c:r:ab:t:w")) != -1)
		switch (option) {
		case 'k':
			keep(optarg);
			break;
		case 'c':
			close_on_exec((int)number(optarg, &end));
			break;
		case 'r':
			report = (int)number(optarg, &end);
			break;
		case 'a':
			scopes = SCOPE_ABSTRACT_SOCKET;
			break;
		case 'b':
			hold_to_ports(optarg);
			break;
		case 't':
			return try_to_bind((uint16_t)number(optarg, &end));
		case 'w':
			stay = 1;
			break;
		default:
			errno = EINVAL;
			fail(ENTER_USAGE);
		}
	if (optind >= argc) {
		errno = EINVAL;
		fail(ENTER_USAGE);
	}
	if (stay)
		stay_with(argv + optind);
	become(argv + optind);
}
