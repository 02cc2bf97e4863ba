/* Stand-in for <machine/pic.h>, for compiling only; see README.md.  Interrupt controllers. */

#ifndef _STANDIN_MACHINE_PIC_H_
#define	_STANDIN_MACHINE_PIC_H_

#include <x86/pic.h>

#endif
