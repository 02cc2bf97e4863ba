/*
 * The tests' side of the fake kernel: make a world, processes, files, and do
 * system calls in the name of a process.  Plain types only, so that C++ tests
 * can include it together with the host's headers.
 *
 * Calls return an error number of NetBSD, 0 for success; world_error() names it.
 * The current thread acts as one LWP at a time (world_as); a fresh thread acts
 * as nobody and must say so first.
 */

#ifndef _FAKE_WORLD_H_
#define	_FAKE_WORLD_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct proc;
struct lwp;
struct vnode;
struct socket;

/* The world: one at a time.  Ending it fails if anything was left over. */
void	world_begin(int ncpu);
void	world_end(void);
/* Several threads will run; one of them has to move the clock. */
void	world_threads(bool);
const char *world_error(int);
/* Called with each complaint of the fake before the program is stopped. */
void	world_on_failure(void (*)(const char *));

/* The module under test. */
int	world_load(void);
int	world_unload(void);
bool	world_loaded(void);

/* Processes.  A new one is a child of init, on the host, leading its session. */
struct proc *world_process(uint32_t uid);
struct proc *world_init(void);
struct lwp *world_lwp(struct proc *);
struct lwp *world_thread(struct proc *);
void	world_thread_exit(struct lwp *);
struct lwp *world_as(struct lwp *);
int	world_pid(struct proc *);
struct proc *world_find(int pid);
bool	world_is_zombie(struct proc *);
size_t	world_processes(void);
bool	world_killed(void);

/* System calls of the current LWP's process. */
enum world_fork {
	WORLD_FORK, WORLD_VFORK, WORLD_SPAWN,
	WORLD_FORK_FAILS	/* after it was admitted: no memory */
};
int	world_fork(enum world_fork, struct proc **);
void	world_exit(void);
int	world_reap(struct proc *);
void	world_slow_forks(unsigned ms);
void	world_linger(struct proc *, uint64_t ms);
void	world_fail_setrlimit(bool);
int	world_kill(struct proc *, int signo);
int	world_setuid(uint32_t uid);
int	world_setgroups(void);
int	world_exec_setid(uint32_t uid);
int	world_setsid(void);
int	world_chroot(struct vnode *);
int	world_setrlimit(struct proc *, int which, uint64_t soft, uint64_t hard);
uint64_t world_rlimit(struct proc *, int which);	/* hard */
uint64_t world_soft_rlimit(struct proc *, int which);
void	world_trace(struct proc *, bool);
void	world_share(struct proc *, bool vm, bool fd, bool cwd);

/* Files. */
struct vnode *world_root(void);
struct vnode *world_mkdir(struct vnode *parent);
struct vnode *world_mkreg(struct vnode *parent);
void	world_rmdir(struct vnode *);
unsigned world_vnode_refs(struct vnode *);
int	world_open(struct vnode *, int *fd);
int	world_open_device(int *fd);
int	world_dup_to(struct proc *, int fd, int *newfd);
int	world_close(int fd);
void	world_chdir(struct vnode *);
int	world_ioctl(int fd, unsigned long request, void *data);
int	world_sysctl(const char *name, void *, size_t *, const void *, size_t);
uint64_t world_dev(int major, int minor);

/* User memory that faults, and the n-th copy from now that faults (0: none). */
void	world_unmap(const void *, size_t);
void	world_fault_after(unsigned n);

/* Time: moves in steps of a millisecond; CPUs run what is runnable. */
void	world_run(uint64_t ms);
uint64_t world_now_us(void);
void	world_spin(struct lwp *, bool);
void	world_fill(struct proc *, uint64_t bytes_per_ms);
void	world_set_memory(struct proc *, uint64_t bytes);
uint64_t world_memory(struct proc *);
uint64_t world_cpu_us(struct proc *);
bool	world_suspended(struct lwp *);
void	world_user_suspend(struct lwp *, bool);
void	world_user_stop(struct lwp *, bool);

/* Questions to kauth(9): every action and request, with usual arguments. */
enum world_target { WORLD_NOTHING, WORLD_PROCESS, WORLD_SOCKET };
enum world_verdict { WORLD_ALLOW, WORLD_DENY, WORLD_DEFER };
struct world_answer {
	enum world_verdict module;	/* what the module alone said */
	bool	allowed;		/* with the superuser model */
};
size_t	world_questions(void);
const char *world_question(size_t);
enum world_target world_question_target(size_t);
struct world_answer world_ask(size_t, struct proc *target);

struct world_bind {
	int	family;			/* 4 or 6 */
	uint8_t	address[16];
	uint16_t port;
	int	type;			/* 1 stream, 2 datagram */
	/*
	 * The kernel picks a port itself and asks about a candidate: length and
	 * family are what was on its stack, and the port is in host order.
	 */
	bool	candidate;
	bool	host_order;		/* and the stack held a valid address */
};
struct world_answer world_ask_bind(const struct world_bind *);
struct world_answer world_ask_device(char type, uint64_t dev, int access);
struct world_answer world_ask_ipc(unsigned object, unsigned short seq);
struct world_answer world_ask_rlimit(struct proc *, int which, uint64_t hard);
struct world_answer world_ask_nice(struct proc *, int nice);

/* Counters. */
uint64_t world_kmem_blocks(void);
uint64_t world_creds(void);
uint64_t world_log_lines(void);
uint32_t world_jail_of(struct proc *);	/* by secmodel_eval(9) */

#ifdef __cplusplus
}
#endif

#endif /* !_FAKE_WORLD_H_ */
