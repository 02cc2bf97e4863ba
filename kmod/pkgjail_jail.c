/*
 * The table of jails: what exists, under which id, in which state, and the
 * requests that make, change, show and end a jail.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_jail.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/file.h>
#include <sys/filedesc.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/signal.h>
#include <sys/systm.h>
#include <sys/vnode.h>

#define	PJ_BUCKETS	1024	/* a power of two */

/*
 * Ids stay below INT_MAX, so that sysctl can show them as an int, and are
 * handed out in order, never twice: two thousand million jails in one load.
 */
#define	PJ_MAX_ID	INT32_MAX

struct pj_jaillist	pj_jails;
u_int			pj_njails;
static struct pj_jaillist *pj_buckets;
static uint32_t		pj_next_id;	/* pj_config */
static uint64_t		pj_snapshots;	/* PJ_PROC_LOCK */
static uint64_t		pj_denials_gone; /* pj_lock: of destroyed jails */

void
pj_jail_init(void)
{
	u_int i;

	LIST_INIT(&pj_jails);
	pj_njails = 0;
	pj_next_id = 1;
	pj_snapshots = 0;
	pj_denials_gone = 0;
	pj_buckets = kmem_zalloc(PJ_BUCKETS * sizeof(*pj_buckets), KM_SLEEP);
	for (i = 0; i < PJ_BUCKETS; i++)
		LIST_INIT(&pj_buckets[i]);
}

void
pj_jail_fini(void)
{

	kmem_free(pj_buckets, PJ_BUCKETS * sizeof(*pj_buckets));
	pj_buckets = NULL;
}

/* The jail of an id, or NULL.  pj_lock is held, and keeps the jail there. */
struct pj_jail *
pj_find(uint32_t id)
{
	struct pj_jail *j;

	KASSERT(mutex_owned(&pj_lock));
	LIST_FOREACH(j, &pj_buckets[id & (PJ_BUCKETS - 1)], j_hash) {
		if (j->j_id == id)
			return j->j_gone ? NULL : j;
	}
	return NULL;
}

/* Finds a jail for a request and keeps it until pj_release(). */
int
pj_hold(const struct pkgjail_ref *ref, struct pj_jail **jp)
{
	struct pj_jail *j;

	if (ref->generation != pj_generation)
		return ESTALE;
	mutex_enter(&pj_lock);
	j = pj_find(ref->id);
	if (j == NULL) {
		mutex_exit(&pj_lock);
		return ESRCH;
	}
	j->j_holds++;
	mutex_exit(&pj_lock);
	*jp = j;
	return 0;
}

void
pj_release(struct pj_jail *j)
{

	mutex_enter(&pj_lock);
	KASSERT(j->j_holds > 0);
	if (--j->j_holds == 0 && j->j_gone)
		cv_broadcast(&pj_cv);
	mutex_exit(&pj_lock);
}

/*
 * Notes that something happened; pj_lock is held.  An event of a kind that
 * nobody has asked about yet is not announced again, so a storm costs nothing.
 */
void
pj_event(struct pj_jail *j, uint32_t event)
{

	KASSERT(mutex_owned(&pj_lock));
	if ((j->j_events & event) != event) {
		j->j_events |= event;
		cv_broadcast(&pj_cv);
	}
}

/*
 * A letter or a digit, then small letters, digits, '-' and '_'; the rest of the
 * field is zero.  Two names that differ only in the case of the first letter
 * are the same name.
 */
static bool
pj_name_valid(const char *name)
{
	size_t i;
	char c;

	for (i = 0; i < PKGJAIL_NAME_SIZE && (c = name[i]) != '\0'; i++) {
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		if (i == 0 ? (c >= 'A' && c <= 'Z') : (c == '-' || c == '_'))
			continue;
		return false;
	}
	return i > 0 && i < PKGJAIL_NAME_SIZE &&
	    pj_iszero(name + i, PKGJAIL_NAME_SIZE - i);
}

