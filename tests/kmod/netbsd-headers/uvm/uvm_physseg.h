/* Stand-in for <uvm/uvm_physseg.h>, for compiling only; see README.md.  uvm(9). */

#ifndef _STANDIN_UVM_UVM_PHYSSEG_H_
#define	_STANDIN_UVM_UVM_PHYSSEG_H_

/* Nothing of it is used. */

#endif
