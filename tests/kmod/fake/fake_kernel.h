/*
 * A kernel for tests: the interfaces of NetBSD 10 that the module uses, so that
 * its sources compile on the host as they are.  Every header that the module
 * includes leads here (fake/include).
 *
 * The fake is strict where the kernel is only careful: a lock taken against the
 * order that was seen before, a sleep where one must not sleep, memory freed with
 * another size, the specific data of a zombie, a credential of a living process
 * without its lock: each stops the test with a sentence.  What it imitates, and
 * how, is said at each group below; the tests' own entry points are in world.h.
 *
 * Nothing of the host's C library may be included here.
 */

#ifndef _FAKE_KERNEL_H_
#define	_FAKE_KERNEL_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types */

typedef unsigned int	u_int;
typedef unsigned long	u_long;
typedef unsigned short	u_short;
typedef unsigned char	u_char;
typedef uint64_t	u_quad_t;
typedef int		pid_t;
typedef int		lwpid_t;
typedef uint32_t	uid_t;
typedef uint32_t	gid_t;
typedef uint32_t	mode_t;
typedef uint64_t	dev_t;
typedef int32_t		devmajor_t;
typedef int64_t		time_t;
typedef int64_t		off_t;
typedef int		pri_t;
typedef uint64_t	rlim_t;
typedef long		key_t;
typedef struct kauth_cred *kauth_cred_t;

#define	__CONCAT1(x, y)	x ## y
#define	__CONCAT(x, y)	__CONCAT1(x, y)
#define	__KERNEL_RCSID(n, s)	struct fk_rcsid
#define	__arraycount(a)	(sizeof(a) / sizeof((a)[0]))
#define	__dead		__attribute__((__noreturn__))
#define	__printflike(f, a) __attribute__((__format__(__printf__, f, a)))
#define	__NetBSD_Version__ 1001000000
#define	__NetBSD_Prereq__(M, m, p) \
	((((M) * 100000000) + ((m) * 1000000) + ((p) * 100)) <= __NetBSD_Version__)
#define	MIN(a, b)	((a) < (b) ? (a) : (b))
#define	MAX(a, b)	((a) > (b) ? (a) : (b))
#define	PAGE_SIZE	4096
#define	MAXCOMLEN	16

/* Errors, with NetBSD's numbers. */

#define	EPERM		1
#define	ENOENT		2
#define	ESRCH		3
#define	EINTR		4
#define	ENXIO		6
#define	EBADF		9
#define	ENOMEM		12
#define	EACCES		13
#define	EFAULT		14
#define	EBUSY		16
#define	EEXIST		17
#define	EXDEV		18
#define	ENODEV		19
#define	ENOTDIR		20
#define	EINVAL		22
#define	EMFILE		24
#define	ENOTTY		25
#define	ENOSPC		28
#define	EAGAIN		35
#define	EWOULDBLOCK	EAGAIN
#define	EADDRINUSE	48
#define	ETIMEDOUT	60
#define	ESTALE		70
#define	EPROGMISMATCH	75
#define	EMOVEFD		(-6)	/* only between the kernel and a device */

/* Lists: the part of queue(3) that is used. */

#define	LIST_HEAD(name, type)	struct name { struct type *lh_first; }
#define	LIST_ENTRY(type) \
	struct { struct type *le_next; struct type **le_prev; }
#define	LIST_INIT(h)		((h)->lh_first = NULL)
#define	LIST_EMPTY(h)		((h)->lh_first == NULL)
#define	LIST_FIRST(h)		((h)->lh_first)
#define	LIST_NEXT(e, f)		((e)->f.le_next)
#define	LIST_FOREACH(v, h, f) \
	for ((v) = (h)->lh_first; (v) != NULL; (v) = (v)->f.le_next)
#define	LIST_INSERT_HEAD(h, e, f) do {					\
	if (((e)->f.le_next = (h)->lh_first) != NULL)			\
		(h)->lh_first->f.le_prev = &(e)->f.le_next;		\
	(h)->lh_first = (e);						\
	(e)->f.le_prev = &(h)->lh_first;				\
} while (0)
#define	LIST_REMOVE(e, f) do {						\
	if ((e)->f.le_next != NULL)					\
		(e)->f.le_next->f.le_prev = (e)->f.le_prev;		\
	*(e)->f.le_prev = (e)->f.le_next;				\
} while (0)

