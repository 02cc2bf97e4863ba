/*
 * Limits that are sampled: CPU share, memory, threads.  One kernel thread looks
 * at the members of each jail and acts.
 *
 * CPU share: a budget of CPU time that fills at the jail's rate and is spent by
 * what its processes used.  When it is overdrawn every runnable LWP of the jail
 * is suspended until it is level again, so that what was used too much in one
 * round is missing in the next ones and the share holds in the long run.
 * Sleeping LWPs are left alone and caught when they run.  Parents see nothing of
 * it, unlike with SIGSTOP.  A process that is to die is never kept suspended.
 *
 * Pausing: the same for all LWPs, and those that sleep or are stopped are marked,
 * so that they come to a halt on their way out of the kernel when they wake.  Only
 * a process or LWP that is being made meanwhile waits for the next round.
 *
 * Memory: resident pages.  A jail that grows above nine tenths of its limit runs
 * one round in four; above the limit its largest process is killed, one each
 * round, until what stays is below.  The overshoot is what can be filled in one
 * round, once.
 *
 * Rounds hold proc_lock, for one jail at a time.  A round looks only at the jails
 * that are due: one without limits never is, one with little to fear seldom, and
 * one with many processes is less often than others (pj_pace()), so that rounds
 * take a bounded part of the machine.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_limit.c");

#include "pkgjail_var.h"

#include <sys/filedesc.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/lwp.h>
#include <sys/resourcevar.h>
#include <sys/rwlock.h>
#include <sys/signalvar.h>
#include <sys/systm.h>

#include <uvm/uvm_extern.h>

/* Rounds that a jail stays suspended after it grew near its memory limit. */
#define	PJ_MEMORY_WAIT	3

static kcondvar_t	pj_sampler_cv;	/* with pj_lock */
static bool		pj_sampler_stop; /* pj_lock */
static bool		pj_sampler_kicked; /* pj_lock */
static struct lwp	*pj_sampler;

static void	pj_sampler_thread(void *);

int
pj_limit_start(void)
{
	int error;

	cv_init(&pj_sampler_cv, "pjsample");
	pj_sampler_stop = false;
	pj_sampler_kicked = false;
	error = kthread_create(PRI_NONE, KTHREAD_MPSAFE | KTHREAD_MUSTJOIN,
	    NULL, pj_sampler_thread, NULL, &pj_sampler, "pkgjail");
	if (error != 0)
		cv_destroy(&pj_sampler_cv);
	return error;
}

void
pj_limit_stop(void)
{

	mutex_enter(&pj_lock);
	pj_sampler_stop = true;
	cv_broadcast(&pj_sampler_cv);
	mutex_exit(&pj_lock);
	(void)kthread_join(pj_sampler);
	cv_destroy(&pj_sampler_cv);
}

/* Something changed in a jail that is held: the thread has to look at it now. */
void
pj_limit_kick(struct pj_jail *j)
{

	mutex_enter(&pj_lock);
	j->j_due_us = 0;
	pj_sampler_kicked = true;
	cv_signal(&pj_sampler_cv);
	mutex_exit(&pj_lock);
}

/*
 * Time that a process has used so far, running threads included, and whether
 * one of them wants to run; p_lock is held.
 */
static uint64_t
pj_cpu_us(struct proc *p, bool *runnable)
{
	struct bintime total, slice;
	struct lwp *l;

	total = p->p_rtime;
	*runnable = false;
	LIST_FOREACH(l, &p->p_lwps, l_sibling) {
		lwp_lock(l);
		if (l->l_stat == LSRUN || l->l_stat == LSONPROC)
			*runnable = true;
		bintime_add(&total, &l->l_rtime);
		if ((l->l_pflag & LP_RUNNING) != 0) {
			binuptime(&slice);
			bintime_sub(&slice, &l->l_stime);
			if (slice.sec >= 0)
				bintime_add(&total, &slice);
		}
		lwp_unlock(l);
	}
	return pj_bt2us(&total);
}

/*
 * Adds to the jail what a member used since the last look, so that nothing is
 * lost when it ends.  proc_lock and the process's p_lock are held.
 */
