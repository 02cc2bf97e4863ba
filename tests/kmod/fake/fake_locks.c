/* Locks with an order that is learnt and enforced, sleeping, the clock. */

#include "fake_internal.h"

#define	FK_CLASSES	64
#define	FK_HELD		16

bool	fk_threads;			/* atomic */
uint64_t	fk_now_us;
int		hz = 100;
int		ncpu = 1;
_Thread_local int fk_in_listener;

static void (*fk_complaint)(const char *);

void
world_on_failure(void (*function)(const char *))
{
	fk_complaint = function;
}

void
fk_fail(const char *file, int line, const char *format, ...)
{
	char what[512];
	const char *base = file, *c;
	va_list ap;

	va_start(ap, format);
	host_format(what, sizeof(what), format, ap);
	va_end(ap);
	for (c = file; *c != '\0'; c++) {
		if (*c == '/')
			base = c + 1;
	}
	if (fk_complaint != NULL)
		fk_complaint(what);
	(void)line;
	host_print("fake kernel: ");
	host_print(base);
	host_print(": ");
	host_print(what);
	host_print("\n");
	host_abort();
}

/* Classes and their order */

static struct {
	const char	*name;
} fk_classes[FK_CLASSES];
static u_int	fk_nclasses;
static uint8_t	fk_before[FK_CLASSES][FK_CLASSES]; /* atomic; [a][b]: b inside a */
static void	*fk_order;		/* host mutex */

struct fk_held {
	const void	*lock;
	u_int		class;
	bool		spin, rw;
};
static _Thread_local struct fk_held fk_held[FK_HELD];
static _Thread_local u_int fk_nheld;

static u_int
fk_class(const char *name)
{
	u_int i;

	for (i = 0; i < __atomic_load_n(&fk_nclasses, __ATOMIC_ACQUIRE); i++) {
		if (strcmp(fk_classes[i].name, name) == 0)
			return i;
	}
	host_lock(fk_order);
	for (i = 0; i < fk_nclasses; i++) {
		if (strcmp(fk_classes[i].name, name) == 0)
			break;
	}
	if (i == fk_nclasses) {
		if (i == FK_CLASSES)
			FK_FAIL("too many classes of locks");
		fk_classes[i].name = name;
		__atomic_store_n(&fk_nclasses, i + 1, __ATOMIC_RELEASE);
	}
	host_unlock(fk_order);
	return i;
}

/* Whether a chain of "inside" leads from one class to another. */
static bool
fk_leads(u_int from, u_int to, u_int depth)
{
	u_int i;

	if (atomic_load_relaxed(&fk_before[from][to]) != 0)
		return true;
	if (depth == 0)
		return false;
	for (i = 0; i < fk_nclasses; i++) {
		if (atomic_load_relaxed(&fk_before[from][i]) != 0 &&
		    fk_leads(i, to, depth - 1))
			return true;
	}
	return false;
}

static void
fk_order_check(u_int class, bool spin)
{
	u_int i;

	for (i = 0; i < fk_nheld; i++) {
		const struct fk_held *h = &fk_held[i];

		if (h->spin && !spin)
			FK_FAIL("%s is taken with the spin lock %s held",
			    fk_classes[class].name, fk_classes[h->class].name);
		if (h->class == class)
			FK_FAIL("two locks of the class %s are held",
			    fk_classes[class].name);
		if (atomic_load_relaxed(&fk_before[h->class][class]) != 0)
			continue;
		host_lock(fk_order);
		if (fk_leads(class, h->class, 4))
			FK_FAIL("lock order: %s is taken with %s held, "
			    "and the other way round elsewhere",
			    fk_classes[class].name, fk_classes[h->class].name);
		atomic_store_relaxed(&fk_before[h->class][class], 1);
		host_unlock(fk_order);
	}
}

static void
fk_push(const void *lock, u_int class, bool spin, bool rw)
{
	if (fk_nheld == FK_HELD)
		FK_FAIL("too many locks are held");
	fk_held[fk_nheld++] = (struct fk_held){ lock, class, spin, rw };
}

static void
fk_pop(const void *lock, const char *name)
{
	u_int i;

	for (i = fk_nheld; i-- > 0; ) {
		if (fk_held[i].lock == lock) {
			fk_nheld--;
			for (; i < fk_nheld; i++)
				fk_held[i] = fk_held[i + 1];
			return;
		}
	}
	FK_FAIL("%s is released and not held", name);
}

