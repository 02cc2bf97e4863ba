/*
 * What a process inside a jail may do: one listener for each scope of kauth(9).
 *
 * A listener answers DENY or DEFER, never ALLOW (but for credential events): the
 * module only takes rights away, and whether a deferred request is granted is
 * for the other models, so an ordinary user inside stays one.  Processes of the
 * host are deferred at once, with three exceptions that protect jails: users
 * other than root do not reach processes of a jail that hides, do not take ports
 * that a jail owns, and SysV objects of jails are noted.
 *
 * The tables below are the policy.  Actions that are not in them are those of a
 * newer kernel: denied, except in the process scope, where the target's jail
 * decides.  secmodel_pkgjail(9) prints the result.
 *
 * The vnode scope has no listener: it runs for each component of each path, and
 * what it could decide is decided better by how a root is mounted.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_policy.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/kernel.h>
#include <sys/resource.h>
#include <sys/resourcevar.h>
#include <sys/sched.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/syslog.h>
#include <sys/systm.h>
#include <sys/vnode.h>

#include <miscfs/specfs/specdev.h>
#include <net/route.h>

#define	PJ_DENIALS_LOGGED_PER_SECOND	5

enum pj_verdict {
	PJ_UNKNOWN = 0,	/* not in the table */
	PJ_DENY,
	PJ_DEFER,
	PJ_POLICY,	/* with the bits of r_policy, all of them */
	PJ_SAME,	/* on processes and sockets of the same jail, and r_policy */
	PJ_ASK		/* by the arguments: the scope's function decides */
};

struct pj_rule {
	uint8_t		r_verdict;
	bool		r_quiet;	/* ordinary programs meet it: not logged */
	uint16_t	r_count;	/* PKGJAIL_DENIAL_* */
	uint64_t	r_policy;
};

/* A question, as far as a rule may look at it. */
struct pj_question {
	kauth_cred_t	q_cred;
	kauth_action_t	q_action;
	void		*q_arg0, *q_arg1, *q_arg2, *q_arg3;
	uint32_t	q_target;	/* jail of the target, where there is one */
};

typedef bool (*pj_ask_t)(struct pj_jail *, uint32_t, const struct pj_question *,
    uint16_t *);