void
pj_account(struct pj_member *m)
{
	struct pj_jail *j = m->m_jail;
	struct proc *p = m->m_proc;
	uint64_t us, in, out;
	struct lwp *l;
	bool runnable;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	KASSERT(mutex_owned(p->p_lock));
	us = pj_cpu_us(p, &runnable);
	if (runnable)
		j->j_runnable = true;
	if (us > m->m_cpu_us) {
		j->j_cpu_us += us - m->m_cpu_us;
		j->j_used_us += us - m->m_cpu_us;
		m->m_cpu_us = us;
	}
	in = (uint64_t)p->p_stats->p_ru.ru_inblock;
	out = (uint64_t)p->p_stats->p_ru.ru_oublock;
	LIST_FOREACH(l, &p->p_lwps, l_sibling) {
		in += (uint64_t)l->l_ru.ru_inblock;
		out += (uint64_t)l->l_ru.ru_oublock;
	}
	if (in > m->m_inblock) {
		j->j_inblock += in - m->m_inblock;
		m->m_inblock = in;
	}
	if (out > m->m_oublock) {
		j->j_oublock += out - m->m_oublock;
		m->m_oublock = out;
	}
}

/* On its way out: exiting already, or SIGKILL waits for it.  p_lock is held. */
static bool
pj_dying(struct proc *p)
{

	return P_ZOMBIE(p) || (p->p_sflag & PS_WEXIT) != 0 ||
	    sigismember(&p->p_sigpend.sp_set, SIGKILL);
}

/*
 * Memory and descriptors of a living process.  Exit and exec hold the reference
 * lock while these change; the last values stand in then.
 */
static void
pj_measure_memory(struct pj_member *m)
{
	struct proc *p = m->m_proc;

	if (!rw_tryenter(&p->p_reflock, RW_READER))
		return;
	/* A vfork child runs in its parent's memory, which is counted there. */
	if ((p->p_lflag & PL_PPWAIT) != 0 || p->p_vmspace == proc0.p_vmspace)
		m->m_rss = 0;
	else
		m->m_rss = (uint64_t)vm_resident_count(p->p_vmspace) *
		    PAGE_SIZE;
	m->m_files = (u_int)(p->p_fd->fd_lastfile + 1);
	rw_exit(&p->p_reflock);
}

/* Takes the usage of a jail.  proc_lock is held. */
void
pj_measure(struct pj_jail *j)
{
	struct pj_member *m;
	struct proc *p;
	bool ready;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	j->j_rss = j->j_rss_staying = 0;
	j->j_threads = j->j_files = 0;
	j->j_runnable = false;
	LIST_FOREACH(m, &j->j_members, m_list) {
		p = m->m_proc;
		mutex_enter(p->p_lock);
		/* A process in creation has no memory and no files yet. */
		ready = p->p_stat != SIDL && !P_ZOMBIE(p);
		m->m_dying = p->p_stat != SIDL && pj_dying(p);
		if (ready) {
			pj_account(m);
			m->m_threads = (u_int)p->p_nlwps;
		}
		mutex_exit(p->p_lock);
		if (ready)
			pj_measure_memory(m);
		j->j_rss += m->m_rss;
		if (!m->m_dying)
			j->j_rss_staying += m->m_rss;
		j->j_threads += m->m_threads;
		j->j_files += m->m_files;
	}
	if (j->j_rss > j->j_rss_peak)
		j->j_rss_peak = j->j_rss;
}

/* An LWP that we suspended; the application may have suspended others itself. */
static bool
pj_is_ours(const struct pj_member *m, lwpid_t lid)
{
	u_int i;

	if (m->m_all)
		return true;
	for (i = 0; i < m->m_nlids; i++) {
		if (m->m_lids[i] == lid)
			return true;
	}
	return false;
}

/* proc_lock and p_lock are held. */
static void
pj_continue_member(struct pj_member *m)
{
	struct lwp *l;

	if (m->m_nlids == 0)
		return;
	LIST_FOREACH(l, &m->m_proc->p_lwps, l_sibling) {
		if (!pj_is_ours(m, l->l_lid))
			continue;
		lwp_lock(l);
		if ((l->l_flag & LW_WSUSPEND) != 0 ||
		    l->l_stat == LSSUSPENDED)
			lwp_continue(l);	/* unlocks */
		else
			lwp_unlock(l);
	}
	m->m_nlids = 0;
	m->m_all = false;
}

/*
 * proc_lock and p_lock are held.  lwp_suspend() would wake a sleeper for nothing
 * and set a stopped LWP running, so these get the mark alone that it sets.
 */
