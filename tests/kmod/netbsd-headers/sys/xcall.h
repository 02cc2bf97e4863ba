/* Stand-in for <sys/xcall.h>, for compiling only; see README.md.  xcall(9). */

#ifndef _STANDIN_SYS_XCALL_H_
#define	_STANDIN_SYS_XCALL_H_

#include <sys/types.h>

typedef void (*xcfunc_t)(void *, void *);

void	xc_barrier(unsigned int);
uint64_t xc_broadcast(unsigned int, xcfunc_t, void *, void *);
void	xc_wait(uint64_t);

#endif
