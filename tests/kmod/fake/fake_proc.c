/* Processes, threads, signals, a scheduler of one millisecond, fork and exit. */

#include "fake_internal.h"

#define	FK_HOOKS	4

struct proc	proc0;
kmutex_t	proc_lock;
static LIST_HEAD(, proc) fk_allproc;	/* proc_lock; zombies too */
static struct vmspace fk_vmspace0;
static struct lwp *fk_lwp0;
static struct proc *fk_init;
static pid_t	fk_next_pid;		/* proc_lock */
static lwpid_t	fk_next_lid;		/* atomic */
static u_int	fk_turn;		/* proc_lock: whose turn on the CPUs */
static struct {
	void		(*function)(struct proc *, void *);
	void		*arg;
} fk_exithooks[FK_HOOKS];
static u_int	fk_fork_ms;		/* how long a fork takes in the middle */
static bool	fk_rlimit_fails;
static _Thread_local struct lwp *fk_cur;

struct lwp *
fk_curlwp_or_null(void)
{
	return fk_cur;
}

struct lwp *
fk_curlwp(void)
{
	if (fk_cur == NULL)
		FK_FAIL("nobody is current");
	return fk_cur;
}

void
fk_set_curlwp(struct lwp *l)
{
	fk_cur = l;
}

struct lwp *
world_as(struct lwp *l)
{
	struct lwp *old = fk_cur;

	fk_assert_no_locks("another process becomes current");
	fk_cur = l;
	return old;
}

/* Threads */

static struct lwp *
fk_lwp_new(struct proc *p)
{
	struct lwp *l = host_alloc(sizeof(*l));

	memset(l, 0, sizeof(*l));
	l->l_proc = p;
	l->l_lid = __atomic_add_fetch(&fk_next_lid, 1, __ATOMIC_SEQ_CST);
	l->l_stat = LSSLEEP;
	fk_mutex_init(&l->lf_mutex, "lwp", true);
	fk_specific_init(fk_lwp_domain, &l->l_specdataref);
	mutex_enter(p->p_lock);
	l->l_cred = kauth_cred_hold(p->p_cred);
	LIST_INSERT_HEAD(&p->p_lwps, l, l_sibling);
	p->p_nlwps++;
	mutex_exit(p->p_lock);
	return l;
}

struct lwp *
fk_kernel_lwp(void)
{
	return fk_lwp_new(&proc0);
}

/* Its specific data first, in its own context, then the rest. */
static void
fk_lwp_dies(struct lwp *l)
{
	struct lwp *old = fk_cur;

	fk_cur = l;
	fk_specific_fini(fk_lwp_domain, &l->l_specdataref);
	fk_cur = old;
}

static void
fk_lwp_reap(struct lwp *l)
{
	struct proc *p = l->l_proc;
	kauth_cred_t cred = l->l_cred;

	mutex_enter(p->p_lock);
	LIST_REMOVE(l, l_sibling);
	p->p_nlwps--;
	mutex_exit(p->p_lock);
	kauth_cred_free(cred);
	mutex_destroy(&l->lf_mutex);
	host_free(l);
}

void
fk_lwp_free(struct lwp *l)
{
	fk_lwp_dies(l);
	fk_lwp_reap(l);
}

struct lwp *
world_thread(struct proc *p)
{
	return fk_lwp_new(p);
}

void
world_thread_exit(struct lwp *l)
{
	struct proc *p = l->l_proc;

	fk_lwp_dies(l);
	mutex_enter(p->p_lock);
	lwp_lock(l);
	bintime_add(&p->p_rtime, &l->l_rtime);
	p->p_stats->p_ru.ru_inblock += l->l_ru.ru_inblock;
	memset(&l->l_rtime, 0, sizeof(l->l_rtime));
	memset(&l->l_ru, 0, sizeof(l->l_ru));
	lwp_unlock(l);
	mutex_exit(p->p_lock);
	fk_lwp_reap(l);
}

void
lwp_lock(struct lwp *l)
{
	mutex_enter(&l->lf_mutex);
}

