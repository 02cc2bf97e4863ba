/* Stand-in for <sys/kthread.h>, for compiling only; see README.md.  kthread(9). */

#ifndef _STANDIN_SYS_KTHREAD_H_
#define	_STANDIN_SYS_KTHREAD_H_

#include <sys/types.h>

struct cpu_info;
struct lwp;

#define	KTHREAD_MPSAFE		0x02
#define	KTHREAD_MUSTJOIN	0x10

int	kthread_create(pri_t, int, struct cpu_info *, void (*)(void *), void *,
	    struct lwp **, const char *, ...) __printflike(7, 8);
void	kthread_exit(int) __dead;
int	kthread_join(struct lwp *);

#endif
