/* Stand-in for <x86/cpufunc.h>, for compiling only; see README.md.  Machine-dependent instructions. */

#ifndef _STANDIN_X86_CPUFUNC_H_
#define	_STANDIN_X86_CPUFUNC_H_

/* Nothing of it is used. */

#endif
