/* The world begins and ends, the module is loaded and unloaded; its log. */

#include "fake_internal.h"

static uint64_t	fk_loglines;		/* atomic */
static bool	fk_is_loaded;
extern int	(*const fk_modcmd_pkgjail)(modcmd_t, void *);

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
		if (world_kmem_blocks() != 0)
			FK_FAIL("unloading leaves %llu blocks of memory",
			    (unsigned long long)world_kmem_blocks());
		if (fk_device_left() || fk_sysctl_left())
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
	fk_loglines = 0;
	fk_memory_begin();
	fk_sysctl_begin();
	fk_vnode_begin();
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
	fk_vnode_end();
	fk_sysctl_end();
	fk_locks_end();
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
