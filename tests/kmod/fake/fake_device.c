/* Devices: the kernel asks kauth(9) about the node before the driver opens. */

#include "fake_internal.h"

#define	FK_MAJOR	210

static const struct cdevsw *fk_cdevsw;

int
fk_nodev(void)
{
	return ENODEV;
}

int
devsw_attach(const char *name, const struct bdevsw *b, devmajor_t *bmajor,
    const struct cdevsw *c, devmajor_t *cmajor)
{
	fk_may_sleep("devsw_attach");
	KASSERT(fk_cdevsw == NULL);
	KASSERT(*bmajor == NODEVMAJOR && *cmajor == NODEVMAJOR);
	KASSERT(c->d_open != NULL && c->d_close != NULL && c->d_read != NULL &&
	    c->d_write != NULL && c->d_ioctl != NULL && c->d_stop != NULL &&
	    c->d_tty != NULL && c->d_poll != NULL && c->d_mmap != NULL &&
	    c->d_kqfilter != NULL && c->d_discard != NULL);
	fk_cdevsw = c;
	*cmajor = FK_MAJOR;
	return 0;
}

void
devsw_detach(const struct bdevsw *b, const struct cdevsw *c)
{
	KASSERT(fk_cdevsw == c);
	fk_cdevsw = NULL;
}

bool
fk_device_left(void)
{
	return fk_cdevsw != NULL;
}

int
world_open_device(int *fd)
{
	struct lwp *l = curlwp;
	struct vnode *vp;
	int error;

	vp = fk_vnode(VCHR, rootvnode, makedev(FK_MAJOR, 0));
	error = kauth_authorize_action(KAUTH_SCOPE_DEVICE, l->l_cred,
	    KAUTH_DEVICE_RAWIO_SPEC,
	    (void *)(uintptr_t)KAUTH_REQ_DEVICE_RAWIO_SPEC_RW, vp, NULL, NULL);
	if (error == 0)
		error = fk_cdevsw == NULL ? ENXIO :
		    fk_cdevsw->d_open(vp->v_rdev, 3, 0, l);
	vrele(vp);
	if (error == EMOVEFD) {
		*fd = l->l_dupfd;
		error = 0;
	}
	return error;
}
