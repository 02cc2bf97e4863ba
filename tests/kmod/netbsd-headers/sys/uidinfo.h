/* Stand-in for <sys/uidinfo.h>, for compiling only; see README.md.  uidinfo(9). */

#ifndef _STANDIN_SYS_UIDINFO_H_
#define	_STANDIN_SYS_UIDINFO_H_

/* Nothing of it is used. */

#endif
