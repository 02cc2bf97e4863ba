/* Stand-in for <sys/spl.h>, for compiling only; see README.md.  spl(9). */

#ifndef _STANDIN_SYS_SPL_H_
#define	_STANDIN_SYS_SPL_H_

/* Nothing of it is used. */

#endif
