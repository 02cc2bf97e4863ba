/*
 * Which processes are in a jail.
 *
 * Membership follows the credential, so it cannot be shed: a new process is
 * made a member in the credential event of its fork, whoever its parent will be
 * later, and leaves in the exit hook.  The number of processes is exact:
 *
 *	1. KAUTH_PROCESS_FORK, asked before anything is allocated, takes a slot
 *	   and notes on the LWP that it holds one.  Nobody tells us when a fork
 *	   fails after that; the slot then serves the LWP's next fork, or is
 *	   given back when the LWP ends.
 *	2. KAUTH_CRED_FORK, after which the fork cannot fail, turns the slot into
 *	   a member.
 *	3. The exit hook gives it back.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_proc.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/kmem.h>
#include <sys/lwp.h>
#include <sys/specificdata.h>
#include <sys/systm.h>

kauth_key_t		pj_credkey;
static specificdata_key_t pj_idkey;	/* proc: id, as a number in a pointer */
static specificdata_key_t pj_memberkey;	/* proc: struct pj_member */
static specificdata_key_t pj_slotkey;	/* lwp: struct pj_jail of a held slot */
static void		*pj_exithook;

static void	pj_exit(struct proc *, void *);

/* The end of an LWP that still holds a slot. */
static void
pj_slot_dtor(void *data)
{
	struct pj_jail *j = data;

	mutex_enter(&pj_lock);
	pj_unadmit(j);
	mutex_exit(&pj_lock);
}

int
pj_proc_init(void)
{
	int error;

	error = kauth_register_key(pj_secmodel, &pj_credkey);
	if (error != 0)
		return error;
	error = proc_specific_key_create(&pj_idkey, NULL);
	if (error != 0)
		goto cred;
	error = proc_specific_key_create(&pj_memberkey, NULL);
	if (error != 0)
		goto id;
	error = lwp_specific_key_create(&pj_slotkey, pj_slot_dtor);
	if (error != 0)
		goto member;
	return 0;

member:	proc_specific_key_delete(pj_memberkey);
id:	proc_specific_key_delete(pj_idkey);
cred:	(void)kauth_deregister_key(pj_credkey);
	return error;
}

void
pj_proc_fini(void)
{

	lwp_specific_key_delete(pj_slotkey);
	proc_specific_key_delete(pj_memberkey);
	proc_specific_key_delete(pj_idkey);
	(void)kauth_deregister_key(pj_credkey);
}

void
pj_proc_start(void)
{

	pj_exithook = exithook_establish(pj_exit, NULL);
}

void
pj_proc_stop(void)
{

	exithook_disestablish(pj_exithook);
}

/* The jail of a credential; 0 for the host and for the kernel's own. */
uint32_t
pj_cred_id(kauth_cred_t cred)
{

	if (cred == NULL || cred == NOCRED || cred == FSCRED)
		return 0;
	return (uint32_t)(uintptr_t)kauth_cred_getdata(cred, pj_credkey);
}

/*
 * The jail of a process that someone with the given credential asks about.
 * The caller of the listener holds p_lock or p_reflock of a living process,
 * either of which keeps its specific data there.  A dying one has lost the lock
 * of that data, but its credential does not change any more.
 */
uint32_t
pj_target_id(struct proc *p, kauth_cred_t cred)
{

	if (p == curproc)
		return pj_cred_id(cred);
	if (P_ZOMBIE(p))
		return pj_cred_id(p->p_cred);
	return (uint32_t)(uintptr_t)proc_getspecific(p, pj_idkey);
}

/* Takes a slot for a process, if there is one.  pj_lock is held. */
bool
pj_admit(struct pj_jail *j)
{

	KASSERT(mutex_owned(&pj_lock));
	if (j->j_gone || j->j_state != PKGJAIL_STATE_LIVE)
		return false;
	if (j->j_threads_full || (j->j_limits.processes != 0 &&
	    j->j_nproc >= j->j_limits.processes)) {
		j->j_forks_refused++;
		pj_event(j, PKGJAIL_EVENT_FORK);
		return false;
	}
	if (++j->j_nproc > j->j_nproc_peak)
		j->j_nproc_peak = j->j_nproc;
	return true;
}

/* Gives a slot back.  pj_lock is held; the jail may be gone afterwards. */
void
pj_unadmit(struct pj_jail *j)
{

	KASSERT(mutex_owned(&pj_lock));
	KASSERT(j->j_nproc > 0);
	if (--j->j_nproc == 0)
		pj_event(j, PKGJAIL_EVENT_EMPTY);
}

/*
 * Numbers of the processes inside; at most so many are stored, all are counted.
 * One in creation has no number yet.
 */
