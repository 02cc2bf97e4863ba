/*
 * What differs between the kernels that the module builds on.  NetBSD 10 and
 * 11 are the targets; the rest keeps older trees building, which is useful to
 * try the module on a kernel that is at hand.  No other file of the module
 * tests for a version.
 */

#ifndef _PKGJAIL_COMPAT_H_
#define	_PKGJAIL_COMPAT_H_

#include <sys/param.h>

/* proc_lock became an object during 9.99. */
#if __NetBSD_Prereq__(9,99,70)
#define	PJ_PROC_LOCK	(&proc_lock)
#else
#define	PJ_PROC_LOCK	proc_lock
#endif

/* Files of a device have a name since 8.99. */
#if __NetBSD_Prereq__(8,99,50)
#define	PJ_FILEOPS_NAME	.fo_name = "pkgjail",
#else
#define	PJ_FILEOPS_NAME
#endif

/* kauth(9) requests that are enumerators, so that #ifdef cannot find them. */
#if __NetBSD_Prereq__(8,99,30)
#define	PJ_HAVE_CANSEE_KPTR
#endif

/* Wait until every CPU has been through the scheduler once. */
#if __NetBSD_Prereq__(9,99,1)
#define	PJ_BARRIER()	xc_barrier(0)
#else
#define	PJ_BARRIER()	xc_wait(xc_broadcast(0, pj_nothing, NULL, NULL))
#define	PJ_NEED_NOTHING
#endif

/* Loads and stores that cannot be torn; functions of atomic(9) since 9.99. */
#if !__NetBSD_Prereq__(9,99,22)
#define	atomic_load_relaxed(p)		(*(p))
#define	atomic_store_relaxed(p, v)	(void)(*(p) = (v))
#endif

#endif /* !_PKGJAIL_COMPAT_H_ */
