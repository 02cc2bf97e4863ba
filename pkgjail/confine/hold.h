/*
 * What the first process of a jail does while its service goes into the background: it waits for whatever
 * becomes its child, so that the jail lives as long as one of them does, and ends as the service ends once it
 * was told which process that is. For C and C++, because on Linux it is part of pkgjail-enter and on NetBSD of
 * the process that went into the jail.
 */
#ifndef PKGJAIL_CONFINE_HOLD_H
#define PKGJAIL_CONFINE_HOLD_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Tells which process is the service: its number as seen inside is the signal's value. */
#define HOLD_SIGNAL SIGUSR2

static volatile sig_atomic_t hold_service;

static inline void
hold_hear(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	hold_service = info->si_value.sival_int;
}

/* Before the command is forked: the word must not come before it can be heard. */
static inline void
hold_prepare(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = hold_hear;
	action.sa_flags = SA_SIGINFO;
	sigaction(HOLD_SIGNAL, &action, NULL);
}

/*
 * Returns the exit status to end with: that of the service, 128 + the number of the signal that ended it, or
 * that of a command that failed. `command` is the child that was just forked.
 */
static inline int
hold_jail(pid_t command)
{
	int status, number;

	/* What is sent to every process of the jail is not meant for this one. */
	for (number = 1; number < 32; number++)
		if (number != SIGCHLD && number != HOLD_SIGNAL)
			signal(number, SIG_IGN);
	for (;;) {
		const pid_t pid = waitpid(-1, &status, 0);

		if (pid > 0) {
			const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

			if (pid == hold_service || (pid == command && code != 0 && hold_service == 0))
				return code;
		} else if (errno == ECHILD) {
			/* Where jails have process numbers of their own, nothing is left. */
			if (getpid() == 1)
				return 0;
			/* Elsewhere orphans are the host's, and can only be looked for. */
			if (hold_service != 0 && kill(hold_service, 0) != 0 && errno == ESRCH)
				return 0;
			usleep(250000);
		}
	}
}

#endif
