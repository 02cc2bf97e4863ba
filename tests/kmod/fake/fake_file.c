/* Memory, user copies, vnodes, descriptors, devices, sysctl, loading. */

#include "fake_internal.h"

#define	FK_MAGIC	0x6b6d656dU
#define	FK_UNMAPPED	8
#define	FK_NODES	16
#define	FK_MAJOR	210

struct vnode	*rootvnode;
static u_int	fk_nvnodes;		/* atomic */
static const struct cdevsw *fk_cdevsw;
static uint64_t	fk_nblocks;		/* atomic */
static uint64_t	fk_loglines;		/* atomic */
static struct { uintptr_t start, end; } fk_unmapped[FK_UNMAPPED];
static u_int	fk_fault_in;		/* atomic */
static kmutex_t	fk_treelock;
static bool	fk_is_loaded;
extern int	(*const fk_modcmd_pkgjail)(modcmd_t, void *);

/* kmem(9) */

struct fk_block {
	size_t		size;
	uint32_t	magic;
	uint32_t	pad;
};

void *
kmem_alloc(size_t size, int flags)
{
	struct fk_block *b;

	fk_may_sleep("memory is allocated");
	KASSERT(size > 0 && flags == KM_SLEEP);
	b = host_alloc(sizeof(*b) + size);
	b->size = size;
	b->magic = FK_MAGIC;
	/* Not zero, so that what is not initialised shows. */
	memset(b + 1, 0xa5, size);
	__atomic_add_fetch(&fk_nblocks, 1, __ATOMIC_RELAXED);
	return b + 1;
}

void *
kmem_zalloc(size_t size, int flags)
{
	return memset(kmem_alloc(size, flags), 0, size);
}

void
kmem_free(void *p, size_t size)
{
	struct fk_block *b = (struct fk_block *)p - 1;

	if (fk_in_listener != 0)
		FK_FAIL("memory is freed in a listener");
	if (p == NULL || b->magic != FK_MAGIC)
		FK_FAIL("memory is freed that was not allocated");
	if (b->size != size)
		FK_FAIL("memory of %zu bytes is freed as %zu", b->size, size);
	b->magic = 0;
	__atomic_sub_fetch(&fk_nblocks, 1, __ATOMIC_RELAXED);
	host_free(b);
}

uint64_t
world_kmem_blocks(void)
{
	return atomic_load_relaxed(&fk_nblocks);
}

void
log(int level, const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	host_format(line, sizeof(line), format, ap);
	va_end(ap);
	__atomic_add_fetch(&fk_loglines, 1, __ATOMIC_RELAXED);
}

uint64_t
world_log_lines(void)
{
	return atomic_load_relaxed(&fk_loglines);
}

/* User memory */

void
world_unmap(const void *start, size_t size)
{
	size_t i;

	for (i = 0; fk_unmapped[i].end != 0; i++) {
		if (i + 1 == FK_UNMAPPED)
			FK_FAIL("too many unmapped ranges");
	}
	fk_unmapped[i].start = (uintptr_t)start;
	fk_unmapped[i].end = (uintptr_t)start + size;
}

void
world_fault_after(unsigned n)
{
	atomic_store_relaxed(&fk_fault_in, n);
}

static bool
fk_faults(uintptr_t address, size_t size)
{
	size_t i;
	u_int n;

	n = atomic_load_relaxed(&fk_fault_in);
	if (n != 0) {
		atomic_store_relaxed(&fk_fault_in, n - 1);
		if (n == 1)
			return true;
	}
	if (address < PAGE_SIZE || address + size < address ||
	    address + size > (uintptr_t)1 << 47)
		return true;
	for (i = 0; i < FK_UNMAPPED; i++) {
		if (address < fk_unmapped[i].end &&
		    address + size > fk_unmapped[i].start)
			return true;
	}
	return false;
}

int
copyin(const void *user, void *kernel, size_t size)
{
	fk_assert_no_locks("copyin");
	if (fk_faults((uintptr_t)user, size))
		return EFAULT;
	memcpy(kernel, user, size);
	return 0;
}

int
copyout(const void *kernel, void *user, size_t size)
{
	fk_assert_no_locks("copyout");
	if (fk_faults((uintptr_t)user, size))
		return EFAULT;
	memcpy(user, kernel, size);
	return 0;
}

/* Vnodes: a tree of directories, no names. */

static struct vnode *
fk_vnode(enum vtype type, struct vnode *parent, dev_t rdev)
{
	struct vnode *vp = host_alloc(sizeof(*vp));

	memset(vp, 0, sizeof(*vp));
	vp->v_type = type;
	vp->v_specnode = &vp->vf_spec;
	vp->vf_spec.sn_rdev = rdev;
	vp->vf_parent = parent;
	vp->vf_refs = 1;
	__atomic_add_fetch(&fk_nvnodes, 1, __ATOMIC_RELAXED);
	return vp;
}

void
vref(struct vnode *vp)
{
	if (__atomic_fetch_add(&vp->vf_refs, 1, __ATOMIC_SEQ_CST) == 0)
		FK_FAIL("a dead vnode is referenced");
}

