/* Stand-in for <sys/systm.h>, for compiling only; see README.md.  copy(9), hook(9), the C library of the kernel. */

#ifndef _STANDIN_SYS_SYSTM_H_
#define	_STANDIN_SYS_SYSTM_H_

#include <sys/types.h>
#include <sys/device_if.h>
#include <lib/libkern/libkern.h>
#include <machine/cpu.h>

struct lwp;
struct proc;
struct tty;
struct uio;
struct vnode;

extern int	ncpu;
extern struct vnode *rootvnode;

typedef int (*copyin_t)(const void *, void *, size_t);
typedef int (*copyout_t)(const void *, void *, size_t);

int	copyin(const void *, void *, size_t);
int	copyout(const void *, void *, size_t);
void	log(int, const char *, ...) __printflike(2, 3);
void	*exithook_establish(void (*)(struct proc *, void *), void *);
void	exithook_disestablish(void *);
int	nullop(void *);
int	enodev(void);
int	enxio(void);
int	enosys(void);
int	eopnotsupp(void);
int	seltrue(dev_t, int, struct lwp *);

#endif