#define	DENY(count)		{ PJ_DENY, false, PKGJAIL_DENIAL_##count, 0 }
#define	DENY_QUIET(count)	{ PJ_DENY, true, PKGJAIL_DENIAL_##count, 0 }
#define	POLICY(count, bit)	\
	{ PJ_POLICY, false, PKGJAIL_DENIAL_##count, PKGJAIL_ALLOW_##bit }
#define	SAME(count)		{ PJ_SAME, false, PKGJAIL_DENIAL_##count, 0 }
#define	SAME_QUIET(count)	{ PJ_SAME, true, PKGJAIL_DENIAL_##count, 0 }
#define	SAME_IF(count, bit)	\
	{ PJ_SAME, false, PKGJAIL_DENIAL_##count, PKGJAIL_ALLOW_##bit }
#define	ASK(count)		{ PJ_ASK, false, PKGJAIL_DENIAL_##count, 0 }
#define	ASK_QUIET(count)	{ PJ_ASK, true, PKGJAIL_DENIAL_##count, 0 }
#define	DEFER			{ PJ_DEFER, false, 0, 0 }

static const struct pj_rule pj_generic_default = DENY(GENERIC_OTHER);
static const struct pj_rule pj_machdep_default = DENY(MACHDEP_OTHER);
static const struct pj_rule pj_process_default = SAME(PROCESS_OTHER);
static const struct pj_rule pj_system_default = DENY(SYSTEM_OTHER);
static const struct pj_rule pj_network_default = DENY(NETWORK_OTHER);
static const struct pj_rule pj_device_default = DENY(DEVICE_OTHER);

static const struct pj_rule pj_process_rules[] = {
	[KAUTH_PROCESS_CANSEE] = ASK_QUIET(PROCESS_CANSEE),
	[KAUTH_PROCESS_CORENAME] = ASK(PROCESS_CORENAME),
	[KAUTH_PROCESS_FORK] = ASK_QUIET(PROCESS_FORK),
	[KAUTH_PROCESS_KEVENT_FILTER] = SAME(PROCESS_KEVENT_FILTER),
	[KAUTH_PROCESS_KTRACE] = ASK(PROCESS_KTRACE),
	[KAUTH_PROCESS_NICE] = ASK(PROCESS_NICE),
	[KAUTH_PROCESS_PROCFS] = SAME(PROCESS_PROCFS),
	[KAUTH_PROCESS_PTRACE] = SAME_IF(PROCESS_PTRACE, TRACE),
	[KAUTH_PROCESS_RLIMIT] = ASK_QUIET(PROCESS_RLIMIT),
	[KAUTH_PROCESS_SCHEDULER_GETAFFINITY] = SAME(PROCESS_GETAFFINITY),
	[KAUTH_PROCESS_SCHEDULER_SETAFFINITY] = DENY(PROCESS_SETAFFINITY),
	[KAUTH_PROCESS_SCHEDULER_GETPARAM] = SAME(PROCESS_GETPARAM),
	[KAUTH_PROCESS_SCHEDULER_SETPARAM] = ASK(PROCESS_SETPARAM),
	[KAUTH_PROCESS_SETID] = DEFER,
	[KAUTH_PROCESS_SIGNAL] = SAME_QUIET(PROCESS_SIGNAL),
	[KAUTH_PROCESS_STOPFLAG] = SAME(PROCESS_STOPFLAG),
};

static const struct pj_rule pj_system_rules[] = {
	[KAUTH_SYSTEM_ACCOUNTING] = DENY(SYSTEM_ACCOUNTING),
	[KAUTH_SYSTEM_CHROOT] = DENY(SYSTEM_CHROOT),
	[KAUTH_SYSTEM_CPU] = DENY(SYSTEM_CPU),
	[KAUTH_SYSTEM_FILEHANDLE] = DENY(SYSTEM_FILEHANDLE),
	[KAUTH_SYSTEM_MKNOD] = DENY(SYSTEM_MKNOD),
	[KAUTH_SYSTEM_MOUNT] = ASK(SYSTEM_MOUNT),
	[KAUTH_SYSTEM_PSET] = DENY(SYSTEM_PSET),
	[KAUTH_SYSTEM_REBOOT] = DENY(SYSTEM_REBOOT),
	[KAUTH_SYSTEM_SWAPCTL] = DENY(SYSTEM_SWAPCTL),
	[KAUTH_SYSTEM_SYSCTL] = DENY(SYSTEM_SYSCTL),
	[KAUTH_SYSTEM_TIME] = DENY(SYSTEM_TIME),
	[KAUTH_SYSTEM_MODULE] = ASK(SYSTEM_MODULE),
	/* Asked at every allocation on a full file system. */
	[KAUTH_SYSTEM_FS_RESERVEDSPACE] = DENY_QUIET(SYSTEM_FS_RESERVEDSPACE),
	/* NOLIMIT among them, so that quotas bind root inside. */
	[KAUTH_SYSTEM_FS_QUOTA] = DENY_QUIET(SYSTEM_FS_QUOTA),
	[KAUTH_SYSTEM_FS_EXTATTR] = DENY(SYSTEM_FS_EXTATTR),
	[KAUTH_SYSTEM_FS_SNAPSHOT] = DENY(SYSTEM_FS_SNAPSHOT),
	[KAUTH_SYSTEM_SEMAPHORE] = POLICY(SYSTEM_SEMAPHORE, POSIXIPC),
	[KAUTH_SYSTEM_SYSVIPC] = ASK(SYSTEM_SYSVIPC),
	[KAUTH_SYSTEM_MQUEUE] = POLICY(SYSTEM_MQUEUE, POSIXIPC),
	[KAUTH_SYSTEM_VERIEXEC] = DENY(SYSTEM_VERIEXEC),
};

static const struct pj_rule pj_network_rules[] = {
	[KAUTH_NETWORK_BIND] = ASK(NETWORK_BIND),
	[KAUTH_NETWORK_FIREWALL] = DENY(NETWORK_FIREWALL),
	[KAUTH_NETWORK_INTERFACE] = ASK_QUIET(NETWORK_INTERFACE),
	[KAUTH_NETWORK_ROUTE] = ASK(NETWORK_ROUTE),
	[KAUTH_NETWORK_SOCKET] = ASK_QUIET(NETWORK_SOCKET),
};

static const struct pj_rule pj_device_rules[] = {
	[KAUTH_DEVICE_TTY_OPEN] = DENY(DEVICE_TTY),
	[KAUTH_DEVICE_TTY_PRIVSET] = DENY(DEVICE_TTY),
	[KAUTH_DEVICE_TTY_STI] = DENY(DEVICE_TTY),
	[KAUTH_DEVICE_TTY_VIRTUAL] = DENY(DEVICE_TTY),
	[KAUTH_DEVICE_RAWIO_SPEC] = ASK(DEVICE_RAWIO_SPEC),
	[KAUTH_DEVICE_RAWIO_PASSTHRU] = DENY(DEVICE_RAWIO_PASSTHRU),
	/* Stirring the pool harms nobody, and adds no estimate by itself. */
	[KAUTH_DEVICE_RND_ADDDATA] = DEFER,
};

#define	PJ_REQ(arg)	((u_long)(uintptr_t)(arg))

/* A jail that has gone: no bits, no devices, no addresses of its own. */
static struct pj_jail pj_nobody;

static struct timeval	pj_log_last;	/* pj_lock */
static int		pj_log_count;	/* pj_lock */

/*
 * The functions that decide by arguments.  pj_lock is held, and nothing may
 * sleep.  They return whether to defer, and may name a finer counter.
 */

/* Raising a hard limit: only by policy, and not above what ENTER sets. */
static bool
pj_rlimit_raise(struct pj_jail *j, struct proc *p, const struct rlimit *rl,
    u_long which)
{
	u_int i;

	if (rl == NULL || which >= RLIM_NLIMITS)
		return false;
	if (rl->rlim_max <= p->p_rlimit[which].rlim_max)
		return true;
	if ((j->j_policy & PKGJAIL_ALLOW_RLIMIT_RAISE) == 0)
		return false;
	/* The interface's numbers are those of the kernel. */
	i = (u_int)which;
	return i < PKGJAIL_NRLIMIT &&
	    ((j->j_limits.rlimit_mask & (1U << i)) == 0 ||
	    (uint64_t)rl->rlim_max <= j->j_limits.rlimit[i]);
}

static bool
pj_ask_process(struct pj_jail *j, uint32_t id, const struct pj_question *q,
    uint16_t *count)
{
	struct proc *p = q->q_arg0;
	const u_long req = PJ_REQ(q->q_arg1);
	const bool same = q->q_target == id;
	int policy;

	switch (q->q_action) {
	case KAUTH_PROCESS_CANSEE:
#ifdef PJ_HAVE_CANSEE_KPTR
		if (req == KAUTH_REQ_PROCESS_CANSEE_KPTR)
			return false;
#endif
		return same;
	case KAUTH_PROCESS_CORENAME:
		/* A name may lie outside as the kernel sees it. */
		return same && req == KAUTH_REQ_PROCESS_CORENAME_GET;
	case KAUTH_PROCESS_KTRACE:
		return same && req != KAUTH_REQ_PROCESS_KTRACE_PERSISTENT &&
		    (j->j_policy & PKGJAIL_ALLOW_TRACE) != 0;
	case KAUTH_PROCESS_NICE:
		return same && req >= (u_long)p->p_nice;
	case KAUTH_PROCESS_RLIMIT:
		if (!same)
			return false;
		if (req == KAUTH_REQ_PROCESS_RLIMIT_GET)
			return true;
		/* With BYPASS, root inside would ignore limits per user. */
		return req == KAUTH_REQ_PROCESS_RLIMIT_SET &&
		    pj_rlimit_raise(j, p, q->q_arg2, PJ_REQ(q->q_arg3));
	case KAUTH_PROCESS_SCHEDULER_SETPARAM:
		policy = (int)PJ_REQ(q->q_arg2);
		return same && policy != SCHED_FIFO && policy != SCHED_RR;
	default:
		return false;
	}
}

static bool
pj_ask_system(struct pj_jail *j, uint32_t id, const struct pj_question *q,
    uint16_t *count)
{
	const u_long req = PJ_REQ(q->q_arg0);

	switch (q->q_action) {
	case KAUTH_SYSTEM_MOUNT:
		return req == KAUTH_REQ_SYSTEM_MOUNT_GET;
	case KAUTH_SYSTEM_MODULE:
		/* Autoloading is allowed to everybody unless denied. */
		return PJ_REQ(q->q_arg2) != 0 &&
		    (j->j_policy & PKGJAIL_ALLOW_AUTOLOAD) != 0;
	case KAUTH_SYSTEM_SYSVIPC:
		return req == KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS &&
		    (j->j_policy & PKGJAIL_ALLOW_SYSVIPC) != 0 &&
		    pj_ipc_allowed(id, q->q_arg1);
	default:
		return false;
	}
}

/*
 * Opening a socket.  The kernel asks the same question for an ordinary and for
 * a raw one; only the type tells them apart, and may carry flags above.  Routing
 * sockets are always raw.
 */
static bool
pj_socket_allowed(const struct pj_jail *j, u_long domain, u_long type,
    uint16_t *count)
{

	switch (domain) {
	case AF_LOCAL:
		return true;
	case AF_INET:
	case AF_INET6:
		if ((j->j_policy & PKGJAIL_ALLOW_INET) == 0)
			return false;
		type &= 0xff;
		if (type == SOCK_STREAM || type == SOCK_DGRAM)
			return true;
		*count = PKGJAIL_DENIAL_NETWORK_SOCKET_RAW;
		return (j->j_policy & PKGJAIL_ALLOW_RAWSOCK) != 0;
	case AF_ROUTE:
		return (j->j_policy & PKGJAIL_ALLOW_NETINFO) != 0;
	default:
		return false;
	}
}

static bool
pj_ask_network(struct pj_jail *j, uint32_t id, const struct pj_question *q,
    uint16_t *count)
{
	const u_long req = PJ_REQ(q->q_arg0);
	const struct rt_msghdr *rtm;
	struct socket *so;

	switch (q->q_action) {
	case KAUTH_NETWORK_BIND:
		return (req == KAUTH_REQ_NETWORK_BIND_PORT ||
		    req == KAUTH_REQ_NETWORK_BIND_PRIVPORT) &&
		    pj_bind_allowed(j,
		    req == KAUTH_REQ_NETWORK_BIND_PRIVPORT, q->q_arg1,
		    q->q_arg2);
	case KAUTH_NETWORK_INTERFACE:
		return req == KAUTH_REQ_NETWORK_INTERFACE_GET &&
		    (j->j_policy & PKGJAIL_ALLOW_NETINFO) != 0;
	case KAUTH_NETWORK_ROUTE:
		rtm = q->q_arg1;
		return rtm != NULL && rtm->rtm_type == RTM_GET &&
		    (j->j_policy & PKGJAIL_ALLOW_NETINFO) != 0;
	case KAUTH_NETWORK_SOCKET:
		switch (req) {
		case KAUTH_REQ_NETWORK_SOCKET_OPEN:
			*count = PKGJAIL_DENIAL_NETWORK_SOCKET_OPEN;
			return pj_socket_allowed(j, PJ_REQ(q->q_arg1),
			    PJ_REQ(q->q_arg2), count);
		case KAUTH_REQ_NETWORK_SOCKET_RAWSOCK:
			*count = PKGJAIL_DENIAL_NETWORK_SOCKET_RAW;
			return (PJ_REQ(q->q_arg1) == AF_INET ||
			    PJ_REQ(q->q_arg1) == AF_INET6) &&
			    (j->j_policy & PKGJAIL_ALLOW_RAWSOCK) != 0;
		case KAUTH_REQ_NETWORK_SOCKET_CANSEE:
			*count = PKGJAIL_DENIAL_NETWORK_SOCKET_SEE;
			/* FALLTHROUGH */
		case KAUTH_REQ_NETWORK_SOCKET_DROP:
			so = q->q_arg1;
			return so != NULL && q->q_target == id;
		default:
			return false;
		}
	default:
		return false;
	}
}

/* The node's number must be on the jail's list, for what it is opened for. */
static bool
pj_ask_device(struct pj_jail *j, uint32_t id, const struct pj_question *q,
    uint16_t *count)
{
	const struct vnode *vp = q->q_arg1;
	uint32_t type, access;
	u_int i;

	switch (PJ_REQ(q->q_arg0)) {
	case KAUTH_REQ_DEVICE_RAWIO_SPEC_READ:
		access = PKGJAIL_DEV_READ;
		break;
	case KAUTH_REQ_DEVICE_RAWIO_SPEC_WRITE:
		access = PKGJAIL_DEV_WRITE;
		break;
	case KAUTH_REQ_DEVICE_RAWIO_SPEC_RW:
		access = PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE;
		break;
	default:
		return false;
	}
	if (vp == NULL)
		return false;
	type = vp->v_type == VBLK ? PKGJAIL_DEV_BLK : PKGJAIL_DEV_CHR;
	for (i = 0; i < j->j_ndevices; i++) {
		const struct pkgjail_device *d = &j->j_devices[i];

		if (d->type != type || (d->access & access) != access)
			continue;
		if ((dev_t)d->dev == vp->v_rdev ||
		    ((d->access & PKGJAIL_DEV_MAJOR) != 0 &&
		    major((dev_t)d->dev) == major(vp->v_rdev)))
			return true;
	}
	return false;
}

/* Whether a rule lets the request through to the other models. */
static bool
pj_apply(const struct pj_rule *rule, struct pj_jail *j, uint32_t id,
    const struct pj_question *q, pj_ask_t ask, uint16_t *count)
{

	switch (rule->r_verdict) {
	case PJ_DEFER:
		return true;
	case PJ_POLICY:
		return (j->j_policy & rule->r_policy) == rule->r_policy;
	case PJ_SAME:
		return q->q_target == id &&
		    (j->j_policy & rule->r_policy) == rule->r_policy;
	case PJ_ASK:
		return ask(j, id, q, count);
	default:
		return false;
	}
}

/* Counts a denial, and tells the log about it now and then. */
static void
pj_deny(struct pj_jail *j, uint32_t id, const struct pj_rule *rule,
    uint16_t count, const struct pj_question *q, const char *scope)
{
	char name[PKGJAIL_NAME_SIZE];
	u_long request;
	bool tell;

	KASSERT(mutex_owned(&pj_lock));
	j->j_denials[count]++;
	tell = !rule->r_quiet && ppsratecheck(&pj_log_last, &pj_log_count,
	    PJ_DENIALS_LOGGED_PER_SECOND);
	memcpy(name, j == &pj_nobody ? "(gone)" : j->j_name,
	    j == &pj_nobody ? sizeof("(gone)") : sizeof(name));
	mutex_exit(&pj_lock);
	if (!tell)
		return;
	/* In the process scope arg0 is a pointer, which is nobody's business. */
	request = PJ_REQ(q->q_arg0) < PAGE_SIZE ? PJ_REQ(q->q_arg0) : 0;
	log(LOG_NOTICE, "pkgjail: jail %s (%u): pid %d denied: %s action %u "
	    "request %lu\n", name, (unsigned)id, (int)curproc->p_pid, scope,
	    (unsigned)q->q_action, request);
}

/* A request of a process inside; the whole of it runs under pj_lock. */
static int
pj_judge(uint32_t id, const struct pj_rule *rule, const struct pj_question *q,
    pj_ask_t ask, const char *scope)
{
	struct pj_jail *j;
	uint16_t count = rule->r_count;

	atomic_inc_uint(&pj_inside);
	mutex_enter(&pj_lock);
	j = pj_find(id);
	if (j == NULL)
		j = &pj_nobody;
	if (pj_apply(rule, j, id, q, ask, &count)) {
		mutex_exit(&pj_lock);
		atomic_dec_uint(&pj_inside);
		return KAUTH_RESULT_DEFER;
	}
	pj_deny(j, id, rule, count, q, scope);	/* unlocks */
	atomic_dec_uint(&pj_inside);
	return KAUTH_RESULT_DENY;
}

static const struct pj_rule *
pj_lookup(const struct pj_rule *rules, size_t n, kauth_action_t action,
    const struct pj_rule *otherwise)
{

	if (action >= n || rules[action].r_verdict == PJ_UNKNOWN)
		return otherwise;
	return &rules[action];
}

#define	PJ_LOOKUP(rules, action, otherwise)				\
	pj_lookup(rules, __arraycount(rules), action, otherwise)

/*
 * A process of the host and one that may be inside.  Root is never hindered;
 * others do not reach in, unless the jail shows itself: user ids overlap, so
 * the kernel's own rule would let user 1000 outside signal user 1000 inside.
 */
static int
pj_host_user(kauth_cred_t cred, kauth_action_t action, struct proc *p)
{
	struct pj_jail *j;
	uint32_t target;
	int result = KAUTH_RESULT_DEFER;

	if (kauth_cred_geteuid(cred) == 0 || p == NULL || p == curproc ||
	    action == KAUTH_PROCESS_FORK || action == KAUTH_PROCESS_SETID)
		return KAUTH_RESULT_DEFER;
	target = pj_target_id(p, cred);
	if (target == 0)
		return KAUTH_RESULT_DEFER;
	atomic_inc_uint(&pj_inside);
	mutex_enter(&pj_lock);
	j = pj_find(target);
	if (j == NULL || (j->j_policy & PKGJAIL_ALLOW_HOST_USERS) == 0) {
		result = KAUTH_RESULT_DENY;
		if (j != NULL)
			j->j_denials[PKGJAIL_DENIAL_HOST_USER]++;
	}
	mutex_exit(&pj_lock);
	atomic_dec_uint(&pj_inside);
	return result;
}

static int
pj_process_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const struct pj_question q = {
		.q_cred = cred, .q_action = action, .q_arg0 = arg0,
		.q_arg1 = arg1, .q_arg2 = arg2, .q_arg3 = arg3,
	};
	struct pj_question targeted;
	uint32_t id;
	int result;

	if (atomic_load_relaxed(&pj_active) == 0)
		return KAUTH_RESULT_DEFER;
	id = pj_cred_id(cred);
	if (id == 0)
		return pj_host_user(cred, action, arg0);
	if (action == KAUTH_PROCESS_FORK) {
		/* May allocate, so it is not judged under pj_lock. */
		result = pj_fork_check(id);
		if (result == KAUTH_RESULT_DEFER)
			return result;
	}
	targeted = q;
	targeted.q_target = arg0 != NULL ? pj_target_id(arg0, cred) : 0;
	return pj_judge(id, PJ_LOOKUP(pj_process_rules, action,
	    &pj_process_default), &targeted, pj_ask_process, "process");
}

static int
pj_system_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const struct pj_question q = {
		.q_cred = cred, .q_action = action, .q_arg0 = arg0,
		.q_arg1 = arg1, .q_arg2 = arg2, .q_arg3 = arg3,
	};
	uint32_t id;

	if (atomic_load_relaxed(&pj_active) == 0)
		return KAUTH_RESULT_DEFER;
	id = pj_cred_id(cred);
	if (id == 0) {
		/* The host's own use of an object makes it the host's. */
		if (action == KAUTH_SYSTEM_SYSVIPC &&
		    PJ_REQ(arg0) == KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS) {
			atomic_inc_uint(&pj_inside);
			mutex_enter(&pj_lock);
			if (pj_njails != 0)
				(void)pj_ipc_allowed(0, arg1);
			mutex_exit(&pj_lock);
			atomic_dec_uint(&pj_inside);
		}
		return KAUTH_RESULT_DEFER;
	}
	return pj_judge(id, PJ_LOOKUP(pj_system_rules, action,
	    &pj_system_default), &q, pj_ask_system, "system");
}

