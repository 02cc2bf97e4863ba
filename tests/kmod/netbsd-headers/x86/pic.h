/* Stand-in for <x86/pic.h>, for compiling only; see README.md.  Interrupt controllers. */

#ifndef _STANDIN_X86_PIC_H_
#define	_STANDIN_X86_PIC_H_

#define	INTRIDBUF	64
#define	INTRDEVNAMEBUF	256

#endif
