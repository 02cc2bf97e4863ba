/* Stand-in for <sys/cpu_data.h>, for compiling only; see README.md.  The machine-independent part of a CPU. */

#ifndef _STANDIN_SYS_CPU_DATA_H_
#define	_STANDIN_SYS_CPU_DATA_H_

#include <sys/sched.h>

struct cpu_data {
	struct schedstate_percpu cpu_schedstate;
	struct lwp	*cpu_idlelwp;
};

#define	ci_schedstate	ci_data.cpu_schedstate

#endif
