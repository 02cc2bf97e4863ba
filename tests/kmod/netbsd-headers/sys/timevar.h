/* Stand-in for <sys/timevar.h>, for compiling only; see README.md.  bintime(9), ratecheck(9). */

#ifndef _STANDIN_SYS_TIMEVAR_H_
#define	_STANDIN_SYS_TIMEVAR_H_

#include <sys/time.h>

void	binuptime(struct bintime *);
int	ppsratecheck(struct timeval *, int *, int);

#endif
