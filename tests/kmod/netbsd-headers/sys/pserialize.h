/* Stand-in for <sys/pserialize.h>, for compiling only; see README.md.  pserialize(9). */

#ifndef _STANDIN_SYS_PSERIALIZE_H_
#define	_STANDIN_SYS_PSERIALIZE_H_

/* Nothing of it is used. */

#endif