/* Assertions and the C library of the kernel */

void	fk_fail(const char *, int, const char *, ...) __printflike(3, 4) __dead;
#define	FK_FAIL(...)	fk_fail(__FILE__, __LINE__, __VA_ARGS__)
#define	KASSERT(e)	((e) ? (void)0 : FK_FAIL("assertion failed: %s", #e))

void	*memcpy(void *, const void *, size_t);
void	*memset(void *, int, size_t);
int	memcmp(const void *, const void *, size_t);
int	strcmp(const char *, const char *);
size_t	strlen(const char *);
/* Not log(3), which the host has too. */
#define	log	fk_log
void	log(int, const char *, ...) __printflike(2, 3);
#define	LOG_NOTICE	5

/* atomic(9) */

#define	atomic_load_relaxed(p)	__atomic_load_n(p, __ATOMIC_RELAXED)
#define	atomic_store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
void	atomic_inc_uint(volatile u_int *);
void	atomic_dec_uint(volatile u_int *);
u_int	atomic_cas_uint(volatile u_int *, u_int, u_int);

/*
 * Locks.  Each lock has a class; an order between two classes that was once
 * seen must never be seen the other way round.  Spin mutexes (the LWP's) are
 * innermost.  All are real locks of the host, so threads can run.
 */

struct fk_lockclass;
typedef struct kmutex {
	void		*mtx_host;
	const char	*mtx_class;
	bool		mtx_spin;
	uintptr_t	mtx_owner;
} kmutex_t;
typedef struct krwlock {
	void		*rw_host;
	const char	*rw_class;
} krwlock_t;
typedef enum { RW_READER = 0, RW_WRITER = 1 } krw_t;
typedef struct kcondvar {
	const char	*cv_name;
	u_int		cv_waiters;
} kcondvar_t;

#define	MUTEX_DEFAULT	0
#define	IPL_NONE	0
void	fk_mutex_init(kmutex_t *, const char *, bool);
#define	mutex_init(m, t, ipl)	fk_mutex_init(m, #m, false)
void	mutex_destroy(kmutex_t *);
void	mutex_enter(kmutex_t *);
void	mutex_exit(kmutex_t *);
int	mutex_owned(const kmutex_t *);
void	fk_rw_init(krwlock_t *, const char *);
void	rw_destroy(krwlock_t *);
void	rw_enter(krwlock_t *, krw_t);
int	rw_tryenter(krwlock_t *, krw_t);
void	rw_exit(krwlock_t *);
void	cv_init(kcondvar_t *, const char *);
void	cv_destroy(kcondvar_t *);
void	cv_wait(kcondvar_t *, kmutex_t *);
int	cv_timedwait(kcondvar_t *, kmutex_t *, int);
int	cv_timedwait_sig(kcondvar_t *, kmutex_t *, int);
void	cv_signal(kcondvar_t *);
void	cv_broadcast(kcondvar_t *);
int	kpause(const char *, bool, int, kmutex_t *);
void	xc_barrier(u_int);

/* Whether the current thread may sleep here; stops the test if not. */
void	fk_may_sleep(const char *);

/* Time: a clock that tests set.  hz is that of GENERIC. */

struct bintime {
	time_t		sec;
	uint64_t	frac;
};
struct timeval {
	time_t		tv_sec;
	int		tv_usec;
};
extern int	hz;
extern int	ncpu;
#define	mstohz(ms)	(((ms) * hz + 999) / 1000)
void	binuptime(struct bintime *);
int	ppsratecheck(struct timeval *, int *, int);

static inline void
bintime_add(struct bintime *a, const struct bintime *b)
{
	const uint64_t frac = a->frac;

	a->frac += b->frac;
	if (frac > a->frac)
		a->sec++;
	a->sec += b->sec;
}

static inline void
bintime_sub(struct bintime *a, const struct bintime *b)
{
	const uint64_t frac = a->frac;

	a->frac -= b->frac;
	if (frac < a->frac)
		a->sec--;
	a->sec -= b->sec;
}

/* Memory: the size is checked when it is freed, and what is left is counted. */

#define	KM_SLEEP	1
void	*kmem_alloc(size_t, int);
void	*kmem_zalloc(size_t, int);
void	kmem_free(void *, size_t);

/* User memory: ranges may be unmapped, and the n-th copy may fault. */