static int
pj_network_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct pj_question q = {
		.q_cred = cred, .q_action = action, .q_arg0 = arg0,
		.q_arg1 = arg1, .q_arg2 = arg2, .q_arg3 = arg3,
	};
	uint32_t id;
	bool reserved;

	if (atomic_load_relaxed(&pj_active) == 0)
		return KAUTH_RESULT_DEFER;
	id = pj_cred_id(cred);
	if (id == 0) {
		if (action != KAUTH_NETWORK_BIND ||
		    kauth_cred_geteuid(cred) == 0)
			return KAUTH_RESULT_DEFER;
		atomic_inc_uint(&pj_inside);
		mutex_enter(&pj_lock);
		reserved = pj_bind_reserved(arg1, arg2);
		mutex_exit(&pj_lock);
		atomic_dec_uint(&pj_inside);
		return reserved ? KAUTH_RESULT_DENY : KAUTH_RESULT_DEFER;
	}
	/* Looked up here, because that takes the credential's own lock. */
	if (action == KAUTH_NETWORK_SOCKET && arg1 != NULL &&
	    (PJ_REQ(arg0) == KAUTH_REQ_NETWORK_SOCKET_CANSEE ||
	    PJ_REQ(arg0) == KAUTH_REQ_NETWORK_SOCKET_DROP))
		q.q_target = pj_cred_id(((struct socket *)arg1)->so_cred);
	return pj_judge(id, PJ_LOOKUP(pj_network_rules, action,
	    &pj_network_default), &q, pj_ask_network, "network");
}

