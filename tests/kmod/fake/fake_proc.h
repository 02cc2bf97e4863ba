/* What the files about processes and threads share, and no others. */

#ifndef _FAKE_PROC_H_
#define	_FAKE_PROC_H_

#include "fake_internal.h"

/* fake_proc.c */
LIST_HEAD(fk_proclist, proc);
extern struct fk_proclist fk_allproc;	/* proc_lock; zombies too */
extern struct proc *fk_init;
void	fk_exit(struct proc *);

/* fake_lwp.c */
extern _Thread_local struct lwp *fk_cur;
void	fk_lwp_begin(void);
struct lwp *fk_lwp_new(struct proc *);
void	fk_lwp_reap(struct lwp *);

/* fake_sched.c */
void	fk_sched_begin(void);

/* fake_cred.c */
void	fk_cred_begin(void);

#endif /* !_FAKE_PROC_H_ */
