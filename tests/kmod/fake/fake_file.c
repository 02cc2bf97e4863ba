/* Files and descriptors, ioctl(2), and the operations that do nothing. */

#include "fake_internal.h"

struct filedesc *
fk_fd_copy(struct filedesc *from)
{
	struct filedesc *fdp = host_alloc(sizeof(*fdp));
	int fd;

	memset(fdp, 0, sizeof(*fdp));
	fk_mutex_init(&fdp->fd_lock, "fd_lock", false);
	fdp->fd_refcnt = 1;
	fdp->fd_lastfile = -1;
	for (fd = 0; from != NULL && fd < FK_NFILES; fd++) {
		fdp->fdf_files[fd] = from->fdf_files[fd];
		if (fdp->fdf_files[fd] != NULL) {
			__atomic_add_fetch(&fdp->fdf_files[fd]->f_count, 1,
			    __ATOMIC_SEQ_CST);
			fdp->fd_lastfile = fd;
		}
	}
	return fdp;
}

static void
fk_file_release(struct file *fp)
{
	if (__atomic_sub_fetch(&fp->f_count, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	if (fp->f_type == DTYPE_VNODE)
		vrele(fp->f_vnode);
	else if (fp->f_ops != NULL)
		(void)fp->f_ops->fo_close(fp);
	host_free(fp);
}

static int
fk_fd_install(struct filedesc *fdp, struct file *fp, int *fdp_out)
{
	int fd;

	mutex_enter(&fdp->fd_lock);
	for (fd = 0; fd < FK_NFILES; fd++) {
		if (fdp->fdf_files[fd] == NULL) {
			fdp->fdf_files[fd] = fp;
			fdp->fd_lastfile = MAX(fdp->fd_lastfile, fd);
			mutex_exit(&fdp->fd_lock);
			*fdp_out = fd;
			return 0;
		}
	}
	mutex_exit(&fdp->fd_lock);
	return EMFILE;
}

static struct file *
fk_fd_remove(struct filedesc *fdp, int fd)
{
	struct file *fp = NULL;

	mutex_enter(&fdp->fd_lock);
	if (fd >= 0 && fd < FK_NFILES)
		fp = fdp->fdf_files[fd];
	if (fp != NULL) {
		fdp->fdf_files[fd] = NULL;
		while (fdp->fd_lastfile >= 0 &&
		    fdp->fdf_files[fdp->fd_lastfile] == NULL)
			fdp->fd_lastfile--;
	}
	mutex_exit(&fdp->fd_lock);
	return fp;
}

void
fk_fd_free(struct filedesc *fdp)
{
	struct file *fp;
	int fd;

	for (fd = 0; fd < FK_NFILES; fd++) {
		if ((fp = fk_fd_remove(fdp, fd)) != NULL)
			fk_file_release(fp);
	}
	mutex_destroy(&fdp->fd_lock);
	host_free(fdp);
}

static struct file *
fk_file(int type)
{
	struct file *fp = host_alloc(sizeof(*fp));

	memset(fp, 0, sizeof(*fp));
	fp->f_type = type;
	fp->f_count = 1;
	return fp;
}

int
fd_allocfile(struct file **fpp, int *fdp)
{
	struct file *fp = fk_file(DTYPE_MISC);
	int error;

	fk_may_sleep("fd_allocfile");
	error = fk_fd_install(curproc->p_fd, fp, fdp);
	if (error != 0) {
		host_free(fp);
		return error;
	}
	*fpp = fp;
	return 0;
}

int
fd_clone(struct file *fp, unsigned fd, int flag, const struct fileops *ops,
    void *data)
{
	fp->f_flag = flag;
	fp->f_ops = ops;
	fp->f_data = data;
	curlwp->l_dupfd = (int)fd;
	return EMOVEFD;
}

struct file *
fd_getfile(unsigned fd)
{
	struct filedesc *fdp = curproc->p_fd;
	struct file *fp;

	if (fk_in_listener != 0)
		FK_FAIL("fd_getfile in a listener");
	if (fd >= FK_NFILES)
		return NULL;
	mutex_enter(&fdp->fd_lock);
	fp = fdp->fdf_files[fd];
	if (fp != NULL)
		__atomic_add_fetch(&fp->f_count, 1, __ATOMIC_SEQ_CST);
	mutex_exit(&fdp->fd_lock);
	return fp;
}

void
fd_putfile(unsigned fd)
{
	struct filedesc *fdp = curproc->p_fd;
	struct file *fp;

	mutex_enter(&fdp->fd_lock);
	fp = fdp->fdf_files[fd];
	mutex_exit(&fdp->fd_lock);
	KASSERT(fp != NULL);
	fk_file_release(fp);
}

int
world_open(struct vnode *vp, int *fd)
{
	struct file *fp = fk_file(DTYPE_VNODE);
	int error;

	vref(vp);
	fp->f_vnode = vp;
	error = fk_fd_install(curproc->p_fd, fp, fd);
	if (error != 0)
		fk_file_release(fp);
	return error;
}

/* A descriptor that reaches another process: inherited, or by SCM_RIGHTS. */
int
world_dup_to(struct proc *p, int fd, int *newfd)
{
	struct file *fp = fd_getfile((unsigned)fd);
	int error;

	if (fp == NULL)
		return EBADF;
	error = fk_fd_install(p->p_fd, fp, newfd);
	if (error != 0)
		fk_file_release(fp);
	return error;
}

int
world_close(int fd)
{
	struct file *fp = fk_fd_remove(curproc->p_fd, fd);

	if (fp == NULL)
		return EBADF;
	fk_file_release(fp);
	fk_settle();
	return 0;
}

/* As the system call: the number says how much is copied, and which way. */
int
world_ioctl(int fd, unsigned long request, void *data)
{
	const size_t size = request >> IOCPARM_SHIFT & IOCPARM_MASK;
	struct file *fp;
	void *kdata;
	int error = 0;

	fk_assert_no_locks("ioctl");
	fp = fd_getfile((unsigned)fd);
	if (fp == NULL)
		return EBADF;
	if (size > PAGE_SIZE || fp->f_ops == NULL) {
		fk_file_release(fp);
		return ENOTTY;
	}
	kdata = host_alloc(size != 0 ? size : 1);
	if ((request & IOC_IN) != 0)
		error = copyin(data, kdata, size);
	else
		memset(kdata, 0, size);
	if (error == 0)
		error = fp->f_ops->fo_ioctl(fp, request, kdata);
	fk_assert_no_locks("ioctl returns");
	if (error == 0 && (request & IOC_OUT) != 0)
		error = copyout(kdata, data, size);
	host_free(kdata);
	fk_file_release(fp);
	fk_settle();
	return error;
}

int fbadop_read(struct file *fp, off_t *o, struct uio *u, kauth_cred_t c, int f)
{
	return ENODEV;
}
int fbadop_write(struct file *fp, off_t *o, struct uio *u, kauth_cred_t c,
    int f)
{
	return ENODEV;
}
int fbadop_stat(struct file *fp, struct stat *s)
{
	return ENODEV;
}
int fnullop_fcntl(struct file *fp, u_int cmd, void *data)
{
	return 0;
}
int fnullop_poll(struct file *fp, int events)
{
	return 0;
}
int fnullop_kqfilter(struct file *fp, struct knote *kn)
{
	return ENODEV;
}
void fnullop_restart(struct file *fp)
{
}
