/* Signals: sent and pending here; the killed die in fake_sched.c. */

#include "fake_proc.h"

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

/* A killed process takes its time to go. */
void
world_linger(struct proc *p, uint64_t ms)
{
	mutex_enter(p->p_lock);
	p->pf_linger_us = world_now_us() + ms * 1000;
	mutex_exit(p->p_lock);
}