static void
pj_suspend_member(struct pj_member *m, bool sleepers)
{
	struct lwp *l;
	bool runs, halts;

	LIST_FOREACH(l, &m->m_proc->p_lwps, l_sibling) {
		lwp_lock(l);
		runs = l->l_stat == LSRUN || l->l_stat == LSONPROC;
		halts = runs || (sleepers &&
		    (l->l_stat == LSSLEEP || l->l_stat == LSSTOP));
		if (!halts || (l->l_flag & LW_WSUSPEND) != 0) {
			lwp_unlock(l);
			continue;
		}
		if (!pj_is_ours(m, l->l_lid)) {
			if (m->m_nlids < PJ_LIDS)
				m->m_lids[m->m_nlids++] = l->l_lid;
			else
				m->m_all = true;
		}
		if (runs)
			(void)lwp_suspend(curlwp, l);	/* unlocks */
		else {
			l->l_flag |= LW_WSUSPEND;
			lwp_unlock(l);
		}
	}
}

/*
 * Suspends what runs in a jail, and what sleeps in one that is paused, but for the
 * dying.  proc_lock is held.
 */
void
pj_suspend_members(struct pj_jail *j)
{
	struct pj_member *m;
	struct proc *p;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	LIST_FOREACH(m, &j->j_members, m_list) {
		p = m->m_proc;
		mutex_enter(p->p_lock);
		if (p->p_stat == SIDL)
			;	/* caught in the next round */
		else if (pj_dying(p))
			pj_continue_member(m);
		else
			pj_suspend_member(m, j->j_paused);
		mutex_exit(p->p_lock);
	}
	j->j_suspended = true;
}

void
pj_release_members(struct pj_jail *j)
{
	struct pj_member *m;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	if (!j->j_suspended)
		return;
	LIST_FOREACH(m, &j->j_members, m_list) {
		mutex_enter(m->m_proc->p_lock);
		pj_continue_member(m);
		mutex_exit(m->m_proc->p_lock);
	}
	j->j_suspended = false;
}

/*
 * Sends a signal to every member that can take one; 0 only counts them.  A
 * SIGKILL lets its target run, so that it can die.  proc_lock is held.
 */
u_int
pj_signal_members(struct pj_jail *j, int signo)
{
	struct pj_member *m;
	struct proc *p;
	u_int count = 0;
	bool ready;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	LIST_FOREACH(m, &j->j_members, m_list) {
		p = m->m_proc;
		mutex_enter(p->p_lock);
		ready = p->p_stat != SIDL && !pj_dying(p);
		mutex_exit(p->p_lock);
		if (!ready)
			continue;
		count++;
		if (signo == 0)
			continue;
		psignal(p, signo);	/* takes p_lock */
		if (signo == SIGKILL) {
			mutex_enter(p->p_lock);
			pj_continue_member(m);
			mutex_exit(p->p_lock);
		}
	}
	return count;
}

static void
pj_kill(struct pj_member *m)
{

	psignal(m->m_proc, SIGKILL);
	m->m_dying = true;
	mutex_enter(m->m_proc->p_lock);
	pj_continue_member(m);
	mutex_exit(m->m_proc->p_lock);
}

/* The member that uses most and is not dying; of equals the latest. */
static struct pj_member *
pj_largest(struct pj_jail *j, bool by_threads)
{
	struct pj_member *m, *largest = NULL;

	LIST_FOREACH(m, &j->j_members, m_list) {
		if (m->m_dying || (by_threads ? m->m_threads : m->m_rss) == 0)
			continue;
		if (largest == NULL || (by_threads ?
		    m->m_threads > largest->m_threads :
		    m->m_rss > largest->m_rss))
			largest = m;
	}
	return largest;
}

/*
 * Settles the CPU budget.  The bounds: unused time is kept for a tenth of a
 * second, so that a jail that was idle may burst that long; a debt is never
 * forgiven below what one long round on all CPUs can overdraw.
 */
static void
pj_settle_cpu(struct pj_jail *j, uint32_t percent)
{
	struct bintime now, dt;
	int64_t ceiling, floor;
	uint64_t us;
	bool was_throttled = j->j_cpu_throttled;

	binuptime(&now);
	dt = now;
	bintime_sub(&dt, &j->j_settled);
	us = pj_bt2us(&dt);
	if (us > 10000000)
		us = 10000000;
	j->j_settled = now;
	if (percent == 0) {
		j->j_budget_us = 0;
		j->j_used_us = 0;
		j->j_cpu_throttled = false;
		return;
	}
	j->j_budget_us += (int64_t)(us * percent / 100) -
	    (int64_t)j->j_used_us;
	j->j_used_us = 0;
	ceiling = (int64_t)percent * 1000;
	floor = -(int64_t)percent * 5000 -
	    (int64_t)ncpu * 2 * PJ_IDLE_PERIOD_MS * 1000;
	if (j->j_budget_us > ceiling)
		j->j_budget_us = ceiling;
	if (j->j_budget_us < floor)
		j->j_budget_us = floor;
	j->j_cpu_throttled = j->j_budget_us < 0;
	if (!j->j_cpu_throttled)
		return;
	/* Counted in short periods, however long this jail's are. */
	if (was_throttled && us >= 2 * PJ_PERIOD_MS * 1000)
		j->j_cpu_throttles += us / (PJ_PERIOD_MS * 1000);
	else
		j->j_cpu_throttles++;
}

