/* Stand-in for <aarch64/machine/intr.h>, for compiling only; see README.md.  Interrupt levels. */

#ifndef _STANDIN_AARCH64_MACHINE_INTR_H_
#define	_STANDIN_AARCH64_MACHINE_INTR_H_

#include <sys/types.h>

typedef uint8_t	ipl_t;
typedef struct {
	ipl_t	_ipl;
} ipl_cookie_t;

#define	IPL_NONE	0

#endif
