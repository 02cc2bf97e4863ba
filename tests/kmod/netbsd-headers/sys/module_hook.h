/* Stand-in for <sys/module_hook.h>, for compiling only; see README.md.  module_hook(9). */

#ifndef _STANDIN_SYS_MODULE_HOOK_H_
#define	_STANDIN_SYS_MODULE_HOOK_H_

#define	MODULE_HOOK(hook, type, args)					\
extern struct hook##_t {						\
	type	(*f)args;						\
} hook

#endif