static void
pj_act_memory(struct pj_jail *j, uint64_t limit)
{
	struct pj_member *m;
	uint64_t last = j->j_rss_last;

	j->j_rss_last = j->j_rss;
	if (j->j_memory_wait > 0)
		j->j_memory_wait--;
	if (limit == 0) {
		j->j_memory_wait = 0;
		return;
	}
	if (j->j_rss_staying > limit) {
		m = pj_largest(j, false);
		if (m != NULL) {
			pj_kill(m);
			j->j_memory_kills++;
			mutex_enter(&pj_lock);
			pj_event(j, PKGJAIL_EVENT_KILL);
			mutex_exit(&pj_lock);
		}
	}
	/* Only growth is held up: a jail may stay as large as it may be. */
	if (j->j_rss > limit / 10 * 9 && j->j_rss > last) {
		j->j_memory_wait = PJ_MEMORY_WAIT;
		mutex_enter(&pj_lock);
		pj_event(j, PKGJAIL_EVENT_MEMORY);
		mutex_exit(&pj_lock);
	}
	if (j->j_memory_wait > 0)
		j->j_memory_throttles++;
}

static void
pj_act_threads(struct pj_jail *j, uint32_t limit)
{
	struct pj_member *m;

	mutex_enter(&pj_lock);
	j->j_threads_full = limit != 0 && j->j_threads > limit;
	mutex_exit(&pj_lock);
	if (limit == 0 || j->j_threads / 2 < limit)
		return;
	m = pj_largest(j, true);
	if (m == NULL)
		return;
	pj_kill(m);
	j->j_thread_kills++;
	mutex_enter(&pj_lock);
	pj_event(j, PKGJAIL_EVENT_KILL);
	mutex_exit(&pj_lock);
}

/*
 * How soon the jail has to be looked at again, in ms; 0: it need not be.  The
 * bound on the overshoot of memory rests on this.
 */
static u_int
pj_next_look(struct pj_jail *j, const struct pkgjail_limits *limits, bool busy)
{
	uint64_t room, fill;

	if (j->j_paused || j->j_cpu_throttled || j->j_memory_wait > 0 ||
	    j->j_state == PKGJAIL_STATE_ENDING)
		return PJ_PERIOD_MS;
	if (limits->cpu_percent != 0 && busy)
		return PJ_PERIOD_MS;
	if (limits->memory_bytes != 0) {
		room = limits->memory_bytes > j->j_rss ?
		    limits->memory_bytes - j->j_rss : 0;
		fill = PJ_FILL_BYTES_PER_MS * PJ_IDLE_PERIOD_MS *
		    (uint64_t)ncpu;
		if (room < fill)
			return PJ_PERIOD_MS;
	}
	if (limits->cpu_percent != 0 || limits->memory_bytes != 0 ||
	    limits->threads != 0)
		return PJ_IDLE_PERIOD_MS;
	return 0;
}

/* One look at one jail; proc_lock is held.  Returns as pj_next_look(). */
static u_int
pj_look(struct pj_jail *j)
{
	struct pkgjail_limits limits;
	bool busy, was_throttled;

	pj_measure(j);
	if (LIST_EMPTY(&j->j_members)) {
		/* What it did is accounted; nothing can happen until ENTER. */
		pj_settle_cpu(j, 0);
		j->j_memory_wait = 0;
		j->j_rss_last = 0;
		j->j_suspended = false;
		mutex_enter(&pj_lock);
		j->j_threads_full = false;
		mutex_exit(&pj_lock);
		return 0;
	}
	mutex_enter(&pj_lock);
	limits = j->j_limits;
	mutex_exit(&pj_lock);

	if (j->j_state == PKGJAIL_STATE_ENDING) {
		j->j_cpu_throttled = false;
		j->j_memory_wait = 0;
		pj_release_members(j);
		(void)pj_signal_members(j, SIGKILL);
		return PJ_PERIOD_MS;
	}
	/* What was suspended until now wants to run. */
	was_throttled = j->j_cpu_throttled;
	busy = j->j_used_us != 0 || j->j_runnable || was_throttled;
	pj_settle_cpu(j, limits.cpu_percent);
	if (j->j_cpu_throttled && !was_throttled) {
		mutex_enter(&pj_lock);
		pj_event(j, PKGJAIL_EVENT_CPU);
		mutex_exit(&pj_lock);
	}
	pj_act_memory(j, limits.memory_bytes);
	pj_act_threads(j, limits.threads);
	if (j->j_paused || j->j_cpu_throttled || j->j_memory_wait > 0)
		pj_suspend_members(j);
	else
		pj_release_members(j);
	return pj_next_look(j, &limits, busy);
}

