/*
 * SysV IPC between jails that may use it.  Creating an object asks nobody, but
 * every use of one does: the first to use it, a jail or the host, owns it, and
 * processes elsewhere are refused.  An object is known by its address and its
 * sequence number, which the kernel changes when the slot is used again.
 *
 * This is a heuristic, and described as one: an object that was made and not yet
 * used has no owner.  When the table is full, jails are refused.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_ipc.c");

#include "pkgjail_var.h"

#include <sys/ipc.h>
#include <sys/systm.h>

#define	PJ_IPC_OBJECTS	512

/* pj_lock.  Used entries come first. */
static struct {
	const struct ipc_perm *perm;
	unsigned short	seq;
	uint32_t	owner;		/* 0: the host */
} pj_ipc[PJ_IPC_OBJECTS];
static u_int pj_nipc;

/* Whether a process of the jail, or of the host (0), may use an object. */
bool
pj_ipc_allowed(uint32_t id, const void *object)
{
	const struct ipc_perm *perm = object;
	u_int i;

	KASSERT(mutex_owned(&pj_lock));
	if (perm == NULL)
		return id == 0;
	for (i = 0; i < pj_nipc; i++) {
		if (pj_ipc[i].perm == perm)
			break;
	}
	if (i == PJ_IPC_OBJECTS)
		return id == 0;
	if (i == pj_nipc || pj_ipc[i].seq != perm->_seq) {
		if (i == pj_nipc)
			pj_nipc++;
		pj_ipc[i].perm = perm;
		pj_ipc[i].seq = perm->_seq;
		pj_ipc[i].owner = id;
	}
	return pj_ipc[i].owner == id || id == 0;
}

/*
 * A jail has gone.  Its objects may live on and belong to nobody else, so they
 * stay with an owner that never comes back until their slots are used again;
 * only when all jails have gone is the table emptied.
 */
void
pj_ipc_forget(void)
{

	KASSERT(mutex_owned(&pj_lock));
	if (pj_njails == 0)
		pj_nipc = 0;
}
