/*
 * The control device.  A cloning device: each open is a file of its own, and
 * requests arrive in the caller's thread through the file's operations.  This
 * file decides who may ask and checks the form of what is asked; what a request
 * means is decided elsewhere.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_dev.c");

#include "pkgjail_var.h"

#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/filedesc.h>
#include <sys/kmem.h>
#include <sys/systm.h>

static int	pj_cdev_open(dev_t, int, int, struct lwp *);
static int	pj_cdev_close(dev_t, int, int, struct lwp *);
static int	pj_fo_ioctl(struct file *, u_long, void *);
static int	pj_fo_close(struct file *);

static const struct cdevsw pj_cdevsw = {
	.d_open = pj_cdev_open,
	.d_close = pj_cdev_close,
	.d_read = noread,
	.d_write = nowrite,
	.d_ioctl = noioctl,
	.d_stop = nostop,
	.d_tty = notty,
	.d_poll = nopoll,
	.d_mmap = nommap,
	.d_kqfilter = nokqfilter,
	.d_discard = nodiscard,
	.d_flag = D_OTHER | D_MPSAFE,
};

static const struct fileops pj_fileops = {
	PJ_FILEOPS_NAME
	.fo_read = fbadop_read,
	.fo_write = fbadop_write,
	.fo_ioctl = pj_fo_ioctl,
	.fo_fcntl = fnullop_fcntl,
	.fo_poll = fnullop_poll,
	.fo_stat = fbadop_stat,
	.fo_close = pj_fo_close,
	.fo_kqfilter = fnullop_kqfilter,
	.fo_restart = fnullop_restart,
};

devmajor_t pj_major;

int
pj_dev_attach(void)
{
	devmajor_t bmajor = NODEVMAJOR;

	pj_major = NODEVMAJOR;
	return devsw_attach("pkgjail", NULL, &bmajor, &pj_cdevsw, &pj_major);
}

void
pj_dev_detach(void)
{

	(void)devsw_detach(NULL, &pj_cdevsw);
}

static int
pj_cdev_open(dev_t dev, int flags, int mode, struct lwp *l)
{
	struct file *fp;
	int error, fd;

	if (pj_cred_id(l->l_cred) != 0)
		return EPERM;
	if (minor(dev) != 0)
		return ENXIO;

	mutex_enter(&pj_lock);
	if (pj_unloading) {
		mutex_exit(&pj_lock);
		return ENXIO;
	}
	pj_opens++;
	mutex_exit(&pj_lock);

	error = fd_allocfile(&fp, &fd);
	if (error != 0) {
		mutex_enter(&pj_lock);
		pj_opens--;
		mutex_exit(&pj_lock);
		return error;
	}
	/* Requests carry no direction of their own: any open mode will do. */
	return fd_clone(fp, fd, flags, &pj_fileops, &pj_opens);
}

/* Never reached: every open is moved to a file of its own. */
static int
pj_cdev_close(dev_t dev, int flags, int mode, struct lwp *l)
{

	return 0;
}

static int
pj_fo_close(struct file *fp)
{

	mutex_enter(&pj_lock);
	KASSERT(pj_opens > 0);
	pj_opens--;
	mutex_exit(&pj_lock);
	return 0;
}

bool
pj_iszero(const void *data, size_t size)
{
	const uint8_t *byte = data;

	while (size-- > 0) {
		if (*byte++ != 0)
			return false;
	}
	return true;
}

#define	PJ_ZERO(field)	pj_iszero(&(field), sizeof(field))

static int
pj_ioctl_version(struct pkgjail_version *v)
{

	memset(v, 0, sizeof(*v));
	v->header.version = PKGJAIL_ABI;
	v->header.size = sizeof(*v);
	v->abi = PKGJAIL_ABI;
	v->generation = pj_generation;
	v->period_ms = PJ_PERIOD_MS;
	v->idle_period_ms = PJ_IDLE_PERIOD_MS;
	mutex_enter(&pj_lock);
	v->jails = pj_njails;
	mutex_exit(&pj_lock);
	return 0;
}

static int
pj_ioctl_getid(struct lwp *l, struct pkgjail_getid *g)
{

	if (!PJ_ZERO(g->reserved))
		return EINVAL;
	g->ref.id = pj_cred_id(l->l_cred);
	g->ref.generation = g->ref.id != 0 ? pj_generation : 0;
	return 0;
}

static int
pj_ioctl_list(struct pkgjail_list *list)
{
	struct pkgjail_stat *stats;
	size_t size, n;
	u_int count;
	int error;

	if (!PJ_ZERO(list->reserved) || list->capacity > PKGJAIL_MAX_JAILS ||
	    list->buffer != (uint64_t)(uintptr_t)list->buffer)
		return EINVAL;
	error = pj_snapshot(&stats, &size, &count, &list->snapshot);
	if (error != 0)
		return error;
	n = MIN(count, list->capacity);
	if (n != 0)
		error = copyout(stats, (void *)(uintptr_t)list->buffer,
		    n * sizeof(*stats));
	if (stats != NULL)
		kmem_free(stats, size);
	list->count = count;
	return error;
}