static char
pj_lower(char c)
{

	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
pj_name_equal(const char *a, const char *b)
{

	return pj_lower(a[0]) == pj_lower(b[0]) && strcmp(a + 1, b + 1) == 0;
}

bool
pj_limits_valid(const struct pkgjail_limits *limits)
{
	u_int i;

	if (limits->processes > PKGJAIL_MAX_PROCESSES ||
	    limits->threads > PKGJAIL_MAX_PROCESSES ||
	    limits->cpu_percent > PKGJAIL_MAX_CPU_PERCENT ||
	    limits->memory_bytes > UINT64_MAX / 100 ||
	    limits->rlimit_mask >= (1U << PKGJAIL_NRLIMIT) ||
	    !pj_iszero(limits->reserved, sizeof(limits->reserved)))
		return false;
	for (i = 0; i < PKGJAIL_NRLIMIT; i++) {
		if ((limits->rlimit_mask & (1U << i)) == 0 &&
		    limits->rlimit[i] != 0)
			return false;
	}
	return true;
}

static bool
pj_devices_valid(const struct pkgjail_create *req)
{
	const uint32_t rw = PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE;
	u_int i;

	if (req->ndevices > PKGJAIL_MAX_DEVICES)
		return false;
	for (i = 0; i < req->ndevices; i++) {
		const struct pkgjail_device *d = &req->devices[i];

		if ((d->type != PKGJAIL_DEV_CHR && d->type != PKGJAIL_DEV_BLK) ||
		    (d->access & ~(rw | PKGJAIL_DEV_MAJOR)) != 0 ||
		    (d->access & rw) == 0)
			return false;
	}
	return pj_iszero(&req->devices[i],
	    (PKGJAIL_MAX_DEVICES - i) * sizeof(req->devices[0]));
}

/* The directory that a descriptor of the caller stands for, referenced. */
static int
pj_root_vnode(int32_t fd, struct vnode **vpp)
{
	struct file *fp;
	struct vnode *vp;
	int error = 0;

	if (fd < 0 || (fp = fd_getfile((unsigned)fd)) == NULL)
		return EBADF;
	if (fp->f_type != DTYPE_VNODE) {
		error = ENOTDIR;
	} else {
		vp = fp->f_vnode;
		if (vp->v_type != VDIR)
			error = ENOTDIR;
		else if (vp == rootvnode)
			error = EINVAL;	/* a jail on / would be no jail */
		else {
			vref(vp);
			*vpp = vp;
		}
	}
	fd_putfile((unsigned)fd);
	return error;
}

static bool
pj_create_valid(const struct pkgjail_create *req)
{

	return pj_name_valid(req->name) && req->flags == 0 && req->pad == 0 &&
	    pj_iszero(req->reserved, sizeof(req->reserved)) &&
	    (req->policy & ~PKGJAIL_ALLOW_ALL) == 0 &&
	    pj_limits_valid(&req->limits) && pj_devices_valid(req) &&
	    pj_ports_valid(req);
}

/* Name, ports and place are free; pj_config is held, which keeps them so. */
static int
pj_create_check(const struct pj_jail *j)
{
	struct pj_jail *other;

	if (pj_njails >= PKGJAIL_MAX_JAILS || pj_next_id > PJ_MAX_ID)
		return ENOSPC;
	LIST_FOREACH(other, &pj_jails, j_list) {
		if (pj_name_equal(other->j_name, j->j_name))
			return EEXIST;
	}
	return 0;
}

int
pj_create(struct lwp *l, struct pkgjail_create *req)
{
	struct pj_jail *j;
	struct vnode *root = NULL;
	int error;

	if (!pj_create_valid(req))
		return EINVAL;
	error = pj_root_vnode(req->root, &root);
	if (error != 0)
		return error;

	j = kmem_zalloc(sizeof(*j), KM_SLEEP);
	memcpy(j->j_name, req->name, sizeof(j->j_name));
	j->j_root = root;
	j->j_state = PKGJAIL_STATE_LIVE;
	j->j_policy = req->policy;
	j->j_limits = req->limits;
	j->j_ndevices = req->ndevices;
	j->j_nports = req->nports;
	j->j_naddresses = req->naddresses;
	memcpy(j->j_devices, req->devices, sizeof(j->j_devices));
	memcpy(j->j_ports, req->ports, sizeof(j->j_ports));
	memcpy(j->j_addresses, req->addresses, sizeof(j->j_addresses));
	LIST_INIT(&j->j_members);
	binuptime(&j->j_born);
	j->j_settled = j->j_born;

	mutex_enter(&pj_config);
	error = pj_create_check(j);
	if (error == 0) {
		mutex_enter(PJ_PROC_LOCK);
		mutex_enter(&pj_lock);
		error = pj_claim(j);
		if (error == 0) {
			j->j_id = pj_next_id++;
			LIST_INSERT_HEAD(&pj_jails, j, j_list);
			LIST_INSERT_HEAD(
			    &pj_buckets[j->j_id & (PJ_BUCKETS - 1)], j, j_hash);
			pj_njails++;
			atomic_store_relaxed(&pj_active, 1);
		}
		mutex_exit(&pj_lock);
		mutex_exit(PJ_PROC_LOCK);
	}
	if (error == 0) {
		req->ref.id = j->j_id;
		req->ref.generation = pj_generation;
	}
	mutex_exit(&pj_config);

	if (error != 0) {
		vrele(root);
		kmem_free(j, sizeof(*j));
		return error;
	}
	return 0;
}

/*
 * Refused while a process is inside or about to be.  Afterwards the id is
 * found no more; requests that had found it finish first.
 */
int
pj_destroy(const struct pkgjail_ref *ref)
{
	struct pj_jail *j;
	u_int i;

	if (ref->generation != pj_generation)
		return ESTALE;
	mutex_enter(&pj_config);
	mutex_enter(&pj_lock);
	j = pj_find(ref->id);
	if (j == NULL || j->j_nproc != 0) {
		mutex_exit(&pj_lock);
		mutex_exit(&pj_config);
		return j == NULL ? ESRCH : EBUSY;
	}
	j->j_gone = true;
	cv_broadcast(&pj_cv);		/* wakes WAITs, which hold it */
	while (j->j_holds != 0)
		cv_wait(&pj_cv, &pj_lock);
	mutex_exit(&pj_lock);

	mutex_enter(PJ_PROC_LOCK);
	mutex_enter(&pj_lock);
	KASSERT(j->j_nproc == 0);
	KASSERT(LIST_EMPTY(&j->j_members));
	LIST_REMOVE(j, j_list);
	LIST_REMOVE(j, j_hash);
	pj_njails--;
	pj_unclaim(j);
	pj_ipc_forget();
	for (i = 0; i < PKGJAIL_DENIAL_COUNT; i++)
		pj_denials_gone += j->j_denials[i];
	mutex_exit(&pj_lock);
	mutex_exit(PJ_PROC_LOCK);
	mutex_exit(&pj_config);

	vrele(j->j_root);
	kmem_free(j, sizeof(*j));
	return 0;
}

int
pj_setlimits(const struct pkgjail_setlimits *req)
{
	struct pj_jail *j;
	int error;

	if (!pj_limits_valid(&req->limits))
		return EINVAL;
	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;
	mutex_enter(&pj_lock);
	j->j_limits = req->limits;
	if (req->limits.threads == 0)
		j->j_threads_full = false;
	mutex_exit(&pj_lock);
	pj_limit_kick(j);
	pj_release(j);
	return 0;
}

/* A policy may grow only while nobody is inside to profit from it. */
int
pj_setpolicy(const struct pkgjail_setpolicy *req)
{
	struct pj_jail *j;
	int error;

	if ((req->policy & ~PKGJAIL_ALLOW_ALL) != 0)
		return EINVAL;
	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;
	mutex_enter(&pj_lock);
	if (j->j_nproc != 0 && (req->policy & ~j->j_policy) != 0)
		error = EBUSY;
	else
		j->j_policy = req->policy;
	mutex_exit(&pj_lock);
	pj_release(j);
	return error;
}

int
pj_signal(struct pkgjail_signal *req)
{
	struct pj_jail *j;
	int error;

	if (req->signo < 0 || req->signo >= NSIG ||
	    (req->flags & ~PKGJAIL_SIGNAL_END) != 0 ||
	    (req->flags != 0 && req->signo != SIGKILL))
		return EINVAL;
	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;
	mutex_enter(PJ_PROC_LOCK);
	if ((req->flags & PKGJAIL_SIGNAL_END) != 0) {
		/* No fork and no ENTER from here on, so the killing ends. */
		mutex_enter(&pj_lock);
		j->j_state = PKGJAIL_STATE_ENDING;
		mutex_exit(&pj_lock);
		j->j_paused = false;
		pj_release_members(j);
	}
	req->count = pj_signal_members(j, req->signo);
	mutex_exit(PJ_PROC_LOCK);
	if ((req->flags & PKGJAIL_SIGNAL_END) != 0 || req->signo == SIGKILL)
		pj_limit_kick(j);
	pj_release(j);
	return 0;
}

int
pj_pause(const struct pkgjail_pause *req)
{
	struct pj_jail *j;
	int error;

	if (req->on > 1)
		return EINVAL;
	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;
	mutex_enter(PJ_PROC_LOCK);
	if (j->j_state != PKGJAIL_STATE_LIVE)
		error = EBUSY;
	else {
		j->j_paused = req->on != 0;
		if (j->j_paused)
			pj_suspend_members(j);
		else if (!j->j_cpu_throttled && j->j_memory_wait == 0)
			pj_release_members(j);
	}
	mutex_exit(PJ_PROC_LOCK);
	pj_limit_kick(j);
	pj_release(j);
	return error;
}

int
pj_wait(struct pkgjail_wait *req)
{
	struct pj_jail *j;
	struct bintime now, end, left;
	uint64_t us;
	int error, ticks;

	if (req->timeout_ms > PKGJAIL_MAX_WAIT_MS)
		return EINVAL;
	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;
	binuptime(&end);
	left.sec = (time_t)(req->timeout_ms / 1000);
	left.frac = (uint64_t)(req->timeout_ms % 1000) *
	    (UINT64_MAX / 1000 + 1);
	bintime_add(&end, &left);

	mutex_enter(&pj_lock);
	while (j->j_events == 0 && !j->j_gone) {
		binuptime(&now);
		if (now.sec > end.sec ||
		    (now.sec == end.sec && now.frac >= end.frac))
			break;
		left = end;
		bintime_sub(&left, &now);
		us = pj_bt2us(&left);
		/* At least one tick: 0 would be for ever. */
		ticks = (int)(us * (uint64_t)hz / 1000000) + 1;
		error = cv_timedwait_sig(&pj_cv, &pj_lock, ticks);
		if (error == EWOULDBLOCK)
			error = 0;
		if (error != 0)
			break;
	}
	if (error == 0 && j->j_gone)
		error = ESRCH;
	if (error == 0) {
		req->events = j->j_events;
		req->processes = j->j_nproc;
		j->j_events = 0;
	}
	mutex_exit(&pj_lock);
	pj_release(j);
	return error;
}

uint64_t
pj_bt2us(const struct bintime *bt)
{

	return (uint64_t)bt->sec * 1000000 +
	    (((bt->frac >> 32) * 1000000) >> 32);
}

/* Fills one record.  proc_lock is held, and the jail has just been measured. */
static void
pj_fill(struct pj_jail *j, struct pkgjail_stat *s)
{
	struct bintime age;

	KASSERT(mutex_owned(PJ_PROC_LOCK));
	memset(s, 0, sizeof(*s));
	s->header.version = PKGJAIL_ABI;
	s->header.size = sizeof(*s);
	s->ref.id = j->j_id;
	s->ref.generation = pj_generation;
	memcpy(s->name, j->j_name, sizeof(s->name));
	s->snapshot = pj_snapshots;
	s->flags = (j->j_paused ? PKGJAIL_IS_PAUSED : 0) |
	    (j->j_cpu_throttled ? PKGJAIL_IS_CPU_THROTTLED : 0) |
	    (j->j_memory_wait != 0 ? PKGJAIL_IS_MEM_THROTTLED : 0);
	s->threads = j->j_threads;
	s->files = j->j_files;
	binuptime(&age);
	bintime_sub(&age, &j->j_born);
	s->age_us = pj_bt2us(&age);
	s->cpu_us = j->j_cpu_us;
	s->memory_bytes = j->j_rss;
	s->memory_peak_bytes = j->j_rss_peak;
	s->blocks_in = j->j_inblock;
	s->blocks_out = j->j_oublock;
	s->cpu_throttles = j->j_cpu_throttles;
	s->memory_throttles = j->j_memory_throttles;
	s->memory_kills = j->j_memory_kills;
	s->thread_kills = j->j_thread_kills;
	mutex_enter(&pj_lock);
	s->policy = j->j_policy;
	s->limits = j->j_limits;
	s->state = j->j_state;
	s->processes = j->j_nproc;
	s->processes_peak = j->j_nproc_peak;
	s->forks = j->j_forks;
	s->forks_refused = j->j_forks_refused;
	memcpy(s->denials, j->j_denials, sizeof(s->denials));
	mutex_exit(&pj_lock);
}

int
pj_stat(struct pkgjail_stat *s)
{
	struct pj_jail *j;
	int error;

	error = pj_hold(&s->ref, &j);
	if (error != 0)
		return error;
	mutex_enter(PJ_PROC_LOCK);
	pj_measure(j);
	pj_snapshots++;
	pj_fill(j, s);
	mutex_exit(PJ_PROC_LOCK);
	pj_release(j);
	return 0;
}

/*
 * All jails, measured under one hold of proc_lock, in the order of their ids.
 * The caller frees *statsp (of *sizep bytes) unless it is NULL.
 */
int
pj_snapshot(struct pkgjail_stat **statsp, size_t *sizep, u_int *countp,
    uint64_t *snapshotp)
{
	struct pkgjail_stat *stats = NULL;
	struct pj_jail *j;
	size_t size = 0;
	u_int n, i;

	/* pj_config keeps the number of jails while memory is allocated. */
	mutex_enter(&pj_config);
	n = pj_njails;
	if (n != 0) {
		size = n * sizeof(*stats);
		stats = kmem_alloc(size, KM_SLEEP);
	}
	mutex_enter(PJ_PROC_LOCK);
	*snapshotp = ++pj_snapshots;
	i = n;
	LIST_FOREACH(j, &pj_jails, j_list) {
		KASSERT(i > 0);
		pj_measure(j);
		pj_fill(j, &stats[--i]);
	}
	KASSERT(i == 0);
	mutex_exit(PJ_PROC_LOCK);
	mutex_exit(&pj_config);

	*statsp = stats;
	*sizep = size;
	*countp = n;
	return 0;
}

uint64_t
pj_denials_total(void)
{
	struct pj_jail *j;
	uint64_t total;
	u_int i;

	mutex_enter(&pj_lock);
	total = pj_denials_gone;
	LIST_FOREACH(j, &pj_jails, j_list) {
		for (i = 0; i < PKGJAIL_DENIAL_COUNT; i++)
			total += j->j_denials[i];
	}
	mutex_exit(&pj_lock);
	return total;
}
