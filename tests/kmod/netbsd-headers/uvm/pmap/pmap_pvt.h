/* Stand-in for <uvm/pmap/pmap_pvt.h>, for compiling only; see README.md.  pmap(9). */

#ifndef _STANDIN_UVM_PMAP_PMAP_PVT_H_
#define	_STANDIN_UVM_PMAP_PMAP_PVT_H_

/* Nothing of it is used. */

#endif