void
fk_assert_no_locks(const char *what)
{
	if (fk_nheld != 0)
		FK_FAIL("%s with %s held", what,
		    fk_classes[fk_held[fk_nheld - 1].class].name);
}

/* Adaptive locks that may be held by someone who sleeps. */
static bool
fk_sleepable(const char *name)
{
	return strcmp(name, "&pj_config") == 0 ||
	    strcmp(name, "sysctl tree") == 0;
}

static void
fk_may_sleep_but(const char *what, const void *except)
{
	u_int i;

	if (fk_in_listener != 0)
		FK_FAIL("%s in a listener", what);
	for (i = 0; i < fk_nheld; i++) {
		if (fk_held[i].lock != except && !fk_held[i].rw &&
		    !fk_sleepable(fk_classes[fk_held[i].class].name))
			FK_FAIL("%s with %s held", what,
			    fk_classes[fk_held[i].class].name);
	}
}

void
fk_may_sleep(const char *what)
{
	fk_may_sleep_but(what, NULL);
}

void
fk_mutex_init(kmutex_t *m, const char *class, bool spin)
{
	m->mtx_host = host_mutex();
	m->mtx_class = class;
	m->mtx_spin = spin;
	atomic_store_relaxed(&m->mtx_owner, (uintptr_t)0);
}

void
mutex_destroy(kmutex_t *m)
{
	if (m->mtx_host == NULL)
		FK_FAIL("%s is destroyed twice", m->mtx_class);
	host_mutex_free(m->mtx_host);
	m->mtx_host = NULL;
}

void
mutex_enter(kmutex_t *m)
{
	const u_int class = fk_class(m->mtx_class);

	if (m->mtx_host == NULL)
		FK_FAIL("%s is taken after it was destroyed", m->mtx_class);
	if (mutex_owned(m))
		FK_FAIL("%s is taken twice", m->mtx_class);
	fk_order_check(class, m->mtx_spin);
	host_lock(m->mtx_host);
	atomic_store_relaxed(&m->mtx_owner, host_self());
	fk_push(m, class, m->mtx_spin, false);
}

void
mutex_exit(kmutex_t *m)
{
	if (!mutex_owned(m))
		FK_FAIL("%s is released by someone else", m->mtx_class);
	fk_pop(m, m->mtx_class);
	atomic_store_relaxed(&m->mtx_owner, (uintptr_t)0);
	host_unlock(m->mtx_host);
}

int
mutex_owned(const kmutex_t *m)
{
	return atomic_load_relaxed(&m->mtx_owner) == host_self();
}

void
fk_assert_held(const kmutex_t *m, const char *what)
{
	if (!mutex_owned(m))
		FK_FAIL("%s without %s", what, m->mtx_class);
}

void
fk_rw_init(krwlock_t *rw, const char *class)
{
	rw->rw_host = host_rwlock();
	rw->rw_class = class;
}

void
rw_destroy(krwlock_t *rw)
{
	host_rwlock_free(rw->rw_host);
	rw->rw_host = NULL;
}

void
rw_enter(krwlock_t *rw, krw_t how)
{
	const u_int class = fk_class(rw->rw_class);

	if (fk_in_listener != 0)
		FK_FAIL("%s is waited for in a listener", rw->rw_class);
	fk_order_check(class, false);
	if (how == RW_WRITER)
		host_wrlock(rw->rw_host);
	else
		host_rdlock(rw->rw_host);
	fk_push(rw, class, false, true);
}

int
rw_tryenter(krwlock_t *rw, krw_t how)
{
	if (!(how == RW_WRITER ? host_trywrlock(rw->rw_host) :
	    host_tryrdlock(rw->rw_host)))
		return 0;
	/* A lock that is only tried cannot deadlock: no order. */
	fk_push(rw, fk_class(rw->rw_class), false, true);
	return 1;
}

void
rw_exit(krwlock_t *rw)
{
	fk_pop(rw, rw->rw_class);
	host_rwunlock(rw->rw_host);
}

void
atomic_inc_uint(volatile u_int *p)
{
	__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}

void
atomic_dec_uint(volatile u_int *p)
{
	__atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST);
}