int	copyin(const void *, void *, size_t);
int	copyout(const void *, void *, size_t);

/* specificdata(9): the lock of a reference dies with it, and is then missed. */

#define	FK_KEYS		16
typedef u_int		specificdata_key_t;
typedef void		(*specificdata_dtor_t)(void *);
typedef struct specificdata_reference {
	kmutex_t	sr_lock;
	bool		sr_alive;
	void		*sr_data[FK_KEYS];
	LIST_ENTRY(specificdata_reference) sr_list;
} specificdata_reference;

/* kauth(9) and secmodel(9) */

typedef struct fk_scope		*kauth_scope_t;
typedef struct fk_listener	*kauth_listener_t;
typedef struct fk_credkey	*kauth_key_t;
typedef uint64_t		kauth_action_t;
typedef int (*kauth_scope_callback_t)(kauth_cred_t, kauth_action_t, void *,
    void *, void *, void *, void *);
typedef struct fk_secmodel	*secmodel_t;
typedef void			*prop_dictionary_t;
typedef int (*secmodel_eval_t)(const char *, void *, void *);
typedef int (*secmodel_setinfo_t)(void *);

#include "fake_kauth.h"

#define	NOCRED	((kauth_cred_t)-1)
#define	FSCRED	((kauth_cred_t)-2)

kauth_listener_t kauth_listen_scope(const char *, kauth_scope_callback_t,
    void *);
void	kauth_unlisten_scope(kauth_listener_t);
int	kauth_authorize_action(const char *, kauth_cred_t, kauth_action_t,
	    void *, void *, void *, void *);
kauth_cred_t kauth_cred_alloc(void);
kauth_cred_t kauth_cred_hold(kauth_cred_t);
void	kauth_cred_free(kauth_cred_t);
void	kauth_cred_clone(kauth_cred_t, kauth_cred_t);
uid_t	kauth_cred_geteuid(kauth_cred_t);
int	kauth_register_key(secmodel_t, kauth_key_t *);
int	kauth_deregister_key(kauth_key_t);
void	kauth_cred_setdata(kauth_cred_t, kauth_key_t, void *);
void	*kauth_cred_getdata(kauth_cred_t, kauth_key_t);
int	secmodel_register(secmodel_t *, const char *, const char *,
	    prop_dictionary_t, secmodel_eval_t, secmodel_setinfo_t);
int	secmodel_deregister(secmodel_t);
int	secmodel_eval(const char *, const char *, void *, void *);

struct kauth_cred {
	u_int		cr_refcnt;
	uid_t		cr_uid, cr_euid, cr_svuid;
	specificdata_reference cr_sd;
};

/* Processes and threads: the fields that are used, with the kernel's names. */

#define	SIDL		1
#define	SACTIVE		2
#define	SDYING		3
#define	SZOMB		5
#define	SDEAD		6
#define	P_ZOMBIE(p)	((p)->p_stat == SZOMB || (p)->p_stat == SDYING || \
			    (p)->p_stat == SDEAD)
#define	PK_SUGID	0x00000001
#define	PS_WEXIT	0x00002000
#define	PL_PPWAIT	0x00000010
#define	PSL_TRACED	0x00000800
#define	LSIDL		1
#define	LSRUN		2
#define	LSSLEEP		3
#define	LSSTOP		4
#define	LSZOMB		5
#define	LSONPROC	7
#define	LSSUSPENDED	8
#define	LW_WSUSPEND	0x00020000
#define	LP_RUNNING	0x20000000
#define	NSIG		64
#define	SIGKILL		9
#define	PRI_NONE	(-1)
#define	PRI_FAIR_NICE	20
#define	SCHED_OTHER	0
#define	SCHED_FIFO	1
#define	SCHED_RR	2

typedef struct { uint64_t bits; } sigset_t;
#define	sigismember(s, n)	(((s)->bits >> (n) & 1) != 0)
typedef struct { sigset_t sp_set; } sigpend_t;

