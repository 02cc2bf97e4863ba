/* Processes as tests see them: found, counted, made, traced, shared. */

#include "fake_proc.h"

struct proc *
world_init(void)
{
	return fk_init;
}

struct lwp *
world_lwp(struct proc *p)
{
	return LIST_FIRST(&p->p_lwps);
}

int
world_pid(struct proc *p)
{
	return p->p_pid;
}

struct proc *
world_find(int pid)
{
	struct proc *p;

	mutex_enter(&proc_lock);
	LIST_FOREACH(p, &fk_allproc, p_list) {
		if (p->p_pid == pid)
			break;
	}
	mutex_exit(&proc_lock);
	return p;
}

bool
world_is_zombie(struct proc *p)
{
	bool zombie;

	mutex_enter(p->p_lock);
	zombie = P_ZOMBIE(p);
	mutex_exit(p->p_lock);
	return zombie;
}

size_t
world_processes(void)
{
	struct proc *p;
	size_t n = 0;

	mutex_enter(&proc_lock);
	LIST_FOREACH(p, &fk_allproc, p_list)
		n++;
	mutex_exit(&proc_lock);
	return n;
}

struct proc *
world_process(uint32_t uid)
{
	struct lwp *old = world_as(world_lwp(fk_init));
	struct proc *p;
	int error, fd;

	error = world_fork(WORLD_FORK, &p);
	KASSERT(error == 0);
	fk_cur = world_lwp(p);
	(void)world_setsid();
	for (fd = p->p_fd->fd_lastfile; fd >= 0; fd--)
		(void)world_close(fd);
	if (uid != 0) {
		error = world_setuid(uid);
		KASSERT(error == 0);
	}
	fk_cur = old;
	return p;
}

void
world_trace(struct proc *p, bool on)
{
	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	p->p_slflag = on ? p->p_slflag | PSL_TRACED :
	    p->p_slflag & ~PSL_TRACED;
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
}

void
world_share(struct proc *p, bool vm, bool fd, bool cwd)
{
	p->p_vmspace->vm_refcnt = vm ? 2 : 1;
	p->p_fd->fd_refcnt = fd ? 2 : 1;
	p->p_cwdi->cwdi_refcnt = cwd ? 2 : 1;
}

uint32_t
world_jail_of(struct proc *p)
{
	uint32_t id = 0;

	if (secmodel_eval("org.pkgjail.secmodel", "jail-id", p->p_cred,
	    &id) != 0)
		FK_FAIL("secmodel_eval does not know a jail-id");
	return id;
}