void
vrele(struct vnode *vp)
{
	if (fk_in_listener != 0)
		FK_FAIL("vrele in a listener");
	if (__atomic_sub_fetch(&vp->vf_refs, 1, __ATOMIC_SEQ_CST) == 0) {
		__atomic_sub_fetch(&fk_nvnodes, 1, __ATOMIC_RELAXED);
		host_free(vp);
	}
}

int
vn_isunder(struct vnode *vp, struct vnode *root, struct lwp *l)
{
	if (fk_in_listener != 0)
		FK_FAIL("vn_isunder in a listener");
	for (; vp != NULL; vp = vp->vf_parent) {
		if (vp == root)
			return 1;
	}
	return 0;
}

struct vnode *
world_root(void)
{
	return rootvnode;
}

struct vnode *
world_mkdir(struct vnode *parent)
{
	return fk_vnode(VDIR, parent, 0);
}

struct vnode *
world_mkreg(struct vnode *parent)
{
	return fk_vnode(VREG, parent, 0);
}

void
world_rmdir(struct vnode *vp)
{
	vrele(vp);
}

unsigned
world_vnode_refs(struct vnode *vp)
{
	return atomic_load_relaxed(&vp->vf_refs);
}

uint64_t
world_dev(int ma, int mi)
{
	return makedev(ma, mi);
}

void
world_chdir(struct vnode *vp)
{
	struct cwdinfo *cwdi = curproc->p_cwdi;

	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	vref(vp);
	vrele(cwdi->cwdi_cdir);
	cwdi->cwdi_cdir = vp;
	rw_exit(&cwdi->cwdi_lock);
}

/* Descriptors */

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

/* Devices: the kernel asks kauth(9) about the node before the driver opens. */

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

/* sysctl(9) */

struct sysctllog { bool used; };
static struct sysctllog fk_sysctllog;
static struct sysctlnode fk_nodes[FK_NODES];
static u_int	fk_nnodes;

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

/* The world */

int
world_load(void)
{
	int error;

	KASSERT(!fk_is_loaded);
	error = fk_modcmd_pkgjail(MODULE_CMD_INIT, NULL);
	if (error == 0)
		fk_is_loaded = true;
	fk_settle();
	return error;
}

int
world_unload(void)
{
	int error;

	KASSERT(fk_is_loaded);
	error = fk_modcmd_pkgjail(MODULE_CMD_FINI, NULL);
	if (error == 0) {
		fk_is_loaded = false;
		if (fk_nblocks != 0)
			FK_FAIL("unloading leaves %llu blocks of memory",
			    (unsigned long long)fk_nblocks);
		if (fk_cdevsw != NULL || fk_nnodes != 0)
			FK_FAIL("unloading leaves a device or sysctl nodes");
		if (fk_exithooks_left() || fk_kauth_left())
			FK_FAIL("unloading leaves a hook, a listener or a key");
	}
	return error;
}

bool
world_loaded(void)
{
	return fk_is_loaded;
}

void
world_begin(int cpus)
{
	fk_locks_begin();
	ncpu = cpus;
	fk_in_listener = 0;
	fk_nblocks = fk_loglines = 0;
	fk_fault_in = 0;
	memset(fk_unmapped, 0, sizeof(fk_unmapped));
	fk_mutex_init(&fk_treelock, "sysctl tree", false);
	fk_nvnodes = 0;
	rootvnode = fk_vnode(VDIR, NULL, 0);
	fk_kauth_begin();
	fk_proc_begin();
}

void
world_end(void)
{
	if (fk_is_loaded)
		FK_FAIL("the world ends with the module loaded");
	fk_proc_end();
	fk_kauth_end();
	if (fk_nvnodes != 1)
		FK_FAIL("%u vnodes are left over", fk_nvnodes - 1);
	vrele(rootvnode);
	mutex_destroy(&fk_treelock);
	fk_locks_end();
}

const char *
world_error(int error)
{
	switch (error) {
	case 0: return "ok";
	case EPERM: return "EPERM";
	case ENOENT: return "ENOENT";
	case ESRCH: return "ESRCH";
	case EINTR: return "EINTR";
	case ENXIO: return "ENXIO";
	case EBADF: return "EBADF";
	case ENOMEM: return "ENOMEM";
	case EACCES: return "EACCES";
	case EFAULT: return "EFAULT";
	case EBUSY: return "EBUSY";
	case EEXIST: return "EEXIST";
	case EXDEV: return "EXDEV";
	case ENODEV: return "ENODEV";
	case ENOTDIR: return "ENOTDIR";
	case EINVAL: return "EINVAL";
	case EMFILE: return "EMFILE";
	case ENOTTY: return "ENOTTY";
	case ENOSPC: return "ENOSPC";
	case EAGAIN: return "EAGAIN";
	case EADDRINUSE: return "EADDRINUSE";
	case ESTALE: return "ESTALE";
	case EPROGMISMATCH: return "EPROGMISMATCH";
	default: return "another error";
	}
}