void
lwp_unlock(struct lwp *l)
{
	mutex_exit(&l->lf_mutex);
}

/* Marks; the thread stops when it next leaves the kernel.  Unlocks. */
int
lwp_suspend(struct lwp *cur, struct lwp *l)
{
	int error = 0;

	fk_assert_held(l->l_proc->p_lock, "lwp_suspend");
	fk_assert_held(&l->lf_mutex, "lwp_suspend");
	KASSERT(cur == fk_cur && cur != l);
	switch (l->l_stat) {
	case LSRUN:
	case LSONPROC:
		l->l_flag |= LW_WSUSPEND;
		break;
	case LSSLEEP:
		/* Legal, but it wakes the sleeper for nothing. */
		FK_FAIL("a sleeping thread is suspended");
	case LSSUSPENDED:
		break;
	default:
		error = EINTR;
		break;
	}
	lwp_unlock(l);
	return error;
}

void
lwp_continue(struct lwp *l)
{
	fk_assert_held(l->l_proc->p_lock, "lwp_continue");
	fk_assert_held(&l->lf_mutex, "lwp_continue");
	l->l_flag &= ~LW_WSUSPEND;
	if (l->l_stat == LSSUSPENDED)
		l->l_stat = LSRUN;
	lwp_unlock(l);
}

/* Takes p_lock; wants proc_lock. */
void
psignal(struct proc *p, int signo)
{
	struct lwp *l;

	fk_assert_held(&proc_lock, "psignal");
	KASSERT(signo > 0 && signo < NSIG);
	mutex_enter(p->p_lock);
	if (!P_ZOMBIE(p)) {
		p->p_sigpend.sp_set.bits |= (uint64_t)1 << signo;
		LIST_FOREACH(l, &p->p_lwps, l_sibling) {
			lwp_lock(l);
			/* A suspended thread does not wake for it. */
			if (signo == SIGKILL && l->l_stat == LSSLEEP)
				l->l_stat = LSRUN;
			lwp_unlock(l);
		}
	}
	mutex_exit(p->p_lock);
}

/* Processes */

static void
fk_proc_init(struct proc *p, struct proc *parent)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->p_stat = SIDL;
	p->p_pptr = parent;
	p->p_lock = &p->pf_lock;
	fk_mutex_init(p->p_lock, "p_lock", false);
	fk_rw_init(&p->p_reflock, "p_reflock");
	fk_specific_init(fk_proc_domain, &p->p_specdataref);
	LIST_INIT(&p->p_lwps);
	p->p_stats = &p->pf_stats;
	p->p_limit = &p->pf_limit;
	p->p_nice = PRI_FAIR_NICE;
	for (i = 0; i < RLIM_NLIMITS; i++)
		p->pf_limit.pl_rlimit[i] = parent != NULL ?
		    parent->pf_limit.pl_rlimit[i] :
		    (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (parent != NULL)
		p->p_pgrp = parent->p_pgrp;
}

static struct proc *
fk_child(struct proc *parent, enum world_fork kind)
{
	struct proc *p = host_alloc(sizeof(*p));

	fk_proc_init(p, parent);
	if (kind == WORLD_VFORK)
		p->p_lflag |= PL_PPWAIT;
	return p;
}

/* What a process in creation does not have yet when its credential is there. */
static void
fk_furnish(struct proc *parent, struct proc *p)
{
	struct cwdinfo *cwdi;

	if ((p->p_lflag & PL_PPWAIT) != 0) {
		p->p_vmspace = parent->p_vmspace;
		p->p_vmspace->vm_refcnt++;
	} else {
		p->p_vmspace = host_alloc(sizeof(*p->p_vmspace));
		p->p_vmspace->vm_refcnt = 1;
		p->p_vmspace->vm_pages = 0;
	}
	p->p_fd = fk_fd_copy(parent->p_fd);
	cwdi = host_alloc(sizeof(*cwdi));
	fk_rw_init(&cwdi->cwdi_lock, "cwdi_lock");
	cwdi->cwdi_refcnt = 1;
	cwdi->cwdi_cdir = parent->p_cwdi != NULL ? parent->p_cwdi->cwdi_cdir :
	    rootvnode;
	cwdi->cwdi_rdir = parent->p_cwdi != NULL ? parent->p_cwdi->cwdi_rdir :
	    NULL;
	vref(cwdi->cwdi_cdir);
	if (cwdi->cwdi_rdir != NULL)
		vref(cwdi->cwdi_rdir);
	p->p_cwdi = cwdi;
}

