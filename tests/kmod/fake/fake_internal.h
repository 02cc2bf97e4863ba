/* What the files of the fake share. */

#ifndef _FAKE_INTERNAL_H_
#define	_FAKE_INTERNAL_H_

#include "fake_kernel.h"
#include "host.h"
#include "world.h"

/* fake_locks.c */
void	fk_locks_begin(void);
void	fk_locks_end(void);
void	fk_assert_no_locks(const char *);
void	fk_assert_held(const kmutex_t *, const char *);
void	fk_settle(void);
void	fk_clock_tick(void);
extern bool fk_threads;			/* atomic */
extern uint64_t	fk_now_us;		/* atomic */
/* Set while a listener runs that must not sleep. */
extern _Thread_local int fk_in_listener;

/* fake_kauth.c */
void	fk_kauth_begin(void);
void	fk_kauth_end(void);
int	fk_module_verdict(void);
bool	fk_kauth_left(void);
void	fk_cred_event(kauth_cred_t, kauth_action_t, void *, void *);
struct fk_domain;
extern struct fk_domain *fk_proc_domain, *fk_lwp_domain;
void	fk_specific_init(struct fk_domain *, specificdata_reference *);
void	fk_specific_fini(struct fk_domain *, specificdata_reference *);
void	*fk_specific_get(specificdata_reference *, specificdata_key_t);
void	fk_specific_set(struct fk_domain *, specificdata_reference *,
	    specificdata_key_t, void *);
int	fk_specific_key(struct fk_domain *, specificdata_key_t *,
	    specificdata_dtor_t);
void	fk_specific_key_delete(struct fk_domain *, specificdata_key_t);

/* fake_proc.c; what only the files about processes share is in fake_proc.h */
void	fk_proc_begin(void);
void	fk_proc_end(void);
bool	fk_exithooks_left(void);

/* fake_lwp.c */
struct lwp *fk_kernel_lwp(void);
void	fk_lwp_free(struct lwp *);
void	fk_set_curlwp(struct lwp *);
struct lwp *fk_curlwp_or_null(void);

/* fake_sched.c */
void	fk_proc_tick(void);

/* fake_memory.c */
void	fk_memory_begin(void);

/* fake_vnode.c */
void	fk_vnode_begin(void);
void	fk_vnode_end(void);
struct vnode *fk_vnode(enum vtype, struct vnode *, dev_t);

/* fake_file.c */
struct filedesc *fk_fd_copy(struct filedesc *);
void	fk_fd_free(struct filedesc *);

/* fake_device.c */
bool	fk_device_left(void);

/* fake_sysctl.c */
void	fk_sysctl_begin(void);
void	fk_sysctl_end(void);
bool	fk_sysctl_left(void);

#endif /* !_FAKE_INTERNAL_H_ */
