/* Stand-in for <machine/cpufunc.h>, for compiling only; see README.md.  Machine-dependent instructions. */

#ifndef _STANDIN_MACHINE_CPUFUNC_H_
#define	_STANDIN_MACHINE_CPUFUNC_H_

/* Nothing of it is used. */

#endif