/* From here on the fork cannot fail; the child is on no list yet. */
static void
fk_adopt(struct proc *parent, struct proc *p)
{
	mutex_enter(parent->p_lock);
	p->p_cred = kauth_cred_hold(parent->p_cred);
	mutex_exit(parent->p_lock);
	fk_cred_event(parent->p_cred, KAUTH_CRED_FORK, parent, p);
}

/* Its memory and descriptors exist before its state says so. */
static void
fk_start(struct proc *parent, struct proc *p)
{
	if (fk_fork_ms != 0 && !atomic_load_relaxed(&fk_threads))
		world_run(fk_fork_ms);
	fk_furnish(parent, p);
	(void)fk_lwp_new(p);
	mutex_enter(&proc_lock);
	p->p_pid = fk_next_pid++;
	LIST_INSERT_HEAD(&fk_allproc, p, p_list);
	mutex_enter(p->p_lock);
	p->p_stat = SACTIVE;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
}

int
world_fork(enum world_fork kind, struct proc **childp)
{
	struct lwp *l = curlwp;
	struct proc *parent = l->l_proc, *p;
	int error;

	fk_assert_no_locks("fork");
	error = kauth_authorize_action(KAUTH_SCOPE_PROCESS, l->l_cred,
	    KAUTH_PROCESS_FORK, parent, (void *)(uintptr_t)10, NULL, NULL);
	if (error != 0)
		return EAGAIN;
	if (kind == WORLD_FORK_FAILS)
		return ENOMEM;
	p = fk_child(parent, kind);
	if (kind == WORLD_SPAWN) {
		rw_enter(&parent->p_reflock, RW_WRITER);
		fk_adopt(parent, p);
		rw_exit(&parent->p_reflock);
	} else
		fk_adopt(parent, p);
	fk_start(parent, p);
	if (childp != NULL)
		*childp = p;
	return 0;
}

static void
fk_vm_free(struct vmspace *vm)
{
	if (--vm->vm_refcnt == 0)
		host_free(vm);
}

static void
fk_cwd_free(struct cwdinfo *cwdi)
{
	vrele(cwdi->cwdi_cdir);
	if (cwdi->cwdi_rdir != NULL)
		vrele(cwdi->cwdi_rdir);
	rw_destroy(&cwdi->cwdi_lock);
	host_free(cwdi);
}

/* In the order of the kernel: what is gone when the exit hook runs matters. */
static void
fk_exit(struct proc *p)
{
	struct lwp *l = LIST_FIRST(&p->p_lwps), *other, *old = fk_cur;
	struct vmspace *vm;
	size_t i;

	fk_assert_no_locks("exit");
	fk_cur = l;
	mutex_enter(p->p_lock);
	p->p_sflag |= PS_WEXIT;
	mutex_exit(p->p_lock);
	while ((other = LIST_NEXT(l, l_sibling)) != NULL)
		world_thread_exit(other);
	mutex_enter(p->p_lock);
	p->p_stat = SDYING;
	mutex_exit(p->p_lock);
	rw_enter(&p->p_reflock, RW_WRITER);
	fk_fd_free(p->p_fd);
	p->p_fd = NULL;
	fk_cwd_free(p->p_cwdi);
	p->p_cwdi = NULL;
	for (i = 0; i < FK_HOOKS; i++) {
		if (fk_exithooks[i].function != NULL)
			fk_exithooks[i].function(p, fk_exithooks[i].arg);
	}
	vm = p->p_vmspace;
	p->p_vmspace = &fk_vmspace0;
	fk_vm_free(vm);
	fk_specific_fini(fk_lwp_domain, &l->l_specdataref);
	fk_specific_fini(fk_proc_domain, &p->p_specdataref);
	rw_exit(&p->p_reflock);
	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_stat = SDEAD;
	lwp_lock(l);
	l->l_stat = LSZOMB;
	l->l_pflag &= ~LP_RUNNING;
	lwp_unlock(l);
	p->p_stat = SZOMB;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
	fk_cur = old == l ? NULL : old;
}