struct rusage { long ru_inblock, ru_oublock; };
struct pstats { struct rusage p_ru; };
struct rlimit { rlim_t rlim_cur, rlim_max; };
#define	RLIM_INFINITY	((rlim_t)0x7fffffffffffffffULL)
#define	RLIMIT_CPU	0
#define	RLIMIT_FSIZE	1
#define	RLIMIT_DATA	2
#define	RLIMIT_STACK	3
#define	RLIMIT_CORE	4
#define	RLIMIT_RSS	5
#define	RLIMIT_MEMLOCK	6
#define	RLIMIT_NPROC	7
#define	RLIMIT_NOFILE	8
#define	RLIMIT_SBSIZE	9
#define	RLIMIT_AS	10
#define	RLIMIT_NTHR	11
#define	RLIM_NLIMITS	12
struct plimit { struct rlimit pl_rlimit[RLIM_NLIMITS]; };
#define	p_rlimit	p_limit->pl_rlimit

struct vmspace {
	int		vm_refcnt;
	long		vm_pages;	/* resident; atomic */
};
#define	vm_resident_count(vm)	atomic_load_relaxed(&(vm)->vm_pages)

struct session { struct proc *s_leader; };
struct pgrp { struct session *pg_session; };
#define	p_session	p_pgrp->pg_session
#define	SESS_LEADER(p)	((p)->p_session->s_leader == (p))

struct filedesc;
struct cwdinfo;

struct proc {
	LIST_ENTRY(proc) p_list;
	kmutex_t	*p_lock;
	krwlock_t	p_reflock;
	kauth_cred_t	p_cred;
	struct filedesc	*p_fd;
	struct cwdinfo	*p_cwdi;
	struct pstats	*p_stats;
	struct plimit	*p_limit;
	struct vmspace	*p_vmspace;
	specificdata_reference p_specdataref;
	int		p_flag, p_sflag, p_slflag, p_lflag;
	char		p_stat;
	pid_t		p_pid;
	struct proc	*p_pptr;
	LIST_HEAD(, lwp) p_lwps;
	int		p_nlwps;
	struct bintime	p_rtime;
	sigpend_t	p_sigpend;
	u_char		p_nice;
	struct pgrp	*p_pgrp;
	/* the fake's own */
	kmutex_t	pf_lock;
	struct pgrp	pf_pgrp;
	struct session	pf_session;
	struct pstats	pf_stats;
	struct plimit	pf_limit;
	uint64_t	pf_fill;	/* bytes written to fresh memory a ms */
	uint64_t	pf_linger_us;	/* does not die before */
};

typedef struct lwp {
	LIST_ENTRY(lwp)	l_sibling;
	struct proc	*l_proc;
	kauth_cred_t	l_cred;
	lwpid_t		l_lid;
	int		l_stat, l_flag, l_pflag;
	struct bintime	l_rtime, l_stime;
	struct rusage	l_ru;
	int		l_dupfd;
	specificdata_reference l_specdataref;
	/* the fake's own */
	kmutex_t	lf_mutex;
	bool		lf_spins;	/* runs whenever it may */
	bool		lf_kthread;
	void		*lf_host;
} lwp_t;

extern struct proc	proc0;
extern kmutex_t		proc_lock;
struct lwp	*fk_curlwp(void);
#define	curlwp	fk_curlwp()
#define	curproc	(curlwp->l_proc)

void	lwp_lock(struct lwp *);
void	lwp_unlock(struct lwp *);
int	lwp_suspend(struct lwp *, struct lwp *);
void	lwp_continue(struct lwp *);
void	psignal(struct proc *, int);
int	dosetrlimit(struct lwp *, struct proc *, int, struct rlimit *);
void	proc_crmod_enter(void);
void	proc_crmod_leave(kauth_cred_t, kauth_cred_t, bool);
int	proc_specific_key_create(specificdata_key_t *, specificdata_dtor_t);
void	proc_specific_key_delete(specificdata_key_t);
void	*proc_getspecific(struct proc *, specificdata_key_t);
void	proc_setspecific(struct proc *, specificdata_key_t, void *);
int	lwp_specific_key_create(specificdata_key_t *, specificdata_dtor_t);
void	lwp_specific_key_delete(specificdata_key_t);
void	*lwp_getspecific(specificdata_key_t);
void	lwp_setspecific(specificdata_key_t, void *);
void	*exithook_establish(void (*)(struct proc *, void *), void *);
void	exithook_disestablish(void *);

#define	KTHREAD_MPSAFE		0x02
#define	KTHREAD_MUSTJOIN	0x10
struct cpu_info;
int	kthread_create(pri_t, int, struct cpu_info *, void (*)(void *), void *,
	    struct lwp **, const char *, ...) __printflike(7, 8);