int
pj_members(const struct pkgjail_ref *ref, int32_t *pids, uint32_t capacity,
    uint32_t *countp)
{
	struct pj_member *m;
	struct pj_jail *j;
	uint32_t count = 0;
	int error;

	error = pj_hold(ref, &j);
	if (error != 0)
		return error;
	mutex_enter(PJ_PROC_LOCK);
	LIST_FOREACH(m, &j->j_members, m_list) {
		mutex_enter(m->m_proc->p_lock);
		if (m->m_proc->p_stat != SIDL) {
			if (count < capacity)
				pids[count] = m->m_proc->p_pid;
			count++;
		}
		mutex_exit(m->m_proc->p_lock);
	}
	mutex_exit(PJ_PROC_LOCK);
	pj_release(j);
	*countp = count;
	return 0;
}

/* Makes a process a member.  Its slot is taken already, so the jail stays. */
void
pj_member_add(struct pj_member *m, struct proc *p, struct pj_jail *j)
{

	m->m_proc = p;
	m->m_jail = j;
	proc_setspecific(p, pj_memberkey, m);
	proc_setspecific(p, pj_idkey, (void *)(uintptr_t)j->j_id);
	mutex_enter(PJ_PROC_LOCK);
	LIST_INSERT_HEAD(&j->j_members, m, m_list);
	mutex_exit(PJ_PROC_LOCK);
}

/*
 * KAUTH_PROCESS_FORK of a process inside.  Asked before anything is allocated
 * and with no lock held, so the slot's mark may allocate.  Returns a result of
 * kauth(9).
 */
int
pj_fork_check(uint32_t id)
{
	struct pj_jail *j;
	bool admitted;

	if (lwp_getspecific(pj_slotkey) != NULL) {
		/* From a fork that failed later.  Still refused when ending. */
		mutex_enter(&pj_lock);
		j = pj_find(id);
		admitted = j != NULL && j->j_state == PKGJAIL_STATE_LIVE;
		mutex_exit(&pj_lock);
		return admitted ? KAUTH_RESULT_DEFER : KAUTH_RESULT_DENY;
	}
	mutex_enter(&pj_lock);
	j = pj_find(id);
	admitted = j != NULL && pj_admit(j);
	mutex_exit(&pj_lock);
	if (!admitted)
		return KAUTH_RESULT_DENY;
	lwp_setspecific(pj_slotkey, j);
	return KAUTH_RESULT_DEFER;
}

/*
 * A new process has the credential of its parent.  The child is on no list
 * yet and has no LWP; the fork cannot fail any more.
 */
static void
pj_forked(uint32_t id, struct proc *child)
{
	struct pj_member *m;
	struct pj_jail *j;

	m = kmem_zalloc(sizeof(*m), KM_SLEEP);
	j = lwp_getspecific(pj_slotkey);
	if (j != NULL)
		lwp_setspecific(pj_slotkey, NULL);
	mutex_enter(&pj_lock);
	if (j == NULL) {
		/* Made without asking: counted, though it may be one too many. */
		j = pj_find(id);
		if (j != NULL && ++j->j_nproc > j->j_nproc_peak)
			j->j_nproc_peak = j->j_nproc;
	}
	if (j != NULL)
		j->j_forks++;
	mutex_exit(&pj_lock);
	if (j == NULL) {
		kmem_free(m, sizeof(*m));
		proc_setspecific(child, pj_idkey, (void *)(uintptr_t)id);
		return;
	}
	pj_member_add(m, child, j);
}

/*
 * Credential events.  Every one must be answered with ALLOW: the kernel asserts
 * it as soon as the scope has a listener.
 */
int
pj_cred_cb(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	void *data;

	if (atomic_load_relaxed(&pj_active) == 0)
		return KAUTH_RESULT_ALLOW;
	switch (action) {
	case KAUTH_CRED_COPY:
		/* Nothing is set for the host, so the host pays nothing. */
		data = kauth_cred_getdata(cred, pj_credkey);
		if (data != NULL)
			kauth_cred_setdata(arg0, pj_credkey, data);
		break;
	case KAUTH_CRED_FORK:
		data = kauth_cred_getdata(cred, pj_credkey);
		if (data != NULL)
			pj_forked((uint32_t)(uintptr_t)data, arg1);
		break;
	default:
		break;
	}
	return KAUTH_RESULT_ALLOW;
}

/* Runs in the dying process, once, while its specific data is still there. */
static void
pj_exit(struct proc *p, void *arg)
{
	struct pj_member *m;
	struct pj_jail *j;

	m = proc_getspecific(p, pj_memberkey);
	if (m == NULL)
		return;
	j = m->m_jail;
	mutex_enter(PJ_PROC_LOCK);
	mutex_enter(p->p_lock);
	pj_account(m);		/* what it used since the last round */
	mutex_exit(p->p_lock);
	LIST_REMOVE(m, m_list);
	mutex_exit(PJ_PROC_LOCK);

	proc_setspecific(p, pj_memberkey, NULL);
	kmem_free(m, sizeof(*m));

	/* Last: the jail may be destroyed as soon as this is done. */
	mutex_enter(&pj_lock);
	pj_unadmit(j);
	mutex_exit(&pj_lock);
}