void
world_exit(void)
{
	fk_exit(curproc);
	fk_settle();
}

int
world_reap(struct proc *p)
{
	mutex_enter(&proc_lock);
	if (p->p_stat != SZOMB) {
		mutex_exit(&proc_lock);
		return EBUSY;
	}
	LIST_REMOVE(p, p_list);
	mutex_exit(&proc_lock);
	fk_lwp_reap(LIST_FIRST(&p->p_lwps));
	kauth_cred_free(p->p_cred);
	rw_destroy(&p->p_reflock);
	mutex_destroy(&p->pf_lock);
	host_free(p);
	return 0;
}

void *
exithook_establish(void (*function)(struct proc *, void *), void *arg)
{
	size_t i;

	fk_may_sleep("exithook_establish");
	for (i = 0; fk_exithooks[i].function != NULL; i++)
		;
	fk_exithooks[i].function = function;
	fk_exithooks[i].arg = arg;
	return &fk_exithooks[i];
}

void
exithook_disestablish(void *hook)
{
	size_t i;

	fk_may_sleep("exithook_disestablish");
	for (i = 0; i < FK_HOOKS; i++) {
		if (&fk_exithooks[i] == hook &&
		    fk_exithooks[i].function != NULL) {
			fk_exithooks[i].function = NULL;
			return;
		}
	}
	FK_FAIL("an exit hook is removed twice");
}

/* Specific data by the kernel's names. */

int
proc_specific_key_create(specificdata_key_t *keyp, specificdata_dtor_t dtor)
{
	return fk_specific_key(fk_proc_domain, keyp, dtor);
}

void
proc_specific_key_delete(specificdata_key_t key)
{
	fk_specific_key_delete(fk_proc_domain, key);
}

void *
proc_getspecific(struct proc *p, specificdata_key_t key)
{
	return fk_specific_get(&p->p_specdataref, key);
}

void
proc_setspecific(struct proc *p, specificdata_key_t key, void *data)
{
	fk_may_sleep("proc_setspecific");
	fk_specific_set(fk_proc_domain, &p->p_specdataref, key, data);
}

int
lwp_specific_key_create(specificdata_key_t *keyp, specificdata_dtor_t dtor)
{
	return fk_specific_key(fk_lwp_domain, keyp, dtor);
}

void
lwp_specific_key_delete(specificdata_key_t key)
{
	fk_specific_key_delete(fk_lwp_domain, key);
}

void *
lwp_getspecific(specificdata_key_t key)
{
	return fk_specific_get(&curlwp->l_specdataref, key);
}

void
lwp_setspecific(specificdata_key_t key, void *data)
{
	fk_may_sleep("lwp_setspecific");
	fk_specific_set(fk_lwp_domain, &curlwp->l_specdataref, key, data);
}

/* Credentials of processes */

void
proc_crmod_enter(void)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t old;

	fk_may_sleep("proc_crmod_enter");
	mutex_enter(p->p_lock);
	if ((old = l->l_cred) != p->p_cred) {
		l->l_cred = kauth_cred_hold(p->p_cred);
		kauth_cred_free(old);
	}
}

void
proc_crmod_leave(kauth_cred_t new, kauth_cred_t old, bool sugid)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t cached = NULL;

	fk_assert_held(p->p_lock, "proc_crmod_leave");
	if (new != NULL) {
		p->p_cred = new;
		cached = l->l_cred;
		l->l_cred = kauth_cred_hold(new);
	}
	if (sugid)
		p->p_flag |= PK_SUGID;
	mutex_exit(p->p_lock);
	if (old != NULL)
		kauth_cred_free(old);
	if (cached != NULL)
		kauth_cred_free(cached);
}

