/* Stand-in for <sys/kernel.h>, for compiling only; see README.md.  hz(9). */

#ifndef _STANDIN_SYS_KERNEL_H_
#define	_STANDIN_SYS_KERNEL_H_

extern int	hz;

#endif
