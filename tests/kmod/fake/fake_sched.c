/*
 * A scheduler of one millisecond: who runs, what that costs in CPU time and
 * memory, and who dies of a signal.
 */

#include "fake_proc.h"

static u_int	fk_turn;		/* proc_lock: whose turn on the CPUs */

void
fk_sched_begin(void)
{
	fk_turn = 0;
}

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
