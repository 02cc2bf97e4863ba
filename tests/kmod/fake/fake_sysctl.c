/* sysctl(9): nodes of one level, with the lock of the tree held in calls. */

#include "fake_internal.h"

#define	FK_NODES	16

struct sysctllog { bool used; };
static kmutex_t	fk_treelock;
static struct sysctllog fk_sysctllog;
static struct sysctlnode fk_nodes[FK_NODES];
static u_int	fk_nnodes;

void
fk_sysctl_begin(void)
{
	fk_mutex_init(&fk_treelock, "sysctl tree", false);
}

void
fk_sysctl_end(void)
{
	mutex_destroy(&fk_treelock);
}

bool
fk_sysctl_left(void)
{
	return fk_nnodes != 0;
}

int
sysctl_createv(struct sysctllog **logp, int flags,
    const struct sysctlnode **root, const struct sysctlnode **node, int nflags,
    int type, const char *name, const char *descr, sysctlfn func, u_quad_t qv,
    void *data, size_t size, ...)
{
	struct sysctlnode *n;
	u_int i;

	fk_may_sleep("sysctl_createv");
	if (fk_nnodes == FK_NODES)
		return ENOMEM;
	for (i = 0; i < fk_nnodes; i++) {
		if (strcmp(fk_nodes[i].sysctl_name, name) == 0)
			return EEXIST;
	}
	n = &fk_nodes[fk_nnodes++];
	if (size == 0)
		size = type == CTLTYPE_INT ? sizeof(int) :
		    type == CTLTYPE_QUAD ? sizeof(u_quad_t) : 0;
	*n = (struct sysctlnode){ nflags, type, name, func, data, size };
	*logp = &fk_sysctllog;
	if (node != NULL)
		*node = n;
	return 0;
}

void
sysctl_teardown(struct sysctllog **logp)
{
	fk_may_sleep("sysctl_teardown");
	*logp = NULL;
	fk_nnodes = 0;
}

void
sysctl_unlock(void)
{
	mutex_exit(&fk_treelock);
}

void
sysctl_relock(void)
{
	mutex_enter(&fk_treelock);
}

/* For a copy of a few bytes the kernel keeps the tree locked. */
static int
fk_sysctl_copyout(const void *kernel, void *user, size_t size)
{
	int error;

	sysctl_unlock();
	error = copyout(kernel, user, size);
	sysctl_relock();
	return error;
}

int
sysctl_copyout(struct lwp *l, const void *kernel, void *user, size_t size)
{
	return mutex_owned(&fk_treelock) ?
	    fk_sysctl_copyout(kernel, user, size) :
	    copyout(kernel, user, size);
}

int
sysctl_lookup(SYSCTLFN_ARGS)
{
	int error;

	fk_assert_held(&fk_treelock, "sysctl_lookup");
	if (rnode->sysctl_type == CTLTYPE_NODE || namelen != 0)
		return EINVAL;
	if (newp != NULL) {
		error = kauth_authorize_action(KAUTH_SCOPE_SYSTEM, l->l_cred,
		    KAUTH_SYSTEM_SYSCTL, (void *)(uintptr_t)
		    KAUTH_REQ_SYSTEM_SYSCTL_MODIFY, NULL, NULL, NULL);
		return error != 0 ? error : EPERM;	/* all are read-only */
	}
	if (oldp != NULL) {
		error = fk_sysctl_copyout(rnode->sysctl_data, oldp,
		    MIN(rnode->sysctl_size, *oldlenp));
		if (error != 0)
			return error;
	}
	*oldlenp = rnode->sysctl_size;
	return 0;
}

int
world_sysctl(const char *name, void *old, size_t *oldlen, const void *new,
    size_t newlen)
{
	u_int i;
	int error;

	for (i = 0; i < fk_nnodes; i++) {
		if (strcmp(fk_nodes[i].sysctl_name, name) == 0)
			break;
	}
	if (i == fk_nnodes)
		return ENOENT;
	sysctl_relock();
	error = fk_nodes[i].sysctl_func(NULL, 0, old, oldlen, new, newlen,
	    NULL, curlwp, &fk_nodes[i]);
	sysctl_unlock();
	fk_settle();
	return error;
}