void	kthread_exit(int) __dead;
int	kthread_join(struct lwp *);

/* Files, vnodes, devices */

enum vtype { VNON, VREG, VDIR, VBLK, VCHR };
struct specnode { dev_t sn_rdev; };
struct vnode {
	enum vtype	v_type;
	struct specnode	*v_specnode;
	/* the fake's own */
	struct vnode	*vf_parent;
	u_int		vf_refs;
	struct specnode	vf_spec;
};
#define	v_rdev	v_specnode->sn_rdev
extern struct vnode *rootvnode;
void	vref(struct vnode *);
void	vrele(struct vnode *);
int	vn_isunder(struct vnode *, struct vnode *, struct lwp *);

#define	major(d)	((devmajor_t)(((d) >> 8) & 0xfff))
#define	minor(d)	((int)((d) & 0xff))
#define	makedev(ma, mi)	((dev_t)(ma) << 8 | (dev_t)(mi))
#define	NODEVMAJOR	(-1)

#define	DTYPE_VNODE	1
#define	DTYPE_SOCKET	2
#define	DTYPE_MISC	6
struct knote;
struct stat;
struct uio;
struct tty;
struct file;
struct fileops {
	const char *fo_name;
	int	(*fo_read)(struct file *, off_t *, struct uio *, kauth_cred_t,
		    int);
	int	(*fo_write)(struct file *, off_t *, struct uio *, kauth_cred_t,
		    int);
	int	(*fo_ioctl)(struct file *, u_long, void *);
	int	(*fo_fcntl)(struct file *, u_int, void *);
	int	(*fo_poll)(struct file *, int);
	int	(*fo_stat)(struct file *, struct stat *);
	int	(*fo_close)(struct file *);
	int	(*fo_kqfilter)(struct file *, struct knote *);
	void	(*fo_restart)(struct file *);
};
struct file {
	int		f_type;
	int		f_flag;
	u_int		f_count;	/* descriptors and calls under way */
	const struct fileops *f_ops;
	union { struct vnode *fd_vp; void *fd_data; } f_undata;
};
#define	f_vnode	f_undata.fd_vp
#define	f_data	f_undata.fd_data

#define	FK_NFILES	128
typedef struct filedesc {
	kmutex_t	fd_lock;
	int		fd_lastfile;
	int		fd_refcnt;
	struct file	*fdf_files[FK_NFILES];	/* the fake's own */
} filedesc_t;
struct cwdinfo {
	struct vnode	*cwdi_cdir, *cwdi_rdir;
	u_int		cwdi_refcnt;
	krwlock_t	cwdi_lock;
};
int	fd_allocfile(struct file **, int *);
int	fd_clone(struct file *, unsigned, int, const struct fileops *, void *);
struct file *fd_getfile(unsigned);
void	fd_putfile(unsigned);
int	fbadop_read(struct file *, off_t *, struct uio *, kauth_cred_t, int);
int	fbadop_write(struct file *, off_t *, struct uio *, kauth_cred_t, int);
int	fbadop_stat(struct file *, struct stat *);
int	fnullop_fcntl(struct file *, u_int, void *);
int	fnullop_poll(struct file *, int);
int	fnullop_kqfilter(struct file *, struct knote *);
void	fnullop_restart(struct file *);

struct bdevsw;
struct cdevsw {
	int	(*d_open)(dev_t, int, int, struct lwp *);
	int	(*d_close)(dev_t, int, int, struct lwp *);
	int	(*d_read)(void);
	int	(*d_write)(void);
	int	(*d_ioctl)(void);
	int	(*d_stop)(void);
	int	(*d_tty)(void);
	int	(*d_poll)(void);
	int	(*d_mmap)(void);
	int	(*d_kqfilter)(void);
	int	(*d_discard)(void);
	int	d_flag;
};
int	fk_nodev(void);
#define	noread		fk_nodev
#define	nowrite		fk_nodev
#define	noioctl		fk_nodev
#define	nostop		fk_nodev
#define	notty		fk_nodev
#define	nopoll		fk_nodev
#define	nommap		fk_nodev
#define	nokqfilter	fk_nodev
#define	nodiscard	fk_nodev
#define	D_OTHER		0x0
#define	D_MPSAFE	0x100
int	devsw_attach(const char *, const struct bdevsw *, devmajor_t *,
	    const struct cdevsw *, devmajor_t *);
