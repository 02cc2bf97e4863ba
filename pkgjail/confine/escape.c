/*
 * pkgjail-escape: tries to get out of the jail that it runs in, without doing harm, and says what held. `pkgjail doctor
 * --escape` runs it as the first process of a throw-away jail. Linked statically, because it runs on whatever the jail
 * has.
 *
 *     pkgjail-escape attempts KEY=VALUE...   all attempts; a line each: OUTCOME TAB WHAT TAB DETAIL, at the end a line
 *                                            "end". OUTCOME is held, open, given or absent
 *     pkgjail-escape watch                   until standard input ends, looks for programs that enter the jail from
 *                                            outside; then tells, in the same form, whether one can be written to
 *     pkgjail-escape where                   prints "inside" or "outside": whether the way up from the working
 *                                            directory ends at the root
 *     pkgjail-escape gain                    exits 0 when it runs with the privileges of a set-id program
 */
#include "pkgjail/confine/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct escape_facts facts;

enum outcome { HELD, OPEN, GIVEN, ABSENT };
static const char *const outcome_names[] = { "held", "open", "given", "absent" };

/* Of the attempt that is being made, in its own process. */
static struct verdict {
	enum outcome outcome;
	char detail[160];
} verdict;

static const char *
error_name(int error)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ EPERM, "EPERM" }, { EACCES, "EACCES" }, { EROFS, "EROFS" }, { ENOSYS, "ENOSYS" }, { ENOENT, "ENOENT" },
		{ ENXIO, "ENXIO" }, { ENODEV, "ENODEV" }, { ESRCH, "ESRCH" }, { EAFNOSUPPORT, "EAFNOSUPPORT" },
		{ EPROTONOSUPPORT, "EPROTONOSUPPORT" }, { ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT" }, { EXDEV, "EXDEV" },
		{ EINVAL, "EINVAL" }, { EFAULT, "EFAULT" }, { EBADF, "EBADF" }, { EBUSY, "EBUSY" }, { ENOTDIR, "ENOTDIR" },
		{ ECONNREFUSED, "ECONNREFUSED" }, { ESTALE, "ESTALE" }, { ENOTTY, "ENOTTY" }, { EIO, "EIO" },
		{ EADDRINUSE, "EADDRINUSE" }, { ENOTBLK, "ENOTBLK" }, { EOPNOTSUPP, "EOPNOTSUPP" },
	};
	static char other[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == error)
			return names[i].name;
	snprintf(other, sizeof(other), "error %d", error);
	return other;
}

static void
conclude(enum outcome outcome, const char *name, const char *detail)
{
	/* What did not hold is told before anything else, and the first of each kind stays. */
	static const int weight[] = { [HELD] = 1, [ABSENT] = 0, [GIVEN] = 2, [OPEN] = 3 };

	if (verdict.detail[0] != '\0' && weight[outcome] <= weight[verdict.outcome])
		return;
	verdict.outcome = outcome;
	snprintf(verdict.detail, sizeof(verdict.detail), "%s%s%s", name, *name != '\0' && *detail != '\0' ? ": " : "",
	    detail);
}

static int
is_refusal(int error, int also)
{
	switch (error) {
	case EPERM:
	case EACCES:
	case EROFS:
	case ENOSYS:
		return 1;
	case ENOENT:
	case ENXIO:
	case ENODEV:
	case ENOTDIR:
		return (also & NOT_THERE) != 0;
	case ESRCH:
		return (also & NO_PROCESS) != 0;
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
		return (also & NO_PROTOCOL) != 0;
	case EXDEV:
		return (also & OTHER_PLACE) != 0;
	default:
		return 0;
	}
}

long
tried(const char *name, long result, int also_refusals)
{
	if (result >= 0)
		conclude(OPEN, name, "done");
	else
		conclude(is_refusal(errno, also_refusals) ? HELD : OPEN, name, error_name(errno));
	return result;
}

void
observed(const char *name, int got)
{
	conclude(got ? OPEN : HELD, name, got ? "yes" : "no");
}

void
given(const char *why)
{
	conclude(GIVEN, why, "");
}

void
absent(const char *why)
{
	conclude(ABSENT, why, "");
}