static int
fk_change_cred(uint32_t uid, bool set, bool ask)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t ncred = kauth_cred_alloc();
	int error = 0;

	fk_assert_no_locks("a change of credentials");
	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, ncred);
	if (ask)
		error = kauth_authorize_action(KAUTH_SCOPE_PROCESS,
		    p->p_cred, KAUTH_PROCESS_SETID, p, NULL, NULL, NULL);
	if (error != 0) {
		proc_crmod_leave(NULL, NULL, false);
		kauth_cred_free(ncred);
		return EPERM;
	}
	if (set)
		ncred->cr_uid = ncred->cr_euid = ncred->cr_svuid = uid;
	proc_crmod_leave(ncred, p->p_cred, true);
	return 0;
}

int
world_setuid(uint32_t uid)
{
	return fk_change_cred(uid, true, true);
}

int
world_setgroups(void)
{
	return fk_change_cred(0, false, true);
}

int
world_exec_setid(uint32_t uid)
{
	return fk_change_cred(uid, true, false);
}

int
world_setsid(void)
{
	struct proc *p = curproc;

	mutex_enter(&proc_lock);
	if (p->p_pgrp == &p->pf_pgrp) {
		mutex_exit(&proc_lock);
		return EPERM;
	}
	p->pf_session.s_leader = p;
	p->pf_pgrp.pg_session = &p->pf_session;
	p->p_pgrp = &p->pf_pgrp;
	mutex_exit(&proc_lock);
	return 0;
}

int
world_chroot(struct vnode *vp)
{
	struct lwp *l = curlwp;
	struct cwdinfo *cwdi = l->l_proc->p_cwdi;
	kauth_cred_t ncred;
	int error;

	error = kauth_authorize_action(KAUTH_SCOPE_SYSTEM, l->l_cred,
	    KAUTH_SYSTEM_CHROOT, (void *)(uintptr_t)
	    KAUTH_REQ_SYSTEM_CHROOT_FCHROOT, NULL, NULL, NULL);
	if (error != 0)
		return error;
	ncred = kauth_cred_alloc();
	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	vref(vp);
	if (cwdi->cwdi_rdir != NULL)
		vrele(cwdi->cwdi_rdir);
	cwdi->cwdi_rdir = vp;
	if (!vn_isunder(cwdi->cwdi_cdir, vp, l)) {
		vrele(cwdi->cwdi_cdir);
		vref(vp);
		cwdi->cwdi_cdir = vp;
	}
	rw_exit(&cwdi->cwdi_lock);
	proc_crmod_enter();
	kauth_cred_clone(l->l_proc->p_cred, ncred);
	fk_cred_event(ncred, KAUTH_CRED_CHROOT, cwdi, NULL);
	proc_crmod_leave(ncred, l->l_proc->p_cred, true);
	return 0;
}

int
dosetrlimit(struct lwp *l, struct proc *p, int which, struct rlimit *rl)
{
	fk_may_sleep("dosetrlimit");
	if (which < 0 || which >= RLIM_NLIMITS || rl->rlim_cur > rl->rlim_max)
		return EINVAL;
	if (fk_rlimit_fails)
		return EPERM;
	if (kauth_authorize_action(KAUTH_SCOPE_PROCESS, l->l_cred,
	    KAUTH_PROCESS_RLIMIT, p,
	    (void *)(uintptr_t)KAUTH_REQ_PROCESS_RLIMIT_SET, rl,
	    (void *)(uintptr_t)which) != 0)
		return EPERM;
	p->p_rlimit[which] = *rl;
	return 0;
}

int
world_setrlimit(struct proc *p, int which, uint64_t soft, uint64_t hard)
{
	struct rlimit rl = { soft, hard };

	return dosetrlimit(curlwp, p, which, &rl);
}

uint64_t
world_rlimit(struct proc *p, int which)
{
	return p->p_rlimit[which].rlim_max;
}

uint64_t
world_soft_rlimit(struct proc *p, int which)
{
	return p->p_rlimit[which].rlim_cur;
}

