/*
 * What the files of the module share.
 *
 *	pkgjail_module.c	loading and unloading
 *	pkgjail_dev.c		the control device: validation of requests
 *	pkgjail_sysctl.c	the read-only sysctl tree
 *	pkgjail_jail.c		the table of jails: create, find, change, destroy
 *	pkgjail_enter.c		a process enters a jail
 *	pkgjail_proc.c		which processes are inside; admission at fork
 *	pkgjail_policy.c	kauth(9) listeners: what a process inside may do
 *	pkgjail_net.c		addresses and ports
 *	pkgjail_ipc.c		who used a SysV IPC object first
 *	pkgjail_limit.c		the sampling thread: CPU share, memory, threads
 *
 * Lock order
 *
 *	pj_config	adaptive; serialises CREATE, DESTROY and unloading.  May
 *			be held while memory is allocated.
 *	proc_lock	the kernel's.  Lists of jails and of members.
 *	p->p_lock	the kernel's.
 *	lwp lock	the kernel's (spin).
 *	pj_lock		adaptive, leaf: may be taken with any of proc_lock, p_lock,
 *			socket, vnode and file system locks held, because
 *			listeners are called so; never with a spin lock held.
 *			Nothing is allocated, freed or taken while it is held.
 *
 *	p->p_reflock is only tried, with proc_lock held and p_lock not held.
 *	Nothing of ours is held across copyin, copyout or a change of credentials.
 *
 * In a listener: no sleeping, no allocation, no proc_lock, no p_lock.  The two
 * exceptions are documented where they stand (pkgjail_proc.c): KAUTH_PROCESS_FORK
 * is asked with no lock held, and the credential events may sleep.
 *
 * The jail of a process
 *
 *	A credential carries the id of its jail as a number, nothing for the host.
 *	A pointer would not do: credentials outlive jails (sockets, descriptors
 *	passed on).  An id that is not found is a jail that has gone; it is held
 *	to the strictest policy.  For processes other than the current one the
 *	id is also kept as process-specific data, because a credential of
 *	another, living process may not be looked at without its lock.
 */

#ifndef _PKGJAIL_VAR_H_
#define	_PKGJAIL_VAR_H_

#include "pkgjail_compat.h"

#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/condvar.h>
#include <sys/kauth.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include "pkgjail_ioctl.h"

struct file;
struct sockaddr;
struct socket;
struct vnode;

/*
 * Sampling.  Two periods: the short one whenever something may need an answer
 * within a tick, the long one otherwise; no sampling when no jail has limits.
 */
#define	PJ_PERIOD_MS		10
#define	PJ_IDLE_PERIOD_MS	100

/*
 * The fastest that one CPU fills memory, for the choice of the period: a jail
 * with less headroom than this per CPU and long period is sampled at the
 * short one, so that its overshoot stays below one short period's filling.
 */
#define	PJ_FILL_BYTES_PER_MS	((uint64_t)3 << 20)

/*
 * So many processes, of all jails that are sampled, are looked at each short
 * period.  With more, jails that have more than their portion of this are
 * looked at less often, at the long period at the latest.
 */
#define	PJ_PACE_PROCESSES	1000

#define	PJ_NEVER		UINT64_MAX

/* LWPs of one process whose suspension is remembered one by one. */
#define	PJ_LIDS			64

/*
 * A process in a jail.  Made at fork and ENTER, ended by the exit hook.
 * Everything is protected by proc_lock.
 */
struct pj_member {
	LIST_ENTRY(pj_member) m_list;
	struct proc	*m_proc;	/* alive while the member is listed */
	struct pj_jail	*m_jail;
	uint64_t	m_cpu_us;	/* already added to the jail */
	uint64_t	m_inblock;	/* likewise */
	uint64_t	m_oublock;
	uint64_t	m_rss;		/* bytes at the last look */
	u_int		m_threads;
	u_int		m_files;
	bool		m_dying;	/* exiting, or SIGKILL is pending */
	bool		m_all;		/* more than PJ_LIDS: continue them all */
	u_int		m_nlids;	/* LWPs that we suspended */
	lwpid_t		m_lids[PJ_LIDS];
};

/*
 * A jail.
 *
 *	(c) constant while the jail is in the table
 *	(l) pj_lock
 *	(p) proc_lock
 *	(pl) written with both held, read with either
 */
struct pj_jail {
	LIST_ENTRY(pj_jail) j_list;	/* (pl), also pj_config */
	LIST_ENTRY(pj_jail) j_hash;	/* (l) */
	uint32_t	j_id;		/* (c) */
	char		j_name[PKGJAIL_NAME_SIZE]; /* (c) */
	struct vnode	*j_root;	/* (c) referenced */
	struct bintime	j_born;		/* (c) */
	uint32_t	j_ndevices;	/* (c) and the three lists */
	uint32_t	j_nports;
	uint32_t	j_naddresses;
	struct pkgjail_device j_devices[PKGJAIL_MAX_DEVICES];
	struct pkgjail_ports j_ports[PKGJAIL_MAX_PORTS];
	struct pkgjail_address j_addresses[PKGJAIL_MAX_ADDRESSES];

	u_int		j_holds;	/* (l) requests under way; DESTROY waits */
	bool		j_gone;		/* (l) being destroyed: not found any more */
	uint32_t	j_state;	/* (pl) PKGJAIL_STATE_* */
	uint64_t	j_policy;	/* (l) */
	struct pkgjail_limits j_limits;	/* (l) */
	uint32_t	j_nproc;	/* (l) members and reserved slots */
	uint32_t	j_nproc_peak;	/* (l) */
	bool		j_threads_full;	/* (l) over the limit on threads */
	uint32_t	j_events;	/* (l) not yet reported by WAIT */
	uint64_t	j_due_us;	/* (l) uptime of the sampler's next look */
	uint64_t	j_forks;	/* (l) */
	uint64_t	j_forks_refused; /* (l) */
	uint64_t	j_denials[PKGJAIL_NDENIALS]; /* (l) */

