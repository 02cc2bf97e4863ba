/*
 * What the parts of pkgjail-escape share. An attempt is a function that tries one way out of a jail, or several of one
 * kind, and says what came of each. Every one is harmless when it succeeds: it has arguments that the kernel refuses
 * after it has looked at the caller's rights, or touches only what belongs to this program, and puts it back.
 */
#ifndef PKGJAIL_CONFINE_ESCAPE_H
#define PKGJAIL_CONFINE_ESCAPE_H

/* What this program was told of the jail and of the host. Missing: NULL or 0. */
struct escape_facts {
	const char *profile;    /* low, medium, high */
	const char *image;      /* directory of the image, where this program is */
	const char *data;       /* directory that the jail may write to */
	const char *socket;     /* name of an abstract socket on which the host listens */
	const char *environment; /* names of variables that the jail was given, with commas */
	long process;           /* a process of the host's */
	long segment;           /* a shared memory segment of the host's */
	long killer;            /* oom_score_adj of the host's own processes */
	long port;              /* a TCP and UDP port that the jail has no claim to */
	int shared_network;     /* the jail uses the host's network */
};
extern struct escape_facts facts;

/* Errors that count as a refusal beside those that always do (EPERM, EACCES, EROFS, ENOSYS). */
enum {
	NOT_THERE = 1,  /* ENOENT, ENXIO, ENODEV, ENOTDIR: the jail does not have it */
	NO_PROCESS = 2, /* ESRCH: the process cannot be seen */
	NO_PROTOCOL = 4, /* EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT */
	OTHER_PLACE = 8 /* EXDEV: not across a mount */
};

/*
 * One try: `result` is what a system call returned, errno its error. Not refused: the attempt is noted as not held.
 * Returns `result`, so that what was got can be given back.
 */
long tried(const char *name, long result, int also_refusals);
/* The same where it is no system call that tells: `got` is whether it worked. */
void observed(const char *name, int got);
/* The profile allows it on purpose, or nothing on this platform can hold it; `why` is shown. */
void given(const char *why);
/* The attempt cannot be made here. */
void absent(const char *why);
/* Opens for real: a masked file, under which there is /dev/null, counts as refused. -1 with errno. */
int open_really(const char *path, int flags);
/* DIR/NAME in a buffer that the next call uses again. */
const char *path_in(const char *directory, const char *name);
/* Writes a copy of this program to `path`, with this mode. -1 with errno. */
int copy_self(const char *path, unsigned mode);

struct escape_attempt {
	const char *what;
	void (*act)(void);
};
extern const struct escape_attempt common_attempts[];   /* end with what = NULL */
extern const struct escape_attempt platform_attempts[];

/* Further ways of running, see escape.c. */
int watch_entering(void);

#endif
