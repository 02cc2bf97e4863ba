/* Stand-in for <net/pktqueue.h>, for compiling only; see README.md.  pktqueue(9). */

#ifndef _STANDIN_NET_PKTQUEUE_H_
#define	_STANDIN_NET_PKTQUEUE_H_

/* Nothing of it is used. */

#endif
