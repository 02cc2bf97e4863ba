/* Stand-in for <sys/percpu.h>, for compiling only; see README.md.  percpu(9). */

#ifndef _STANDIN_SYS_PERCPU_H_
#define	_STANDIN_SYS_PERCPU_H_

#include <sys/percpu_types.h>

#endif