static int
pj_ioctl_members(struct pkgjail_members *members)
{
	const uint32_t capacity = members->capacity;
	int32_t *pids = NULL;
	uint32_t n;
	int error;

	if (!PJ_ZERO(members->reserved) || capacity > PKGJAIL_MAX_MEMBERS ||
	    members->buffer != (uint64_t)(uintptr_t)members->buffer)
		return EINVAL;
	if (capacity != 0)
		pids = kmem_alloc(capacity * sizeof(*pids), KM_SLEEP);
	error = pj_members(&members->ref, pids, capacity, &members->count);
	n = MIN(members->count, capacity);
	if (error == 0 && n != 0)
		error = copyout(pids, (void *)(uintptr_t)members->buffer,
		    n * sizeof(*pids));
	if (pids != NULL)
		kmem_free(pids, capacity * sizeof(*pids));
	return error;
}

static int
pj_fo_ioctl(struct file *fp, u_long cmd, void *data)
{
	struct lwp *l = curlwp;
	const struct pkgjail_header *header = data;
	struct pkgjail_statreq *statreq;

	/* Ours at all?  Only then is the data as long as a header. */
	switch (cmd) {
	case PKGJAIL_IOC_VERSION: case PKGJAIL_IOC_CREATE:
	case PKGJAIL_IOC_SETLIMITS: case PKGJAIL_IOC_SETPOLICY:
	case PKGJAIL_IOC_ENTER: case PKGJAIL_IOC_LIST:
	case PKGJAIL_IOC_STAT: case PKGJAIL_IOC_SIGNAL:
	case PKGJAIL_IOC_PAUSE: case PKGJAIL_IOC_DESTROY:
	case PKGJAIL_IOC_GETID: case PKGJAIL_IOC_WAIT:
	case PKGJAIL_IOC_MEMBERS:
		break;
	default:
		return ENOTTY;
	}

	/*
	 * The caller's credential, not the opener's: a descriptor can be
	 * inherited or passed on.
	 */
	if (cmd != PKGJAIL_IOC_GETID && (pj_cred_id(l->l_cred) != 0 ||
	    kauth_cred_geteuid(l->l_cred) != 0))
		return EPERM;
	if (header->size != ((cmd >> IOCPARM_SHIFT) & IOCPARM_MASK))
		return EINVAL;
	/* VERSION is how a client finds out; it takes any. */
	if (cmd == PKGJAIL_IOC_VERSION)
		return pj_ioctl_version(data);
	if (header->version != PKGJAIL_ABI)
		return EPROGMISMATCH;

	switch (cmd) {
	case PKGJAIL_IOC_CREATE:
		return pj_create(l, data);
	case PKGJAIL_IOC_SETLIMITS:
		if (!PJ_ZERO(((struct pkgjail_setlimits *)data)->reserved))
			return EINVAL;
		return pj_setlimits(data);
	case PKGJAIL_IOC_SETPOLICY:
		if (!PJ_ZERO(((struct pkgjail_setpolicy *)data)->reserved))
			return EINVAL;
		return pj_setpolicy(data);
	case PKGJAIL_IOC_ENTER:
		if (!PJ_ZERO(((struct pkgjail_enter *)data)->reserved))
			return EINVAL;
		return pj_enter(l, fp, data);
	case PKGJAIL_IOC_LIST:
		return pj_ioctl_list(data);
	case PKGJAIL_IOC_STAT:
		statreq = data;
		return pj_stat(&statreq->stat);
	case PKGJAIL_IOC_SIGNAL:
		if (!PJ_ZERO(((struct pkgjail_signal *)data)->reserved) ||
		    ((struct pkgjail_signal *)data)->pad != 0)
			return EINVAL;
		return pj_signal(data);
	case PKGJAIL_IOC_PAUSE:
		if (!PJ_ZERO(((struct pkgjail_pause *)data)->reserved) ||
		    ((struct pkgjail_pause *)data)->pad != 0)
			return EINVAL;
		return pj_pause(data);
	case PKGJAIL_IOC_DESTROY:
		if (!PJ_ZERO(((struct pkgjail_destroy *)data)->reserved))
			return EINVAL;
		return pj_destroy(&((struct pkgjail_destroy *)data)->ref);
	case PKGJAIL_IOC_WAIT:
		if (!PJ_ZERO(((struct pkgjail_wait *)data)->reserved) ||
		    ((struct pkgjail_wait *)data)->pad != 0)
			return EINVAL;
		return pj_wait(data);
	case PKGJAIL_IOC_MEMBERS:
		return pj_ioctl_members(data);
	default: /* PKGJAIL_IOC_GETID */
		return pj_ioctl_getid(l, data);
	}
}