u_int
atomic_cas_uint(volatile u_int *p, u_int expected, u_int new)
{
	__atomic_compare_exchange_n(p, &expected, new, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return expected;
}

/*
 * Sleeping.  Everybody who waits is on one list, under one lock, so that the
 * clock can find those whose time has come, and so that the driver of the clock
 * can tell when every kernel thread is asleep again.
 */
struct fk_waiter {
	LIST_ENTRY(fk_waiter) list;
	kcondvar_t	*cv;		/* NULL: only time wakes it */
	void		*cond;
	uint64_t	deadline_us;	/* 0: none */
	bool		woken, timed_out, kthread;
};
static LIST_HEAD(, fk_waiter) fk_waiters;
static void	*fk_sched;		/* host mutex */
static void	*fk_idle;		/* host cond: a kernel thread went to sleep */
static u_int	fk_nkthreads, fk_nasleep;

static void
fk_wake(struct fk_waiter *w, bool timed_out)
{
	w->woken = true;
	w->timed_out = timed_out;
	LIST_REMOVE(w, list);
	if (w->kthread)
		fk_nasleep--;
	host_wake_all(w->cond);
}

/* In a world of one thread, waits until the kernel's own threads sleep. */
void
fk_settle(void)
{
	if (atomic_load_relaxed(&fk_threads))
		return;
	host_lock(fk_sched);
	while (fk_nasleep != fk_nkthreads)
		host_wait(fk_idle, fk_sched);
	host_unlock(fk_sched);
}

static int
fk_sleep(kcondvar_t *cv, kmutex_t *m, int ticks)
{
	struct lwp *l = fk_curlwp_or_null();
	struct fk_waiter w = { .cv = cv, .cond = host_cond() };
	const uint64_t tick_us = 1000000 / (uint64_t)hz;
	const bool driver = !atomic_load_relaxed(&fk_threads) && (l == NULL || !l->lf_kthread);
	u_int patience = 0;

	if (ticks > 0)
		w.deadline_us = (atomic_load_relaxed(&fk_now_us) / tick_us +
		    (uint64_t)ticks) * tick_us;
	host_lock(fk_sched);
	w.kthread = l != NULL && l->lf_kthread;
	LIST_INSERT_HEAD(&fk_waiters, &w, list);
	if (cv != NULL)
		cv->cv_waiters++;
	if (w.kthread) {
		fk_nasleep++;
		host_wake_all(fk_idle);
	}
	if (m != NULL)
		mutex_exit(m);
	while (!w.woken) {
		if (driver) {
			/* Nobody else moves the clock. */
			host_unlock(fk_sched);
			if (++patience > 10000000)
				FK_FAIL("a wait that nobody ends");
			fk_clock_tick();
			host_lock(fk_sched);
		} else
			host_wait(w.cond, fk_sched);
	}
	if (cv != NULL)
		cv->cv_waiters--;
	host_unlock(fk_sched);
	host_cond_free(w.cond);
	if (m != NULL)
		mutex_enter(m);
	return w.timed_out ? EWOULDBLOCK : 0;
}

void
cv_init(kcondvar_t *cv, const char *name)
{
	cv->cv_name = name;
	cv->cv_waiters = 0;
}

void
cv_destroy(kcondvar_t *cv)
{
	if (cv->cv_waiters != 0)
		FK_FAIL("condition %s is destroyed with someone waiting",
		    cv->cv_name);
	cv->cv_name = NULL;
}

void
cv_wait(kcondvar_t *cv, kmutex_t *m)
{
	fk_assert_held(m, "cv_wait");
	fk_may_sleep_but("cv_wait", m);
	(void)fk_sleep(cv, m, 0);
}

int
cv_timedwait(kcondvar_t *cv, kmutex_t *m, int ticks)
{
	fk_assert_held(m, "cv_timedwait");
	fk_may_sleep_but("cv_timedwait", m);
	return fk_sleep(cv, m, ticks);
}

int
cv_timedwait_sig(kcondvar_t *cv, kmutex_t *m, int ticks)
{
	return cv_timedwait(cv, m, ticks);
}

void
cv_broadcast(kcondvar_t *cv)
{
	struct fk_waiter *w, *next;

	if (cv->cv_name == NULL)
		FK_FAIL("a destroyed condition is announced");
	host_lock(fk_sched);
	for (w = LIST_FIRST(&fk_waiters); w != NULL; w = next) {
		next = LIST_NEXT(w, list);
		if (w->cv == cv)
			fk_wake(w, false);
	}
	host_unlock(fk_sched);
}

void
cv_signal(kcondvar_t *cv)
{
	struct fk_waiter *w;

	host_lock(fk_sched);
	LIST_FOREACH(w, &fk_waiters, list) {
		if (w->cv == cv) {
			fk_wake(w, false);
			break;
		}
	}
	host_unlock(fk_sched);
}

int
kpause(const char *what, bool intr, int ticks, kmutex_t *m)
{
	fk_may_sleep_but("kpause", m);
	KASSERT(ticks > 0);
	(void)fk_sleep(NULL, m, ticks);
	return EWOULDBLOCK;
}

void
xc_barrier(u_int flags)
{
	fk_may_sleep("xc_barrier");
}

/* One millisecond: CPUs run, time passes, those whose time has come wake. */
void
fk_clock_tick(void)
{
	struct fk_waiter *w, *next;
	uint64_t now;

	fk_proc_tick();
	now = __atomic_add_fetch(&fk_now_us, 1000, __ATOMIC_SEQ_CST);
	host_lock(fk_sched);
	for (w = LIST_FIRST(&fk_waiters); w != NULL; w = next) {
		next = LIST_NEXT(w, list);
		if (w->deadline_us != 0 && w->deadline_us <= now)
			fk_wake(w, true);
	}
	host_unlock(fk_sched);
	fk_settle();
}

void
world_run(uint64_t ms)
{
	while (ms-- > 0)
		fk_clock_tick();
	if (atomic_load_relaxed(&fk_threads))
		host_yield();
}

uint64_t
world_now_us(void)
{
	return atomic_load_relaxed(&fk_now_us);
}

void
world_threads(bool on)
{
	atomic_store_relaxed(&fk_threads, on);
}

void
binuptime(struct bintime *bt)
{
	const uint64_t us = atomic_load_relaxed(&fk_now_us);

	bt->sec = (time_t)(us / 1000000);
	/* Rounded up, so that a whole microsecond survives the way back. */
	bt->frac = us % 1000000 * (UINT64_MAX / 1000000) + us % 1000000;
}

int
ppsratecheck(struct timeval *last, int *count, int most)
{
	const time_t now = (time_t)(atomic_load_relaxed(&fk_now_us) / 1000000);

	if (last->tv_sec != now || *count == 0) {
		last->tv_sec = now;
		*count = 0;
	}
	return ++*count <= most;
}

/* kthread(9) */

struct fk_kthread {
	void		(*function)(void *);
	void		*argument;
	struct lwp	*lwp;
};

static void
fk_kthread_main(void *arg)
{
	struct fk_kthread k = *(struct fk_kthread *)arg;

	host_free(arg);
	fk_set_curlwp(k.lwp);
	k.function(k.argument);
	FK_FAIL("a kernel thread returned");
}

int
kthread_create(pri_t pri, int flags, struct cpu_info *ci,
    void (*function)(void *), void *arg, struct lwp **lp, const char *fmt, ...)
{
	struct fk_kthread *k = host_alloc(sizeof(*k));
	struct lwp *l = fk_kernel_lwp();

	KASSERT((flags & KTHREAD_MUSTJOIN) != 0 && lp != NULL);
	fk_may_sleep("kthread_create");
	l->lf_kthread = true;
	*k = (struct fk_kthread){ function, arg, l };
	host_lock(fk_sched);
	fk_nkthreads++;
	host_unlock(fk_sched);
	*lp = l;
	l->lf_host = host_thread(fk_kthread_main, k);
	return 0;
}

void
kthread_exit(int code)
{
	fk_assert_no_locks("kthread_exit");
	host_lock(fk_sched);
	fk_nkthreads--;
	host_wake_all(fk_idle);
	host_unlock(fk_sched);
	host_thread_exit();
}

int
kthread_join(struct lwp *l)
{
	fk_may_sleep("kthread_join");
	host_join(l->lf_host);
	l->lf_host = NULL;
	fk_lwp_free(l);
	return 0;
}

void
fk_locks_begin(void)
{
	if (fk_order == NULL) {
		fk_order = host_mutex();
		fk_sched = host_mutex();
		fk_idle = host_cond();
	}
	/* Not from 0: nothing may rest on that. */
	fk_now_us = 5000000;
	atomic_store_relaxed(&fk_threads, false);
	LIST_INIT(&fk_waiters);
	fk_nkthreads = fk_nasleep = 0;
}

void
fk_locks_end(void)
{
	fk_assert_no_locks("the world ends");
	if (fk_nkthreads != 0)
		FK_FAIL("the world ends with %u kernel threads", fk_nkthreads);
	if (!LIST_EMPTY(&fk_waiters))
		FK_FAIL("the world ends with someone waiting");
}
