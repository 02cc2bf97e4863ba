/* Stand-in for <sys/ipi.h>, for compiling only; see README.md.  ipi(9). */

#ifndef _STANDIN_SYS_IPI_H_
#define	_STANDIN_SYS_IPI_H_

/* Nothing of it is used. */

#endif