static int
pj_device_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const struct pj_question q = {
		.q_cred = cred, .q_action = action, .q_arg0 = arg0,
		.q_arg1 = arg1, .q_arg2 = arg2, .q_arg3 = arg3,
	};
	uint32_t id;

	if (atomic_load_relaxed(&pj_active) == 0 || (id = pj_cred_id(cred)) == 0)
		return KAUTH_RESULT_DEFER;
	return pj_judge(id, PJ_LOOKUP(pj_device_rules, action,
	    &pj_device_default), &q, pj_ask_device, "device");
}

static int
pj_machdep_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const struct pj_question q = { .q_cred = cred, .q_action = action };
	uint32_t id;

	if (atomic_load_relaxed(&pj_active) == 0 || (id = pj_cred_id(cred)) == 0)
		return KAUTH_RESULT_DEFER;
	return pj_judge(id, &pj_machdep_default, &q, NULL, "machdep");
}

static int
pj_generic_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const struct pj_question q = { .q_cred = cred, .q_action = action };
	uint32_t id;

	if (atomic_load_relaxed(&pj_active) == 0 || (id = pj_cred_id(cred)) == 0)
		return KAUTH_RESULT_DEFER;
	return pj_judge(id, &pj_generic_default, &q, NULL, "generic");
}

