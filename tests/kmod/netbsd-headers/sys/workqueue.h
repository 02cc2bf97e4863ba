/* Stand-in for <sys/workqueue.h>, for compiling only; see README.md.  workqueue(9). */

#ifndef _STANDIN_SYS_WORKQUEUE_H_
#define	_STANDIN_SYS_WORKQUEUE_H_

struct work {
	void	*wk_dummy;
};

#endif
