/* Stand-in for <lib/libkern/libkern.h>, for compiling only; see README.md.  The C library of the kernel. */

#ifndef _STANDIN_LIB_LIBKERN_LIBKERN_H_
#define	_STANDIN_LIB_LIBKERN_LIBKERN_H_

#include <sys/types.h>
#include <sys/null.h>

void	*memcpy(void *, const void *, size_t);
void	*memset(void *, int, size_t);
int	memcmp(const void *, const void *, size_t);
int	strcmp(const char *, const char *);
void	kern_assert(const char *, ...) __printflike(1, 2);
void	panic(const char *, ...) __printflike(1, 2) __dead;

#ifndef KASSERT
#ifdef DIAGNOSTIC
#define	KASSERT(e)	do {						\
	if (!(e))							\
		kern_assert("assertion %s failed", #e);			\
} while (0)
#else
#define	KASSERT(e)	((void)sizeof((long)(e)))
#endif
#endif
#ifndef KASSERTMSG
#define	KASSERTMSG(e, ...)	KASSERT(e)
#endif
#define	KDASSERT(e)	((void)0)
#define	CTASSERT(x)	__CTASSERT(x)
#ifndef offsetof
#define	offsetof(type, member)	__builtin_offsetof(type, member)
#endif
#ifndef MIN
#define	MIN(a, b)	((a) < (b) ? (a) : (b))
#define	MAX(a, b)	((a) > (b) ? (a) : (b))
#endif

#endif
