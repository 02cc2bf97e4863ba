/*
 * Processes: the first two, fork, exit with its hooks, reaping, and their
 * specific data.
 */

#include "fake_proc.h"

#define	FK_HOOKS	4

struct proc	proc0;
kmutex_t	proc_lock;
struct fk_proclist fk_allproc;
struct proc	*fk_init;
static struct vmspace fk_vmspace0;
static struct lwp *fk_lwp0;
static pid_t	fk_next_pid;		/* proc_lock */
static struct {
	void		(*function)(struct proc *, void *);
	void		*arg;
} fk_exithooks[FK_HOOKS];
static u_int	fk_fork_ms;		/* how long a fork takes in the middle */

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
void
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

/* The beginning and the end */

void
fk_proc_begin(void)
{
	fk_mutex_init(&proc_lock, "proc_lock", false);
	LIST_INIT(&fk_allproc);
	fk_next_pid = 1;
	fk_lwp_begin();
	fk_sched_begin();
	fk_fork_ms = 0;
	fk_cred_begin();
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
