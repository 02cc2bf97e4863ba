/* Stand-in for <sys/percpu_types.h>, for compiling only; see README.md.  percpu(9). */

#ifndef _STANDIN_SYS_PERCPU_TYPES_H_
#define	_STANDIN_SYS_PERCPU_TYPES_H_

typedef struct percpu	percpu_t;

#endif
