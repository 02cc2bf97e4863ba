/*
 * What processes change of themselves by system calls: credentials, session,
 * root directory, resource limits.
 */

#include "fake_proc.h"

static bool	fk_rlimit_fails;

void
fk_cred_begin(void)
{
	fk_rlimit_fails = false;
}

/* Credentials of processes */

void
proc_crmod_enter(void)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t old;

	fk_may_sleep("proc_crmod_enter");
	mutex_enter(p->p_lock);
	if ((old = l->l_cred) != p->p_cred) {
		l->l_cred = kauth_cred_hold(p->p_cred);
		kauth_cred_free(old);
	}
}

void
proc_crmod_leave(kauth_cred_t new, kauth_cred_t old, bool sugid)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t cached = NULL;

	fk_assert_held(p->p_lock, "proc_crmod_leave");
	if (new != NULL) {
		p->p_cred = new;
		cached = l->l_cred;
		l->l_cred = kauth_cred_hold(new);
	}
	if (sugid)
		p->p_flag |= PK_SUGID;
	mutex_exit(p->p_lock);
	if (old != NULL)
		kauth_cred_free(old);
	if (cached != NULL)
		kauth_cred_free(cached);
}

static int
fk_change_cred(uint32_t uid, bool set, bool ask)
{
	struct lwp *l = curlwp;
	struct proc *p = l->l_proc;
	kauth_cred_t ncred = kauth_cred_alloc();
	int error = 0;

	fk_assert_no_locks("a change of credentials");
	proc_crmod_enter();
	kauth_cred_clone(p->p_cred, ncred);
	if (ask)
		error = kauth_authorize_action(KAUTH_SCOPE_PROCESS,
		    p->p_cred, KAUTH_PROCESS_SETID, p, NULL, NULL, NULL);
	if (error != 0) {
		proc_crmod_leave(NULL, NULL, false);
		kauth_cred_free(ncred);
		return EPERM;
	}
	if (set)
		ncred->cr_uid = ncred->cr_euid = ncred->cr_svuid = uid;
	proc_crmod_leave(ncred, p->p_cred, true);
	return 0;
}

int
world_setuid(uint32_t uid)
{
	return fk_change_cred(uid, true, true);
}

int
world_setgroups(void)
{
	return fk_change_cred(0, false, true);
}

int
world_exec_setid(uint32_t uid)
{
	return fk_change_cred(uid, true, false);
}

int
world_setsid(void)
{
	struct proc *p = curproc;

	mutex_enter(&proc_lock);
	if (p->p_pgrp == &p->pf_pgrp) {
		mutex_exit(&proc_lock);
		return EPERM;
	}
	p->pf_session.s_leader = p;
	p->pf_pgrp.pg_session = &p->pf_session;
	p->p_pgrp = &p->pf_pgrp;
	mutex_exit(&proc_lock);
	return 0;
}

int
world_chroot(struct vnode *vp)
{
	struct lwp *l = curlwp;
	struct cwdinfo *cwdi = l->l_proc->p_cwdi;
	kauth_cred_t ncred;
	int error;

	error = kauth_authorize_action(KAUTH_SCOPE_SYSTEM, l->l_cred,
	    KAUTH_SYSTEM_CHROOT, (void *)(uintptr_t)
	    KAUTH_REQ_SYSTEM_CHROOT_FCHROOT, NULL, NULL, NULL);
	if (error != 0)
		return error;
	ncred = kauth_cred_alloc();
	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	vref(vp);
	if (cwdi->cwdi_rdir != NULL)
		vrele(cwdi->cwdi_rdir);
	cwdi->cwdi_rdir = vp;
	if (!vn_isunder(cwdi->cwdi_cdir, vp, l)) {
		vrele(cwdi->cwdi_cdir);
		vref(vp);
		cwdi->cwdi_cdir = vp;
	}
	rw_exit(&cwdi->cwdi_lock);
	proc_crmod_enter();
	kauth_cred_clone(l->l_proc->p_cred, ncred);
	fk_cred_event(ncred, KAUTH_CRED_CHROOT, cwdi, NULL);
	proc_crmod_leave(ncred, l->l_proc->p_cred, true);
	return 0;
}

/* Resource limits */

int
dosetrlimit(struct lwp *l, struct proc *p, int which, struct rlimit *rl)
{
	fk_may_sleep("dosetrlimit");
	if (which < 0 || which >= RLIM_NLIMITS || rl->rlim_cur > rl->rlim_max)
		return EINVAL;
	if (fk_rlimit_fails)
		return EPERM;
	if (kauth_authorize_action(KAUTH_SCOPE_PROCESS, l->l_cred,
	    KAUTH_PROCESS_RLIMIT, p,
	    (void *)(uintptr_t)KAUTH_REQ_PROCESS_RLIMIT_SET, rl,
	    (void *)(uintptr_t)which) != 0)
		return EPERM;
	p->p_rlimit[which] = *rl;
	return 0;
}

int
world_setrlimit(struct proc *p, int which, uint64_t soft, uint64_t hard)
{
	struct rlimit rl = { soft, hard };

	return dosetrlimit(curlwp, p, which, &rl);
}

uint64_t
world_rlimit(struct proc *p, int which)
{
	return p->p_rlimit[which].rlim_max;
}

uint64_t
world_soft_rlimit(struct proc *p, int which)
{
	return p->p_rlimit[which].rlim_cur;
}

/* The next limits of a process cannot be set. */
void
world_fail_setrlimit(bool fails)
{
	fk_rlimit_fails = fails;
}
