/*
 * Threads (LWPs): who is current, how they begin and end, suspending them, and
 * their specific data.
 */

#include "fake_proc.h"

_Thread_local struct lwp *fk_cur;
static lwpid_t	fk_next_lid;		/* atomic */

void
fk_lwp_begin(void)
{
	fk_next_lid = 0;
}

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

struct lwp *
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

void
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

/* Specific data by the kernel's names. */

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

/* What tests ask and set */

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

/* SIGSTOP and SIGCONT; what slept sleeps on (lf_spins says what it does). */
void
world_user_stop(struct lwp *l, bool on)
{
	mutex_enter(l->l_proc->p_lock);
	lwp_lock(l);
	if (on)
		l->l_stat = LSSTOP;
	else if (l->l_stat == LSSTOP)
		l->l_stat = l->lf_spins ? LSRUN : LSSLEEP;
	lwp_unlock(l);
	mutex_exit(l->l_proc->p_lock);
}