static uint64_t
pj_now_us(void)
{
	struct bintime now;

	binuptime(&now);
	return pj_bt2us(&now);
}

/*
 * How long a jail is left alone that wants to be looked at again in so many ms,
 * in us.  Short periods are for PJ_PACE_PROCESSES in all, shared equally by the
 * jails that are sampled.  A jail with more processes than its portion waits
 * longer, in proportion; what it does so to others is nothing.  The longest is
 * the long period, on which the bounds of pj_settle_cpu() and pj_next_look()
 * rest.
 */
static uint64_t
pj_pace(u_int ms, u_int processes, u_int sampled)
{
	u_int portion, pace;

	portion = MAX(1, PJ_PACE_PROCESSES / MAX(1, sampled));
	if (processes > portion * (PJ_IDLE_PERIOD_MS / PJ_PERIOD_MS))
		pace = PJ_IDLE_PERIOD_MS;
	else
		pace = PJ_PERIOD_MS * processes / portion;
	return (uint64_t)MAX(ms, pace) * 1000;
}

/*
 * The next jail that is due and not being destroyed, held; pj_lock is held.
 * Those that are due later are counted, with the soonest of their times.
 */
static struct pj_jail *
pj_hold_due(struct pj_jail *j, uint64_t now, u_int *later, uint64_t *soonest)
{

	for (; j != NULL; j = LIST_NEXT(j, j_list)) {
		if (j->j_gone || j->j_due_us == PJ_NEVER)
			continue;
		if (j->j_due_us <= now)
			break;
		(*later)++;
		*soonest = MIN(*soonest, j->j_due_us);
	}
	if (j != NULL) {
		j->j_holds++;
		j->j_due_us = PJ_NEVER;	/* until looked at, or kicked */
	}
	return j;
}

/* One round over the jails that are due; returns when the next is, 0 for never. */
static u_int
pj_round(void)
{
	static u_int sampled = 1;	/* jails, in the round before */
	struct pj_jail *j, *next;
	uint64_t now, begin, soonest = PJ_NEVER;
	u_int ms, count = 0;

	begin = pj_now_us();
	/* Ticks of the clock come a little early or late; half a period counts. */
	now = begin + PJ_PERIOD_MS * 1000 / 2;
	mutex_enter(PJ_PROC_LOCK);
	mutex_enter(&pj_lock);
	j = pj_hold_due(LIST_FIRST(&pj_jails), now, &count, &soonest);
	mutex_exit(&pj_lock);
	while (j != NULL) {
		ms = pj_look(j);
		mutex_enter(&pj_lock);
		if (ms != 0) {
			count++;
			j->j_due_us = MIN(j->j_due_us,
			    begin + pj_pace(ms, j->j_nproc, sampled));
		}
		soonest = MIN(soonest, j->j_due_us);
		next = pj_hold_due(LIST_NEXT(j, j_list), now, &count,
		    &soonest);
		mutex_exit(&pj_lock);
		/* Let others have proc_lock between two jails. */
		mutex_exit(PJ_PROC_LOCK);
		pj_release(j);
		j = next;
		mutex_enter(PJ_PROC_LOCK);
	}
	mutex_exit(PJ_PROC_LOCK);
	sampled = MAX(1, count);
	if (soonest == PJ_NEVER)
		return 0;
	now = pj_now_us();
	return soonest > now ? (u_int)((soonest - now + 999) / 1000) : 1;
}

static void
pj_sampler_thread(void *arg)
{
	u_int ms = 0;

	mutex_enter(&pj_lock);
	while (!pj_sampler_stop) {
		if (!pj_sampler_kicked) {
			if (ms == 0)
				cv_wait(&pj_sampler_cv, &pj_lock);
			else
				(void)cv_timedwait(&pj_sampler_cv, &pj_lock,
				    MAX(1, mstohz((int)ms)));
		}
		if (pj_sampler_stop)
			break;
		pj_sampler_kicked = false;
		mutex_exit(&pj_lock);
		ms = pj_round();
		mutex_enter(&pj_lock);
	}
	mutex_exit(&pj_lock);
	kthread_exit(0);
}