	LIST_HEAD(, pj_member) j_members; /* (p) latest first */
	bool		j_paused;	/* (p) */
	bool		j_cpu_throttled; /* (p) */
	bool		j_suspended;	/* (p) members may be suspended by us */
	u_int		j_memory_wait;	/* (p) rounds to stay suspended */
	int64_t		j_budget_us;	/* (p) CPU time that may be used */
	uint64_t	j_used_us;	/* (p) used since the budget was settled */
	struct bintime	j_settled;	/* (p) when that was */
	uint64_t	j_cpu_us;	/* (p) */
	uint64_t	j_inblock;	/* (p) */
	uint64_t	j_oublock;	/* (p) */
	uint64_t	j_rss;		/* (p) bytes, all members */
	uint64_t	j_rss_staying;	/* (p) without those that are dying */
	uint64_t	j_rss_last;	/* (p) at the round before */
	uint64_t	j_rss_peak;	/* (p) */
	bool		j_runnable;	/* (p) at the last look, one wanted to run */
	u_int		j_threads;	/* (p) */
	u_int		j_files;	/* (p) */
	uint64_t	j_cpu_throttles; /* (p) */
	uint64_t	j_memory_throttles; /* (p) */
	uint64_t	j_memory_kills;	/* (p) */
	uint64_t	j_thread_kills;	/* (p) */
};

LIST_HEAD(pj_jaillist, pj_jail);

extern kmutex_t		pj_config;
extern kmutex_t		pj_lock;
extern kcondvar_t	pj_cv;		/* with pj_lock: holds, events */
extern struct pj_jaillist pj_jails;
extern u_int		pj_njails;	/* pj_lock */
extern u_int		pj_opens;	/* pj_lock */
extern bool		pj_unloading;	/* pj_lock */
extern uint32_t		pj_generation;
extern volatile u_int	pj_active;	/* a jail was ever made */
extern volatile u_int	pj_inside;	/* threads in the slow part of a listener */
extern kauth_key_t	pj_credkey;
extern secmodel_t	pj_secmodel;
extern devmajor_t	pj_major;

/* pkgjail_jail.c */
void	pj_jail_init(void);
void	pj_jail_fini(void);
int	pj_create(struct lwp *, struct pkgjail_create *);
int	pj_destroy(const struct pkgjail_ref *);
int	pj_setlimits(const struct pkgjail_setlimits *);
int	pj_setpolicy(const struct pkgjail_setpolicy *);
int	pj_signal(struct pkgjail_signal *);
int	pj_pause(const struct pkgjail_pause *);
int	pj_wait(struct pkgjail_wait *);
int	pj_stat(struct pkgjail_stat *);
int	pj_snapshot(struct pkgjail_stat **, size_t *, u_int *, uint64_t *);
int	pj_hold(const struct pkgjail_ref *, struct pj_jail **);
void	pj_release(struct pj_jail *);
struct pj_jail *pj_find(uint32_t);
void	pj_event(struct pj_jail *, uint32_t);
bool	pj_limits_valid(const struct pkgjail_limits *);
bool	pj_iszero(const void *, size_t);
uint64_t pj_bt2us(const struct bintime *);
uint64_t pj_denials_total(void);

/* pkgjail_enter.c */
int	pj_enter(struct lwp *, struct file *, const struct pkgjail_enter *);

/* pkgjail_proc.c */
int	pj_proc_init(void);
void	pj_proc_start(void);
void	pj_proc_stop(void);
void	pj_proc_fini(void);
uint32_t pj_cred_id(kauth_cred_t);
uint32_t pj_target_id(struct proc *, kauth_cred_t);
bool	pj_admit(struct pj_jail *);
void	pj_unadmit(struct pj_jail *);
int	pj_members(const struct pkgjail_ref *, int32_t *, uint32_t,
	    uint32_t *);
void	pj_member_add(struct pj_member *, struct proc *, struct pj_jail *);
int	pj_fork_check(uint32_t);
int	pj_cred_cb(kauth_cred_t, kauth_action_t, void *, void *, void *,
	    void *, void *);

/* pkgjail_policy.c */
int	pj_policy_start(void);
void	pj_policy_stop(void);

/* pkgjail_net.c */
void	pj_net_init(void);
void	pj_net_fini(void);
bool	pj_ports_valid(const struct pkgjail_create *);
int	pj_claim(struct pj_jail *);
void	pj_unclaim(struct pj_jail *);
bool	pj_bind_allowed(struct pj_jail *, bool, struct socket *,
	    struct sockaddr *);
bool	pj_bind_reserved(struct socket *, struct sockaddr *);

/* pkgjail_ipc.c */
bool	pj_ipc_allowed(uint32_t, const void *);
void	pj_ipc_forget(void);

/* pkgjail_limit.c */
int	pj_limit_start(void);
void	pj_limit_stop(void);
void	pj_limit_kick(struct pj_jail *);
void	pj_measure(struct pj_jail *);
void	pj_account(struct pj_member *);
void	pj_release_members(struct pj_jail *);
void	pj_suspend_members(struct pj_jail *);
u_int	pj_signal_members(struct pj_jail *, int);

/* pkgjail_dev.c */
int	pj_dev_attach(void);
void	pj_dev_detach(void);

/* pkgjail_sysctl.c */
int	pj_sysctl_start(void);
void	pj_sysctl_stop(void);

#endif /* !_PKGJAIL_VAR_H_ */
