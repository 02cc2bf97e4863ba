/* Stand-in for <sys/pslist.h>, for compiling only; see README.md.  pslist(9). */

#ifndef _STANDIN_SYS_PSLIST_H_
#define	_STANDIN_SYS_PSLIST_H_

struct pslist_entry {
	struct pslist_entry **ple_prevp;
	struct pslist_entry *ple_next;
};
struct pslist_head {
	struct pslist_entry *plh_first;
};

#endif
