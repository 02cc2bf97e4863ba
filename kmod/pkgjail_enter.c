/*
 * ENTER: the calling process goes into a jail, in one step and for good.
 *
 * Userland prepares (new session, root directory changed to the jail's, all
 * other descriptors closed) and the module verifies.  Everything that can fail
 * comes before the credential is changed; a process that was refused is still
 * outside, at worst with some of its own limits lowered.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_enter.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/file.h>
#include <sys/filedesc.h>
#include <sys/kmem.h>
#include <sys/resource.h>
#include <sys/resourcevar.h>
#include <sys/rwlock.h>
#include <sys/systm.h>
#include <sys/vnode.h>

#include <uvm/uvm_extern.h>

/* A single thread, not traced.  p_lock is held. */
static bool
pj_process_single(struct proc *p)
{

	return p->p_nlwps == 1 && (p->p_slflag & PSL_TRACED) == 0;
}

/*
 * Whether the process is one that can change as a whole: it also shares nothing
 * with a process outside and leads its own session.  Only the process itself
 * could change these, and it is here.
 */
static bool
pj_process_alone(struct proc *p)
{
	bool alone;

	mutex_enter(PJ_PROC_LOCK);
	mutex_enter(p->p_lock);
	alone = pj_process_single(p) && (p->p_lflag & PL_PPWAIT) == 0 &&
	    SESS_LEADER(p) && p->p_vmspace->vm_refcnt == 1 &&
	    p->p_cwdi->cwdi_refcnt == 1 && p->p_fd->fd_refcnt == 1;
	mutex_exit(p->p_lock);
	mutex_exit(PJ_PROC_LOCK);
	return alone;
}

/* The root directory is the jail's, and the working directory is below it. */
static int
pj_check_root(struct lwp *l, const struct pj_jail *j)
{
	struct cwdinfo *cwdi = l->l_proc->p_cwdi;
	struct vnode *cdir;
	int error;

	rw_enter(&cwdi->cwdi_lock, RW_READER);
	if (cwdi->cwdi_rdir != j->j_root) {
		rw_exit(&cwdi->cwdi_lock);
		return EXDEV;
	}
	cdir = cwdi->cwdi_cdir;
	vref(cdir);
	rw_exit(&cwdi->cwdi_lock);
	error = vn_isunder(cdir, j->j_root, l) ? 0 : EXDEV;
	vrele(cdir);
	return error;
}

/*
 * A directory of the outside that stays open is the classic way out: openat(2)
 * works from it.  So only the descriptors that the caller named may be open,
 * and none of them may be a directory outside.  The control device itself may
 * stay: every request looks at the credential of the caller.
 */
static int
pj_check_descriptors(struct lwp *l, const struct pj_jail *j,
    struct file *self, uint64_t keep)
{
	filedesc_t *fdp = l->l_proc->p_fd;
	struct file *fp;
	struct vnode *vp;
	int error = 0, fd, last;

	mutex_enter(&fdp->fd_lock);
	last = fdp->fd_lastfile;
	mutex_exit(&fdp->fd_lock);

	for (fd = 0; error == 0 && fd <= last; fd++) {
		fp = fd_getfile((unsigned)fd);
		if (fp == NULL)
			continue;
		if (fp != self &&
		    (fd >= 64 || (keep & ((uint64_t)1 << fd)) == 0))
			error = EBUSY;
		else if (fp->f_type == DTYPE_VNODE) {
			vp = fp->f_vnode;
			if (vp->v_type == VDIR &&
			    !vn_isunder(vp, j->j_root, l))
				error = EBUSY;
		}
		fd_putfile((unsigned)fd);
	}
	return error;
}

