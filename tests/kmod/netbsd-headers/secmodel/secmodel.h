/* Stand-in for <secmodel/secmodel.h>, for compiling only; see README.md.  secmodel(9). */

#ifndef _STANDIN_SECMODEL_SECMODEL_H_
#define	_STANDIN_SECMODEL_SECMODEL_H_

#include <sys/types.h>
#include <prop/proplib.h>

typedef struct secmodel_descr *secmodel_t;
typedef int (*secmodel_eval_t)(const char *, void *, void *);
typedef int (*secmodel_setinfo_t)(void *);

int	secmodel_register(secmodel_t *, const char *, const char *,
	    prop_dictionary_t, secmodel_eval_t, secmodel_setinfo_t);
int	secmodel_deregister(secmodel_t);

#endif
