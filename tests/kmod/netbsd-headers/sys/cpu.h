/* Stand-in for <sys/cpu.h>, for compiling only; see README.md.  cpu(9). */

#ifndef _STANDIN_SYS_CPU_H_
#define	_STANDIN_SYS_CPU_H_

#include <machine/cpu.h>

#endif