/* The caller is still the host's root, so nothing but a bad value can fail. */
static int
pj_set_rlimits(struct lwp *l, const struct pkgjail_limits *limits)
{
	static const int kernel[PKGJAIL_NRLIMIT] = {
		[PKGJAIL_RLIMIT_CPU] = RLIMIT_CPU,
		[PKGJAIL_RLIMIT_FSIZE] = RLIMIT_FSIZE,
		[PKGJAIL_RLIMIT_DATA] = RLIMIT_DATA,
		[PKGJAIL_RLIMIT_STACK] = RLIMIT_STACK,
		[PKGJAIL_RLIMIT_CORE] = RLIMIT_CORE,
		[PKGJAIL_RLIMIT_RSS] = RLIMIT_RSS,
		[PKGJAIL_RLIMIT_MEMLOCK] = RLIMIT_MEMLOCK,
		[PKGJAIL_RLIMIT_NPROC] = RLIMIT_NPROC,
		[PKGJAIL_RLIMIT_NOFILE] = RLIMIT_NOFILE,
		[PKGJAIL_RLIMIT_SBSIZE] = RLIMIT_SBSIZE,
		[PKGJAIL_RLIMIT_AS] = RLIMIT_AS,
		[PKGJAIL_RLIMIT_NTHR] = RLIMIT_NTHR,
	};
	struct rlimit rl;
	u_int i;
	int error = 0;

	for (i = 0; error == 0 && i < PKGJAIL_NRLIMIT; i++) {
		if ((limits->rlimit_mask & (1U << i)) == 0)
			continue;
		rl.rlim_cur = rl.rlim_max = limits->rlimit[i] < RLIM_INFINITY ?
		    (rlim_t)limits->rlimit[i] : RLIM_INFINITY;
		error = dosetrlimit(l, l->l_proc, kernel[i], &rl);
	}
	return error;
}

/* The point of no return, or EBUSY with nothing changed. */
static int
pj_change_credential(struct lwp *l, kauth_cred_t ncred)
{
	struct proc *p = l->l_proc;

	/* May sleep before it returns with p_lock held, so look again. */
	proc_crmod_enter();
	if (!pj_process_single(p)) {
		proc_crmod_leave(NULL, NULL, false);
		return EBUSY;
	}
	kauth_cred_clone(p->p_cred, ncred);
	proc_crmod_leave(ncred, p->p_cred, true);
	return 0;
}

int
pj_enter(struct lwp *l, struct file *self, const struct pkgjail_enter *req)
{
	struct proc *p = l->l_proc;
	struct pkgjail_limits limits;
	struct pj_member *m;
	struct pj_jail *j;
	kauth_cred_t ncred;
	int error;

	error = pj_hold(&req->ref, &j);
	if (error != 0)
		return error;

	if (!pj_process_alone(p)) {
		error = EBUSY;
		goto out;
	}
	error = pj_check_root(l, j);
	if (error != 0)
		goto out;
	error = pj_check_descriptors(l, j, self, req->keep);
	if (error != 0)
		goto out;

	/* From the reservation on, the jail cannot be destroyed. */
	mutex_enter(&pj_lock);
	error = pj_admit(j) ? 0 : EAGAIN;
	limits = j->j_limits;
	mutex_exit(&pj_lock);
	if (error != 0)
		goto out;
	error = pj_set_rlimits(l, &limits);
	if (error != 0)
		goto unadmit;

	m = kmem_zalloc(sizeof(*m), KM_SLEEP);
	ncred = kauth_cred_alloc();
	/* Before the locks, because this may allocate. */
	kauth_cred_setdata(ncred, pj_credkey, (void *)(uintptr_t)j->j_id);
	error = pj_change_credential(l, ncred);
	if (error != 0) {
		kauth_cred_free(ncred);
		kmem_free(m, sizeof(*m));
		goto unadmit;
	}

	/*
	 * Only now, or processes inside could reach for one that is still
	 * root of the host.
	 */
	pj_member_add(m, p, j);
	pj_limit_kick(j);
	pj_release(j);
	return 0;

unadmit:
	mutex_enter(&pj_lock);
	pj_unadmit(j);
	mutex_exit(&pj_lock);
out:
	pj_release(j);
	return error;
}