int
world_kill(struct proc *p, int signo)
{
	int error;

	fk_assert_no_locks("kill");
	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	error = kauth_authorize_action(KAUTH_SCOPE_PROCESS, curlwp->l_cred,
	    KAUTH_PROCESS_SIGNAL, p, (void *)(uintptr_t)signo, NULL, NULL);
	mutex_exit(p->p_lock);
	if (error == 0 && signo != 0)
		psignal(p, signo);
	mutex_exit(&proc_lock);
	return error;
}

/* The scheduler */

static void
fk_lwp_stops(struct proc *p, struct lwp *l, const struct bintime *now)
{
	struct bintime slice = *now;
	uint64_t us;

	if ((l->l_pflag & LP_RUNNING) == 0)
		return;
	bintime_sub(&slice, &l->l_stime);
	bintime_add(&l->l_rtime, &slice);
	l->l_pflag &= ~LP_RUNNING;
	if (l->l_stat == LSONPROC)
		l->l_stat = LSRUN;
	us = (uint64_t)slice.sec * 1000000 +
	    (((slice.frac >> 32) * 1000000) >> 32);
	if (p->pf_fill != 0)
		__atomic_add_fetch(&p->p_vmspace->vm_pages,
		    (long)(p->pf_fill * us / 1000 / PAGE_SIZE),
		    __ATOMIC_RELAXED);
	l->l_ru.ru_inblock++;
}

/*
 * The end of one millisecond and the beginning of the next: threads that ran
 * stop, those that were told to suspend do, and the CPUs take the next in turn.
 * Processes with a SIGKILL that they can take die, unless a thread of the host
 * acts for them.
 */
void
fk_proc_tick(void)
{
	struct proc *p, *dying;
	struct lwp *l;
	struct bintime now;
	u_int runnable = 0, index = 0, first, cpus;
	bool live;

	binuptime(&now);
	mutex_enter(&proc_lock);
	LIST_FOREACH(p, &fk_allproc, p_list) {
		mutex_enter(p->p_lock);
		live = p->p_stat == SACTIVE;
		LIST_FOREACH(l, &p->p_lwps, l_sibling) {
			if (!live)
				break;
			lwp_lock(l);
			fk_lwp_stops(p, l, &now);
			if ((l->l_flag & LW_WSUSPEND) != 0 &&
			    l->l_stat == LSRUN) {
				l->l_flag &= ~LW_WSUSPEND;
				l->l_stat = LSSUSPENDED;
			}
			if (l->l_stat == LSRUN && l->lf_spins)
				runnable++;
			lwp_unlock(l);
		}
		mutex_exit(p->p_lock);
	}
	first = runnable != 0 ? fk_turn % runnable : 0;
	cpus = MIN((u_int)ncpu, runnable);
	fk_turn += cpus;
	LIST_FOREACH(p, &fk_allproc, p_list) {
		mutex_enter(p->p_lock);
		live = p->p_stat == SACTIVE;
		LIST_FOREACH(l, &p->p_lwps, l_sibling) {
			if (!live)
				break;
			lwp_lock(l);
			if (l->l_stat == LSRUN && l->lf_spins) {
				if ((index + runnable - first) % runnable <
				    cpus) {
					l->l_stat = LSONPROC;
					l->l_pflag |= LP_RUNNING;
					l->l_stime = now;
				}
				index++;
			}
			lwp_unlock(l);
		}
		mutex_exit(p->p_lock);
	}
	mutex_exit(&proc_lock);
	if (atomic_load_relaxed(&fk_threads))
		return;
	do {
		dying = NULL;
		mutex_enter(&proc_lock);
		LIST_FOREACH(p, &fk_allproc, p_list) {
			mutex_enter(p->p_lock);
			if (p->p_stat == SACTIVE && p != fk_init &&
			    p->pf_linger_us <= world_now_us() &&
			    sigismember(&p->p_sigpend.sp_set, SIGKILL)) {
				LIST_FOREACH(l, &p->p_lwps, l_sibling) {
					if (l->l_stat == LSRUN ||
					    l->l_stat == LSONPROC)
						dying = p;
				}
			}
			mutex_exit(p->p_lock);
			if (dying != NULL)
				break;
		}
		mutex_exit(&proc_lock);
		if (dying != NULL)
			fk_exit(dying);
	} while (dying != NULL);
}

