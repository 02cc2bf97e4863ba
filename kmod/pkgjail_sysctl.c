/*
 * The read-only tree security.pkgjail: discovery for programs and scripts that
 * do not open the device.  "version", "major", "njails" and "period_ms" are
 * readable by anyone; "id" is the reader's own jail; "list" and "denials" tell
 * about all jails and are for root on the host.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_sysctl.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/kmem.h>
#include <sys/systm.h>

static struct sysctllog *pj_log;

/* One handler for the numbers; which one, the node's sysctl_data points at. */
enum pj_number { PJ_N_VERSION, PJ_N_MAJOR, PJ_N_NJAILS, PJ_N_ID, PJ_N_PERIOD };

static int
pj_sysctl_value(struct lwp *l, enum pj_number which)
{
	int value;

	switch (which) {
	case PJ_N_VERSION:
		return PKGJAIL_ABI;
	case PJ_N_MAJOR:
		return (int)pj_major;
	case PJ_N_NJAILS:
		mutex_enter(&pj_lock);
		value = (int)pj_njails;
		mutex_exit(&pj_lock);
		return value;
	case PJ_N_ID:
		return l != NULL ? (int)pj_cred_id(l->l_cred) : 0;
	case PJ_N_PERIOD:
		break;
	}
	return PJ_PERIOD_MS;
}

static int
pj_sysctl_int(struct sysctlnode *node, enum pj_number which, SYSCTLFN_ARGS)
{
	int value;

	*node = *rnode;
	value = pj_sysctl_value(l, which);
	node->sysctl_data = &value;
	return sysctl_lookup(SYSCTLFN_CALL(node));
}

#define	PJ_INT_HANDLER(name, which)					\
static int								\
name(SYSCTLFN_ARGS)							\
{									\
	struct sysctlnode node;						\
									\
	return pj_sysctl_int(&node, which, SYSCTLFN_CALL(rnode));	\
}

PJ_INT_HANDLER(pj_sysctl_version, PJ_N_VERSION)
PJ_INT_HANDLER(pj_sysctl_major, PJ_N_MAJOR)
PJ_INT_HANDLER(pj_sysctl_njails, PJ_N_NJAILS)
PJ_INT_HANDLER(pj_sysctl_id, PJ_N_ID)
PJ_INT_HANDLER(pj_sysctl_period, PJ_N_PERIOD)

static bool
pj_sysctl_privileged(struct lwp *l)
{

	return l == NULL || (pj_cred_id(l->l_cred) == 0 &&
	    kauth_cred_geteuid(l->l_cred) == 0);
}

static int
pj_sysctl_denials(SYSCTLFN_ARGS)
{
	struct sysctlnode node = *rnode;
	uint64_t total;

	if (!pj_sysctl_privileged(l))
		return EPERM;
	total = pj_denials_total();
	node.sysctl_data = &total;
	return sysctl_lookup(SYSCTLFN_CALL(&node));
}

/* All jails as an array of struct pkgjail_stat, one snapshot. */
static int
pj_sysctl_list(SYSCTLFN_ARGS)
{
	struct pkgjail_stat *stats;
	uint64_t snapshot;
	size_t size, want, room;
	u_int count;
	int error;

	if (namelen != 0)
		return EINVAL;
	if (newp != NULL)
		return EPERM;
	if (!pj_sysctl_privileged(l))
		return EPERM;

	/* Copying out may sleep for long; the tree need not wait for it. */
	sysctl_unlock();
	error = pj_snapshot(&stats, &size, &count, &snapshot);
	if (error == 0) {
		want = count * sizeof(*stats);
		room = oldp != NULL ? *oldlenp : 0;
		if (oldp != NULL) {
			if (room < want)
				error = ENOMEM;
			room = MIN(room, want);
			room -= room % sizeof(*stats);
			if (room != 0) {
				int copyerror = sysctl_copyout(l, stats, oldp,
				    room);
				if (copyerror != 0)
					error = copyerror;
			}
		} else
			room = want;
		*oldlenp = room;
		if (stats != NULL)
			kmem_free(stats, size);
	}
	sysctl_relock();
	return error;
}

/* sysctl_createv() is a macro that pastes the type, so it is pasted here too. */
#define	PJ_LEAF(type, name, descr, handler)				\
	if (error == 0)							\
		error = sysctl_createv(&pj_log, 0, &root, NULL,		\
		    CTLFLAG_READONLY, CTLTYPE_##type, name, SYSCTL_DESCR(descr),	\
		    handler, 0, NULL, 0, CTL_CREATE, CTL_EOL)

int
pj_sysctl_start(void)
{
	const struct sysctlnode *root = NULL;
	int error;

	pj_log = NULL;
	error = sysctl_createv(&pj_log, 0, NULL, &root, CTLFLAG_READONLY,
	    CTLTYPE_NODE, "pkgjail", SYSCTL_DESCR("Jails of pkgjail"),
	    NULL, 0, NULL, 0, CTL_SECURITY, CTL_CREATE, CTL_EOL);
	PJ_LEAF(INT, "version", "Version of the control interface",
	    pj_sysctl_version);
	PJ_LEAF(INT, "major", "Major number of the control device",
	    pj_sysctl_major);
	PJ_LEAF(INT, "njails", "Number of jails",
	    pj_sysctl_njails);
	PJ_LEAF(INT, "id", "Jail of the reader, 0 on the host",
	    pj_sysctl_id);
	PJ_LEAF(INT, "period_ms", "Shortest sampling period",
	    pj_sysctl_period);
	PJ_LEAF(QUAD, "denials", "Requests denied in all jails",
	    pj_sysctl_denials);
	PJ_LEAF(STRUCT, "list", "All jails (struct pkgjail_stat)",
	    pj_sysctl_list);
	if (error != 0)
		pj_sysctl_stop();
	return error;
}

void
pj_sysctl_stop(void)
{

	sysctl_teardown(&pj_log);
}
