/*
 * Loading and unloading.  Each start has its stop, and stops run in reverse.
 * Unloading is refused while a jail exists or the device is open.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_module.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>
#include <sys/xcall.h>

#include <secmodel/secmodel.h>

MODULE(MODULE_CLASS_SECMODEL, pkgjail, NULL);

#define	PJ_SECMODEL_ID		"org.pkgjail.secmodel"
#define	PJ_SECMODEL_NAME	"pkgjail"

kmutex_t		pj_config;
kmutex_t		pj_lock;
kcondvar_t		pj_cv;
u_int			pj_opens;
bool			pj_unloading;
uint32_t		pj_generation;
volatile u_int		pj_active;
volatile u_int		pj_inside;
secmodel_t		pj_secmodel;

#ifdef PJ_NEED_NOTHING
static void
pj_nothing(void *a, void *b)
{
}
#endif

/* secmodel_eval(9): "jail-id" of a credential, into a uint32_t; 0 on the host. */
static int
pj_eval(const char *what, void *arg, void *ret)
{

	if (strcmp(what, "jail-id") != 0)
		return ENOENT;
	*(uint32_t *)ret = pj_cred_id((kauth_cred_t)arg);
	return 0;
}

static void
pj_locks_init(void)
{

	mutex_init(&pj_config, MUTEX_DEFAULT, IPL_NONE);
	mutex_init(&pj_lock, MUTEX_DEFAULT, IPL_NONE);
	cv_init(&pj_cv, "pkgjail");
	pj_opens = 0;
	pj_unloading = false;
	pj_active = 0;
	pj_inside = 0;
}

static void
pj_locks_fini(void)
{

	cv_destroy(&pj_cv);
	mutex_destroy(&pj_lock);
	mutex_destroy(&pj_config);
}

/*
 * The kernel walks its listeners without a lock, so one of ours may still be
 * running, or about to, when it has been taken off the list.  Those in the slow
 * part are counted; the few instructions around it are given two ticks.  What
 * remains (a thread held up for longer exactly there) cannot be closed from a
 * module: in production, leave the module loaded.
 */
static void
pj_listeners_drain(void)
{

	PJ_BARRIER();
	do {
		(void)kpause("pjdrain", false, 2, NULL);
	} while (atomic_cas_uint(&pj_inside, 0, 0) != 0);
}

static int
pj_load(void)
{
	struct bintime bt;
	int error;

	/* A number that a client of an earlier load cannot know. */
	binuptime(&bt);
	pj_generation = (uint32_t)(bt.frac >> 32) ^ (uint32_t)bt.sec;
	if (pj_generation == 0)
		pj_generation = 1;

	pj_locks_init();
	pj_jail_init();
	pj_net_init();
	error = secmodel_register(&pj_secmodel, PJ_SECMODEL_ID,
	    PJ_SECMODEL_NAME, NULL, pj_eval, NULL);
	if (error != 0)
		goto net;
	error = pj_proc_init();
	if (error != 0)
		goto secmodel;
	error = pj_limit_start();
	if (error != 0)
		goto proc;
	pj_proc_start();
	error = pj_policy_start();
	if (error != 0)
		goto limit;
	error = pj_sysctl_start();
	if (error != 0)
		goto policy;
	/* Last: from here on requests come in. */
	error = pj_dev_attach();
	if (error != 0)
		goto sysctl;
	return 0;

sysctl:	pj_sysctl_stop();
policy:	pj_policy_stop();
	pj_listeners_drain();
limit:	pj_proc_stop();
	pj_limit_stop();
proc:	pj_proc_fini();
secmodel:
	(void)secmodel_deregister(pj_secmodel);
net:	pj_net_fini();
	pj_jail_fini();
	pj_locks_fini();
	return error;
}

static int
pj_unload(void)
{

	mutex_enter(&pj_config);
	mutex_enter(&pj_lock);
	if (pj_njails != 0 || pj_opens != 0) {
		mutex_exit(&pj_lock);
		mutex_exit(&pj_config);
		return EBUSY;
	}
	pj_unloading = true;	/* opens fail from now on */
	mutex_exit(&pj_lock);
	mutex_exit(&pj_config);

	pj_dev_detach();
	pj_sysctl_stop();
	pj_policy_stop();
	pj_listeners_drain();
	pj_proc_stop();
	pj_limit_stop();
	pj_proc_fini();
	(void)secmodel_deregister(pj_secmodel);
	pj_net_fini();
	pj_jail_fini();
	pj_locks_fini();
	return 0;
}

static int
pkgjail_modcmd(modcmd_t cmd, void *arg)
{

	switch (cmd) {
	case MODULE_CMD_INIT:
		return pj_load();
	case MODULE_CMD_FINI:
		return pj_unload();
	case MODULE_CMD_AUTOUNLOAD:
		return EBUSY;
	default:
		return ENOTTY;
	}
}