/*
 * Credentials first: from the moment that a jail can exist, no process may be
 * made that is not noticed.
 */
static const struct {
	const char	*scope;
	kauth_scope_callback_t callback;
} pj_scopes[] = {
	{ KAUTH_SCOPE_CRED, pj_cred_cb },
	{ KAUTH_SCOPE_PROCESS, pj_process_cb },
	{ KAUTH_SCOPE_SYSTEM, pj_system_cb },
	{ KAUTH_SCOPE_NETWORK, pj_network_cb },
	{ KAUTH_SCOPE_DEVICE, pj_device_cb },
	{ KAUTH_SCOPE_MACHDEP, pj_machdep_cb },
	{ KAUTH_SCOPE_GENERIC, pj_generic_cb },
};

static kauth_listener_t pj_listeners[__arraycount(pj_scopes)];

int
pj_policy_start(void)
{
	size_t i;

	memset(&pj_nobody, 0, sizeof(pj_nobody));
	memset(&pj_log_last, 0, sizeof(pj_log_last));
	pj_log_count = 0;
	for (i = 0; i < __arraycount(pj_scopes); i++) {
		pj_listeners[i] = kauth_listen_scope(pj_scopes[i].scope,
		    pj_scopes[i].callback, NULL);
		if (pj_listeners[i] == NULL) {
			pj_policy_stop();
			return ENXIO;
		}
	}
	return 0;
}

void
pj_policy_stop(void)
{
	size_t i;

	for (i = __arraycount(pj_listeners); i-- > 0; ) {
		if (pj_listeners[i] != NULL)
			kauth_unlisten_scope(pj_listeners[i]);
		pj_listeners[i] = NULL;
	}
}