/* What tests ask and set */

struct proc *
world_init(void)
{
	return fk_init;
}

struct lwp *
world_lwp(struct proc *p)
{
	return LIST_FIRST(&p->p_lwps);
}

int
world_pid(struct proc *p)
{
	return p->p_pid;
}

struct proc *
world_find(int pid)
{
	struct proc *p;

	mutex_enter(&proc_lock);
	LIST_FOREACH(p, &fk_allproc, p_list) {
		if (p->p_pid == pid)
			break;
	}
	mutex_exit(&proc_lock);
	return p;
}

bool
world_is_zombie(struct proc *p)
{
	bool zombie;

	mutex_enter(p->p_lock);
	zombie = P_ZOMBIE(p);
	mutex_exit(p->p_lock);
	return zombie;
}

size_t
world_processes(void)
{
	struct proc *p;
	size_t n = 0;

	mutex_enter(&proc_lock);
	LIST_FOREACH(p, &fk_allproc, p_list)
		n++;
	mutex_exit(&proc_lock);
	return n;
}

struct proc *
world_process(uint32_t uid)
{
	struct lwp *old = world_as(world_lwp(fk_init));
	struct proc *p;
	int error, fd;

	error = world_fork(WORLD_FORK, &p);
	KASSERT(error == 0);
	fk_cur = world_lwp(p);
	(void)world_setsid();
	for (fd = p->p_fd->fd_lastfile; fd >= 0; fd--)
		(void)world_close(fd);
	if (uid != 0) {
		error = world_setuid(uid);
		KASSERT(error == 0);
	}
	fk_cur = old;
	return p;
}

void
world_trace(struct proc *p, bool on)
{
	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_slflag = on ? p->p_slflag | PSL_TRACED :
	    p->p_slflag & ~PSL_TRACED;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
}

void
world_share(struct proc *p, bool vm, bool fd, bool cwd)
{
	p->p_vmspace->vm_refcnt = vm ? 2 : 1;
	p->p_fd->fd_refcnt = fd ? 2 : 1;
	p->p_cwdi->cwdi_refcnt = cwd ? 2 : 1;
}

void
world_spin(struct lwp *l, bool on)
{
	mutex_enter(l->l_proc->p_lock);
	lwp_lock(l);
	l->lf_spins = on;
	if (on && l->l_stat == LSSLEEP)
		l->l_stat = LSRUN;
	else if (!on && l->l_stat == LSRUN)
		l->l_stat = LSSLEEP;
	lwp_unlock(l);
	mutex_exit(l->l_proc->p_lock);
}

void
world_fill(struct proc *p, uint64_t bytes_per_ms)
{
	mutex_enter(p->p_lock);
	p->pf_fill = bytes_per_ms;
	mutex_exit(p->p_lock);
}

void
world_set_memory(struct proc *p, uint64_t bytes)
{
	atomic_store_relaxed(&p->p_vmspace->vm_pages,
	    (long)(bytes / PAGE_SIZE));
}

uint64_t
world_memory(struct proc *p)
{
	return (uint64_t)vm_resident_count(p->p_vmspace) * PAGE_SIZE;
}

uint64_t
world_cpu_us(struct proc *p)
{
	struct bintime total;
	struct lwp *l;

	mutex_enter(p->p_lock);
	total = p->p_rtime;
	LIST_FOREACH(l, &p->p_lwps, l_sibling) {
		lwp_lock(l);
		bintime_add(&total, &l->l_rtime);
		lwp_unlock(l);
	}
	mutex_exit(p->p_lock);
	return (uint64_t)total.sec * 1000000 +
	    (((total.frac >> 32) * 1000000) >> 32);
}

