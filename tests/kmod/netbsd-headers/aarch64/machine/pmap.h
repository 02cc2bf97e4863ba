/* Stand-in for <aarch64/machine/pmap.h>, for compiling only; see README.md.  pmap(9). */

#ifndef _STANDIN_AARCH64_MACHINE_PMAP_H_
#define	_STANDIN_AARCH64_MACHINE_PMAP_H_

#include <sys/types.h>

struct vm_page_md {
	void	*mdpg_dummy;
};
/* <uvm/uvm_pmap.h> defines the statistics before it includes this. */
struct pmap {
	struct pmap_statistics pm_stats;
};
typedef struct pmap	*pmap_t;

#define	pmap_resident_count(pm)	((pm)->pm_stats.resident_count)

#endif