void	devsw_detach(const struct bdevsw *, const struct cdevsw *);

#define	IOCPARM_MASK	0x1fff
#define	IOCPARM_SHIFT	16
#define	IOC_OUT		0x40000000UL
#define	IOC_IN		0x80000000UL

/* sysctl(9): a tree of one level below security.pkgjail, its lock held in calls. */

#define	CTL_EOL		(-1)
#define	CTL_CREATE	(-2)
#define	CTL_SECURITY	13
#define	CTLFLAG_READONLY 0
#define	CTLTYPE_NODE	1
#define	CTLTYPE_INT	2
#define	CTLTYPE_QUAD	4
#define	CTLTYPE_STRUCT	5
#define	SYSCTL_DESCR(s)	s
struct sysctllog;
struct sysctlnode;
#define	SYSCTLFN_PROTO const int *, u_int, void *, size_t *, const void *, \
	size_t, const int *, struct lwp *, const struct sysctlnode *
#define	SYSCTLFN_ARGS const int *name, u_int namelen, void *oldp, \
	size_t *oldlenp, const void *newp, size_t newlen, const int *oname, \
	struct lwp *l, const struct sysctlnode *rnode
#define	SYSCTLFN_CALL(node) name, namelen, oldp, oldlenp, newp, newlen, \
	oname, l, node
typedef int (*sysctlfn)(SYSCTLFN_PROTO);
struct sysctlnode {
	int		sysctl_flags;
	int		sysctl_type;
	const char	*sysctl_name;
	sysctlfn	sysctl_func;
	void		*sysctl_data;
	size_t		sysctl_size;
};
int	sysctl_createv(struct sysctllog **, int, const struct sysctlnode **,
	    const struct sysctlnode **, int, int, const char *, const char *,
	    sysctlfn, u_quad_t, void *, size_t, ...);
void	sysctl_teardown(struct sysctllog **);
int	sysctl_lookup(SYSCTLFN_PROTO);
void	sysctl_unlock(void);
void	sysctl_relock(void);
int	sysctl_copyout(struct lwp *, const void *, void *, size_t);

/* module(9) */

typedef enum { MODULE_CMD_INIT, MODULE_CMD_FINI, MODULE_CMD_STAT,
    MODULE_CMD_AUTOUNLOAD } modcmd_t;
#define	MODULE_CLASS_SECMODEL	1
#define	MODULE(class, name, required)					\
static int __CONCAT(name, _modcmd)(modcmd_t, void *);			\
int (*const __CONCAT(fk_modcmd_, name))(modcmd_t, void *) =		\
    __CONCAT(name, _modcmd);						\
struct fk_module_semicolon

/* Sockets and the like: plain data */

#define	AF_LOCAL	1
#define	AF_INET		2
#define	AF_INET6	24
#define	AF_ROUTE	34
#define	AF_KEY		29
#define	SOCK_STREAM	1
#define	SOCK_DGRAM	2
#define	SOCK_RAW	3
#define	IPPORT_RESERVED	1024
#define	IPPORT_ANONMIN	49152
struct sockaddr { uint8_t sa_len, sa_family; char sa_data[14]; };
struct in_addr { uint32_t s_addr; };
struct sockaddr_in {
	uint8_t sin_len, sin_family;
	uint16_t sin_port;
	struct in_addr sin_addr;
	char sin_zero[8];
};
struct in6_addr { uint8_t s6_addr[16]; };
struct sockaddr_in6 {
	uint8_t sin6_len, sin6_family;
	uint16_t sin6_port;
	uint32_t sin6_flowinfo;
	struct in6_addr sin6_addr;
	uint32_t sin6_scope_id;
};
#define	ntohs(x)	((uint16_t)((uint16_t)(x) >> 8 | (uint16_t)(x) << 8))
#define	IN6_IS_ADDR_V4MAPPED(a)	(memcmp((a)->s6_addr, \
    "\0\0\0\0\0\0\0\0\0\0\377\377", 12) == 0)
struct socket { short so_type; kauth_cred_t so_cred; };
struct ipc_perm { mode_t mode; unsigned short _seq; };
#define	RTM_ADD		1
#define	RTM_GET		4
struct rt_msghdr { u_short rtm_msglen; u_char rtm_version, rtm_type; };

#endif /* !_FAKE_KERNEL_H_ */