bool
world_suspended(struct lwp *l)
{
	bool suspended;

	lwp_lock(l);
	suspended = l->l_stat == LSSUSPENDED;
	lwp_unlock(l);
	return suspended;
}

/* _lwp_suspend(2) and _lwp_continue(2) by the application itself. */
void
world_user_suspend(struct lwp *l, bool on)
{
	mutex_enter(l->l_proc->p_lock);
	lwp_lock(l);
	if (on)
		l->l_stat = LSSUSPENDED;
	else if (l->l_stat == LSSUSPENDED)
		l->l_stat = LSRUN;
	lwp_unlock(l);
	mutex_exit(l->l_proc->p_lock);
}

uint32_t
world_jail_of(struct proc *p)
{
	uint32_t id = 0;

	if (secmodel_eval("org.pkgjail.secmodel", "jail-id", p->p_cred,
	    &id) != 0)
		FK_FAIL("secmodel_eval does not know a jail-id");
	return id;
}

void
fk_proc_begin(void)
{
	fk_mutex_init(&proc_lock, "proc_lock", false);
	LIST_INIT(&fk_allproc);
	fk_next_pid = 1;
	fk_next_lid = 0;
	fk_turn = 0;
	fk_fork_ms = 0;
	fk_rlimit_fails = false;
	memset(fk_exithooks, 0, sizeof(fk_exithooks));
	fk_vmspace0.vm_refcnt = 1;
	fk_vmspace0.vm_pages = 10000;
	fk_proc_init(&proc0, NULL);
	proc0.p_stat = SACTIVE;
	proc0.pf_session.s_leader = &proc0;
	proc0.pf_pgrp.pg_session = &proc0.pf_session;
	proc0.p_pgrp = &proc0.pf_pgrp;
	proc0.p_vmspace = &fk_vmspace0;
	proc0.p_fd = fk_fd_copy(NULL);
	proc0.p_cred = kauth_cred_alloc();
	fk_lwp0 = fk_lwp_new(&proc0);
	fk_init = fk_child(&proc0, WORLD_FORK);
	fk_adopt(&proc0, fk_init);
	fk_start(&proc0, fk_init);
	fk_cur = world_lwp(fk_init);
	(void)world_setsid();
}

/* Everybody exits and is reaped; init last. */
void
fk_proc_end(void)
{
	struct proc *p, *next;

	fk_cur = NULL;
	for (p = LIST_FIRST(&fk_allproc); p != NULL; p = next) {
		next = LIST_NEXT(p, p_list);
		if (p->p_stat != SZOMB)
			fk_exit(p);
		(void)world_reap(p);
	}
	fk_lwp_free(fk_lwp0);
	fk_specific_fini(fk_proc_domain, &proc0.p_specdataref);
	fk_fd_free(proc0.p_fd);
	kauth_cred_free(proc0.p_cred);
	rw_destroy(&proc0.p_reflock);
	mutex_destroy(&proc0.pf_lock);
	mutex_destroy(&proc_lock);
}

/* A sampling round may come while a process is being made. */
void
world_slow_forks(unsigned ms)
{
	fk_fork_ms = ms;
}

/* The next limits of a process cannot be set. */
void
world_fail_setrlimit(bool fails)
{
	fk_rlimit_fails = fails;
}

/* A killed process takes its time to go. */
void
world_linger(struct proc *p, uint64_t ms)
{
	mutex_enter(p->p_lock);
	p->pf_linger_us = world_now_us() + ms * 1000;
	mutex_exit(p->p_lock);
}

/* Nothing of an unloaded module may be left hooked up. */
bool
fk_exithooks_left(void)
{
	size_t i;

	for (i = 0; i < FK_HOOKS; i++) {
		if (fk_exithooks[i].function != NULL)
			return true;
	}
	return false;
}

/* For a thread of the host that acts for a process: has it been killed? */
bool
world_killed(void)
{
	struct proc *p = curproc;
	bool killed;

	mutex_enter(p->p_lock);
	killed = sigismember(&p->p_sigpend.sp_set, SIGKILL);
	mutex_exit(p->p_lock);
	return killed;
}
