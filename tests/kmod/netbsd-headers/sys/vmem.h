/* Stand-in for <sys/vmem.h>, for compiling only; see README.md.  vmem(9). */

#ifndef _STANDIN_SYS_VMEM_H_
#define	_STANDIN_SYS_VMEM_H_

#include <sys/types.h>

typedef struct vmem	vmem_t;
typedef uintptr_t	vmem_addr_t;
typedef size_t		vmem_size_t;
typedef unsigned int	vm_flag_t;

#endif