int
open_really(const char *path, int flags)
{
	struct stat status, null;
	const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (stat("/dev/null", &null) == 0 && fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
	    status.st_rdev == null.st_rdev) {
		close(fd);
		errno = EACCES;
		return -1;
	}
	return fd;
}

const char *
path_in(const char *directory, const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

int
copy_self(const char *path, unsigned mode)
{
	char bytes[1 << 16], self[1024];
	ssize_t count;
	int from, to;

	snprintf(self, sizeof(self), "%s/pkgjail-escape", facts.image);
	from = open(self, O_RDONLY | O_CLOEXEC);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	while (from >= 0 && to >= 0 && (count = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)count) != count)
			return -1;
	if (from < 0 || to < 0 || fchmod(to, (mode_t)mode) != 0)
		return -1;
	close(from);
	close(to);
	return 0;
}

/* In a process of its own: an attempt may be ended by the kernel, and may change what later ones would see. */
static void
attempt(const struct escape_attempt *what)
{
	int ends[2], status = 0;
	pid_t pid;

	memset(&verdict, 0, sizeof(verdict));
	if (pipe(ends) != 0 || (pid = fork()) < 0) {
		printf("absent\t%s\tno process for it: %s\n", what->what, error_name(errno));
		return;
	}
	if (pid == 0) {
		close(ends[0]);
		alarm(20);
		what->act();
		if (verdict.detail[0] == '\0')
			conclude(ABSENT, "nothing of it is there", "");
		_exit(write(ends[1], &verdict, sizeof(verdict)) == (ssize_t)sizeof(verdict) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &verdict, sizeof(verdict)) != (ssize_t)sizeof(verdict))
		memset(&verdict, 0, sizeof(verdict));
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (verdict.detail[0] == '\0') {
		/* The filter's harshest answer; any other end tells nothing. */
		const int refused = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

		verdict.outcome = refused ? HELD : ABSENT;
		snprintf(verdict.detail, sizeof(verdict.detail), "the attempt was ended by signal %d",
		    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	printf("%s\t%s\t%s\n", outcome_names[verdict.outcome], what->what, verdict.detail);
	fflush(stdout);
}

static int
make_attempts(int argc, char **argv)
{
	const struct {
		const char *key;
		const char **text;
		long *number;
	} known[] = {
		{ "profile", &facts.profile, NULL }, { "image", &facts.image, NULL }, { "data", &facts.data, NULL },
		{ "socket", &facts.socket, NULL }, { "environment", &facts.environment, NULL },
		{ "process", NULL, &facts.process }, { "segment", NULL, &facts.segment }, { "port", NULL, &facts.port },
		{ "killer", NULL, &facts.killer },
	};

	facts.segment = -1;
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value == NULL)
			return 64;
		*value++ = '\0';
		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			if (strcmp(argv[i], known[k].key) == 0) {
				if (known[k].text != NULL)
					*known[k].text = value;
				else
					*known[k].number = strtol(value, NULL, 10);
			}
		if (strcmp(argv[i], "network") == 0)
			facts.shared_network = strcmp(value, "host") == 0;
	}
	if (facts.profile == NULL || facts.image == NULL || facts.data == NULL)
		return 64;
	for (const struct escape_attempt *next = common_attempts; next->what != NULL; next++)
		attempt(next);
	for (const struct escape_attempt *next = platform_attempts; next->what != NULL; next++)
		attempt(next);
	printf("end\n");
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
tell_where(void)
{
	struct stat root, here, up;

	if (stat("/", &root) != 0)
		return 1;
	for (int depth = 0; depth < 256 && stat(".", &here) == 0 && stat("..", &up) == 0; depth++) {
		if (here.st_dev == root.st_dev && here.st_ino == root.st_ino) {
			printf("inside\n");
			return 0;
		}
		if ((here.st_dev == up.st_dev && here.st_ino == up.st_ino) || chdir("..") != 0)
			break;
	}
	printf("outside\n");
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "attempts") == 0)
		return make_attempts(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "watch") == 0)
		return watch_entering();
	if (argc == 2 && strcmp(argv[1], "where") == 0)
		return tell_where();
	if (argc == 2 && strcmp(argv[1], "gain") == 0)
		return geteuid() == 0 || getegid() == 0 ? 0 : 7;
	return 64;
}
